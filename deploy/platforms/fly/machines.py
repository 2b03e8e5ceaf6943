"""Machines of one app: create, wait, cordon, metadata, leases. Shapes as Fly documents them, less what is unused."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from deploy.platforms.errors import Malformed, PlatformError, TimedOut
from deploy.platforms.http import Sender, json_of

GONE = frozenset({"destroyed", "destroying", "replaced", "migrated"})
"""States that a machine never leaves. One that was migrated has a successor on another host, of the same name."""
SERVICE, COMPATIBLE = "servicecheck-", "bg_deployments_"
"""How names of checks begin: those of services; those that the platform adds for old clients, about nothing."""
WAIT_SECONDS = (1, 60)
"""The shortest and longest time for which one call may wait."""
UNKNOWN_SECONDS = 15.0
"""For how long after a wait began a machine that is not found may just have been created."""


@dataclass(frozen=True)
class Check:
    """One health check's latest result: passing, warning or critical."""

    name: str
    status: str
    output: str = ""


@dataclass(frozen=True)
class Machine:
    """A machine as last seen."""

    id: str
    name: str
    state: str
    region: str
    instance_id: str
    image: str
    digest: str
    metadata: dict[str, str]
    checks: tuple[Check, ...]
    cordoned: bool | None
    """Whether the proxy sends it no new requests; None where the platform does not say."""
    config: dict[str, Any] = field(repr=False, default_factory=dict)
    host: str = "ok"
    """ok, unknown or unreachable; unless it is ok, the platform knows little of the machine and changes nothing."""
    complete: bool = True
    """Whether the platform gave its whole configuration, and not what it could put together of it."""
    events: tuple[dict[str, Any], ...] = field(repr=False, default=())
    """What happened to it, newest first, as the API writes it: type, status, source, request."""

    @property
    def lost(self) -> bool:
        """Whether its host is not ok, which is what the provider's own tool replaces a machine for.

        It cannot be changed, only destroyed, and it may come back as it was.
        """
        return self.host != "ok" or not self.complete

    @property
    def gone(self) -> bool:
        """Whether it is destroyed, or about to be."""
        return self.state in GONE

    @property
    def exits(self) -> int:
        """How often its program exited on its own since the machine was last started or created."""
        count = 0
        for event in self.events:
            if event.get("source") == "user" and event.get("type") in ("start", "launch", "update", "restart"):
                break
            count += event.get("type") == "exit" and not exit_of(event).get("requested_stop", False)
        return count

    @property
    def healthy(self) -> bool:
        """Started, and every check that decides whether the proxy sends it requests was reported and passes.

        Those are the checks of its services, and its own of the kind readiness. Its other checks count where it has
        none of these. A fresh machine has no check, and is not healthy; nor is one on a lost host, whatever is still
        said of it.
        """
        own = {check.name: check for check in self.checks if not check.name.startswith(COMPATIBLE)}
        ready = {name for name, check in _object(self.config, "checks").items() if _kind(check) == "readiness"}
        deciding = {name for name in own if name.startswith(SERVICE)} | ready
        services = [each for each in self.config.get("services") or [] if isinstance(each, dict)]
        asked = sum(len(service.get("checks") or []) for service in services)
        if not deciding and not asked:
            deciding = set(own)
        if len(deciding - ready) < asked or not deciding <= own.keys():
            return False
        passing = bool(deciding) and all(own[name].status == "passing" for name in deciding)
        return passing and self.state == "started" and not self.lost


def _kind(check: Any) -> str:
    return str(check.get("kind") or "") if isinstance(check, dict) else ""


def exit_of(event: dict[str, Any]) -> dict[str, Any]:
    """What an `exit` event tells: exit_code, oom_killed, requested_stop; empty for every other event."""
    request = event.get("request")
    found = request.get("exit_event") if isinstance(request, dict) else None
    return found if isinstance(found, dict) else {}


def parse_machine(body: Any) -> Machine:
    """A Machine from the API's JSON.

    While its host cannot be reached the platform knows little of a machine: any field but the id may be missing then.
    Raises Malformed for an answer without id, and for a machine on a reachable host without state.
    """
    if not isinstance(body, dict) or not body.get("id"):
        raise Malformed("read a machine", 200, "the answer has no id")
    config = _object(body, "config")
    host = str(body.get("host_status") or "ok")
    if not body.get("state") and config and host == "ok":
        raise Malformed("read a machine", 200, f"machine {body['id']} has no state")
    known = config or _object(body, "incomplete_config")
    checks = [each for each in body.get("checks") or [] if isinstance(each, dict)]
    return Machine(
        id=str(body["id"]),
        name=str(body.get("name") or ""),
        state=str(body.get("state") or "unknown"),
        region=str(body.get("region") or ""),
        instance_id=str(body.get("instance_id") or ""),
        image=str(known.get("image") or ""),
        digest=str(_object(body, "image_ref").get("digest") or ""),
        metadata={key: str(value) for key, value in _object(known, "metadata").items()},
        checks=tuple(Check(*(str(each.get(key) or "") for key in ("name", "status", "output"))) for each in checks),
        cordoned=body["cordoned"] if isinstance(body.get("cordoned"), bool) else None,
        config=known,
        host=host,
        complete=bool(config),
        events=tuple(event for event in body.get("events") or [] if isinstance(event, dict)),
    )


def _object(body: dict[str, Any], key: str) -> dict[str, Any]:
    found = body.get(key)
    return found if isinstance(found, dict) else {}


class MachineClient:
    """Machines of one app."""

    def __init__(self, sender: Sender, app: str) -> None:
        self._sender = sender
        self._base = f"/apps/{app}/machines"
        self._app = app
        self._nonces: dict[str, str] = {}

    def list(self, **metadata: str) -> list[Machine]:
        """All machines that are not gone; with keywords, those whose metadata has these values."""
        asked = f"list machines of {self._app}"
        params = {f"metadata.{key}": value for key, value in metadata.items()}
        answer = json_of(self._sender.send("GET", self._base, params=params, asked=asked), asked)
        if not isinstance(answer, list):
            raise Malformed(asked, 200, "the answer is not a list")
        return [machine for machine in map(parse_machine, answer) if not machine.gone]

    def get(self, machine_id: str) -> Machine:
        """One machine."""
        asked = f"look at machine {machine_id}"
        return parse_machine(json_of(self._sender.send("GET", f"{self._base}/{machine_id}", asked=asked), asked))

    def create(
        self, name: str, region: str, config: dict[str, Any], *, register: bool = True, secrets: int = 0
    ) -> Machine:
        """Create and launch a machine; with `register` False the proxy sends it no requests until it is uncordoned.

        It gets the app's secrets as of version `secrets` at least; 0 for whatever is there.
        """
        asked = f"create machine {name} of {self._app}"
        body = {"name": name, "region": region, "config": config, "skip_service_registration": not register}
        if secrets:
            body["min_secrets_version"] = secrets
        return parse_machine(json_of(self._sender.send("POST", self._base, json=body, asked=asked), asked))

    def wait(self, machine: Machine, state: str, timeout: float = 60) -> None:
        """Return when the machine is in `state`; raises TimedOut after `timeout` s, however few one call may wait.

        A machine that was just created may not be found for a while; NotFound is raised when that lasts.
        """
        asked = f"wait for machine {machine.id} to be {state}"
        begun = time.monotonic()
        shortest, longest = WAIT_SECONDS
        while True:
            left = begun + timeout - time.monotonic()
            if left <= 0:
                raise TimedOut(asked, 408, f"not {state} after {timeout:.0f} s")
            seconds = max(shortest, min(longest, int(left)))
            params = {"state": state, "timeout": seconds, "version": machine.instance_id or None}
            path = f"{self._base}/{machine.id}/wait"
            answer = self._sender.send("GET", path, params=params, asked=asked, accept=frozenset({404, 408}))
            if answer.is_success:
                return
            if answer.status_code == 404:
                if time.monotonic() - begun > UNKNOWN_SECONDS:
                    raise self._sender.error(asked, answer)
                time.sleep(0.25)

    def stop(self, machine_id: str) -> None:
        """Ask the machine to stop; its own kill signal and timeout apply."""
        self._act(machine_id, "stop")

    def execute(self, machine_id: str, command: Sequence[str], timeout: int = 10) -> str | None:
        """Standard output of a command run in the machine; None when it could not be run or failed."""
        path, asked = f"{self._base}/{machine_id}/exec", f"run {command[0]} in machine {machine_id}"
        body = {"command": [*command], "timeout": timeout}
        refusals = frozenset({400, 404, 408, 412, 422})
        answer = self._sender.send(
            "POST", path, json=body, headers=self._nonce(machine_id), asked=asked, idempotent=True, accept=refusals
        )
        outcome = json_of(answer, asked) if answer.is_success else {}
        return str(outcome.get("stdout", "")) if outcome.get("exit_code") == 0 else None

    def suspend(self, machine_id: str) -> bool:
        """Freeze the machine, memory and all; False when the platform will not (too much memory, not running)."""
        path, asked = f"{self._base}/{machine_id}/suspend", f"suspend machine {machine_id}"
        refusals = frozenset({400, 412, 422})
        answer = self._sender.send(
            "POST", path, headers=self._nonce(machine_id), asked=asked, idempotent=True, accept=refusals
        )
        return answer.is_success

    def start(self, machine_id: str) -> None:
        """Start a stopped or suspended machine."""
        self._act(machine_id, "start")

    def cordon(self, machine_id: str) -> None:
        """The proxy sends it no new requests."""
        self._act(machine_id, "cordon")

    def uncordon(self, machine_id: str) -> None:
        """The proxy sends it requests."""
        self._act(machine_id, "uncordon")

    def destroy(self, machine_id: str) -> None:
        """Destroy the machine, running or not; raises NotFound when the platform knows none such.

        Of one on a lost host nobody gets the lease, and nobody needs it.
        """
        asked = f"destroy machine {machine_id}"
        path = f"{self._base}/{machine_id}"
        params = {"force": "true", "kill": "true"}  # as documented, and as the provider's own tool says it
        self._sender.send("DELETE", path, params=params, headers=self._nonce(machine_id), asked=asked)
        self._nonces.pop(machine_id, None)  # its lease went with it

    def set_metadata(self, machine_id: str, key: str, value: str) -> None:
        """Set one metadata value."""
        asked = f"set metadata {key} of machine {machine_id}"
        path = f"{self._base}/{machine_id}/metadata/{key}"
        self._sender.send("POST", path, json={"value": value}, headers=self._nonce(machine_id), asked=asked)

    @contextmanager
    def leased(self, machine_id: str, description: str, ttl: int = 30) -> Iterator[None]:
        """Hold the machine's lease: others get 409 meanwhile. A lease whose holder dies ends after `ttl` seconds."""
        asked = f"lease machine {machine_id}"
        path = f"{self._base}/{machine_id}/lease"
        body = {"ttl": ttl, "description": description}
        answer = json_of(self._sender.send("POST", path, json=body, asked=asked), asked)
        nonce = (answer.get("data") or {}).get("nonce")
        if not nonce:
            raise Malformed(asked, 200, "the lease has no nonce")
        self._nonces[machine_id] = nonce
        try:
            yield
        finally:
            if held := self._nonces.pop(machine_id, None):
                headers = {"fly-machine-lease-nonce": held}
                # Best effort: what was done is done, and a lease that cannot be given back ends by itself.
                with contextlib.suppress(PlatformError):
                    self._sender.send("DELETE", path, headers=headers, asked=asked, accept=frozenset({404, 409}))

    def _nonce(self, machine_id: str) -> dict[str, str]:
        nonce = self._nonces.get(machine_id)
        return {"fly-machine-lease-nonce": nonce} if nonce else {}

    def _act(self, machine_id: str, verb: str) -> None:
        # Each of these names a state to be in, so asking twice does no harm.
        path = f"{self._base}/{machine_id}/{verb}"
        asked = f"{verb} machine {machine_id}"
        self._sender.send("POST", path, headers=self._nonce(machine_id), asked=asked, idempotent=True)
