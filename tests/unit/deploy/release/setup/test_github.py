"""The environment at GitHub, by a `gh` that keeps what it is told: what is there and made, and no value in sight."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from deploy.errors import DeployError
from deploy.release.setup import github
from deploy.release.setup.github import GitHub
from deploy.release.setup.thing import State
from deploy.settings.environments import ROOT
from deploy.settings.secrets import Secret

GH = f"""#!{sys.executable}
import json, os, pathlib, sys
place = pathlib.Path(__file__).parent
state = json.loads((place / "state.json").read_text())
words, given = sys.argv[1:], sys.stdin.read()
with (place / "asked").open("a") as asked:
    asked.write(" ".join(words) + "\\n")
def fail(text):
    sys.exit(print(text, file=sys.stderr) or 1)
if state["fails"] and state["fails"] in " ".join(words):
    fail("gh: it fails")
name = words[words.index("--env") + 1] if "--env" in words else words[-1].rpartition("/")[2]
if words[0] == "api" and "PUT" in words:
    state["environments"].setdefault(name, {{}})
elif words[0] == "api" and name not in state["environments"]:
    fail("gh: Not Found (HTTP 404)")
elif words[:2] == ["secret", "list"]:
    print(json.dumps([{{"name": each}} for each in state["environments"][name]]))
elif words[:2] == ["secret", "set"]:
    state["environments"][name][words[2]] = given
(place / "state.json").write_text(json.dumps(state))
"""
VALUES = {
    f"{name}_{environment}": Secret(f"value-of-{name}-{environment}")
    for name in ("FLY_API_TOKEN", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID")
    for environment in ("STAGING", "PRODUCTION")
}


class Tool:
    """The `gh` on PATH, and what it keeps."""

    def __init__(self, place: Path) -> None:
        self.place = place
        (place / "gh").write_text(GH)
        (place / "gh").chmod(0o755)
        self.keep({}, "")

    def keep(self, environments: dict[str, dict[str, str]], fails: str) -> None:
        (self.place / "state.json").write_text(json.dumps({"environments": environments, "fails": fails}))

    @property
    def environments(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = json.loads((self.place / "state.json").read_text())["environments"]
        return found

    @property
    def asked(self) -> str:
        file = self.place / "asked"
        return file.read_text() if file.exists() else ""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
    return Tool(place)


def workflow(root: Path, text: str) -> Path:
    place = root / ".github" / "workflows"
    place.mkdir(parents=True)
    (place / "one.yml").write_text(text)
    return root


@pytest.mark.parametrize(
    ("name", "variable"),
    [("staging", "FLY_API_TOKEN_STAGING"), ("production", "FLY_API_TOKEN_PRODUCTION")],
)
def test_the_secrets_are_those_that_our_own_workflows_ask_for(name: str, variable: str) -> None:
    wanted = GitHub(name, ROOT, VALUES).wanted()
    assert wanted["FLY_API_TOKEN"] == variable
    assert set(wanted.values()) <= set(VALUES)
    text = (ROOT / f".github/workflows/{name}.yml").read_text()
    assert text.count("secrets.") == len(wanted)


def test_what_is_missing_is_made_with_the_values_on_standard_input(tool: Tool) -> None:
    thing = GitHub("production", ROOT, VALUES)
    assert thing.look().state is State.MISSING
    thing.make()
    assert thing.look().state is State.THERE
    kept = tool.environments["production"]
    assert kept["FLY_API_TOKEN"] == "value-of-FLY_API_TOKEN-PRODUCTION"
    assert kept["FLY_API_TOKEN_STAGING"] == "value-of-FLY_API_TOKEN-STAGING"
    assert "value-of" not in tool.asked


def test_a_secret_that_is_there_stays_and_one_that_lacks_is_set(tool: Tool) -> None:
    tool.keep({"staging": {"FLY_API_TOKEN": "older"}}, "")
    thing = GitHub("staging", ROOT, VALUES)
    found = thing.look()
    assert (found.state, "lacks CLOUDFLARE_API_TOKEN, CLOUDFLARE_ACCOUNT_ID" in found.words) == (State.MISSING, True)
    thing.make()
    assert tool.environments["staging"]["FLY_API_TOKEN"] == "older"
    assert thing.look().state is State.THERE


def test_values_that_are_not_here_are_left_to_a_person(tool: Tool) -> None:
    own = {name: value for name, value in VALUES.items() if name.endswith("PRODUCTION")}
    thing = GitHub("production", ROOT, own)
    thing.make()
    found = thing.look()
    assert found.state is State.UNKNOWN
    assert "gh secret set FLY_API_TOKEN_STAGING --env production" in found.remedy


@pytest.mark.parametrize("fails", ["repo view", "api", "secret list"])
def test_a_tool_that_fails_leaves_the_commands(tool: Tool, fails: str) -> None:
    tool.keep({"staging": {}}, fails)
    found = GitHub("staging", ROOT, VALUES).look()
    assert (found.state, "it fails" in found.words) == (State.UNKNOWN, True)
    assert "gh secret set FLY_API_TOKEN --env staging" in found.remedy


def test_without_the_tool_the_commands_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = GitHub("staging", ROOT, VALUES).look()
    assert found.state is State.UNKNOWN
    assert "environments/staging" in found.remedy
    assert "value-of" not in found.remedy + found.words


def test_a_tool_that_hangs_is_ended(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    (tool.place / "gh").write_text("#!/bin/sh\nsleep 60\n")
    monkeypatch.setattr(github, "SECONDS", 0.2)
    with pytest.raises(DeployError, match="no answer"):
        GitHub("staging", ROOT, VALUES).look()


def test_a_failure_while_making_names_the_commands_and_no_value(tool: Tool) -> None:
    tool.keep({}, "secret set")
    with pytest.raises(DeployError, match="By hand: gh api") as failed:
        GitHub("staging", ROOT, VALUES).make()
    assert "value-of" not in str(failed.value)


JOBS = """\
jobs:
  check:
    env:
      OTHER: ${{ secrets.NOT_OURS }}
  deploy:
    environment:
      name: blue # its rules
    env:
      FLY_API_TOKEN_STAGING: "${{secrets.ONE}}"
      FLY_API_TOKEN_PRODUCTION: ${{ secrets.TWO }}
"""


def test_only_the_jobs_of_the_environment_count(tmp_path: Path) -> None:
    root = workflow(tmp_path, JOBS)
    assert GitHub("blue", root, {}).wanted() == {"ONE": "FLY_API_TOKEN_STAGING", "TWO": "FLY_API_TOKEN_PRODUCTION"}
    assert "FLY_API_TOKEN_GREEN" in GitHub("green", root, {}).wanted()


def test_one_secret_for_two_values_is_refused(tmp_path: Path) -> None:
    root = workflow(tmp_path, JOBS.replace("secrets.TWO", "secrets.ONE"))
    with pytest.raises(DeployError, match="a secret of its own"):
        GitHub("blue", root, VALUES).thing().look()
