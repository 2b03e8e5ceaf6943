"""Every route's answers held against what the provider's API answers (`provider.json`, kept beside this file).

The provider's own description requires no field and forbids none, so that anything would agree with it; here no object
may have a field that is not named. Known to differ from it, and answered as the provider's own client reads it: a lease
comes wrapped, and what is not set may be null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from deploy.emulator.application import machines_api
from deploy.emulator.fly.api import FlyApi
from deploy.platforms.fly.toml import read_fly_toml
from tests.deploy.emulator.provider import Comparison, Provider
from tests.deploy.emulator.support import Emulated, limited, until

ROOT = Path(__file__).resolve().parents[3]
APP = "/apps/{app_name}"
MACHINE = f"{APP}/machines/{{machine_id}}"


def _set(value: Any) -> Any:
    """The value without what is null."""
    if isinstance(value, list):
        return [_set(part) for part in value]
    if isinstance(value, dict):
        return {key: _set(part) for key, part in value.items() if part is not None}
    return value


@pytest.fixture(scope="module")
def provider() -> Provider:
    """The description, which remembers what was held against it."""
    return Provider()


class Caller:
    """Sends requests by operation and holds every answer against what the provider answers."""

    def __init__(self, provider: Provider, fly: httpx.Client, **names: str) -> None:
        self._provider, self.fly, self.names = provider, fly, {"app_name": "runner-staging", **names}

    def __call__(self, method: str, template: str, status: int = 200, **options: Any) -> Any:
        """The answer's JSON."""
        answer = self.fly.request(method, template.format(**self.names), **options)
        assert answer.status_code == status, f"{method} {template}: {answer.status_code} {answer.text}"
        said = answer.json() if answer.content else None
        body = _set(said)
        if template.endswith("/lease") and answer.is_success and method != "DELETE":
            assert body["status"] == "success"
            body = body["data"]
        self._provider.hold(method, template, status, body)
        return said


@pytest.fixture
def call(emulated: Emulated, staging: dict[str, Any], provider: Provider) -> Iterator[Caller]:
    """A caller that is staging."""
    with emulated.fly("staging") as fly:
        yield Caller(provider, fly)


def test_apps_and_secrets(call: Caller) -> None:
    call("GET", "/apps", params={"org_slug": "staging"})
    call("GET", "/apps", 400)
    call("POST", "/apps", 422, json={"name": "runner-staging", "org_slug": "staging"})
    call("GET", APP)
    call("POST", f"{APP}/secrets", json={"values": {"ONE": "1", "TWO": "2"}})
    call("POST", f"{APP}/secrets", 400, json={"values": {"1": "1"}})
    call("GET", f"{APP}/secrets")
    call.names["secret_name"] = "THREE"
    call("POST", f"{APP}/secrets/{{secret_name}}", 201, json={"value": "3"})
    call("GET", f"{APP}/secrets/{{secret_name}}")
    call("DELETE", f"{APP}/secrets/{{secret_name}}")
    call("GET", f"{APP}/secrets/{{secret_name}}", 404)


def test_what_a_token_may_do(call: Caller, emulated: Emulated) -> None:
    assert [each["apps"] for each in call("GET", "/tokens/current")["tokens"]] == [[]]
    with limited(emulated, "fly_token", "app"):
        assert [each["apps"] for each in call("GET", "/tokens/current")["tokens"]] == [["runner-staging"]]
        call("GET", APP)
        call("GET", "/apps", 403, params={"org_slug": "staging"})
        call("POST", "/apps", 403, json={"name": "runner-staging", "org_slug": "staging"})
    with limited(emulated, "fly_token", "reader"):
        call("GET", APP)
        call("POST", f"{APP}/secrets", 403, json={"values": {"ONE": "1"}})
    with limited(emulated, "fly_token", "opaque"):
        call("GET", "/tokens/current", 401)
        call("GET", APP)
    with limited(emulated, "fly_token", "expired"):
        call("GET", "/tokens/current", 401)
        call("GET", APP, 401)


def test_addresses(call: Caller, emulated: Emulated) -> None:
    """A shared address is the app's one and only; every other is one more. Without any nothing listens for the app."""
    place = f"{APP}/ip_assignments"
    shared = call("POST", place, json={"type": "shared_v4"})
    assert call("POST", place, json={"type": "shared_v4"}) == shared
    one, other = (call("POST", place, json={"type": "v6"})["ip"] for _ in range(2))
    assert one != other
    call("POST", place, 400, json={"type": "v5"})
    assert {each["ip"] for each in call("GET", place)["ips"]} == {shared["ip"], one, other}
    address = emulated.running.urls["runner-staging.fly.dev"]
    assert httpx.get(address, trust_env=False).status_code == 503
    for call.names["ip"] in (shared["ip"], one, other):
        call("DELETE", f"{place}/{{ip}}", 204)
    call("DELETE", f"{place}/{{ip}}", 404)
    call("POST", place, json={"type": "private_v6"})
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)
    assert "no such host" in emulated.edge("runner-staging.fly.dev").text


def fly_status(call: Caller, path: str) -> int:
    """The status of an answer that is not held against anything."""
    return call.fly.get(path).status_code


def test_machines(call: Caller, emulated: Emulated, staging: dict[str, Any]) -> None:
    made = call("POST", f"{APP}/machines", json={"config": staging, "lease_ttl": 60, "region": "fra"})
    call.names["machine_id"] = made["id"]
    held = {"fly-machine-lease-nonce": made["nonce"]}
    assert until(lambda: call("GET", MACHINE)["checks"])
    call("GET", f"{MACHINE}/lease")
    call("POST", f"{MACHINE}/lease", 409, json={"ttl": 5})
    call("POST", f"{MACHINE}/lease", 201, json={"ttl": 5}, headers=held)
    call("POST", f"{MACHINE}/cordon", 409)
    call("DELETE", f"{MACHINE}/lease", headers=held)
    call("GET", f"{MACHINE}/lease", 404)
    call("GET", f"{APP}/machines")
    call("GET", f"{APP}/machines", params={"summary": "true"})
    call("GET", f"{MACHINE}/wait", params={"state": "started"})
    call("GET", f"{MACHINE}/wait", 400, params={"state": "well"})
    call("POST", f"{MACHINE}/exec", json={"command": ["/bin/id"]})
    call("POST", f"{MACHINE}/exec", 400, json={})
    call("POST", f"{MACHINE}/signal", json={"signal": "SIGHUP"})
    call("PUT", f"{MACHINE}/metadata", 204, json={"metadata": {"a": "1"}})
    call("PATCH", f"{MACHINE}/metadata", 204, json={"metadata": {"b": "2"}})
    call("PATCH", f"{MACHINE}/metadata", 412, json={"metadata": {"b": "2"}, "machine_version": "no"})
    call("GET", f"{MACHINE}/metadata")
    call.names["key"] = "c"
    call("GET", f"{MACHINE}/metadata/{{key}}", 404)
    call("POST", f"{MACHINE}/metadata/{{key}}", 204, json={"value": "3"})
    call("GET", f"{MACHINE}/metadata/{{key}}")
    call("DELETE", f"{MACHINE}/metadata/{{key}}", 204)
    for verb, state in (
        ("cordon", "started"),
        ("uncordon", "started"),
        ("restart", "started"),
        ("suspend", "suspended"),
    ):
        call("POST", f"{MACHINE}/{verb}")
        call("GET", f"{MACHINE}/wait", params={"state": state})
    call("POST", f"{MACHINE}/start")
    call("GET", f"{MACHINE}/wait", params={"state": "started"})
    call("POST", f"{MACHINE}/stop", json={"signal": "SIGTERM"})
    call("GET", f"{MACHINE}/wait", params={"state": "settled"})
    call("POST", MACHINE, 400, json={"config": {}})
    call("POST", MACHINE, json={"config": staging})
    call("GET", f"{MACHINE}/versions")
    call("GET", f"{MACHINE}/wait", params={"state": "started"})
    call("GET", f"{MACHINE}/events")
    call("DELETE", MACHINE, params={"force": "true"})
    call("GET", f"{MACHINE}/wait", params={"state": "destroyed"})
    call("POST", f"{APP}/machines", 400, json={"config": {"image": "nowhere/none"}})


def test_volumes(call: Caller) -> None:
    call.names["volume_id"] = call("POST", f"{APP}/volumes", json={"name": "data", "size_gb": 1})["id"]
    call("GET", f"{APP}/volumes")
    call("GET", f"{APP}/volumes/{{volume_id}}")
    call("DELETE", f"{APP}/volumes/{{volume_id}}")
    call("GET", f"{APP}/volumes/{{volume_id}}", 404)
    call("POST", f"{APP}/volumes", 400, json={"name": "?"})


@pytest.mark.parametrize(
    "file",
    [
        "deploy/fly.staging.toml",
        "deploy/fly.production.toml",
        "tests/unit/deploy/platforms/fly.everything.toml",
    ],
)
def test_what_fly_toml_becomes_is_a_machine_configuration(provider: Provider, file: str) -> None:
    config = read_fly_toml(ROOT / file).machine
    provider.agree(config, "MachineConfig")


def test_leaving(call: Caller) -> None:
    call("DELETE", APP, 202)
    assert until(lambda: fly_status(call, "/apps/runner-staging") == 404)
    call("GET", APP, 404)
    call("POST", "/apps", 201, json={"name": "runner-staging", "org_slug": "staging"})


def test_no_route_was_forgotten(provider: Provider) -> None:
    """After all others: every route of the emulator was asked, and the description knows each."""
    api = FlyApi.__new__(FlyApi)
    routes = machines_api(api)
    names = {"app": "app_name", "machine": "machine_id", "volume": "volume_id", "name": "secret_name"}
    implemented = {
        (method, re.sub(r"{(\w+)}", lambda found: f"{{{names.get(found[1], found[1])}}}", route.path))
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert implemented == provider.held


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"id": 7}, "Machine"),
        ({"identifier": "x"}, "Machine"),
        ([{"checks": {"name": "c"}}], "list of Machine"),
        ({"config": {"services": [{"autostop": "sleep"}]}}, "Machine"),
        ({"error": "taken", "status": "somehow"}, "Error"),
    ],
)
def test_what_the_provider_does_not_say_is_refused(value: Any, words: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        Provider().agree(value, words)


def test_a_description_that_differs_is_told() -> None:
    schemas = {"V": {"type": "object", "properties": {"value": {"type": "integer"}}}}
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/V"}}}}
    route = "/apps/{app_name}/machines/{machine_id}/metadata/{key}"
    openapi = {"paths": {route: {"get": {"responses": {"200": answer}}}}, "components": {"schemas": schemas}}
    found = Comparison(Provider(), openapi).run()
    assert f"GET {route} 200.value is integer, not string" in found
    assert "GET /apps is not described" in found
