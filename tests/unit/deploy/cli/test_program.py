"""The verbs as a person types them: help, exit codes, and what a missing token says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cli.program import GROUPS
from deploy.cli.wrapper import SHORT
from deploy.settings.environments import ROOT
from tasks import namespace
from tests.unit.deploy.cli.invoked import invoke

VERBS = (
    "build",
    "setup",
    "teardown",
    "up",
    "rehearse",
    "doctor",
    "lock",
    "deploy",
    "verify",
    "promote",
    "rollback",
    "status",
    "history",
    "clean",
)


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The program itself, from its first line."""
    environment = {key: value for key, value in os.environ.items() if "TOKEN" not in key}
    command = [sys.executable, "-m", "deploy.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize("arguments", [("--help", "promote"), ("promote", "--rehersal")], ids=" ".join)
def test_a_verb_that_is_forked_says_what_one_does_that_starts(arguments: tuple[str, ...]) -> None:
    one, other = started(*arguments), invoke(*arguments)
    assert (one.returncode, one.stdout, one.stderr) == (other.returncode, other.stdout, other.stderr)


def test_every_verb_is_listed() -> None:
    done = started("--list")
    assert done.returncode == 0
    assert all(f"  {verb} " in done.stdout for verb in (*VERBS, "bench.rollout"))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_flag_has_help(verb: str) -> None:
    done = invoke("--help", verb)
    assert done.returncode == 0
    flags = [line for line in done.stdout.splitlines() if line.startswith("  -")]
    assert all(len(line.split()) > 2 for line in flags), done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "No idea what 'nonsense' is"),
        (["deploy", "--nonsense"], "--nonsense"),
        (["deploy"], "--env is missing"),
        (["deploy", "--env", "local"], "'local' is this machine: nothing is deployed to it; use --env"),
        (["deploy", "--env", "production"], "invoke promote --sha SHA"),
        (["build", "--env", "prod"], "unknown environment 'prod'"),
        (["deploy", "--env", "staging"], "FLY_API_TOKEN_STAGING"),
        (["promote", "--sha", "HEAD"], "FLY_API_TOKEN_STAGING"),
        (["promote", "--sha", "0123456789"], "names no single commit"),
        (["promote"], "--sha is missing"),
        (["rollback", "--env", "production"], "FLY_API_TOKEN_PRODUCTION"),
        (["status"], "FLY_API_TOKEN_STAGING"),
        (["bench"], "bench is a group; use: invoke bench build, invoke bench rollout, invoke bench runner"),
        (["rolback"], "Did you mean rollback?"),
        (["bench", "rolout"], "Did you mean bench rollout?"),
        (["--help", "promot"], "Did you mean promote?"),
        (["promote", "--rehersal"], "Did you mean --rehearsal?\nSee: invoke --help promote"),
        (["status", "--progress", "yaml"], "--progress 'yaml' is unknown; use one of auto, text, json"),
        (["rehearse", "--force"], "invoke rehearse --down --force"),
        (["rehearse", "--strict", "--up"], "--strict is about a whole rehearsal: invoke rehearse --strict"),
        (["bench", "rollout", "--count", "0"], "--count must be 1 or more"),
        (
            ["bench", "rollout", "--lag", "soon"],
            "--lag 'soon' is not a list of seconds; write --lag 2, or --lag 0,2,10",
        ),
        (["bench", "rollout", "--rates", "fast"], "--rates 'fast' is none of off, documented"),
        (["bench", "rollout", "--nonsense"], "--nonsense"),
    ],
)
def test_wrong_use_exits_2_and_says_what_to_do(arguments: list[str], says: str) -> None:
    done = invoke(*arguments)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


CORE = ["--echo", "--pty", "--hide=out", "--warn-only", "--command-timeout=3", "--no-dedupe", "--collection=other"]
CORE += ["--prompt-for-sudo-password", "--config=invoke.yaml", "--search-root=/", "--dry", "-R", "-ep"]


@pytest.mark.parametrize("option", CORE)
def test_what_verbs_do_not_honour_is_refused_before_or_after_the_verb(option: str) -> None:
    for arguments in ([option, "lock"], ["lock", option])[: 2 if option in CORE[-3:] else 1]:
        done = invoke(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert "is Invoke's own option" in done.stderr


def test_a_dry_run_is_refused_with_what_there_is_instead() -> None:
    assert "to see what would be done: invoke setup --plan, invoke promote --plan" in invoke("rollback", "--dry").stderr


@pytest.mark.parametrize(
    "name", ["INVOKE_RUN_DRY", "INVOKE_RUN_ECHO", "INVOKE_TIMEOUTS_COMMAND", "INVOKE_RUNTIME_CONFIG"]
)
def test_no_variable_of_invokes_changes_what_a_verb_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    done = invoke("doctor")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"unset {name}" in done.stderr


def test_a_dry_run_asked_for_in_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".invoke.yaml").write_text("run: {dry: true}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    done = started("doctor")
    assert (done.returncode, done.stdout) == (2, "")
    assert "run.dry in an invoke.yaml" in done.stderr


def test_help_shows_only_options_that_are_honoured() -> None:
    said = invoke("--help").stdout
    assert "--progress" in said
    assert not any(option in said for option in ("--dry", "--echo", "--pty", "--warn-only", "--search-root"))


def test_the_tasks_of_a_group_are_its_help() -> None:
    done = invoke("--help", "bench")
    assert done.returncode == 0
    assert ".rollout" in done.stdout


def test_a_group_and_its_task_are_two_words_or_one_with_a_dot() -> None:
    for arguments in (["--help", "bench", "rollout"], ["bench", "rollout", "--help"], ["--help", "bench.rollout"]):
        assert "--count" in invoke(*arguments).stdout


def test_no_colour_codes_when_piped() -> None:
    assert "\x1b" not in started("deploy").stderr


def test_a_short_flag_means_the_same_in_every_verb() -> None:
    meanings: dict[str, set[str]] = {}
    for context in namespace.to_contexts():
        for argument in context.args.values():
            for name in argument.names:
                if len(name) == 1:
                    meanings.setdefault(name, set()).add(argument.name)
    assert meanings.pop("n") == {"dry", "plan"}  # both say what would be done
    assert all(len(flags) == 1 for flags in meanings.values()), meanings
    assert {flag: name for name, flags in meanings.items() for flag in flags}.items() <= SHORT.items()


def test_every_verb_is_in_a_group_of_the_list() -> None:
    for name in namespace.task_names:
        assert namespace[name].body.__module__ in GROUPS, name
    assert "Allow or stop promotions:" in invoke("--list").stdout


def test_progress_as_json_is_lines_of_json_alone_errors_too() -> None:
    done = started("--progress", "json", "promote")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["verb.begun", "verb.ended"]
    assert (lines[-1]["code"], lines[-1]["problem"]) == (2, "--sha is missing; see invoke --help")


def test_a_reader_that_leaves_ends_a_verb_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "--list"], cwd=ROOT, stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (done.stderr, done.returncode) == (b"", 141)
