"""Many clients at once: every answer is right, and a full queue says so."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

RUNS = 40
CLIENTS = 10


def test_runs_at_the_same_time_do_not_mix(run: Any) -> None:
    def one(number: int) -> tuple[str, str]:
        language, source = [
            ("bash", f'read line; echo "{number} $line"'),
            ("python3", f'print({number}, input())'),
            ("nodejs", f'console.log({number}, require("fs").readFileSync(0, "utf8").trim())'),
        ][number % 3]  # fmt: skip
        result = run(language, source, stdin=f"line {number}\n")
        return result["status"], result["stdout"]

    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(one, range(RUNS)))
    assert answers == [("ok", f"{number} line {number}\n") for number in range(RUNS)]


def test_a_full_queue_says_when_to_come_back_and_keeps_its_word(api: httpx.Client) -> None:
    status = api.get("status").raise_for_status().json()
    crowd = status["runners"]["total"] + status["queue"]["limit"] + 10
    request = {"language": "bash", "source": "sleep 0.2; echo served"}
    limits = httpx.Limits(max_connections=crowd)

    with httpx.Client(base_url=api.base_url, timeout=60, limits=limits) as client, ThreadPoolExecutor(crowd) as clients:

        def one(_: int) -> list[int]:
            """The statuses that one client met, until it was served."""
            met: list[int] = []
            while len(met) < 60:
                response = client.post("run", json=request)
                met.append(response.status_code)
                if response.status_code == 200:
                    assert response.json()["stdout"] == "served\n"
                    return met
                assert response.status_code == 429, response.text
                assert response.json()["error"]
                time.sleep(int(response.headers["retry-after"]))
            raise AssertionError("never served")

        met = list(clients.map(one, range(crowd)))
    assert any(429 in statuses for statuses in met)
    assert all(statuses[-1] == 200 for statuses in met)
    assert api.get("status").json()["queue"]["depth"] == 0
