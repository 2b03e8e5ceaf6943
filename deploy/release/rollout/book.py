"""Writes a rollout's records to the ledger: each write is a compare-and-swap by the lock's holder, safe to repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from deploy.errors import LedgerError
from deploy.ledger import DeploymentInfo, Holding, Intent, Snapshot, Span, Status
from deploy.ledger import intent as intents
from deploy.ledger.encoding import encode
from deploy.ledger.lock import Writable
from deploy.ledger.records import outcome
from deploy.ledger.snapshot import appended

Changes = dict[str, bytes | None]
Consequences = Callable[[Snapshot, Intent], Changes]


def no_consequences(snapshot: Snapshot, intent: Intent) -> Changes:
    """An outcome that changes nothing else."""
    return {}


class Book:
    """One environment's ledger in the hands of the lock's holder.

    `consequences` yields what else the same commit must hold when a rollout ends: the breaker, a rejection.
    """

    def __init__(self, ledger: Writable, holding: Holding, consequences: Consequences = no_consequences) -> None:
        self.ledger, self.holding, self._consequences = ledger, holding, consequences
        self._flags = f" --env {ledger.environment}{getattr(ledger, 'flag', '')}"  # of the commands that errors name

    def snapshot(self) -> Snapshot:
        """The ledger as it is now."""
        found: Snapshot = self.ledger.snapshot()
        return found

    def begin(self, intent: Intent, config: dict[str, Any]) -> None:
        """Write the intent, the pending event and the configuration, in one commit, before anything is done."""

        def change(snapshot: Snapshot) -> Changes:
            self.holding.guard(snapshot)
            there = snapshot.intent()
            if there is not None and there.id == intent.id:
                return {}
            if there is not None:
                raise LedgerError(
                    f"{self.ledger.environment}: the rollout of {there.wanted.version} is not finished; "
                    f"run: invoke resume{self._flags}"
                )
            kept = {f"configs/{intent.wanted.config}.json": encode(config)}
            return {intents.PATH: encode(intent), **kept, **appended(snapshot, intent.wanted)}

        self.ledger.write(f"{intent.verb} {intent.wanted.version}: begun", change)

    def replace(self, left: Intent, intent: Intent, config: dict[str, Any]) -> None:
        """Let a rollback take the place of what was left half-way: its outcome and the new intent in one commit."""
        back = Status.ROLLED_BACK if left.previous else Status.FAILED
        ended = outcome(left.wanted, back, left.reason)

        def change(snapshot: Snapshot) -> Changes:
            there = snapshot.intent()
            if there is not None and there.id == intent.id:
                return {}
            self._still(snapshot, left)
            return {
                intents.PATH: encode(intent),
                f"configs/{intent.wanted.config}.json": encode(config),
                **appended(snapshot, ended, intent.wanted),
                **self._consequences(snapshot, left),
            }

        self.ledger.write(f"{intent.verb} {intent.wanted.version}: takes the place of {left.wanted.version}", change)

    def keep(self, intent: Intent, why: str) -> None:
        """Write how the intent has changed."""

        def change(snapshot: Snapshot) -> Changes:
            self._still(snapshot, intent)
            return {intents.PATH: encode(intent)}

        self.ledger.write(f"{intent.verb} {intent.wanted.version}: {why}", change)

    def finish(self, intent: Intent, spans: tuple[tuple[str, float], ...]) -> DeploymentInfo:
        """Record the outcome and take the intent away, in one commit. Finished already: the outcome recorded then."""
        back = Status.ROLLED_BACK if intent.previous else Status.FAILED
        status = Status.DEPLOYED if intent.forward else back
        took = tuple(Span(*each) for each in spans)
        done = replace(outcome(intent.wanted, status, intent.reason), spans=took, notes=intent.notes)
        ended = [done]
        if intent.forward and intent.verb == "rollback" and intent.previous:
            ended.append(outcome(intent.previous, Status.ROLLED_BACK, f"rolled back to {intent.wanted.version}"))

        def change(snapshot: Snapshot) -> Changes:
            if snapshot.intent() is None and snapshot.recorded(done):
                return {}
            self._still(snapshot, intent)
            return {
                intents.PATH: None,
                **appended(snapshot, *ended),
                **self._consequences(snapshot, intent),
            }

        self.ledger.write(f"{intent.verb} {intent.wanted.version}: {status}", change)
        return done

    def _still(self, snapshot: Snapshot, intent: Intent) -> None:
        self.holding.guard(snapshot)
        there = snapshot.intent()
        if there is None or there.id != intent.id:
            raise LedgerError(
                f"{self.ledger.environment}: somebody else finished the rollout of {intent.wanted.version}; "
                f"see: invoke history{self._flags}"
            )
