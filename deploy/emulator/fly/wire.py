"""The Machines API's shapes: how a machine, an app and an error look on the wire, and how a body is read."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deploy.emulator.errors import FlyRefusal
from deploy.emulator.machines.leases import current
from deploy.emulator.model import App, Lease, Machine

Json = dict[str, Any]

MAX_BODY = 2 << 20
CURSOR_HEADER = "fly-next-cursor"
NONCE_HEADER = "fly-machine-lease-nonce"
_NOT_IN_SUMMARY = ("config", "checks", "events", "host_status", "nonce")


async def read_object(request: Request) -> Json:
    """The request's JSON object, {} for an empty body. Raises FlyRefusal 400 or 413."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY:
            raise FlyRefusal(413, f"the body is larger than {MAX_BODY} bytes")
    try:
        value = json.loads(content or b"{}")
    except ValueError as error:
        raise FlyRefusal(400, f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise FlyRefusal(400, "the body is not a JSON object")
    return value


KNOWN_OF_LOST = ("image", "guest", "metadata")
"""What the provider can still put together of the configuration of a machine whose host cannot be reached."""


def machine_json(machine: Machine, *, nonce: bool = False, summary: bool = False) -> Json:
    """A machine; its lease's nonce only for the one who has just taken it."""
    shown: Json = {
        "id": machine.id,
        "name": machine.name,
        "state": machine.state,
        "region": machine.region,
        "instance_id": machine.instance_id,
        "private_ip": machine.private_ip,
        "image_ref": machine.image,
        "config": machine.config,
        "checks": list(machine.checks.values()),
        "events": machine.events,
        "host_status": "ok",
        "cordoned": machine.cordoned or not machine.registered,
        "created_at": machine.created_at,
        "updated_at": machine.updated_at,
    }
    if nonce and (lease := current(machine, time.time())):
        shown["nonce"] = lease.nonce
    return {key: value for key, value in shown.items() if not (summary and key in _NOT_IN_SUMMARY)}


def lost_json(shown: Json, how: Sequence[str]) -> Json:
    """A machine as it is shown while its host cannot be reached.

    `how`: "bare" without its metadata, "unknown" on a host of which nothing is known, "whole" with all that was known.
    """
    status = "unknown" if "unknown" in how else "unreachable"
    if "whole" in how:
        return shown | {"host_status": status}
    config = {key: shown["config"][key] for key in KNOWN_OF_LOST if key in shown["config"]}
    if "bare" in how:
        config.pop("metadata", None)
    left = {key: value for key, value in shown.items() if key not in ("config", "checks")}
    return left | {"incomplete_config": config, "host_status": status}


def paged(machines: list[Machine], cursor: str | None, limit: str | None) -> tuple[list[Machine], dict[str, str]]:
    """A page of the list and the header that leads to the next one; all of it without `limit`. Raises FlyRefusal."""
    if limit is not None and not (limit.isdecimal() and int(limit)):
        raise FlyRefusal(400, f"limit {limit!r} is not a positive number")
    if cursor:
        try:
            created, identifier = base64.b64decode(cursor, b"-_", validate=True).decode().split()
        except ValueError as error:
            raise FlyRefusal(400, "cursor is not one that a list was answered with") from error
        machines = [machine for machine in machines if (machine.created_at, machine.id) > (created, identifier)]
    if limit is None or len(machines) <= int(limit):
        return machines, {}
    machines = sorted(machines, key=lambda machine: (machine.created_at, machine.id))[: int(limit)]
    last = base64.urlsafe_b64encode(f"{machines[-1].created_at} {machines[-1].id}".encode()).decode()
    return machines, {CURSOR_HEADER: last}


def app_json(app: App, machines: int, volumes: int) -> Json:
    """An app."""
    return {
        "id": app.id,
        "name": app.name,
        "network": app.network,
        "status": "deployed" if machines else "pending",
        "machine_count": machines,
        "volume_count": volumes,
        "organization": {"name": app.org_slug, "slug": app.org_slug},
    }


def lease_json(lease: Lease, machine: Machine) -> Json:
    """A lease, wrapped as the API wraps this one thing."""
    data = {
        "nonce": lease.nonce,
        "expires_at": int(lease.expires_at),
        "owner": lease.owner,
        "description": lease.description,
        "version": machine.instance_id,
    }
    return {"status": "success", "data": data}


def ok() -> JSONResponse:
    """The answer of what has nothing else to say."""
    return JSONResponse({"ok": True})


def refused(refusal: FlyRefusal) -> Response:
    """An error as the API writes it."""
    return JSONResponse({"error": refusal.message, "status": refusal.code}, status_code=refusal.status)
