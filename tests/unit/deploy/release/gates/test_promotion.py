"""Gates: each way of not being proven is said, with what to run."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.ledger import DeploymentInfo, Evidence, Snapshot, Status, Suite
from deploy.ledger.controls import Approval, Breaker, Freeze, Rejection
from deploy.release.gates.checklists import MANUAL
from deploy.release.gates.gate import Gate, Situation
from deploy.release.gates.promotion import passes, promotion_gates
from deploy.settings.environments import EnvironmentConfig, load_environment
from deploy.settings.policy import Promotion
from deploy.settings.windows import parse_windows

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


def closed(staging: Snapshot) -> dict[str, Gate]:
    """The gates of staging's ledger that are closed, with nothing in production's."""
    config = load_environment("production")
    situation = Situation(
        "staging", staging, snapshot(), SHA, config, datetime.now(UTC), ancestry=True, flag=" --rehearsal"
    )
    return {gate.name: gate for gate in promotion_gates(situation) if not gate.ok}


def test_a_proven_commit_waits_for_people_alone() -> None:
    assert set(closed(snapshot(INFO, evidence=PROOF))) == {"approvals", "staging validation", "production readiness"}


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
    refused = closed(ledger)
    assert reason in refused[gate].reason
    assert refused[gate].action


OTHER = "b" * 40


def test_evidence_of_another_commit_proves_nothing() -> None:
    assert "evidence" in closed(snapshot(INFO, evidence=replace(PROOF, commit_sha=OTHER)))


@pytest.mark.parametrize(
    ("difference", "proves"),
    [({}, True), ({"image": "sha256:o"}, False), ({"frontend": "sha256:o"}, False), ({"config": "other"}, False)],
)
def test_unless_it_is_the_same_artifact_in_the_same_machines(difference: dict[str, str], proves: bool) -> None:
    other = replace(INFO, id="0", commit_sha=OTHER, **difference)
    proof = replace(PROOF, commit_sha=OTHER, image=other.image, frontend=other.frontend)
    assert ("evidence" not in closed(snapshot(other, INFO, evidence=proof))) is proves


NOW = datetime(2026, 1, 17, 12, tzinfo=UTC)  # a Saturday
PRODUCTION = load_environment("production")
POLICY = dataclasses.replace(
    PRODUCTION.release,
    promotion=Promotion.MANUAL,
    approvals=1,
    evidence_days=7,
    breaker_cooldown=timedelta(minutes=60),
    freeze_windows=(),
)
ORDER = [
    "staged",
    "evidence",
    "breaker",
    "freeze",
    "approvals",
    "staging validation",
    "production readiness",
    "clean tree",
    "ancestor",
    "downgrade",
    "rejected",
]
FRESH = replace(PROOF, at=NOW - timedelta(days=1))
APPROVED = Approval(SHA, "sha256:i", "sha256:f", "alice", NOW, MANUAL)
FROZEN = Freeze("1a2b", NOW - timedelta(hours=1), NOW + timedelta(hours=1), "incident", "bob")
REJECTED = Rejection(SHA, "sha256:i", "sha256:f", "7", "smoke failed", NOW, "me")


def production(*records: Approval | Breaker | Freeze | Rejection) -> Snapshot:
    files: dict[str, bytes] = {}
    for record in records:
        body: object = record.to_json()
        match record:
            case Approval():
                path = record.path
            case Breaker():
                path = "breaker.json"
            case Freeze():
                path, body = "freezes.json", [body]
            case Rejection():
                path = f"rejected/{record.commit_sha}.json"
        files[path] = json.dumps(body).encode()
    return Snapshot("d" * 40, files)


PROVEN = Situation(
    source_name="staging",
    source=snapshot(INFO, evidence=FRESH),
    target=production(APPROVED),
    sha=SHA,
    config=dataclasses.replace(PRODUCTION, release=POLICY),
    now=NOW,
    ancestry=True,
    flag=" --rehearsal",
)


def asking(**policy: Any) -> EnvironmentConfig:
    return dataclasses.replace(PRODUCTION, release=dataclasses.replace(POLICY, **policy))


def found(**changes: Any) -> dict[str, Gate]:
    made = promotion_gates(dataclasses.replace(PROVEN, **changes))
    assert [gate.name for gate in made] == ORDER
    return {gate.name: gate for gate in made}


def refused(**changes: Any) -> dict[str, Gate]:
    return {name: gate for name, gate in found(**changes).items() if not gate.ok}


def test_a_proven_approved_commit_is_promoted() -> None:
    assert refused() == {}
    assert passes(PROVEN) == ()


def test_every_gate_is_shown_when_nothing_holds_and_says_what_to_run() -> None:
    gates = refused(
        source=Snapshot("", {}),
        target=production(FROZEN, REJECTED, Breaker(1, NOW, "x", "me")),
        ancestry=False,
        replaces="older",
    )
    assert list(gates) == ORDER
    assert all(gate.reason and gate.action for gate in gates.values())


@pytest.mark.parametrize(
    ("changes", "gate", "reason", "action"),
    [
        ({"source": snapshot()}, "staged", "never deployed to staging", "deploy --env staging --rehearsal"),
        (
            {"source": snapshot(replace(INFO, status=Status.ROLLED_BACK, reason="smoke failed"))},
            "staged",
            "smoke failed",
            "invoke build",
        ),
        (
            {"source": snapshot(replace(INFO, version="0.1.0+aaaa.dirty"), evidence=FRESH)},
            "clean tree",
            "differs from its commit",
            "commit the changes",
        ),
        (
            {"target": production(APPROVED, Breaker(1, NOW - timedelta(minutes=59), "smoke failed", "me"))},
            "breaker",
            "smoke failed",
            'invoke breaker --reset --reason "…" --rehearsal',
        ),
        (
            {"target": production(APPROVED, FROZEN)},
            "freeze",
            "incident (by bob)",
            "invoke freeze --lift 1a2b --rehearsal",
        ),
        (
            {"config": asking(freeze_windows=parse_windows("Fri 16:00 - Mon 08:00 UTC"))},
            "freeze",
            "every week: Fri 16:00",
            "--hotfix",
        ),
        ({"config": asking(approvals=2)}, "approvals", "1 of 2", "somebody else runs: invoke approve"),
        ({"ancestry": False}, "ancestor", "not part of main", "merge it into main"),
        ({"ancestry": "this clone knows no branch main"}, "ancestor", "knows no branch main", "git fetch"),
        ({"target": production(APPROVED, REJECTED)}, "rejected", "smoke failed", "--again"),
    ],
)
def test_one_thing_amiss_closes_one_gate_or_what_rests_on_it(
    changes: dict[str, Any], gate: str, reason: str, action: str
) -> None:
    closed = refused(**changes)
    assert reason in closed[gate].reason
    assert action in closed[gate].action
    if gate != "staged":
        assert list(closed) == [gate]


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (None, "no suite has run"),
        (replace(FRESH, commit_sha="b" * 40), "no suite has run"),
        (replace(FRESH, image="sha256:other"), "other digests"),
        (replace(FRESH, frontend="sha256:other"), "other digests"),
        (replace(FRESH, suites=(Suite("load", 5, 2, 1.0),)), "load: 2 failed"),
        (replace(FRESH, at=NOW - timedelta(days=7, seconds=1)), "longer ago than EVIDENCE_DAYS=7 allows"),
    ],
)
def test_without_evidence_no_checklist_is_complete(evidence: Evidence | None, reason: str) -> None:
    closed = refused(source=snapshot(INFO, evidence=evidence))
    assert list(closed) == ["evidence", "staging validation", "production readiness"]
    assert reason in closed["evidence"].reason
    assert {gate.action for gate in closed.values()} == {
        f"invoke verify --env staging --rehearsal (while staging serves {SHA[:12]})"
    }


def test_evidence_filed_under_a_commit_that_it_does_not_name_proves_nothing() -> None:
    other = json.dumps(replace(FRESH, commit_sha="b" * 40).to_json()).encode()
    staging = Snapshot("c" * 40, {**snapshot(INFO).files, f"evidence/{SHA}.json": other})
    assert "no suite has run" in refused(source=staging)["evidence"].reason


def test_evidence_counts_to_the_end_of_its_days() -> None:
    assert refused(source=snapshot(INFO, evidence=replace(FRESH, at=NOW - timedelta(days=7)))) == {}


@pytest.mark.parametrize("digests", [{"image": "sha256:other"}, {"frontend": "sha256:other"}])
def test_an_approval_of_other_digests_approves_nothing(digests: dict[str, str]) -> None:
    closed = refused(target=production(replace(APPROVED, **digests)))
    assert list(closed) == ["approvals", "staging validation", "production readiness"]
    assert "0 of 1: these digests are approved by nobody" in closed["approvals"].reason


def test_runs_of_one_actor_are_one_approval_and_two_people_are_two() -> None:
    first, again = (replace(APPROVED, by=f"alice (GitHub Actions run {n})") for n in (1, 2))
    assert "approvals" in refused(config=asking(approvals=2), target=production(first, again))
    assert refused(config=asking(approvals=2), target=production(first, replace(APPROVED, by="bob"))) == {}


def test_items_may_be_answered_by_several_people_and_missing_ones_are_named() -> None:
    part = replace(APPROVED, items=("smoke", "features", "validation"))
    closed = refused(target=production(part))
    assert list(closed) == ["production readiness"]
    assert "testing, performance, security" in closed["production readiness"].reason
    assert f"invoke approve --sha {SHA[:12]} --yes testing,performance,security --rehearsal" in (
        closed["production readiness"].action
    )
    rest = replace(APPROVED, by="bob", items=("testing", "performance", "security"))
    gates = found(target=production(part, rest))
    assert all(gate.ok for gate in gates.values())
    assert "answered by bob" in gates["production readiness"].reason


def test_automatic_promotion_lets_the_evidence_answer_and_says_so() -> None:
    gates = found(config=asking(promotion=Promotion.AUTOMATIC, approvals=0), target=Snapshot("", {}))
    assert all(gate.ok for gate in gates.values())
    assert "answered by the evidence (PROMOTION=automatic): smoke" in gates["staging validation"].reason
    assert "APPROVALS=0" in gates["approvals"].reason


def test_a_half_open_breaker_lets_a_canary_through() -> None:
    gate = found(target=production(APPROVED, Breaker(1, NOW - timedelta(minutes=60), "x", "me")))["breaker"]
    assert gate.ok
    assert "one promotion through, as a canary" in gate.reason


def test_a_hotfix_passes_a_freeze_loudly_and_is_noted() -> None:
    frozen: dict[str, Any] = {"target": production(APPROVED, FROZEN), "hotfix_reason": "data loss"}
    assert refused(**frozen) == {}
    assert "PASSED AS A HOTFIX (data loss)" in found(**frozen)["freeze"].reason
    assert passes(dataclasses.replace(PROVEN, **frozen)) == (
        "freeze passed with --hotfix (data loss), frozen for: incident (by bob)",
    )


def test_without_a_reason_nothing_is_passed() -> None:
    assert passes(dataclasses.replace(PROVEN, target=production(APPROVED, FROZEN, REJECTED))) == ()


def test_a_hotfix_passes_nothing_but_the_freeze() -> None:
    closed = refused(hotfix_reason="data loss", target=production(REJECTED, Breaker(1, NOW, "x", "me")), ancestry=False)
    assert list(closed) == [
        "breaker",
        "approvals",
        "staging validation",
        "production readiness",
        "ancestor",
        "rejected",
    ]
    assert passes(dataclasses.replace(PROVEN, hotfix_reason="data loss")) == ()


def test_again_passes_a_rejection_loudly_and_is_noted() -> None:
    again: dict[str, Any] = {"target": production(APPROVED, REJECTED), "again_reason": "the platform was at fault"}
    assert refused(**again) == {}
    assert "PASSED WITH --again (the platform was at fault)" in found(**again)["rejected"].reason
    assert passes(dataclasses.replace(PROVEN, **again)) == (
        "rejection passed with --again (the platform was at fault), rejected for: smoke failed",
    )
    assert passes(dataclasses.replace(PROVEN, again_reason="x")) == ()


def test_a_rejection_of_another_commit_closes_nothing() -> None:
    other = replace(REJECTED, commit_sha=OTHER, image="sha256:other")
    assert refused(target=production(APPROVED, other)) == {}


def test_a_rejection_of_the_same_artifact_under_another_commits_name_closes_the_gate() -> None:
    gate = refused(target=production(APPROVED, replace(REJECTED, commit_sha=OTHER)))["rejected"]
    assert "as bbbbbbbbbbbb, which has the same digests: smoke failed" in gate.reason


def test_an_older_commit_is_not_promoted_without_a_reason() -> None:
    gate = refused(replaces="older")["downgrade"]
    assert "older than" in gate.reason
    assert "invoke rollback --env production --to aaaaaaaaaaaa --rehearsal" in gate.action
    assert 'invoke promote --sha aaaaaaaaaaaa --downgrade --reason "…" --rehearsal' in gate.action


@pytest.mark.parametrize("what", ["newer", "same", "unknown"])
def test_what_is_not_older_is_no_downgrade(what: str) -> None:
    assert "downgrade" not in refused(replaces=what)


def test_a_downgrade_with_a_reason_passes_loudly_and_is_noted() -> None:
    changes: dict[str, Any] = {"replaces": "older", "downgrade_reason": "the new one loses mail"}
    gate = found(**changes)["downgrade"]
    assert gate.ok
    assert "PASSED WITH --downgrade (the new one loses mail)" in gate.reason
    told = passes(dataclasses.replace(PROVEN, **changes))
    assert told == ("downgrade passed with --downgrade (the new one loses mail)",)
