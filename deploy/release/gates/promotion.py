"""The gates of a promotion, in order. A gate is added here, and in a file of its own with its rule and its record."""

from __future__ import annotations

from deploy.release.gates.ancestry import ancestor_gate, downgrade_gate
from deploy.release.gates.approvals import approvals_gate, checklist_gate
from deploy.release.gates.breaker import breaker_gate
from deploy.release.gates.checklists import READINESS, VALIDATION
from deploy.release.gates.evidence import clean_gate, evidence_gate, staged, staged_gate
from deploy.release.gates.freezes import freeze_gate, in_force
from deploy.release.gates.gate import Gate, Situation
from deploy.release.gates.rejections import rejected_gate, rejection


def promotion_gates(situation: Situation) -> tuple[Gate, ...]:
    """Every gate of a promotion, in order; each is shown whether or not those before it hold."""
    deployment = staged(situation.source, situation.sha)
    first = staged_gate(situation, deployment)
    if deployment is None:
        unproven = {
            name: Gate(name, False, f"{situation.short} was never served by {situation.source_name}", first.action)
            for name in ("evidence", "approvals", VALIDATION, READINESS, "clean tree")
        }
        evidence, approvals, validation, readiness, clean = unproven.values()
    else:
        evidence = evidence_gate(situation, deployment)
        approvals = approvals_gate(situation, deployment)
        validation = checklist_gate(situation, deployment, evidence, VALIDATION)
        readiness = checklist_gate(situation, deployment, evidence, READINESS)
        clean = clean_gate(deployment)
    breaker, freeze = breaker_gate(situation), freeze_gate(situation)
    last = (ancestor_gate(situation), downgrade_gate(situation), rejected_gate(situation, deployment))
    return (first, evidence, breaker, freeze, approvals, validation, readiness, clean, *last)


def passes(situation: Situation) -> tuple[str, ...]:
    """One note for each gate that a person overrides, for the ledger."""
    notes = []
    if situation.hotfix_reason and (held := in_force(situation.target, situation.policy, situation.now)):
        why = "; ".join(freeze.reason for freeze in held)
        notes.append(f"freeze passed with --hotfix ({situation.hotfix_reason}), frozen for: {why}")
    if situation.again_reason and (
        rejected := rejection(situation.target, situation.sha, staged(situation.source, situation.sha))
    ):
        notes.append(f"rejection passed with --again ({situation.again_reason}), rejected for: {rejected.reason}")
    if situation.downgrade_reason and situation.replaces == "older":
        notes.append(f"downgrade passed with --downgrade ({situation.downgrade_reason})")
    return tuple(notes)
