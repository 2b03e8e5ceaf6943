"""What a service asks of the edge: redirects, headers, compression, and how many requests a machine may have."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from deploy.emulator.faults import FaultClient
from tests.deploy.emulator.support import Emulated, until

HOST = "runner-staging.fly.dev"
Serve = Callable[..., str]


@pytest.fixture
def serve(emulated: Emulated, staging: dict[str, Any]) -> Iterator[Serve]:
    """Starts a machine whose service asks for this; its id once it serves."""

    def started(http_options: dict[str, Any] | None = None, *, force_https: bool = False, **service: Any) -> str:
        options = {"http_options": http_options} if http_options is not None else {}
        ports = [
            {"port": 80, "handlers": ["http"], "force_https": force_https} | options,
            {"port": 443, "handlers": ["http", "tls"]} | options,
        ]
        config = {**staging, "services": [{**staging["services"][0], "ports": ports, **service}]}
        made: str = emulated.serving("staging", config)["id"]
        assert until(lambda: emulated.edge(HOST, "/cgi-bin/who").status_code == 200)
        return made

    yield started
    emulated.clear("staging")


def plain(emulated: Emulated, path: str) -> httpx.Response:
    return httpx.get(emulated.running.plain + path, headers={"Host": HOST}, trust_env=False)


def test_plain_http_is_redirected_where_the_service_asks_for_it(emulated: Emulated, serve: Serve) -> None:
    serve(force_https=True)
    answer = plain(emulated, "/cgi-bin/who?a=b%20c")
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{HOST}/cgi-bin/who?a=b%20c")
    assert emulated.edge(HOST, "/cgi-bin/who").status_code == 200  # stands for HTTPS


def test_plain_http_is_served_where_it_does_not(emulated: Emulated, serve: Serve) -> None:
    machine = serve()
    assert until(lambda: plain(emulated, "/cgi-bin/who").status_code == 200)
    assert plain(emulated, "/cgi-bin/who").json()["machine"] == machine


def test_headers_of_answers_are_set_replaced_and_removed(emulated: Emulated, serve: Serve) -> None:
    wanted = {"X-One": "a {b}", "X-Two": ["c", "d"], "Content-Type": "text/x-own", "Via": False}
    serve({"response": {"headers": wanted}})
    answer = emulated.edge(HOST, "/cgi-bin/who")
    assert (answer.headers["x-one"], answer.headers.get_list("x-two", split_commas=True)) == ("a {b}", ["c", "d"])
    assert (answer.headers["content-type"], "via" in answer.headers) == ("text/x-own", False)
    assert answer.headers["fly-request-id"]


def test_a_pristine_answer_has_nothing_of_the_proxy(emulated: Emulated, serve: Serve) -> None:
    serve({"response": {"pristine": True}})
    assert {"via", "fly-request-id", "server"}.isdisjoint(emulated.edge(HOST, "/cgi-bin/who").headers)


@pytest.mark.parametrize(("asked", "encoding"), [(True, "gzip"), (False, None)])
def test_answers_are_compressed_where_the_service_asks_for_it(
    emulated: Emulated, serve: Serve, asked: bool, encoding: str | None
) -> None:
    serve({"compress": asked})
    body = "x" * 5000
    options: dict[str, Any] = {"method": "POST", "content": body, "headers": {"Accept-Encoding": "gzip"}}
    answer = emulated.edge(HOST, "/cgi-bin/who", **options)
    assert (answer.headers.get("content-encoding"), answer.json()["body"]) == (encoding, body)
    options["headers"] = {"Accept-Encoding": "identity"}
    assert "content-encoding" not in emulated.edge(HOST, "/cgi-bin/who", **options).headers


def test_a_full_machine_gets_no_more_requests_and_what_finds_none_is_refused(emulated: Emulated, serve: Serve) -> None:
    serve(concurrency={"type": "requests", "soft_limit": 1, "hard_limit": 2})
    answers: list[int] = []

    def ask(seconds: str) -> None:
        answers.append(emulated.edge(HOST, f"/cgi-bin/slow?{seconds}").status_code)

    asking = [threading.Thread(target=ask, args=("3",)) for _ in range(4)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert sorted(answers) == [200, 200, 503, 503]
    waits = [
        threading.Thread(target=lambda: answers.append(emulated.edge(HOST, "/cgi-bin/slow?0.3").status_code))
        for _ in range(3)
    ]
    for thread in waits:
        thread.start()
    for thread in waits:
        thread.join()
    assert answers[4:] == [200] * 3  # one had to wait for a moment


@pytest.mark.parametrize("limit", [{}, {"concurrency": {"hard_limit": 5}}])
def test_what_a_machine_has_received_is_never_sent_to_another(
    emulated: Emulated, serve: Serve, limit: dict[str, Any]
) -> None:
    first, second = serve(**limit), serve(**limit)
    assert until(lambda: {emulated.edge(HOST, "/cgi-bin/slow?0").text for _ in range(4)} == {first, second})
    answers: list[int] = []

    def ask() -> None:
        answers.append(emulated.edge(HOST, "/cgi-bin/slow?4", method="GET").status_code)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    FaultClient(emulated.state).add({"kind": "die", "match": {"machine": first}, "seconds": 1.5})
    for thread in asking:
        thread.join()
    assert sorted(answers) == [200, 502]


def test_what_the_edge_cannot_do_is_told(emulated: Emulated, serve: Serve) -> None:
    machine = serve({"idle_timeout": 600, "h2_backend": False})
    told = [line for line in (emulated.state / "logs" / "emulator.log").read_text().splitlines() if machine in line]
    assert [line for line in told if "does not do idle_timeout (port 443)" in line]
    assert not [line for line in told if "h2_backend" in line]
