"""Machines as containers: the only place that speaks to Docker. Every call blocks; run it in a thread."""

from __future__ import annotations

import contextlib
import io
import math
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.utils.socket import frames_iter

from deploy.emulator.errors import EngineFailed

LABEL = "codecanvas.emulator"
LOG_TAIL = 2000


@dataclass(frozen=True)
class Container:
    """What a machine's container is made of. Memory in MiB.

    `files` are path → content, put there before it starts; `binds` are directories of this machine → paths in it.
    """

    name: str
    image: str
    network: str
    environment: dict[str, str]
    labels: dict[str, str]
    memory_mb: int
    swap_mb: int
    cpus: float
    stop_signal: str
    entrypoint: Sequence[str] | None = None
    command: Sequence[str] | None = None
    hostname: str = ""
    binds: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Exit:
    """A container's end. `code` is None while it runs."""

    code: int | None
    oom_killed: bool


class Engine:
    """The engine at `host`, seen only through what carries `instance`'s label. `seccomp` is a profile's content."""

    def __init__(self, host: str, instance: str, seccomp: str | None) -> None:
        self._instance, self._seccomp = instance, seccomp
        self._networks = threading.Lock()
        try:
            self._api = docker.APIClient(base_url=host, version="auto", timeout=120, max_pool_size=32)
            self._cpus = float(self._api.info()["NCPU"])
        except (DockerException, requests.RequestException) as error:
            raise EngineFailed(
                f"no Docker engine answers at {host} ({error}); start one, or set DOCKER_HOST"
            ) from error

    def labels(self, app: str, machine: str) -> dict[str, str]:
        """The labels of a machine's container."""
        return {LABEL: self._instance, "codecanvas.app": app, "codecanvas.machine": machine}

    def network(self, app: str) -> str:
        """The name of the app's network, made when absent. Docker keeps such networks apart from each other."""
        name = f"cc-{self._instance}-{app}"
        # Two machines may be created at once, and the engine itself takes two networks of one name.
        with self._networks, _told(f"network {name}"):
            if not self._api.networks(names=[f"^{name}$"]):
                labels = {LABEL: self._instance, "codecanvas.app": app}
                self._api.create_network(name, driver="bridge", labels=labels, check_duplicate=True)
        return name

    def pull(self, repository: str, digest: str, password: str) -> dict[str, str]:
        """Bring `repository@digest` into the engine unless it is there; the image's labels.

        The password goes along with this one call and into no configuration file.
        """
        image = f"{repository}@{digest}"
        with _told(f"image {image}"):
            try:
                found = self._inspect(image)
            except NotFound:
                credentials = {"username": "x", "password": password}
                for line in self._api.pull(repository, tag=digest, stream=True, decode=True, auth_config=credentials):
                    if "error" in line:
                        raise EngineFailed(f"image {image} cannot be pulled: {line['error']}") from None
                found = self._inspect(image)
        return dict(found["Config"].get("Labels") or {})

    def create(self, wanted: Container) -> None:
        """Make the container, stopped; one of the same name is replaced."""
        self.remove(wanted.name)
        host = self._api.create_host_config(
            mem_limit=wanted.memory_mb << 20,
            memswap_limit=(wanted.memory_mb + wanted.swap_mb) << 20,
            nano_cpus=int(min(wanted.cpus, self._cpus) * 1e9),
            init=False,
            network_mode=wanted.network,
            binds={source: {"bind": target, "mode": "rw"} for source, target in wanted.binds.items()},
            security_opt=["apparmor=unconfined", *([f"seccomp={self._seccomp}"] if self._seccomp else [])],
        )
        # `--security-opt systempaths=unconfined` in the API's own words: a machine stands for a virtual machine that
        # has a kernel, and so a whole /proc and /sys, of its own. Docker's AppArmor profile would forbid its mounts.
        host["MaskedPaths"] = []
        host["ReadonlyPaths"] = []
        with _told(f"container {wanted.name}"):
            self._api.create_container(
                wanted.image,
                command=list(wanted.command) if wanted.command is not None else None,
                entrypoint=list(wanted.entrypoint) if wanted.entrypoint is not None else None,
                name=wanted.name,
                hostname=wanted.hostname,
                environment=wanted.environment,
                labels=wanted.labels,
                host_config=host,
                stop_signal=wanted.stop_signal,
            )
            if wanted.files:
                self._api.put_archive(wanted.name, "/", _archive(wanted.files))

    def start(self, name: str) -> str:
        """Start it; its address on the app's network."""
        with _told(f"container {name}"):
            self._api.start(name)
            return self._address(name)

    def stop(self, name: str, signal: str, seconds: float) -> None:
        """Send `signal`, wait `seconds`, then kill."""
        with _told(f"container {name}"), contextlib.suppress(NotFound):
            if self.exit_of(name).code is not None:
                return
            self._signal(name, signal)
            try:
                self._api.wait(name, timeout=math.ceil(max(seconds, 1)))
            except (requests.ConnectionError, requests.Timeout):  # how the SDK says that the wait took too long
                self._signal(name, "SIGKILL")
                self._api.wait(name, timeout=30)

    def signal(self, name: str, signal: str) -> None:
        """Send a signal."""
        with _told(f"container {name}"):
            self._signal(name, signal)

    def pause(self, name: str) -> None:
        """Freeze it, memory and all."""
        with _told(f"container {name}"):
            self._api.pause(name)

    def unpause(self, name: str) -> str:
        """Let a frozen one go on; its address on the app's network."""
        with _told(f"container {name}"):
            self._api.unpause(name)
            return self._address(name)

    def exit_of(self, name: str) -> Exit:
        """How it ended, when it did."""
        with _told(f"container {name}"):
            state = self._api.inspect_container(name)["State"]
        running = state["Running"] or state["Status"] == "created"
        return Exit(None if running else int(state["ExitCode"]), bool(state.get("OOMKilled")))

    def remove(self, name: str) -> None:
        """Kill and remove it; gone is gone."""
        with _told(f"container {name}"), contextlib.suppress(NotFound):
            self._api.remove_container(name, force=True, v=True)

    def keep_output(self, name: str, path: Path) -> None:
        """Write the last lines of a container's output to `path`; a container that is gone leaves what was there."""
        with contextlib.suppress(APIError, requests.RequestException):
            path.write_bytes(bytes(self._api.logs(name, tail=LOG_TAIL, timestamps=True)))

    def run(self, name: str, command: Sequence[str], given: bytes = b"") -> tuple[int, bytes, bytes]:
        """Run a command in it with `given` as its standard input: exit code, standard output and error."""
        with _told(f"container {name}"):
            made = self._api.exec_create(name, list(command), stdin=bool(given))
            out: bytes | None
            err: bytes | None
            if given:
                out, err = _converse(self._api.exec_start(made["Id"], socket=True), given)
            else:
                out, err = self._api.exec_start(made["Id"], demux=True)
            return int(self._api.exec_inspect(made["Id"])["ExitCode"]), out or b"", err or b""

    def exits(self, tell: Callable[[str], None]) -> Callable[[], None]:
        """Call `tell(container name)` at every end of one of ours, from now until the returned function is called."""
        filters = {"type": "container", "event": "die", "label": f"{LABEL}={self._instance}"}
        stream = self._api.events(decode=True, filters=filters)

        def follow() -> None:
            for event in stream:
                tell(event["Actor"]["Attributes"]["name"])

        thread = threading.Thread(target=follow, name="engine-events", daemon=True)
        thread.start()
        return stream.close

    def sweep(self, deadline: float | None = None) -> None:
        """Remove every container and network of this emulator."""
        ours = {"label": f"{LABEL}={self._instance}"}
        with _told("what an emulator left"):
            for container in self._api.containers(all=True, filters=ours):
                self.remove(container["Id"])
                if deadline and time.monotonic() > deadline:
                    raise EngineFailed("the engine is too slow in removing containers; try again")
            for network in self._api.networks(filters=ours):
                with contextlib.suppress(NotFound):
                    self._api.remove_network(network["Id"])

    def _address(self, name: str) -> str:
        networks = self._api.inspect_container(name)["NetworkSettings"]["Networks"]
        return str(next(iter(networks.values()))["IPAddress"])

    def _inspect(self, image: str) -> dict[str, Any]:
        found: dict[str, Any] = self._api.inspect_image(image)  # type: ignore[no-untyped-call]
        return found

    def _signal(self, name: str, signal: str) -> None:
        try:
            self._api.kill(name, signal)
        except APIError as error:
            if error.status_code != 409:  # 409: it has ended meanwhile
                raise


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn the SDK's errors into EngineFailed, naming what was worked on; NotFound passes for those who expect it."""
    try:
        yield
    except NotFound:
        raise
    except (APIError, requests.RequestException) as error:
        told: Any = getattr(error, "explanation", None) or error
        raise EngineFailed(f"{what}: {told}") from error


def _converse(stream: Any, given: bytes) -> tuple[bytes, bytes]:
    """Send all input and its end, then read both outputs. (A command that first talks much would block; few do.)"""
    connection = getattr(stream, "_sock", stream)  # the SDK gives a reader around the socket
    try:
        connection.sendall(given)
        connection.shutdown(socket.SHUT_WR)
        outputs = {1: b"", 2: b""}
        for number, chunk in frames_iter(connection, tty=False):  # type: ignore[no-untyped-call]
            outputs[number] += chunk
        return outputs[1], outputs[2]
    finally:
        connection.close()
        stream.close()


def _archive(files: dict[str, bytes]) -> bytes:
    """A tar of absolute paths for Docker to unpack at the root."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return whole.getvalue()
