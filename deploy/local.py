"""Serves the service and its page on this machine without Docker, for `invoke up` and for local suites.

python -m deploy.local -- COMMAND …     serve on a free port, run COMMAND with CODECANVAS_LOCAL_URL, stop

"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from deploy import interrupts
from deploy.artifacts.frontend import CONFIG, Named, build_page, install_packages, site_files
from deploy.artifacts.source import read_source
from deploy.errors import DeployError, UsageError
from deploy.processes import GRACE, start, stop
from deploy.settings.chain import read_chain
from deploy.settings.environments import ROOT, EnvironmentConfig, Role
from deploy.workstation import need

URL_VARIABLE = "CODECANVAS_LOCAL_URL"
START_SECONDS = 60
STOP_SECONDS = 15  # it finishes the programs that run


def local_config(port: int | None = None) -> EnvironmentConfig:
    """The local environment; on another port, when given or when CODECANVAS_LOCAL_URL says where it is served."""
    config = next(config for config in read_chain().configs.values() if config.role is Role.LOCAL)
    given = f"http://localhost:{port}/" if port else os.environ.get(URL_VARIABLE)
    return replace(config, api_url=f"{given}api/v1/", frontend_url=given) if given else config


def build_site(config: EnvironmentConfig, place: Path, tell: Callable[[str], None]) -> Path:
    """Build the page for this machine into `place`."""
    logs = ROOT / "dist" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / "page-local.log"
    log.write_text("")
    install_packages(ROOT / "frontend", log, tell)
    site = place / "site"
    if site.exists():
        shutil.rmtree(site)
    tell("building the page")
    build_page(ROOT / "frontend", config.name, site, log)
    # The page's own configuration, with the port that is really served, and what is checked out.
    source = read_source(ROOT)
    image = {f"site/{CONFIG}": b"", f"config/{config.name}/{CONFIG}": (site / CONFIG).read_bytes()}
    files = site_files(image, config.name, Named(source.version, source.sha), config.api_url)
    (site / CONFIG).write_bytes(files[CONFIG])
    return site


def service_environment(config: EnvironmentConfig, site: Path, port: int) -> dict[str, str]:
    """The process environment of the service."""
    source = read_source(ROOT)
    return {
        **{key: value for key, value in os.environ.items() if "TOKEN" not in key},
        "RUNNER_ENVIRONMENT": config.name,
        "RUNNER_ROLE": config.role,
        "RUNNER_VERSION": source.version,
        "RUNNER_SHA": source.sha,
        "RUNNER_SITE": str(site),
        "RUNNER_HOST": "127.0.0.1",
        "RUNNER_PORT": str(port),
        "NUM_RUNNERS": str(config.resource_limits.num_runners),
        "RUN_TIMEOUT": f"{config.resource_limits.timeout:g}",
    }


@contextmanager
def serving(tell: Callable[[str], None], port: int | None = None) -> Iterator[EnvironmentConfig]:
    """The service and its page, ready; stopped at the end. `port` None means the one of `.env.local`."""
    config = local_config(port)
    port = port or httpx.URL(config.api_url).port or 10100
    need("sandbox", tell=tell)
    _refuse_taken(port)
    with tempfile.TemporaryDirectory(prefix="codecanvas-") as scratch:
        site = build_site(config, Path(scratch), tell)
        log = ROOT / "dist" / "logs" / f"service-{port}.log"
        with log.open("wb") as output:
            process = start(
                [sys.executable, "-m", "backend.runner"],
                cwd=ROOT,
                env=service_environment(config, site, port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            _wait_ready(config, process, log)
            yield config
        finally:
            stop(process, STOP_SECONDS)


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise UsageError(f"port {port} is taken; stop what serves there, or choose another: --port N") from None


def _wait_ready(config: EnvironmentConfig, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DeployError(f"the service ended with exit code {process.returncode} while starting", log=log)
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{config.service_url}readyz", timeout=30).is_success:
                return
        time.sleep(0.1)
    raise DeployError(f"the service was not ready after {START_SECONDS} s", log=log)


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(arguments: list[str]) -> int:
    """Serve on a free port and run a command that finds the address in its environment; returns its exit code."""
    if not arguments or arguments[0] != "--" or len(arguments) < 2:
        sys.stderr.write("usage: python -m deploy.local -- COMMAND …\n")
        return 2
    try:
        need("languages")
        with serving(lambda text: None, free_port()) as config:
            environment = {**os.environ, URL_VARIABLE: config.frontend_url}
            # In our session, unlike other children: it is a person's own program, which may ask things on the terminal.
            with subprocess.Popen(arguments[1:], env=environment) as command:
                try:
                    return command.wait()
                except interrupts.Interrupted:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        command.wait(GRACE)  # a terminal's Ctrl+C has reached it too
                    command.terminate()
                    raise
    except DeployError as failed:
        sys.stderr.write(f"error: {failed}\n")
        if failed.log:
            sys.stderr.write(failed.log.read_text(errors="replace")[-2000:])
        return failed.exit_code


if __name__ == "__main__":
    interrupts.from_now_on(lambda: f"{' '.join(sys.argv[2:])} and the service it used were stopped")
    interrupts.guarded(lambda: main(sys.argv[1:]))
