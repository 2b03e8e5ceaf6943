"""Ways to run Python's hello world: bare, and in what others isolate with. Each is a function that yields seconds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.bench.runner.spawn import CLEAN, timed
from deploy.errors import DeployError
from deploy.processes import run
from deploy.workstation import docker_host

HELLO = 'print("Hello, world!")\n'
EXPECTED = "Hello, world!\n"
PYTHON = ("/usr/bin/python3", "-B", "main.py")
IMAGE = "codecanvas/runner"

_ISOLATE = ("isolate", "--box-id=97")

Timed = Callable[[], float]


@dataclass(frozen=True)
class Peer:
    """One way. It is measured in every `every`-th round: what takes long is asked less often."""

    name: str
    seconds: Timed
    every: int = 1


@dataclass(frozen=True)
class Absent:
    """One that this machine lacks, and why."""

    name: str
    reason: str


def bare(work: Path) -> Peer:
    """The interpreter alone, started by posix_spawn."""
    return Peer("bare", lambda: timed(PYTHON, expected=EXPECTED, directory=work))


@contextmanager
def peers(work: Path, tell: Callable[[str], None]) -> Iterator[tuple[list[Peer], list[Absent]]]:
    """Those that this machine has, ready to be measured, and those it lacks. `work` holds main.py."""
    found: list[Peer] = []
    lacking: list[Absent] = []
    with ExitStack() as stack:
        for name, make in {"bubblewrap": _bubblewrap, "isolate": _isolate, "docker run": _docker}.items():
            made = stack.enter_context(make(work))
            if isinstance(made, Absent):
                tell(f"{name} is left out: {made.reason}")
                lacking.append(made)
            else:
                found.append(made)
        yield found, lacking


@contextmanager
def _bubblewrap(work: Path) -> Iterator[Peer | Absent]:
    if shutil.which("bwrap") is None:
        yield Absent("bubblewrap", "not installed (apt-get install bubblewrap)")
        return
    command = ["bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for name in ("bin", "lib", "lib64"):
        if (link := Path("/") / name).is_symlink():
            command += ["--symlink", str(link.readlink()), str(link)]
        elif link.exists():
            command += ["--ro-bind", str(link), str(link)]
    command += ["--ro-bind", str(work), "/work", "--tmpfs", "/tmp", "--chdir", "/work", "--cap-drop", "ALL"]  # noqa: S108
    command += ["--new-session", "--die-with-parent", "--", *PYTHON]
    yield _tried(Peer("bubblewrap", lambda: timed(command, expected=EXPECTED)))


@contextmanager
def _isolate(work: Path) -> Iterator[Peer | Absent]:
    if shutil.which("isolate") is None:
        yield Absent("isolate", "not installed, and not a package of this Debian")
        return
    made = run([*_ISOLATE, "--init"], capture_output=True, text=True)
    if made.returncode:
        yield Absent("isolate", f"its box cannot be made: {made.stderr.strip()[:200]}")
        return
    try:
        (Path(made.stdout.strip()) / "box" / "main.py").write_text(HELLO)
        command = [*_ISOLATE, "--silent", "--processes=64", "--run", "--", *PYTHON]
        yield _tried(Peer("isolate", lambda: timed(command, expected=EXPECTED)))
    finally:
        run([*_ISOLATE, "--cleanup"], capture_output=True)


@contextmanager
def _docker(work: Path) -> Iterator[Peer | Absent]:
    try:
        environment = {**CLEAN, "DOCKER_HOST": docker_host()}
    except DeployError as error:
        yield Absent("docker run", str(error))
        return
    asked = ["docker", "images", "--quiet", IMAGE]
    listed = run(asked, env={**os.environ, **environment}, capture_output=True, text=True)
    if not listed.stdout.split():
        yield Absent("docker run", "the engine has no image of the runner (invoke build --env staging)")
        return
    command = ["docker", "run", "--rm", "--network=none", f"--volume={work}:/work:ro", "--workdir=/work"]
    command += ["--entrypoint=/usr/bin/python3", listed.stdout.split()[0], *PYTHON[1:]]
    yield _tried(Peer("docker run", lambda: timed(command, expected=EXPECTED, environment=environment), every=10))


def _tried(peer: Peer) -> Peer | Absent:
    """The peer, if it works here; its first time is not measured."""
    try:
        peer.seconds()
    except DeployError as failed:
        return Absent(peer.name, str(failed)[:300])
    return peer
