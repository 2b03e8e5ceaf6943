"""The verbs that hold promotions back or let them pass, on real ledgers in a repository of their own."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from deploy.cli import controls as control_tasks
from deploy.cli import options as cli_options
from deploy.cli.controls import new_freeze
from deploy.errors import UsageError
from deploy.ledger import DeploymentInfo, Ledger, Status
from deploy.ledger.controls import Breaker
from deploy.release.gates.breaker import breaker_changes
from deploy.release.gates.checklists import MANUAL
from deploy.settings.environments import load_environment
from deploy.settings.secrets import Tokens
from deploy.target import Target, cloud_addresses
from tests.unit.deploy.cli.invoked import invoke

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HERE = ["git", "-c", "user.name=me", "-c", "user.email=me@example.invalid"]


class Typed(io.StringIO):
    """What a person types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, whose ledgers the verbs act on."""
    subprocess.run([*HERE, "init", "--quiet", str(tmp_path)], check=True)
    subprocess.run([*HERE, "-C", str(tmp_path), "commit", "--quiet", "--allow-empty", "-m", "x"], check=True)
    monkeypatch.setattr(control_tasks, "ROOT", tmp_path)
    monkeypatch.setenv("GITHUB_ACTOR", "alice")
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def target(name: str, rehearsal: bool) -> Target:
        config = load_environment(name)
        return Target(config, cloud_addresses({}), Tokens(name, {}), Ledger(tmp_path, name, None), rehearsal)

    for module in (control_tasks, cli_options):
        monkeypatch.setattr(module, "target_of", target)
    return tmp_path


@pytest.fixture
def sha(root: Path) -> str:
    """A commit that staging served."""
    command = [*HERE, "-C", str(root), "rev-parse", "HEAD"]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    info = DeploymentInfo("7", "staging", "0.1.0", name, NOW, "me", Status.DEPLOYED, "sha256:i", "sha256:f")
    Ledger(root, "staging", None).record(info)
    return name


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any, str]]:
    """Run a verb: its exit code, the JSON or text on standard output, and what it told on standard error."""

    def call(verb: str, **options: Any) -> tuple[int, Any, str]:
        code = 0
        try:
            getattr(control_tasks, verb)(Context(), **options)
        except Exit as left:
            code = left.code
        said = capsys.readouterr()
        return code, json.loads(said.out) if options.get("json") and said.out else said.out, " ".join(said.err.split())

    return call


Run = Callable[..., tuple[int, Any, str]]


def test_approving_records_who_what_and_the_digests(run: Run, sha: str, root: Path) -> None:
    code, state, told = run("approve", sha=sha, yes=["smoke,features", "security"], note="fine", json=True)
    assert (code, "0.1.0 is approved by alice: smoke, features, security" in told) == (0, True)
    (approval,) = state["approvals"]
    assert approval["items"] == ["smoke", "features", "security"]
    assert (approval["image"], approval["frontend"], approval["note"]) == ("sha256:i", "sha256:f", "fine")
    answered = {item["name"]: item["answeredBy"] for item in state["items"] if item["manual"]}
    assert answered["smoke"] == ["alice"]
    assert answered["testing"] == []
    (path,) = Ledger(root, "production", None).snapshot().files
    assert path.startswith(f"approvals/{sha}-alice-")


def test_approving_what_staging_never_served_fails_and_says_what_to_run(run: Run, root: Path) -> None:
    code, _, told = run("approve", sha="HEAD", yes=["all"], rehearsal=True)
    assert code == 1
    assert "was never served by staging" in told
    assert "invoke deploy --env staging --rehearsal && invoke verify --env staging --rehearsal" in told
    assert Ledger(root, "production", None).snapshot().files == {}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"yes": ["all"]}, "--sha is missing"),
        ({"sha": "0123456789", "yes": ["all"]}, "names no single commit"),
        ({"sha": "HEAD"}, "no terminal to ask on; give --yes all"),
        ({"sha": "HEAD", "yes": ["typo"]}, "no item of the checklists is named typo"),
        ({"sha": "HEAD", "yes": ["all"], "env": "staging"}, "use --env production"),
    ],
)
def test_approving_wrongly(run: Run, sha: str, root: Path, options: dict[str, Any], says: str) -> None:
    code, _, told = run("approve", **options)
    assert (code, says in told) == (2, True), told
    assert Ledger(root, "production", None).snapshot().files == {}


def test_at_a_terminal_each_item_is_asked(run: Run, sha: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Typed("y\n" * len(MANUAL)))
    code, state, told = run("approve", sha=sha, json=True)
    assert code == 0
    assert state["approvals"][0]["items"] == list(MANUAL)
    assert "sha256:i" in told
    assert "production readiness: manual testing is complete? [y/N]" in told


@pytest.mark.parametrize("typed", ["y\nn\n", "y\n", "\n"])
def test_one_no_records_nothing(run: Run, sha: str, root: Path, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr(sys, "stdin", Typed(typed))
    code, _, told = run("approve", sha=sha)
    assert (code, "nothing was recorded" in told) == (1, True)
    assert Ledger(root, "production", None).snapshot().files == {}


def test_listing_the_checklists_records_nothing(run: Run, sha: str, root: Path) -> None:
    assert run("approve", list=True)[0] == 0
    code, state, _ = run("approve", list=True, json=True, sha=sha, yes=["all"])
    assert (code, state["approvals"], state["needed"], state["promotion"]) == (0, [], 1, "manual")
    assert Ledger(root, "production", None).snapshot().files == {}


def test_the_breaker_is_shown_and_reset_with_a_reason(run: Run, root: Path) -> None:
    assert run("breaker", json=True)[1]["state"] == "closed"
    opened = Breaker(1, datetime.now(UTC), "smoke failed", "me")
    production = Ledger(root, "production", None)
    production.write("x", lambda _: breaker_changes(opened))
    code, state, _ = run("breaker", json=True)
    assert (code, state["state"], state["reason"], state["requiredStrategy"]) == (0, "open", "smoke failed", None)
    code, _, told = run("breaker", reset=True)
    assert (code, "--reason is missing" in told) == (2, True)
    assert run("breaker", reset=True, reason="  ")[0] == 2
    assert run("breaker", reason="mended")[0] == 2
    assert run("breaker", json=True)[1]["state"] == "open"
    code, state, _ = run("breaker", reset=True, reason="mended", json=True)
    assert (code, state["state"], state["reason"], state["by"]) == (
        0,
        "closed",
        "mended",
        "alice (GitHub Actions run ?)",
    )


def test_a_breaker_past_its_cool_down_asks_for_a_canary(run: Run, root: Path) -> None:
    opened = Breaker(1, datetime.now(UTC) - timedelta(hours=2), "smoke failed", "me")
    Ledger(root, "production", None).write("x", lambda _: breaker_changes(opened))
    state = run("breaker", json=True)[1]
    assert (state["state"], state["requiredStrategy"]) == ("half-open", "canary")
    assert "half-open" in run("breaker")[1]


def test_a_freeze_is_set_shown_and_lifted(run: Run) -> None:
    assert run("freeze", json=True)[1] == {"frozen": False, "until": None, "freezes": [], "windows": []}
    code, state, told = run("freeze", until="2h", reason="incident", rehearsal=True, json=True)
    (made,) = state["freezes"]
    assert (code, state["frozen"], made["reason"], made["inForce"]) == (0, True, "incident", True)
    assert f"invoke freeze --lift {made['id']} --rehearsal" in told
    assert "incident" in run("freeze", list=True)[1]
    code, _, told = run("freeze", lift="none-such")
    assert (code, made["id"] in told) == (2, True)
    assert run("freeze", lift=made["id"], json=True)[1]["frozen"] is False


def test_what_people_write_is_shown_as_they_wrote_it(run: Run, root: Path) -> None:
    run("freeze", until="2h", reason="fix [red] in [prod]")
    assert all(word in run("freeze")[1] for word in ("[red]", "[prod]"))
    run("breaker", reset=True, reason="mended [prod]")
    assert "mended [prod]" in run("breaker")[1]


def test_all_freezes_are_lifted_and_none_is_no_failure(run: Run) -> None:
    run("freeze", until="2h")
    run("freeze", from_="1d", until="1h", reason="fair")
    assert len(run("freeze", json=True)[1]["freezes"]) == 2
    assert run("freeze", lift="all", json=True)[1]["freezes"] == []
    assert run("freeze", lift="all")[0] == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"reason": "x"}, "give --until"),
        ({"from_": "2h"}, "give --until"),
        ({"lift": "all", "until": "2h"}, "or --lift ID"),
        ({"until": "soon"}, "--until 'soon' is neither a moment"),
        ({"until": "2h", "from_": "soon"}, "--from 'soon' is neither"),
        ({"until": "2020-01-01T00:00Z"}, "is not after now"),
        ({"until": "0s"}, "is not after now"),
        ({"until": "2h", "env": "staging"}, "use --env production"),
    ],
)
def test_freezing_wrongly(run: Run, root: Path, options: dict[str, Any], says: str) -> None:
    code, _, told = run("freeze", **options)
    assert (code, says in told) == (2, True), told
    assert Ledger(root, "production", None).snapshot().files == {}


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("freeze", {"until": "2h"}),
        ("freeze", {"lift": "all"}),
        ("approve", {"yes": ["all"]}),
        ("breaker", {"reset": True, "reason": "mended"}),
    ],
)
def test_what_is_kept_in_this_clone_only_is_told(
    run: Run, sha: str, root: Path, verb: str, options: dict[str, Any]
) -> None:
    code, _, told = run(verb, **options, **({"sha": sha} if verb == "approve" else {}))
    assert code == 0
    assert f"the ledger of production is kept in this clone only ({root})" in told
    assert "set LEDGER_REMOTE to a remote's name or URL" in told
    assert "kept in this clone only" not in run(verb, list=True)[2] if verb != "breaker" else True


def test_a_release_whose_commit_this_clone_never_had_is_approved(run: Run, root: Path) -> None:
    for name in ("c" * 40, "cd" + "c" * 38, "cd" + "d" * 38):
        info = DeploymentInfo(name, "staging", "9", name, NOW, "me", Status.DEPLOYED, "sha256:i", "sha256:f")
        Ledger(root, "staging", None).record(info)
    code, state, _ = run("approve", sha="cccc", yes=["all"], json=True)
    assert (code, state["sha"]) == (0, "c" * 40)
    code, _, told = run("approve", sha="cd", yes=["all"])
    assert (code, "names no single commit" in told) == (2, True)  # too short to be a sha
    code, _, told = run("approve", sha="cdcc", yes=["all"])
    assert code == 0


def test_a_freeze_lasts_from_its_beginning() -> None:
    made = new_freeze("2026-03-02T08:00Z", "3d", "fair", "me", NOW)
    assert (made.start, made.until) == (datetime(2026, 3, 2, 8, tzinfo=UTC), datetime(2026, 3, 5, 8, tzinfo=UTC))
    with pytest.raises(UsageError, match="not after now"):
        new_freeze("2026-02-01T08:00Z", "2026-02-02T08:00Z", "", "me", NOW)
    with pytest.raises(UsageError, match="not after the start of the freeze"):
        new_freeze("2026-03-02T08:00Z", "2026-03-02T07:00Z", "", "me", NOW)


@pytest.mark.parametrize("verb", ["approve", "breaker", "freeze"])
def test_every_verb_and_flag_has_help(verb: str) -> None:
    done = invoke("--help", verb)
    assert done.returncode == 0
    flags = [line for line in done.stdout.splitlines() if line.startswith("  -")]
    assert flags
    assert all(len(line.split()) > 2 for line in flags), done.stdout
    assert "-r, --rehearsal" in done.stdout
