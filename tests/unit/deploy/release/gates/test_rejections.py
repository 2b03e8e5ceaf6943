"""Rejected commits."""

from datetime import UTC, datetime

from msgspec.structs import replace

from deploy.ledger import DeploymentInfo, Snapshot, Status
from deploy.release.gates.rejections import readmit_change, reject_change, rejection

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHA = "a" * 40
FAILED = DeploymentInfo("7", "production", "0.1.0", SHA, NOW, "me", Status.PENDING, "sha256:i", "sha256:f")


def test_a_rejection_is_kept_by_commit_and_taken_back() -> None:
    changed = reject_change(FAILED, "smoke failed", NOW, "me")
    content = changed[f"rejected/{SHA}.json"]
    assert content is not None
    ledger = Snapshot("c" * 40, {f"rejected/{SHA}.json": content})
    found = rejection(ledger, SHA)
    assert found is not None
    assert (found.image, found.frontend, found.deployment) == ("sha256:i", "sha256:f", "7")
    assert (found.reason, found.at, found.by) == ("smoke failed", NOW, "me")
    assert rejection(ledger, "b" * 40) is None
    assert readmit_change(ledger, FAILED) == {f"rejected/{SHA}.json": None}
    assert readmit_change(ledger, replace(FAILED, commit_sha="b" * 40, image="sha256:other")) == {}


def test_the_same_artifact_is_rejected_and_taken_back_under_another_commits_name() -> None:
    ledger = Snapshot("c" * 40, {k: v for k, v in reject_change(FAILED, "smoke failed", NOW, "me").items() if v})
    alike = replace(FAILED, commit_sha="b" * 40)
    assert rejection(ledger, alike.commit_sha, alike) == rejection(ledger, SHA)
    assert rejection(ledger, alike.commit_sha, replace(alike, frontend="sha256:other")) is None
    assert readmit_change(ledger, alike) == {f"rejected/{SHA}.json": None}
