"""Gates: each way of not being proven is said, with what to run."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deploy.ledger import DeploymentInfo, Evidence, Snapshot, Status, Suite
from deploy.release.gates import Gate, gates

SHA = "a" * 40
INFO = DeploymentInfo(
    "1", "staging", "0.1.0+aaaa", SHA, datetime.now(UTC), "me", Status.DEPLOYED, "sha256:i", "sha256:f"
)
PROOF = Evidence("staging", SHA, "sha256:i", "sha256:f", datetime.now(UTC), "me", (Suite("integration", 9, 0, 1.0),))


def snapshot(*events: DeploymentInfo, evidence: Evidence | None = None) -> Snapshot:
    files = {f"events/{n:06d}.json": json.dumps(event.to_json()).encode() for n, event in enumerate(events)}
    if evidence:
        files[f"evidence/{evidence.commit_sha}.json"] = json.dumps(evidence.to_json()).encode()
    return Snapshot("c" * 40, files)


def closed(found: list[Gate]) -> dict[str, Gate]:
    return {gate.name: gate for gate in found if not gate.ok}


def test_a_proven_commit_passes_every_gate() -> None:
    assert closed(gates(snapshot(INFO, evidence=PROOF), SHA)) == {}


@pytest.mark.parametrize(
    ("ledger", "gate", "reason"),
    [
        (snapshot(), "staged", "never deployed to staging"),
        (snapshot(replace(INFO, status=Status.ROLLED_BACK, reason="smoke failed")), "staged", "smoke failed"),
        (snapshot(replace(INFO, status=Status.PENDING)), "staged", "never deployed"),
        (snapshot(INFO), "evidence", "no suite has run"),
        (snapshot(INFO, evidence=replace(PROOF, image="sha256:other")), "evidence", "other digests"),
        (snapshot(INFO, evidence=replace(PROOF, frontend="sha256:other")), "evidence", "other digests"),
        (snapshot(INFO, evidence=replace(PROOF, suites=(Suite("load", 5, 2, 1.0),))), "evidence", "load: 2 failed"),
        (snapshot(replace(INFO, version="0.1.0+aaaa.dirty"), evidence=PROOF), "clean tree", "differs from its commit"),
    ],
)
def test_what_is_not_proven_is_refused_with_its_reason_and_what_to_run(
    ledger: Snapshot, gate: str, reason: str
) -> None:
    refused = closed(gates(ledger, SHA, " --rehearsal"))
    assert reason in refused[gate].reason
    assert refused[gate].action


def test_evidence_of_another_commit_proves_nothing() -> None:
    assert "evidence" in closed(gates(snapshot(INFO, evidence=replace(PROOF, commit_sha="b" * 40)), SHA))
