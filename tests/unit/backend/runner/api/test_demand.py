"""Whatever way programs of a language are asked for, its next one finds a process that waits."""

from typing import Any

import httpx
import pytest

from backend.runner.service import Service
from tests.unit.backend.runner.conftest import until

_TESTS = "const test = require('node:test');\ntest('a', () => {});\n"
WAYS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "run": ("bash", "/api/v1/run", {"source": "true"}),
    "stream": ("bash", "/api/v1/run/stream", {"source": "true"}),
    "tests": ("nodejs", "/api/v1/run", {"source": _TESTS, "mode": "test"}),
    "batch": ("bash", "/api/v1/batch", {"source": "true", "cases": [{}, {}]}),
    "compile": ("c", "/api/v1/run", {"source": "int main(void) { return 0; }"}),
    "compile that fails": ("c", "/api/v1/run", {"source": "no"}),
    "batch whose compile fails": ("c", "/api/v1/batch", {"source": "no", "cases": [{}]}),
}


def _waiting(service: Service, language: str) -> int:
    spares = service.slots[0].spares
    return spares.warm(language) + spares.warm(f"{language}/compile")


@pytest.mark.parametrize("way", WAYS)
def test_a_language_that_is_used_is_in_demand(served: Any, way: str) -> None:
    language, path, body = WAYS[way]

    async def ask(client: httpx.AsyncClient, service: Service) -> None:
        assert _waiting(service, language) == 0
        response = await client.post(path, json={"language": language, **body})
        assert response.status_code == 200, response.text
        await until(lambda: _waiting(service, language) > 0)

    served(ask, NUM_RUNNERS="1", RUNNER_ACCELERATIONS="warm")


def test_the_language_of_a_checker_is_in_demand(served: Any) -> None:
    check = {"language": "nodejs", "source": "process.exit(0)"}
    body = {"language": "bash", "source": "echo 1", "cases": [{"expected": "1"}], "check": check}

    async def ask(client: httpx.AsyncClient, service: Service) -> None:
        response = await client.post("/api/v1/batch", json=body)
        assert (response.status_code, response.json()["passed"]) == (200, 1)
        await until(lambda: _waiting(service, "bash") > 0 and _waiting(service, "nodejs") > 0)

    served(ask, NUM_RUNNERS="1", RUNNER_ACCELERATIONS="warm")
