"""Files that come back, environments, order, tests and libraries, as clients have them."""

import base64
from typing import Any

import httpx
import pytest

TESTS = {
    "go": """package main

import "testing"

func TestGood(t *testing.T) {}
func TestBad(t *testing.T)  { t.Error("no") }
""",
    "java": """import org.junit.jupiter.api.*;
class SumTest {
  @Test void good() {}
  @Test void bad() { Assertions.fail("no"); }
}
""",
    "nodejs": """const test = require("node:test");
test("good", () => {});
test("bad", () => { throw Error("no"); });
""",
    "python3": "def test_good(): pass\ndef test_bad(): assert False, 'no'\n",
    "rust": '#[test] fn good() {}\n#[test] fn bad() { panic!("no"); }\n',
    "typescript": """import test from "node:test";
test("good", () => {});
test("bad", () => { throw Error("no"); });
""",
}

_BOOST = """#include <boost/algorithm/string.hpp>
#include <iostream>
int main() { std::cout << boost::to_upper_copy(std::string("up\\n")); }
"""
_EIGEN = """#include <Eigen/Dense>
#include <iostream>
int main() { std::cout << Eigen::Vector2d(3, 4).norm() << "\\n"; }
"""

USES = {
    "numpy": ("python3", "import numpy as np\nprint(int(np.arange(5) @ np.ones(5)))", "10\n"),
    "pandas": ("python3", "import pandas as pd\nprint(int(pd.DataFrame({'a': [1, 2]}).a.sum()))", "3\n"),
    "sympy": ("python3", "import sympy as s\nx = s.symbols('x')\nprint(s.diff(x**3, x))", "3*x**2\n"),
    "matplotlib": ("python3", "import matplotlib\nprint(matplotlib.get_backend()[:6])", "module\n"),
    "Boost": ("c++", _BOOST, "UP\n"),
    "Eigen": ("c++", _EIGEN, "5\n"),
    "fmt": ("c++", '#include <fmt/core.h>\nint main() { fmt::print("{}\\n", 42); }\n', "42\n"),
}  # fmt: skip

PLOTS = {
    "python3": ("matplotlib", "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()\nprint('shown')\n"),
    "r": ("", "plot(c(1, 3, 2))\n"),
}


@pytest.fixture
def details(api: httpx.Client) -> Any:
    """What the service says of its languages."""
    return api.get("languages").raise_for_status().json()["details"]


def test_files_come_back_from_a_run_and_from_a_stream(api: httpx.Client, run: Any) -> None:
    source = "printf '\\001\\377' > x.bin; mkdir out; printf text > out/a.txt; head -c 5000000 /dev/zero > huge"
    result = run("bash", source, collect=["*"])
    expected = {
        "huge": {"size": 5000000},
        "out/a.txt": {"size": 4, "text": "text"},
        "x.bin": {"size": 2, "base64": base64.b64encode(b"\1\xff").decode()},
    }
    assert result["files"] == expected
    body = {"language": "bash", "source": source, "collect": ["*.txt"]}
    with api.stream("POST", "run/stream", json=body) as stream:
        assert '"files":{"out/a.txt":{"size":4,"text":"text"}}' in "".join(stream.iter_text())
    assert "files" not in run("bash", source)


def test_environment_executables_and_order(run: Any) -> None:
    result = run(
        "bash", './tool >&2; echo "$WHO"; echo last >&2', env={"WHO": "world"}, order=True,
        files={"tool": {"text": "#!/bin/sh\necho first\n", "executable": True}},
    )  # fmt: skip
    assert (result["output"], result["stdout"]) == ("first\nworld\nlast\n", "world\n")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"env": {"LD_PRELOAD": "x"}}, "env: LD_PRELOAD"),
        ({"env": {"a b": "x"}}, "env: 'a b'"),
        ({"collect": ["../x"]}, "collect: '../x'"),
        ({"files": {"x": {"executable": True}}}, "files: 'x'"),
        ({"mode": "test"}, "mode: bash runs no tests"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(api: httpx.Client, body: dict[str, Any], named: str) -> None:
    answer = api.post("run", json={"language": "bash", "source": "", **body})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(named)


def test_tests_are_run_in_every_language_that_says_so(run: Any, details: Any) -> None:
    offered = {name for name, about in details.items() if about["tests"]}
    assert offered <= TESTS.keys()
    for language in sorted(offered):
        result = run(language, TESTS[language], mode="test")
        tests = result["tests"]
        assert (tests["passed"], tests["failed"], tests["skipped"]) == (1, 1, 0), (language, result)
        (bad,) = (one for one in tests["cases"] if one["status"] == "failed")
        assert "bad" in bad["name"].lower()
        assert "no" in bad["message"]
        assert (result["status"], "files" in result) == ("runtime_error", False)


@pytest.mark.parametrize("language", ["go", "python3"])
def test_a_stream_tells_of_tests_too(api: httpx.Client, language: str) -> None:
    body = {"language": language, "source": TESTS[language], "mode": "test"}
    with api.stream("POST", "run/stream", json=body) as stream:
        assert '"tests":{"passed":1,"failed":1,"skipped":0' in "".join(stream.iter_text())


def test_every_library_that_is_listed_can_be_used(run: Any, details: Any, environment: Any) -> None:
    listed: set[str] = {name for about in details.values() for name in about["libraries"]}
    assert listed <= USES.keys()
    if environment.name != "local":
        assert {"numpy", "matplotlib"} <= listed
    for name in sorted(listed - ({"matplotlib"} if environment.name == "local" else set())):
        language, source, output = USES[name]
        result = run(language, source, limits={"memory_kb": 1 << 19})
        assert (result["status"], result["stdout"]) == ("ok", output), (name, result)


def test_plots_come_back_without_a_word_of_files(run: Any, details: Any, environment: Any) -> None:
    for language, (library, source) in PLOTS.items():
        about = details.get(language)
        if about is None or environment.name == "local" or (library and library not in about["libraries"]):
            continue
        result = run(language, source, collect=["*.png"], limits={"memory_kb": 1 << 19})
        assert result["status"] == "ok", result
        (picture,) = result["files"].values()
        assert base64.b64decode(picture["base64"]).startswith(b"\x89PNG")


CHECKER = """
import sys
names = sys.argv[1:]
given, output, expected = (open(name).read() for name in names)
print(given.strip(), output.strip(), expected)
if output == "crash": raise ValueError
if output == "kill": import os; os.kill(os.getpid(), 9)
sys.exit(0 if output.strip() == given.strip() else 1)
"""


def test_a_program_judges_a_batch(api: httpx.Client) -> None:
    cases = [{"stdin": "a", "expected": "A"}, {"stdin": "b"}, {"stdin": "kill"}, {"stdin": "a", "args": ["x"]}]
    body = {"language": "bash", "source": "[ $# = 0 ] && tr b c", "cases": cases}
    answer = api.post("batch", json={**body, "check": {"language": "python", "source": CHECKER}}).json()
    assert [(one["passed"], one["message"]) for one in answer["cases"][:2]] == [(True, "a a A"), (False, "b c")]
    assert answer["cases"][2]["passed"] is None
    assert answer["cases"][2]["message"].startswith("the checker could not say: killed by SIGKILL")
    assert (answer["cases"][3]["passed"], answer["passed"]) == (False, 1)
    broken = api.post("batch", json={**body, "check": {"language": "c", "source": "int main(void) { return x; }"}})
    assert broken.status_code == 400
    assert broken.json()["error"].startswith("check: compilation failed: exit status 1: main.c:")
