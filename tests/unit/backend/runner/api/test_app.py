"""The application over ASGI, with real runs behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.runner.service import Service

Served = Callable[..., None]


async def _busy(service: Service) -> None:
    """Wait until a run is going on."""
    while not service.queue.busy:  # noqa: ASYNC110 - another task's doing, of which it tells nobody
        await asyncio.sleep(0.01)


def test_a_program_is_run(served_by_one: Served) -> None:
    async def case(client: httpx.AsyncClient, service: Service) -> None:
        body = {
            "language": "bash",
            "source": "cat; cat f; echo $1",
            "stdin": "in ",
            "files": {"f": "file "},
            "args": ["a"],
        }
        answer = (await client.post("/api/v1/run", json=body)).raise_for_status().json()
        assert answer.keys() == {
            "stdout", "stderr", "error", "status", "exit_code", "signal", "time_ms", "cpu_ms", "memory_kb", "truncated",
            "language", "encoding", "compile", "output",
        }  # fmt: skip
        assert (answer["status"], answer["stdout"], answer["exit_code"]) == ("ok", "in file a\n", 0)

    served_by_one(case)


def test_marks_and_lines_of_other_systems_are_no_part_of_a_program(served_by_one: Served) -> None:
    text = "if true; then\r\n  . ./lib.sh\r\nfi\r\ncat <<END\r\n$1.\r\nEND\r\nwc -c < data.csv\r\n"
    asked = {
        "language": "bash", "args": ["a"],
        "files": {"lib.sh": "\ufeffecho \"$BASH_VERSION\" |\r\nwc -l\r\n", "data.csv": "\ufeffa\r\n"},
    }  # fmt: skip

    async def case(client: httpx.AsyncClient, service: Service) -> None:
        for source in (text, "\ufeff" + text, "\ufeff#!/bin/bash\r\n" + text):
            answer = (await client.post("/api/v1/run", json={**asked, "source": source})).json()
            assert (answer["stderr"], answer["stdout"].split()) == ("", ["1", "a.", "6"])
        for language, source in (("python3", "print(1)"), ("c", '#include <stdio.h>\nint main(void) { puts("1"); }')):
            answer = (await client.post("/api/v1/run", json={"language": language, "source": "\ufeff" + source})).json()
            assert (answer["stderr"], answer["stdout"]) == ("", "1\n")

    served_by_one(case)


def test_health_version_and_status(served: Served) -> None:
    async def case(client: httpx.AsyncClient, service: Service) -> None:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        version = (await client.get("/version")).json()
        assert version == {"version": "1.2.3", "sha": "abc", "environment": "local", "image": None, "machine": None}
        status = (await client.get("/api/v1/status")).json()
        assert (status["runners"], status["queue"]) == ({"total": 3, "busy": 0}, {"depth": 0, "limit": 5})
        service.queue.close()
        assert (await client.get("/readyz")).status_code == 503
        late = await client.post("/api/v1/run", json={"language": "bash", "source": ""})
        assert (late.status_code, late.headers["retry-after"]) == (503, "5")

    served(case, NUM_RUNNERS="3", RUNNER_QUEUE_LIMIT="5", RUNNER_VERSION="1.2.3", RUNNER_SHA="abc")


def test_a_slow_try_does_not_make_a_ready_service_unready(served: Served) -> None:
    async def case(client: httpx.AsyncClient, service: Service) -> None:
        assert (await client.get("/readyz")).status_code == 200
        hello, slow = service._try_hello, asyncio.Event()

        async def waits() -> bool:
            await slow.wait()
            return await hello()

        service._try_hello = waits  # type: ignore[method-assign]
        service._ready = service._ready[0] - 60, True
        answer = await asyncio.wait_for(client.get("/readyz"), 5)
        assert answer.status_code == 200
        slow.set()

    served(case)


def test_a_service_whose_last_try_failed_is_not_ready(served: Served) -> None:
    async def case(client: httpx.AsyncClient, service: Service) -> None:
        async def fails() -> bool:
            return False

        service._try_hello = fails  # type: ignore[method-assign]
        assert (await client.get("/readyz")).status_code == 503

    served(case)


def test_a_full_queue_is_429_with_retry_after(served: Served) -> None:
    async def case(client: httpx.AsyncClient, service: Service) -> None:
        body = {"language": "bash", "source": "sleep 0.5; echo served"}
        answers = await asyncio.gather(*(client.post("/api/v1/run", json=body) for _ in range(5)))
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [200, 200, 429, 429, 429]
        assert {answer.headers.get("retry-after") for answer in answers if answer.status_code == 429} == {"1"}

    served(case, NUM_RUNNERS="1", RUNNER_QUEUE_LIMIT="1")


def test_a_body_too_large_is_refused_announced_or_not(served_by_one: Served) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 65536

    async def case(client: httpx.AsyncClient, service: Service) -> None:
        contents: list[Any] = [b"x" * (1024 * 1024 + 1), blocks()]
        for content in contents:
            response = await client.post("/api/v1/run", content=content)
            assert (response.status_code, list(response.json())) == (413, ["error", "request_id"])

    served_by_one(case)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"\xff", "UTF-8"),
        (b"{", "JSON"),
        (b"[" * 200_000, "JSON"),
        (b'{"source": "", "source": ""}', "twice"),
        (b'{"language": "bash"}', "source"),
        (b'{"source": "", "language": "bash", "limits": {"timeout": Infinity}}', "limits.timeout"),
        (b'{"source": "", "language": "bash", "limits": {"memory_kb": 1.5}}', "limits.memory_kb"),
        (b'{"source": "\\ud800", "language": "bash"}', "source"),
        (b'{"source": "", "language": "x"}', "bash"),
    ],
)
def test_a_bad_body_is_400_and_names_its_fault(served_by_one: Served, body: bytes, named: str) -> None:
    async def case(client: httpx.AsyncClient, service: Service) -> None:
        response = await client.post("/api/v1/run", content=body)
        assert response.status_code == 400
        assert named in response.json()["error"]

    served_by_one(case)


def test_a_clients_departure_leaves_its_slot_to_the_run_until_its_end(served: Served) -> None:
    async def case(client: httpx.AsyncClient, service: Service) -> None:
        body = {"language": "bash", "source": "sleep 1"}
        leaving = asyncio.create_task(client.post("/api/v1/run", json=body))
        await _busy(service)
        leaving.cancel()
        answer = await client.post("/api/v1/run", json={"language": "bash", "source": "echo mine"})
        assert answer.json()["stdout"] == "mine\n"
        with pytest.raises(asyncio.CancelledError):
            await leaving

    served(case, NUM_RUNNERS="1")


def test_a_shutdown_ends_what_does_not_end(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.runner.service.SHUTDOWN_SECONDS", 0.3)

    async def case(client: httpx.AsyncClient, service: Service) -> None:
        endless = asyncio.create_task(client.post("/api/v1/run", json={"language": "bash", "source": "sleep 60"}))
        await _busy(service)
        await service.stop()
        answer = await endless
        assert (answer.status_code, answer.json()["status"]) == (200, "internal_error")

    served(case)


def test_the_page_is_served_with_types_and_caching(served: Served, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    for name in ("index.html", "config.js", "assets/main.0123456789abcdef.js", "assets/main.0123456789abcdef.css"):
        (tmp_path / name).write_text("text", encoding="utf-8")
    (tmp_path.parent / "outside.txt").write_text("secret", encoding="utf-8")

    async def case(client: httpx.AsyncClient, service: Service) -> None:
        kept = "public, max-age=31536000, immutable"
        for path, kind, caching in (
            ("/", "text/html", "no-cache"),
            ("/config.js", "text/javascript", "no-cache"),
            ("/assets/main.0123456789abcdef.js", "text/javascript", kept),
            ("/assets/main.0123456789abcdef.css", "text/css", kept),
        ):
            response = await client.get(path)
            assert response.status_code == 200
            assert response.headers["content-type"].startswith(kind)
            assert response.headers["cache-control"] == caching
        assert (await client.get("/api/v1/languages")).status_code == 200
        for path in ("/nothing", "/../outside.txt", "/%2e%2e/outside.txt", "/assets"):
            response = await client.get(path)
            assert (response.status_code, list(response.json())) == (404, ["error", "request_id"])

    served(case, RUNNER_SITE=str(tmp_path))


def test_errors_are_json_everywhere(served_by_one: Served) -> None:
    async def case(client: httpx.AsyncClient, service: Service) -> None:
        for method, path, code in (("GET", "/", 404), ("POST", "/healthz", 405), ("DELETE", "/api/v1/run", 405)):
            response = await client.request(method, path)
            assert (response.status_code, list(response.json())) == (code, ["error", "request_id"])

    served_by_one(case)


def test_metrics_tell_runs_and_steps(served: Served) -> None:
    async def case(client: httpx.AsyncClient, service: Service) -> None:
        await client.post("/api/v1/run", json={"language": "bash", "source": "exit 1"})
        text = (await client.get("/metrics")).text
        assert 'codecanvas_runs_total{language="bash",status="runtime_error"} 1.0' in text
        assert 'codecanvas_step_seconds_count{language="bash",phase="run"} 1.0' in text
        assert "codecanvas_queue_depth 0.0" in text

    served(case)
