"""Every route's answers held against the provider's own OpenAPI description, where that is at hand.

The description requires no field and forbids none, so that anything would agree with it; here no object may have a
field that it does not name. Known to differ from it, and answered as the provider's own client reads it: a lease comes
wrapped, and what is not set may be null.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from deploy.emulator.fly.api import FlyApi
from deploy.emulator.fly.belongings import Belongings
from deploy.emulator.fly.volumes import Volumes
from deploy.platforms.fly.toml import read_fly_toml
from tests.deploy.emulator.support import Emulated, until

ROOT = Path(__file__).resolve().parents[3]
DESCRIPTION = Path(os.environ.get("CODECANVAS_FLY_OPENAPI", ROOT.parent / "shared/fly/machines-openapi.json"))
APP = "/apps/{app_name}"
MACHINE = f"{APP}/machines/{{machine_id}}"
# Newer than the copy of the description: documented in words alone.
NEWER_STATUS = {"name_taken"}


class Description:
    """The description, and what was held against it."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self._paths: dict[str, Any] = raw["paths"]
        self._components = _strict(raw["components"])
        status = self._components["schemas"]["main.statusCode"]
        status["enum"] = [*status["enum"], *sorted(NEWER_STATUS)]
        self.held: set[tuple[str, str]] = set()

    def hold(self, method: str, template: str, answer: httpx.Response) -> None:
        """Assert that the answer is one that the operation may give."""
        responses = self._paths[template][method.lower()]["responses"]
        self.held.add((method, template))
        if answer.status_code >= 400:
            schema: dict[str, Any] = {"$ref": "#/components/schemas/ErrorResponse"}
        else:
            assert str(answer.status_code) in responses, f"{method} {template}: {answer.status_code} {answer.text}"
            schema = responses[str(answer.status_code)].get("content", {}).get("application/json", {}).get("schema", {})
        body: Any = _set(answer.json()) if answer.content else None
        if template.endswith("/lease") and answer.is_success and method != "DELETE":
            assert body["status"] == "success"
            body = body["data"]
        if schema:
            self.agree(body, schema)

    def agree(self, value: Any, schema: dict[str, Any]) -> None:
        """Assert that the value is what the schema, which may refer to components, describes."""
        whole = {**schema, "components": self._components}
        jsonschema.validate(value, whole, cls=jsonschema.Draft4Validator)


def _set(value: Any) -> Any:
    """The value without what is null."""
    if isinstance(value, list):
        return [_set(part) for part in value]
    if isinstance(value, dict):
        return {key: _set(part) for key, part in value.items() if part is not None}
    return value


def _strict(schema: Any) -> Any:
    """The schema with no field allowed that it does not name."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value) for key, value in schema.items() if key != "example"}
    if schema.get("type") == "object" and "properties" in schema:
        made.setdefault("additionalProperties", False)
    return made


@pytest.fixture(scope="module")
def description() -> Description:
    """The provider's description, or a reason to skip."""
    if not DESCRIPTION.exists():
        pytest.skip(f"the provider's description is not at {DESCRIPTION}; name it in CODECANVAS_FLY_OPENAPI")
    return Description(json.loads(DESCRIPTION.read_text()))


class Caller:
    """Sends requests by operation and holds every answer against the description."""

    def __init__(self, description: Description, fly: httpx.Client, **names: str) -> None:
        self._description, self._fly, self.names = description, fly, {"app_name": "runner-staging", **names}

    def __call__(self, method: str, template: str, status: int = 200, **options: Any) -> Any:
        """The answer's JSON."""
        answer = self._fly.request(method, template.format(**self.names), **options)
        assert answer.status_code == status, f"{method} {template}: {answer.status_code} {answer.text}"
        self._description.hold(method, template, answer)
        return answer.json() if answer.content else None


@pytest.fixture
def call(emulated: Emulated, staging: dict[str, Any], description: Description) -> Iterator[Caller]:
    """A caller that is staging."""
    with emulated.fly("staging") as fly:
        yield Caller(description, fly)


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


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_fly_toml_becomes_is_a_machine_configuration(description: Description, environment: str) -> None:
    config = read_fly_toml(ROOT / "deploy" / f"fly.{environment}.toml").machine
    description.agree(config, {"$ref": "#/components/schemas/fly.MachineConfig"})


def test_leaving(call: Caller) -> None:
    call("DELETE", APP, 202)
    call("GET", APP, 404)
    call("POST", "/apps", 201, json={"name": "runner-staging", "org_slug": "staging"})


def test_no_route_was_forgotten(description: Description) -> None:
    """After all others: every route of the emulator was asked, and the description knows each."""
    api = FlyApi.__new__(FlyApi)
    routes = [*api.routes(), *Belongings(api).routes(), *Volumes(api).routes()]
    names = {"app": "app_name", "machine": "machine_id", "volume": "volume_id", "name": "secret_name", "key": "key"}
    implemented = {
        (method, re.sub(r"{(\w+)}", lambda found: f"{{{names[found[1]]}}}", route.path))
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert implemented == description.held
