"""The verbs as a person types them: help, exit codes, and what a missing token says."""

import os
import subprocess
import sys

import pytest

from deploy.environments import ROOT

VERBS = (
    "build",
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


def invoke(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if "TOKEN" not in key}
    command = [sys.executable, "-m", "deploy.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)


def test_every_verb_is_listed() -> None:
    done = invoke("--list")
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
        (["deploy", "--env", "local"], "'local' is no environment that can be deployed to"),
        (["deploy", "--env", "production"], "invoke promote --sha SHA"),
        (["build", "--env", "prod"], "unknown environment 'prod'"),
        (["deploy", "--env", "staging"], "FLY_API_TOKEN_STAGING"),
        (["promote", "--sha", "HEAD"], "FLY_API_TOKEN_STAGING"),
        (["promote", "--sha", "0123456789"], "names no single commit"),
        (["promote"], "--sha is missing"),
        (["rollback", "--env", "production"], "FLY_API_TOKEN_PRODUCTION"),
        (["status"], "FLY_API_TOKEN_STAGING"),
        (["bench"], "No idea what 'bench' is"),
        (["bench", "rollout", "--count", "0"], "--count must be 1 or more"),
        (["bench", "rollout", "--nonsense"], "--nonsense"),
    ],
)
def test_wrong_use_exits_2_and_says_what_to_do(arguments: list[str], says: str) -> None:
    done = invoke(*arguments)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_group_and_its_task_are_two_words_or_one_with_a_dot() -> None:
    for arguments in (["--help", "bench", "rollout"], ["bench", "rollout", "--help"], ["--help", "bench.rollout"]):
        assert "--count" in invoke(*arguments).stdout


def test_no_colour_codes_when_piped() -> None:
    assert "\x1b" not in invoke("deploy").stderr
