"""Approvals in a real ledger: by person, tied to digests."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.errors import UsageError
from deploy.ledger import DeploymentInfo, Ledger, Status
from deploy.ledger.encoding import encode
from deploy.release.gates.approvals import approve, read_approvals
from deploy.release.gates.checklists import MANUAL

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RELEASE = DeploymentInfo("7", "staging", "0.1.0", "a" * 40, NOW, "me", Status.DEPLOYED, "sha256:i", "sha256:f")


@pytest.fixture
def production(tmp_path: Path) -> Ledger:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "ledger.git")], check=True)
    return Ledger(tmp_path / "ledger.git", "production", None)


def test_people_approve_each_with_a_file_of_their_own(production: Ledger) -> None:
    approve(production, RELEASE, "bob", ["smoke"], NOW, "looks fine")
    approve(production, RELEASE, "alice", ["all"], NOW + timedelta(hours=1))
    bob, alice = read_approvals(production.snapshot(), RELEASE)
    assert (bob.person, bob.items, bob.note, bob.at) == ("bob", ("smoke",), "looks fine", NOW)
    assert (alice.person, alice.items) == ("alice", MANUAL)


def test_one_person_answering_twice_is_one_approval_with_all_answers(production: Ledger) -> None:
    approve(production, RELEASE, "bob (GitHub Actions run 1)", ["smoke"], NOW, "looks fine")
    made = approve(production, RELEASE, "bob (GitHub Actions run 2)", ["security", "smoke"], NOW)
    assert read_approvals(production.snapshot(), RELEASE) == (made,)
    assert (made.items, made.note) == (("smoke", "security"), "looks fine")


def test_what_a_newer_version_added_to_an_approval_stays(production: Ledger) -> None:
    made = approve(production, RELEASE, "bob", ["smoke"], NOW)
    production.write("newer", lambda _: {made.path: encode(made.to_json() | {"signature": "x"})})
    assert approve(production, RELEASE, "bob", ["security"], NOW).items == ("smoke", "security")
    assert production.snapshot().read(made.path)["signature"] == "x"


@pytest.mark.parametrize("other", [{"image": "sha256:x"}, {"frontend": "sha256:x"}, {"commit_sha": "b" * 40}])
def test_other_digests_are_not_approved_and_inherit_no_answer(production: Ledger, other: dict[str, str]) -> None:
    approve(production, RELEASE, "bob", ["smoke"], NOW)
    rebuilt = replace(RELEASE, **other)
    assert read_approvals(production.snapshot(), rebuilt) == ()
    assert approve(production, rebuilt, "bob", ["security"], NOW).items == ("security",)


def test_an_approval_without_items_is_none(production: Ledger) -> None:
    with pytest.raises(UsageError):
        approve(production, RELEASE, "bob", [], NOW)
    assert production.snapshot().files == {}
