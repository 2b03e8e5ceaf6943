"""A running emulator as tests speak to it: past every client of ours, with nothing but HTTP and the engine's SDK."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import posixpath
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import httpx
from blake3 import blake3
from docker.errors import ImageNotFound

from deploy import workstation
from deploy.emulator import Running, Tenant, start, stop
from deploy.emulator.faults import FaultClient

TENANTS = (
    Tenant("staging", "runner-staging", "staging-frontend", "runner-staging.fly.dev", "staging-frontend.pages.dev"),
    Tenant("production", "runner", "production-frontend", "runner.fly.dev", "production-frontend.pages.dev"),
)
# A web server of two megabytes: a file to be healthy by, and scripts that say who answers. The image's name
# tells its content apart.
CONTEXT = {
    "Dockerfile": """\
FROM debian:trixie-slim AS tools
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends busybox-static
RUN mkdir -p /out/bin /out/tmp && cp "$(command -v busybox)" /out/bin/busybox \\
    && for name in sh cat echo sleep httpd rm kill touch id; do ln -s busybox /out/bin/$name; done
FROM scratch
COPY --from=tools /out /
COPY serve /serve
COPY who slow /www/cgi-bin/
COPY healthz /www/healthz
LABEL purpose=emulator-test
CMD ["/bin/sh", "/serve"]
""",
    "serve": """\
if [ "$EXIT" ]; then echo "leaves with $EXIT" >&2; exit "$EXIT"; fi
trap 'kill $server; sleep 0.3; exit 0' INT TERM
httpd -f -p 8080 -h /www & server=$!
wait $server
""",
    "who": """\
#!/bin/sh
body=$(cat)
printf 'Content-Type: application/json\\r\\n\\r\\n'
printf '{"machine":"%s","version":"%s","host":"%s","secret":"%s","greeting":"%s","body":"%s"}' \\
    "$FLY_MACHINE_ID" "$FLY_MACHINE_VERSION" "$HTTP_HOST" "$SECRET" "$GREETING" "$body"
""",
    "slow": """\
#!/bin/sh
sleep "${QUERY_STRING:-0.2}"
printf 'Content-Type: text/plain\\r\\n\\r\\n%s' "$FLY_MACHINE_ID"
""",
    "healthz": "ok\n",
}
IMAGE = f"cc-emulator-test:{hashlib.sha256(repr(CONTEXT).encode()).hexdigest()[:12]}"


class Emulated:
    """A running emulator and how a client speaks to it."""

    def __init__(self, state: Path, running: Running, engine: docker.DockerClient) -> None:
        self.state, self.running, self.engine = state, running, engine
        self.tokens: dict[str, dict[str, str]] = json.loads((state / "tokens.json").read_text())

    def fly(self, environment: str) -> httpx.Client:
        """A client of the Machines API."""
        headers = {"Authorization": f"Bearer {self.tokens[environment]['FLY_API_TOKEN']}"}
        return httpx.Client(base_url=f"{self.running.fly_api}/v1", headers=headers, timeout=70, trust_env=False)

    def pages(self, environment: str) -> httpx.Client:
        """A client of the Pages API."""
        headers = {"Authorization": f"Bearer {self.tokens[environment]['CLOUDFLARE_API_TOKEN']}"}
        return httpx.Client(base_url=self.running.cloudflare_api, headers=headers, timeout=30, trust_env=False)

    def edge(self, host: str, path: str = "/", **options: Any) -> httpx.Response:
        """A request to a host through the edge."""
        options["headers"] = {"Host": host, **options.get("headers", {})}
        options = {"method": "GET", "timeout": 20, **options}
        return httpx.request(url=self.running.edge + path, trust_env=False, **options)

    def account(self, environment: str, project: str) -> str:
        """The project's path in the Pages API."""
        return f"/accounts/{self.tokens[environment]['CLOUDFLARE_ACCOUNT_ID']}/pages/projects/{project}"

    def push(self, environment: str, app: str, image: str = IMAGE, tag: str = "v1", slug: str = "") -> str:
        """Create the app (in the organisation `slug`) and its address if need be, push the image; the digest."""
        with self.fly(environment) as fly:
            assert fly.post("/apps", json={"name": app, "org_slug": slug or environment}).status_code in (201, 422)
            assert fly.post(f"/apps/{app}/ip_assignments", json={"type": "shared_v4"}).status_code == 200
        repository = f"{self.running.registry}/{app}"
        self.engine.images.get(image).tag(repository, tag)
        login = {"username": "x", "password": self.tokens[environment]["FLY_API_TOKEN"]}
        lines = list(self.engine.api.push(repository, tag, stream=True, decode=True, auth_config=login))
        errors = [line["error"] for line in lines if "error" in line]
        assert not errors, errors
        return next(str(line["aux"]["Digest"]) for line in lines if "aux" in line)

    def create(self, environment: str, config: dict[str, Any], **body: Any) -> dict[str, Any]:
        """Create a machine in the environment's app; as the API shows it."""
        with self.fly(environment) as fly:
            answer = fly.post(f"/apps/{app_of(environment)}/machines", json={"config": config, **body})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def look(self, environment: str, machine: str) -> dict[str, Any]:
        """The machine now."""
        with self.fly(environment) as fly:
            return dict(fly.get(f"/apps/{app_of(environment)}/machines/{machine}").json())

    def serving(self, environment: str, config: dict[str, Any], **body: Any) -> dict[str, Any]:
        """A new machine, once all its checks pass."""
        made = self.create(environment, config, **body)
        assert until(lambda: is_healthy(self.look(environment, made["id"]))), self.look(environment, made["id"])
        return self.look(environment, made["id"])

    def clear(self, environment: str) -> None:
        """Destroy all machines of the environment's app."""
        with self.fly(environment) as fly:
            machines = fly.get(f"/apps/{app_of(environment)}/machines").json()
            for machine in machines if isinstance(machines, list) else []:
                fly.delete(f"/apps/{app_of(environment)}/machines/{machine['id']}?force=true")
                fly.get(f"/apps/{app_of(environment)}/machines/{machine['id']}/wait?state=destroyed")


@contextlib.contextmanager
def limited(emulated: Emulated, kind: str, code: str, environment: str = "staging", **more: Any) -> Iterator[None]:
    """The environment's token of that kind is so during the block."""
    faults = FaultClient(emulated.state)
    rule = faults.add({"kind": kind, "code": code, "match": {"environment": environment}, **more})[0]["id"]
    try:
        yield
    finally:
        faults.forget(rule)


def app_of(environment: str) -> str:
    """The environment's app."""
    return next(tenant.app for tenant in TENANTS if tenant.environment == environment)


def host_of(environment: str) -> str:
    """The host name of the environment's service."""
    return next(tenant.app_host for tenant in TENANTS if tenant.environment == environment)


def is_healthy(machine: dict[str, Any]) -> bool:
    """Started, with checks, all passing."""
    checks = machine["checks"]
    return machine["state"] == "started" and bool(checks) and all(c["status"] == "passing" for c in checks)


def context(files: dict[str, str]) -> io.BytesIO:
    """A build context of these files."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
    whole.seek(0)
    return whole


def machine_config(app: str, digest: str, **more: Any) -> dict[str, Any]:
    """A machine that serves on 8080 and is checked often."""
    check = {"type": "http", "path": "/healthz", "interval": "200ms", "timeout": "1s"}
    service = {
        "protocol": "tcp",
        "internal_port": 8080,
        "ports": [{"port": 80, "handlers": ["http"]}, {"port": 443, "handlers": ["http", "tls"]}],
        "checks": [check],
    }
    return {
        "image": f"registry.fly.io/{app}@{digest}",
        "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 64},
        "services": [service],
        "stop_config": {"signal": "SIGTERM", "timeout": "2s"},
        **more,
    }


def until(probe: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The first truthy answer of `probe`, asked again and again; what it last answered when time runs out."""
    deadline = time.monotonic() + seconds
    while not (found := probe()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def asset_name(content: bytes, path: str) -> str:
    """As wrangler names an asset."""
    extension = posixpath.splitext(path)[1][1:]
    return blake3(base64.b64encode(content) + extension.encode()).hexdigest()[:32]


@contextlib.contextmanager
def emulator(state: Path, docker_host: str, engine: docker.DockerClient, **settings: Any) -> Iterator[Emulated]:
    """An emulator, started and stopped; nothing of it stays in the engine."""
    running = launch(state, docker_host, **settings)
    try:
        yield Emulated(state, running, engine)
    finally:
        stop(state)
        for found in engine.images.list():
            for tag in found.tags + found.attrs.get("RepoDigests", []):
                if tag.startswith(running.registry + "/"):
                    with contextlib.suppress(ImageNotFound):  # gone with the tag before it
                        engine.images.remove(tag)


def launch(state: Path, docker_host: str, tenants: tuple[Tenant, ...] = TENANTS, **settings: Any) -> Running:
    """Start the emulator of `state`. Its edge knows of changes at once, unless a test is about that it does not."""
    caddy, registry = workstation.program("caddy"), workstation.program("docker-registry")
    return start(
        state,
        tenants,
        docker_host=docker_host,
        caddy=caddy,
        registry=registry,
        **{"lag": 0.0, "seccomp": None, **settings},
    )
