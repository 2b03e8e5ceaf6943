"""Tests of programs, run by each language's own tool in a real sandbox, and what their reports are read as."""

from __future__ import annotations

import dataclasses

import pytest

from backend.runner.errors import InvalidRequest
from backend.runner.execution.outcome import Outcome, Status
from backend.runner.execution.reports import EndedTest, read_tests
from backend.runner.execution.request import for_tests
from backend.runner.languages import all_languages
from backend.runner.languages.testing import Report
from tests.unit.backend.runner.conftest import RunTests

PROGRAMS = {
    "nodejs": """
const test = require("node:test"), assert = require("node:assert");
test("adds", () => assert.equal(1 + 1, 2));
test("fails", () => assert.equal(1, 2, "one is not two"));
test("left out", { skip: "later" }, () => {});
test.describe("group", () => test.it("inner", () => {}));
console.log("said");
""",
    "typescript": """
import test, { describe, it } from "node:test";
import assert from "node:assert";
test("adds", () => assert.equal(1 + 1, 2 as number));
test("fails", () => assert.fail("one is not two"));
test("left out", { skip: "later" }, () => {});
describe("group", () => it("inner", () => {}));
console.log("said");
""",
    "go": """package main

import (
	"fmt"
	"testing"
)

func TestAdds(t *testing.T) {}
func TestFails(t *testing.T) { fmt.Println("said"); t.Error("one is not two") }
func TestLeftOut(t *testing.T) { t.Skip("later") }
func TestGroup(t *testing.T) { t.Run("inner", func(t *testing.T) {}) }
""",
    "rust": """
#[test] fn adds() { println!("said"); }
#[test] fn fails() { println!("said"); assert_eq!(1, 2, "one is not two"); }
#[test] #[ignore = "later"] fn left_out() {}
mod group { #[test] fn inner() {} }
fn main() {}
""",
    "python3": """
import unittest
def test_adds(): assert 1 + 1 == 2
def test_fails():
    print("said")
    assert 1 == 2, "one is not two"
@unittest.skip("later")
def test_left_out(): pass
class TestGroup(unittest.TestCase):
    def test_inner(self): pass
""",
}


def _by_name(outcome: Outcome) -> dict[str, EndedTest]:
    assert outcome.tests is not None
    return {one.name.lower().removeprefix("test").strip("_").replace("_", " "): one for one in outcome.tests}


@pytest.mark.parametrize("language", PROGRAMS)
def test_each_test_is_told_of(run_tests: RunTests, language: str) -> None:
    outcome = run_tests(language, PROGRAMS[language])
    found = _by_name(outcome)
    ended = {name: one.status for name, one in found.items()}
    if language == "go":
        assert ended.pop("group") == "passed"
        ended = {name.replace("leftout", "left out").replace("group/", ""): how for name, how in ended.items()}
        found["left out"] = found["leftout"]
    assert ended == {"adds": "passed", "fails": "failed", "left out": "skipped", "inner": "passed"}
    assert "one is not two" in found["fails"].message
    assert "later" in found["left out"].message
    if language in {"nodejs", "typescript", "rust", "python3"}:
        assert "group" in found["inner"].group.lower()
    assert outcome.status is Status.RUNTIME_ERROR
    assert b"said" in outcome.stdout
    assert outcome.files is None


def test_tests_in_files_of_their_own_test_the_program(run_tests: RunTests) -> None:
    go = run_tests(
        "go",
        "package main\n\nfunc twice(n int) int { return 2 * n }\n\nfunc main() {}\n",
        {
            "x_test.go": 'package main\n\nimport "testing"\n\n'
            "func TestTwice(t *testing.T) { if twice(2) != 4 { t.Fail() } }\n"
        },
    )
    python = run_tests("python3", "def twice(n): return 2 * n\n", {
        "test_it.py": "from main import twice\ndef test_twice(): assert twice(2) == 4\n",
        "helper.py": "raise SystemExit('no test')\n",
    })  # fmt: skip
    node = run_tests("nodejs", "exports.twice = (n) => 2 * n;\n", {
        "lib/it.test.mjs": 'import test from "node:test"; import m from "../main.js";\n'
        'test("twice", () => { if (m.twice(2) !== 4) throw 1; });\n',
    })  # fmt: skip
    for outcome in (go, python, node):
        assert outcome.status is Status.OK, outcome.stderr
        assert [one.status for one in outcome.tests or () if "twice" in one.name.lower()] == ["passed"]


def test_tests_that_do_not_compile_or_end_are_no_tests(run_tests: RunTests) -> None:
    broken = run_tests("go", "package main\n\nfunc TestX(t *testing.T) {}\n")
    assert (broken.status, broken.tests) == (Status.COMPILE_ERROR, None)
    gone = run_tests("python3", "import os\ndef test_a(): os._exit(3)\n")
    assert (gone.status, gone.tests, gone.exit_code) == (Status.RUNTIME_ERROR, (), 3)
    lost = run_tests("go", 'package main\n\nimport ("os"; "testing")\n\nfunc TestX(t *testing.T) { os.Exit(0) }\n')
    assert [(one.name, one.status) for one in lost.tests or ()] == [("TestX", "failed")]


def test_a_language_without_tests_and_arguments_are_refused() -> None:
    languages = all_languages()
    with pytest.raises(InvalidRequest, match="mode: bash runs no tests"):
        for_tests(languages["bash"], (), ())
    with pytest.raises(InvalidRequest, match="args: tests take none"):
        for_tests(languages["go"], (), ("-x",))


def test_reports_that_strangers_wrote_are_read_or_left() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuites><testcase name="&b;"/></testsuites>'
    nested = b"<testsuite>" * 2000 + b'<testcase name="x"/>' + b"</testsuite>" * 2000
    wide = b'<t><testcase name="' + b"n" * 900 + b'" time="NaN"><failure>' + b"m" * 9000 + b"</failure></testcase></t>"
    for report in (bomb, nested, b"", b"<", b"\xff\xfe", b"<a/>", b"<?xml version='1.0' encoding='x'?><a/>"):
        assert read_tests(Report.JUNIT, b"", [report]) == ()
    (only,) = read_tests(Report.JUNIT, b"", [wide])
    assert (len(only.name), len(only.message), only.time_ms) == (300, 4096, None)
    assert read_tests(Report.GO, b"--- PASS: x (9..9s)\n--- FAIL: y (1.50s)\n\xff\n=== RUN\n", [])[-1].time_ms == 1500


def test_what_a_java_report_says_is_read() -> None:
    report = b"""<?xml version="1.0"?><testsuite name="JUnit Jupiter" tests="2">
    <testcase name="adds()" classname="AppTest" time="0.011"></testcase>
    <testcase name="fails()" classname="AppTest" time="0.002"><failure message="short"><![CDATA[at long]]></failure>
    </testcase></testsuite>"""
    assert [dataclasses.astuple(one) for one in read_tests(Report.JUNIT, b"", [report])] == [
        ("adds", "AppTest", "passed", 11.0, ""),
        ("fails", "AppTest", "failed", 2.0, "at long"),
    ]
