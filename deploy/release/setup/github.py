"""The environment and its secrets at GitHub, by GitHub's own tool where it is there and signed in.

Which secrets there must be is what the workflows in `.github/workflows` ask for. A value goes to the tool's standard
input: an argument would stand in process lists.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DeployError
from deploy.processes import run
from deploy.release.setup.thing import Found, State, Thing
from deploy.settings.secrets import TOKEN_NAMES, Secret, Tokens, variable

SECONDS = 60.0
_QUIET = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1"}
_JOB = re.compile(r"^  [\w-]+:\s*(?:#.*)?$", re.MULTILINE)
_ASKED = re.compile(r"^\s+(\w+):\s*[\"']?\$\{\{\s*secrets\.(\w+)\s*\}\}", re.MULTILINE)


@dataclass(frozen=True)
class GitHub:
    """One environment at GitHub. `values` are the tokens that are known here, by their variable's name."""

    name: str
    root: Path
    values: Mapping[str, Secret]

    def thing(self) -> Thing:
        """The environment with its secrets."""
        try:
            secrets, by_hand = f"the secrets {', '.join(self.wanted())}", self.by_hand()
        except DeployError:
            secrets, by_hand = "its secrets", ""  # `look` says what is wrong
        making = f"create environment {self.name} at GitHub, with {secrets}"
        return Thing("GitHub", self.look, self.make, making, refused=by_hand)

    def wanted(self) -> dict[str, str]:
        """The secrets that the environment's jobs read: name at GitHub → name of the variable that gets the value.

        Raises DeployError when one secret is to be two different values.
        """
        found: dict[str, str] = {}
        for file in sorted((self.root / ".github" / "workflows").glob("*.y*ml")):
            for job in _JOB.split(file.read_text()):
                if not re.search(rf"^\s+environment:\s*(?:\n\s+name:\s*)?{self.name}\s*(?:#.*)?$", job, re.MULTILINE):
                    continue
                for name, secret in _ASKED.findall(job):
                    before = found.setdefault(secret, name)
                    one, other = self.values.get(before), self.values.get(name)
                    if one and other and one != other:
                        raise DeployError(
                            f"{file.name} gives the secret {secret} to {before} and to {name}, whose values differ "
                            f"here; give each a secret of its own there, then run this again"
                        )
        return found or {variable(each, self.name): variable(each, self.name) for each in TOKEN_NAMES}

    def by_hand(self) -> str:
        """The commands that do the same; each asks for its value on the terminal."""
        sets = [f"gh secret set {secret} --env {self.name}" for secret in self.wanted()]
        return " && ".join([f"gh api -X PUT repos/{{owner}}/{{repo}}/environments/{self.name}", *sets])

    def look(self) -> Found:
        """Whether there is the environment, with every secret by name: values cannot be read back."""
        if shutil.which("gh") is None:
            return Found(State.UNKNOWN, "gh, GitHub's own tool, is not here; with it, run", self.by_hand())
        here = self._gh("repo", "view", "--json", "nameWithOwner")
        if here.returncode:
            return Found(State.UNKNOWN, f"gh cannot see this repository: {_said(here)}", self.by_hand())
        there = self._gh("api", f"repos/{{owner}}/{{repo}}/environments/{self.name}")
        if there.returncode:
            if "404" in there.stderr:
                return Found(State.MISSING, f"there is no environment {self.name}", self.by_hand())
            return Found(State.UNKNOWN, f"gh cannot see its environments: {_said(there)}", self.by_hand())
        listed = self._gh("secret", "list", "--env", self.name, "--json", "name")
        if listed.returncode:
            return Found(State.UNKNOWN, f"gh cannot list its secrets: {_said(listed)}", self.by_hand())
        names = {each["name"] for each in json.loads(listed.stdout or "[]")}
        lacking = [secret for secret in self.wanted() if secret not in names]
        if lacking:
            return self._lacking(lacking)
        return Found(State.THERE, f"environment {self.name} with {', '.join(self.wanted())}")

    def _lacking(self, lacking: list[str]) -> Found:
        words = f"environment {self.name} lacks {', '.join(lacking)}"
        by_hand = " && ".join(f"gh secret set {secret} --env {self.name}" for secret in lacking)
        if not any(self.values.get(self.wanted()[secret]) for secret in lacking):
            return Found(State.UNKNOWN, f"{words}, whose values are not here", by_hand)
        return Found(State.MISSING, words, by_hand)

    def make(self) -> None:
        """Create the environment, and set the secrets whose values are known here. Those that are there stay."""
        self._done(self._gh("api", "-X", "PUT", f"repos/{{owner}}/{{repo}}/environments/{self.name}"))
        listed = self._done(self._gh("secret", "list", "--env", self.name, "--json", "name"))
        names = {each["name"] for each in json.loads(listed.stdout or "[]")}
        for secret, name in self.wanted().items():
            value = self.values.get(name)
            if secret not in names and value:
                self._done(self._gh("secret", "set", secret, "--env", self.name, value=value))

    def _gh(self, *words: str, value: Secret | None = None) -> subprocess.CompletedProcess[str]:
        try:
            return run(
                ["gh", *words],
                cwd=self.root,
                env={**os.environ, **_QUIET},
                input=value.reveal() if value else "",
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise DeployError(f"`gh {words[0]}` gave no answer within {SECONDS:.0f} s; see: gh auth status") from None

    def _done(self, answer: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
        if answer.returncode:
            raise DeployError(f"`gh` failed: {_said(answer)}. By hand: {self.by_hand()}")
        return answer


def known_values(tokens: Mapping[str, Tokens]) -> dict[str, Secret]:
    """All tokens of all environments that are known here, by their variable's name."""
    return {variable(name, each): value for each, held in tokens.items() for name, value in held.values.items()}


def _said(answer: subprocess.CompletedProcess[str]) -> str:
    return " ".join((answer.stderr or answer.stdout).split())[:200] or f"exit code {answer.returncode}"
