"""The events that verbs emit, one class a kind. Console, log and every other listener receive them.

In the structured log, `event` is the class's tag and the other fields are the event's. Add a kind of event here.
"""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of all events. `environment` and `deployment` (an id in the ledger) are "" if there is none."""

    environment: str = ""
    deployment: str = ""

    @property
    def name(self) -> str:
        """The kind, as the structured log calls it."""
        return str(type(self).__struct_config__.tag)


class VerbBegun(Event, frozen=True, kw_only=True, tag="verb.begun"):
    """A verb starts; `command` as typed, without `invoke`."""

    command: str


class VerbEnded(Event, frozen=True, kw_only=True, tag="verb.ended"):
    """The verb is over; `problem` is the error's text, `log` the file that holds more, "" for none."""

    command: str
    ok: bool
    code: int
    seconds: float
    problem: str = ""
    log: str = ""


class Said(Event, frozen=True, kw_only=True, tag="said"):
    """A message for people that stays on the screen."""

    text: str


class Noted(Event, frozen=True, kw_only=True, tag="noted"):
    """Progress within a step; on a terminal the next one overwrites it."""

    text: str


class StepBegun(Event, frozen=True, kw_only=True, tag="step.begun"):
    """A step begins, within those that are open. `direction` of a rollout's step: forward or back."""

    step: str
    direction: str = ""


class StepEnded(Event, frozen=True, kw_only=True, tag="step.ended"):
    """The step that began last ended."""

    step: str
    seconds: float
    ok: bool
    problem: str = ""
    direction: str = ""


class Built(Event, frozen=True, kw_only=True, tag="artifact.built"):
    """An artifact is available; `reused`: it had been built before."""

    version: str
    sha: str
    image: str
    frontend: str
    reused: bool


class ImagePushed(Event, frozen=True, kw_only=True, tag="image.pushed"):
    """The registry holds an image; `there`: it held it before the push. `bytes` is what all its parts have, `sent` what
    those have that the registry lacked."""

    image: str
    tag: str
    there: bool
    bytes: int
    sent: int


class ImageCopied(Event, frozen=True, kw_only=True, tag="image.copied"):
    """An image was copied from one environment's repository to another's, under the same digest."""

    image: str
    source: str


class GateRefused(Event, frozen=True, kw_only=True, tag="gate.refused"):
    """A closed gate stopped a promotion."""

    sha: str
    gate: str
    reason: str
    action: str


class GateOverridden(Event, frozen=True, kw_only=True, tag="override"):
    """A promotion overrides a closed gate, for the reason in `note`."""

    note: str


class Approved(Event, frozen=True, kw_only=True, tag="approved"):
    """A person answered checklists for a release."""

    sha: str
    person: str
    items: tuple[str, ...]


class FreezeSet(Event, frozen=True, kw_only=True, tag="freeze.set"):
    """Promotions are frozen until a moment (ISO 8601)."""

    freeze: str
    until: str
    reason: str


class FreezeLifted(Event, frozen=True, kw_only=True, tag="freeze.lifted"):
    """Freezes were lifted; their ids."""

    freezes: tuple[str, ...]


class BreakerReset(Event, frozen=True, kw_only=True, tag="breaker.reset"):
    """A person closed the circuit breaker."""

    reason: str


class SecretsChanged(Event, frozen=True, kw_only=True, tag="secrets.changed"):
    """A secret was set or removed; the next release applies it. `version` is that of all secrets of the app."""

    name: str
    change: str
    version: int


class EvidenceRecorded(Event, frozen=True, kw_only=True, tag="evidence.recorded"):
    """The results of the suites for a commit were written to the ledger."""

    sha: str
    ok: bool
    passed: int
    failed: int


class RolloutBegun(Event, frozen=True, kw_only=True, tag="rollout.begun"):
    """A rollout starts, or continues from its intent in the ledger."""

    verb: str
    version: str


class RolloutTurned(Event, frozen=True, kw_only=True, tag="rollout.turned"):
    """A rollout starts to roll back; `blame`: because the release is at fault."""

    reason: str
    blame: bool


class RolloutNoted(Event, frozen=True, kw_only=True, tag="rollout.noted"):
    """Something unusual happened; the note is recorded with the rollout's outcome."""

    note: str


class TrafficMoved(Event, frozen=True, kw_only=True, tag="traffic.moved"):
    """Traffic or the page was switched, `seconds` after the rollout began; the last of these events counts."""

    seconds: float


class RolloutStopped(Event, frozen=True, kw_only=True, tag="rollout.stopped"):
    """A rollout stops half-way; its intent stays in the ledger."""

    problem: str


class RolloutEnded(Event, frozen=True, kw_only=True, tag="rollout.ended"):
    """A rollout is over: `status` as the ledger holds it."""

    status: str
    reason: str
    version: str
    blame: bool


class Escalation(RolloutEnded, frozen=True, kw_only=True, tag="escalation"):
    """A release was rolled back in a protected environment: a person should look."""


class PlatformUnavailable(Event, frozen=True, kw_only=True, tag="platform.unavailable"):
    """The platform, or the ledger's remote, did not answer as it should; the step is tried again."""

    problem: str


class MachineReported(Event, frozen=True, kw_only=True, tag="machine.reported"):
    """A failing machine's exit, checks and last log lines, read before it was removed."""

    machine: str
    summary: str
    lines: tuple[str, ...]


class Tidied(Event, frozen=True, kw_only=True, tag="tidied"):
    """Machines kept for a rollback were removed."""

    machines: tuple[str, ...]
