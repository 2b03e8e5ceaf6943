"""What machines ask of the service: health, readiness, version, metrics, description."""

from typing import Any

import httpx
import pytest


@pytest.mark.smoke
def test_it_is_alive_and_ready(service: httpx.Client) -> None:
    assert service.get("/healthz").raise_for_status().json() == {"status": "ok"}
    assert service.get("/readyz").raise_for_status().json() == {"status": "ready"}


@pytest.mark.smoke
def test_it_says_which_release_runs_and_where(service: httpx.Client, environment: Any) -> None:
    version = service.get("/version").raise_for_status().json()
    # A rollback may bring back a release that does not name its machine yet, and it is asked the same.
    assert version.keys() - {"machine"} == {"version", "sha", "environment", "image"}
    assert version["version"]
    assert version["environment"] == environment.name


@pytest.mark.smoke
def test_no_isolation_layer_is_missing(api: httpx.Client) -> None:
    layers = {layer["name"]: layer for layer in api.get("status").raise_for_status().json()["layers"]}
    assert {"user namespace", "no network", "seccomp filter", "read-only root", "no capabilities"} <= layers.keys()
    assert [layer for layer in layers.values() if layer["state"] == "missing"] == []


def test_status_tells_runners_queue_and_languages(api: httpx.Client) -> None:
    status = api.get("status").raise_for_status().json()
    assert 0 <= status["runners"]["busy"] <= status["runners"]["total"]
    assert 0 <= status["queue"]["depth"] <= status["queue"]["limit"]
    assert list(status["languages"]) == api.get("languages").json()["languages"]
    assert all(status["languages"].values())


def test_metrics_count_runs_by_language_and_status(service: httpx.Client, run: Any) -> None:
    assert run("bash", "exit 3")["status"] == "runtime_error"
    response = service.get("/metrics").raise_for_status()
    assert response.headers["content-type"].startswith("text/plain")
    assert 'codecanvas_runs_total{language="bash",status="runtime_error"}' in response.text
    assert 'codecanvas_step_seconds_count{language="bash",phase="run"}' in response.text
    assert "codecanvas_queue_depth" in response.text
    assert "codecanvas_runs_in_flight" in response.text


def test_the_description_covers_every_route(service: httpx.Client) -> None:
    document = service.get("/openapi.json").raise_for_status().json()
    machines = {"/healthz", "/readyz", "/version", "/metrics", "/openapi.json"}
    people = {f"/api/v1/{name}" for name in ("languages", "run", "run/stream", "batch", "format", "session", "status")}
    assert document["paths"].keys() == machines | people
    schemas = document["components"]["schemas"]
    text = {
        "source",
        "language",
        "stdin",
        "args",
        "options",
        "files",
        "limits",
        "encoding",
        "mode",
        "env",
        "collect",
        "order",
    }
    assert schemas["RunBody"]["properties"].keys() == text | {"source_base64", "stdin_base64"}
    assert "LimitsBody" in schemas


def test_browsers_of_any_origin_may_call(api: httpx.Client) -> None:
    headers = {
        "origin": "https://canvas.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    response = api.options("run", headers=headers)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] in {"*", "https://canvas.example"}
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "nothing-here", 404), ("GET", "run", 405)])
def test_what_is_not_there_is_said_in_json(api: httpx.Client, method: str, path: str, status: int) -> None:
    response = api.request(method, path)
    assert response.status_code == status
    assert response.json()["error"]
