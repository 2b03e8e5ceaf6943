"""Finds a Docker engine, or starts a private one, which is stopped when its last user leaves.

The private engine is one for this machine (it needs root anyway), so that several clones share images and never a
bridge's name. Each clone that uses it leaves a mark; `stop_engine` ends it when the last mark is taken away.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from deploy.errors import MachineLacks
from deploy.settings.environments import ROOT
from deploy.workstation.packages import need

DATA = Path("/var/lib/codecanvas")
RUN = Path("/run/codecanvas")
SOCKET = f"unix://{RUN}/docker.sock"
DEFAULT = "unix:///var/run/docker.sock"


def answers(host: str) -> bool:
    """Whether a Docker engine answers at `host`."""
    if host.startswith("unix://") and not _listens(host.removeprefix("unix://")):
        return False  # the SDK would leave its socket open, also where an engine that ended left its file
    import docker  # slow to import, and most verbs need no engine
    import docker.errors

    client = None
    try:
        client = docker.DockerClient(base_url=host, timeout=5)
        return bool(client.ping())
    except (docker.errors.DockerException, OSError, ValueError):
        return False
    finally:
        if client is not None:
            client.close()


def _listens(path: str) -> bool:
    """Whether something accepts connections at the Unix socket `path`."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def docker_host(tell: Callable[[str], None] | None = None) -> str:
    """Address of an engine that answers: DOCKER_HOST, the usual socket, or the private one, started when need be.

    Raises MachineLacks when none can be had.
    """
    for host in filter(None, (os.environ.get("DOCKER_HOST"), DEFAULT)):
        if host != SOCKET and answers(host):
            return host
    if os.geteuid() != 0:
        raise MachineLacks(
            "no Docker engine answers. Start one (sudo systemctl start docker; sudo usermod -aG docker $USER), "
            "or install one: sudo apt-get install -y docker.io; or set DOCKER_HOST"
        )
    need("engine", tell=tell)
    RUN.mkdir(parents=True, exist_ok=True)
    DATA.mkdir(parents=True, exist_ok=True)
    with FileLock(DATA / "engine.lock"):
        if not answers(SOCKET):
            _start()
        _mark().parent.mkdir(parents=True, exist_ok=True)
        _mark().write_text(f"{ROOT}\n")
    return SOCKET


def running_host() -> str | None:
    """Address of an engine that answers now, as `docker_host` looks for one; none is started."""
    return next((host for host in (os.environ.get("DOCKER_HOST"), DEFAULT, SOCKET) if host and answers(host)), None)


def stop_engine() -> bool:
    """Take this clone's mark away; stop the private engine when no other clone uses it. True when it was stopped."""
    if not _mark().exists():
        return False
    with FileLock(DATA / "engine.lock"):
        _mark().unlink(missing_ok=True)
        if any(Path(mark.read_text().strip()).is_dir() for mark in _mark().parent.iterdir()):
            return False
        return _stop()


def _mark() -> Path:
    return RUN / "users" / hashlib.sha256(str(ROOT).encode()).hexdigest()[:16]


def _start() -> None:
    pidfile = RUN / "docker.pid"
    if pidfile.exists() and not _alive(pidfile):
        pidfile.unlink()
    log = DATA / "engine.log"
    command = ["dockerd", "--data-root", str(DATA / "engine"), "--exec-root", str(RUN / "engine")]
    command += ["--host", SOCKET, "--pidfile", str(pidfile)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, close_fds=True
        )
    deadline = time.monotonic() + 60
    while not answers(SOCKET):
        if process.poll() is not None or time.monotonic() > deadline:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            raise MachineLacks(
                f"the Docker engine did not start:\n{last}\nThe whole log is {log}; or set DOCKER_HOST to an engine"
            )
        time.sleep(0.1)


def _alive(pidfile: Path) -> bool:
    try:
        name = Path(f"/proc/{int(pidfile.read_text())}/comm").read_text().strip()
    except (OSError, ValueError):
        return False
    return name == "dockerd"


def _stop() -> bool:
    pidfile = RUN / "docker.pid"
    if not _alive(pidfile):
        return False
    os.kill(int(pidfile.read_text()), signal.SIGTERM)
    deadline = time.monotonic() + 30
    while _alive(pidfile) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not _alive(pidfile)
