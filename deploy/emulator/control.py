"""The verbs: start, stop and find an emulator by its state directory. Standard library only."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deploy.emulator.errors import EmulatorError
from deploy.emulator.files import write_json

START_SECONDS = 90.0  # engine slow, images to pull again for every machine that is restored
STOP_SECONDS = 30.0
IDLE_SECONDS = 300.0  # "every few minutes", the provider says
LAG_SECONDS = 2.0  # of what the edge knows of machines
REGION = "fra"  # where the edge is: it serves from there if it can
LOG_LINES = 15
DEBIAN_PACKAGE = {"caddy": "caddy", "registry": "docker-registry"}


@dataclass(frozen=True)
class Tenant:
    """One environment's holdings: its Fly app and its Pages project, and the host names they answer to.

    `organization` is the slug of the Fly organisation that its token belongs to; "" for any.
    """

    environment: str
    app: str
    project: str
    app_host: str
    project_host: str
    organization: str = ""


@dataclass(frozen=True)
class Running:
    """Where a running emulator answers.

    `fly_api` is the origin to which clients add `/v1/apps…`; `registry` is `host:port`; `edge` routes by Host header,
    as `plain` does, which stands for the edge's port 80 while all others stand for HTTPS; `urls` maps each tenant's
    host to a loopback address that behaves as that host.
    """

    pid: int
    fly_api: str
    cloudflare_api: str
    registry: str
    edge: str
    urls: Mapping[str, str]
    plain: str = ""


def running(state: Path) -> Running | None:
    """The emulator of this state directory, or None when none is up. Reads two small files, asks nobody."""
    try:
        record: dict[str, Any] = json.loads((state / "emulator.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if record.pop("ticks", None) != process_ticks(record["pid"]):
        return None
    return Running(**record)


def process_ticks(pid: int) -> int | None:
    """When the process began, in clock ticks since boot: with the pid it names a process for good. None: ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def start(
    state: Path,
    tenants: Sequence[Tenant],
    *,
    docker_host: str,
    caddy: Path,
    registry: Path,
    seccomp: Path | None,
    rates: Literal["off", "documented"] = "off",
    plan: Literal["free", "paid"] = "free",
    idle_seconds: float = IDLE_SECONDS,
    lag: float = LAG_SECONDS,
    projects: bool = True,
    region: str = REGION,
) -> Running:
    """The emulator of `state`, started when it does not run; returns once it answers and has restored its machines.

    `tenants` may grow from one start to the next, never while running. `seccomp` is a profile for machines, by
    default the engine's own. `rates` are the provider's limits on requests, `plan` is that of Pages (how many files it
    takes), `idle_seconds` the time after which a machine that nobody asks may be stopped, if its configuration says
    so, `lag` the seconds after which the edge learns of a change of a machine, `region` where the edge is; without
    `projects` the accounts are new, and have no Pages project. Raises EmulatorError with the last lines of its log.
    """
    state = state.absolute()
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    state.chmod(0o700)
    for name, binary in (("caddy", caddy), ("registry", registry)):
        if not os.access(binary, os.X_OK):
            package = DEBIAN_PACKAGE[name]
            raise EmulatorError(f"{binary} is missing; install it: sudo apt-get install -y {package}")
    settings = {
        "tenants": [dataclasses.asdict(tenant) for tenant in tenants],
        "docker_host": docker_host,
        "caddy": str(caddy.absolute()),
        "registry": str(registry.absolute()),
        "seccomp": None if seccomp is None else str(seccomp.absolute()),
        "rates": rates,
        "plan": plan,
        "idle_seconds": idle_seconds,
        "lag": lag,
        "projects": projects,
        "region": region,
    }
    with _one_at_a_time(state):
        if found := running(state):
            _refuse_other_tenants(state, settings["tenants"], found)
            return found
        write_json(state / "settings.json", settings)
        return _spawn(state)


def stop(state: Path) -> bool:
    """End the emulator of `state`, with its children, containers and networks; keep its data.

    True when something was running. Containers left by one that was killed are removed as well.
    """
    state = state.absolute()
    if not (state / "settings.json").exists():
        return False
    with _one_at_a_time(state):
        found = running(state)
        if found is not None:
            _end(found.pid, state)
            return True
        if not (state / "emulator.json").exists():
            return False
        _sweep(state)
        (state / "emulator.json").unlink()
        return True


@contextlib.contextmanager
def _one_at_a_time(state: Path) -> Iterator[None]:
    with (state / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _refuse_other_tenants(state: Path, wanted: object, found: Running) -> None:
    known = json.loads((state / "settings.json").read_text())["tenants"]
    missing = [tenant for tenant in wanted if tenant not in known] if isinstance(wanted, list) else []
    if missing:
        names = ", ".join(tenant["environment"] for tenant in missing)
        raise EmulatorError(
            f"the emulator in {state} (pid {found.pid}) runs without {names}; stop it, then start again"
        )


def _spawn(state: Path) -> Running:
    """Start the host process and wait for its word on a pipe, or for the pipe's end when it dies."""
    logs = state / "logs"
    logs.mkdir(exist_ok=True, mode=0o700)
    log = logs / "emulator.log"
    told, tell = os.pipe()
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONUNBUFFERED": "1"}
    # Docker is spoken to in threads, and glibc gives each an arena of its own that it hardly ever shrinks.
    environment["MALLOC_ARENA_MAX"] = "2"
    with log.open("ab") as output:
        # A shell in between, which ends at once: the host process is nobody's child here and leaves no zombie.
        command = ["/bin/sh", "-c", '"$@" & ', "sh", sys.executable, "-m", "deploy.emulator", "serve"]
        subprocess.run(
            [*command, "--state", str(state), "--ready-fd", str(tell)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            pass_fds=(tell,),
            start_new_session=True,
            check=True,
        )
    os.close(tell)
    with os.fdopen(told, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], START_SECONDS)
        word = pipe.readline() if ready else b""
    found = running(state) if word == b"ready\n" else None
    if found is None:
        raise EmulatorError(_story(log, "did not answer in time" if not ready else "ended while starting"), log=log)
    return found


def _story(log: Path, what: str) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
    return "\n".join([f"the emulator {what}; the whole log is {log}", *(f"    {line}" for line in lines)])


def _end(pid: int, state: Path) -> None:
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
            if select.select([handle], [], [], STOP_SECONDS)[0]:
                return
        finally:
            os.close(handle)
        log = state / "logs" / "emulator.log"
        raise EmulatorError(_story(log, f"(pid {pid}) did not end within {STOP_SECONDS:.0f} s"), log=log)


def _sweep(state: Path) -> None:
    """Remove what a killed emulator left in the engine."""
    from deploy.emulator.docker_engine import Engine  # only here is the Docker SDK worth its import time

    settings = json.loads((state / "settings.json").read_text())
    deadline = time.monotonic() + STOP_SECONDS
    instance = json.loads((state / "state.json").read_text())["instance"]
    Engine(settings["docker_host"], instance, seccomp=None).sweep(deadline)
