"""The service started in each way that isolates differently, with its accelerations or without them."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.artifacts.backend import make_backend
from deploy.artifacts.selection import select_languages
from deploy.artifacts.source import read_source
from deploy.errors import DeployError
from deploy.settings.environments import ROOT
from deploy.workstation import docker_host, need

MODES = {
    "root": "root with control groups: each slot has a uid of its own",
    "container": "an unprivileged container of the image, with the project's own seccomp profile",
    "user": "a plain user without control groups: user namespaces and watchers",
}
ACCELERATIONS = ("all", "off")

PLAIN_UID = 12345
"""No account of Debian's, and none of a slot's."""

_CONFINED = (
    "--user=10001:10001", f"--security-opt=seccomp={ROOT / 'backend/seccomp.json'}",
    "--security-opt=systempaths=unconfined", "--security-opt=apparmor=unconfined", "--cap-drop=ALL",
)  # fmt: skip

_START_SECONDS = 180.0  # warming every compile cache on a busy machine takes a while
_STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Running:
    """A service that is ready: its root URL, its process on this machine, and where it logs."""

    url: str
    pid: int
    log: Path


@contextlib.contextmanager
def serving(
    mode: str, accelerations: str, settings: Mapping[str, str] | None = None, languages: str = "core"
) -> Iterator[Running]:
    """The service in `mode`, ready; stopped at the end. Needs root, which alone can start it in every one.

    `settings` are variables of the service beyond the usual; `languages` are those of a container's image. Raises
    DeployError, which names the service's log.
    """
    if os.geteuid() != 0:
        raise DeployError("only root can start the service in each of its modes; run this as root")
    need("sandbox", "languages")
    port = _free_port()
    logs = ROOT / "dist" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"hostile-{mode}-{accelerations}-{port}.log"
    variables = {
        "RUNNER_ENVIRONMENT": "local",
        "RUNNER_ACCELERATIONS": accelerations,
        "NUM_RUNNERS": "4",
        "RUN_TIMEOUT": "10",
        **(settings or {}),
    }
    ways: dict[str, Callable[[int, Mapping[str, str], Path], contextlib.AbstractContextManager[int]]] = {
        "root": _as_root,
        "container": functools.partial(_in_container, languages),
        "user": _as_user,
    }
    with ways[mode](port, variables, log) as pid:
        url = f"http://127.0.0.1:{port}/"
        _wait_ready(url, pid, log)
        yield Running(url, pid, log)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_ready(url: str, pid: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and _runs(pid):
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}readyz", timeout=30).is_success:
                return
        time.sleep(0.2)
    raise DeployError("the service did not become ready", log=log)


def _runs(pid: int) -> bool:
    """Whether the process is there, and not merely waiting for its parent to hear of its end."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2][0] != "Z"
    return False


@contextlib.contextmanager
def _process(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """A process from start to end, with a clean environment."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd="/", env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        process.kill()
        process.wait()


def _environment(port: int, variables: Mapping[str, str], scratch: str, root: str, packages: str) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": scratch,
        "TMPDIR": scratch,
        "PYTHONPATH": f"{root}:{packages}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "RUNNER_HOST": "127.0.0.1",
        "RUNNER_PORT": str(port),
        **variables,
    }


@contextlib.contextmanager
def _as_root(port: int, variables: Mapping[str, str], log: Path) -> Iterator[int]:
    with tempfile.TemporaryDirectory(prefix="codecanvas-hostile-") as scratch:
        Path(scratch).chmod(0o755)  # slots have uids of their own
        environment = _environment(port, variables, scratch, str(ROOT), sysconfig.get_path("purelib"))
        with _process([sys.executable, "-m", "backend.runner"], environment, log) as pid:
            yield pid


@contextlib.contextmanager
def _as_user(port: int, variables: Mapping[str, str], log: Path) -> Iterator[int]:
    """A user who can read neither this clone nor its Python, perhaps: both are bound to where everybody can.

    `unshare`, the shell and `setpriv` each become the next: the process that is started is the service.
    """
    with tempfile.TemporaryDirectory(prefix="codecanvas-hostile-") as scratch:
        home = Path(scratch)
        home.chmod(0o755)
        for name in ("root", "python", "packages", "home"):
            (home / name).mkdir()
        os.chown(home / "home", PLAIN_UID, PLAIN_UID)
        bound = {ROOT: "root", Path(sys.base_prefix): "python", Path(sysconfig.get_path("purelib")): "packages"}
        script = [f"mount --bind -o ro '{place}' '{home / name}'" for place, name in bound.items()]
        setpriv = f"setpriv --reuid {PLAIN_UID} --regid {PLAIN_UID} --clear-groups --bounding-set=-all --inh-caps=-all"
        python = home / "python" / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        script.append(f"exec {setpriv} '{python}' -m backend.runner")
        libraries = str(home / "python" / "lib")  # where Python was not built to be moved, it finds its own there
        variables = {"RUNNER_CGROUPS": "off", "LD_LIBRARY_PATH": libraries, **variables}
        environment = _environment(port, variables, str(home / "home"), str(home / "root"), str(home / "packages"))
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", "\n".join(script)]
        with _process(command, environment, log) as pid:
            yield pid


@contextlib.contextmanager
def _in_container(languages: str, port: int, variables: Mapping[str, str], log: Path) -> Iterator[int]:
    host = docker_host()
    environment = {**os.environ, "DOCKER_HOST": host}
    options = [f"--env={name}={value}" for name, value in variables.items()]
    options += [*_CONFINED, f"--publish=127.0.0.1:{port}:10100"]
    container = _docker(environment, "run", "--detach", *options, _image(host, languages))
    try:
        pid = int(_docker(environment, "inspect", "--format={{.State.Pid}}", container))
        if not pid:
            log.write_text(_docker(environment, "logs", container))
            raise DeployError("the container ended at once", log=log)
        yield pid
    finally:
        with log.open("wb") as output:
            subprocess.run(["docker", "logs", container], env=environment, stdout=output, stderr=output, check=False)
        _docker(environment, "rm", "--force", container)


def run_in_container(languages: str, *words: str) -> int:
    """Exit code of `words` in a container like the service's, which sees `tests` as well; it prints as it goes.

    Raises DeployError where the image cannot be built.
    """
    need("sandbox")
    host = docker_host()
    options = [f"--volume={ROOT / 'tests'}:/opt/codecanvas/tests:ro", *_CONFINED]
    command = ["docker", "run", "--rm", *options, _image(host, languages), *words]
    return subprocess.run(command, env={**os.environ, "DOCKER_HOST": host}, check=False).returncode


def _docker(environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeployError(f"docker {arguments[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()


def _image(host: str, languages: str) -> str:
    """The image of this tree with `languages`; layers that the engine has already are not built again."""
    log = ROOT / "dist" / "logs" / "hostile-image.log"
    chosen = select_languages(languages)
    return make_backend(ROOT, read_source(ROOT), chosen, host, log, lambda _: None)
