"""Visitors, and how they arrive, against a little server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from deploy.verification.traffic.generator import ROUND, generate, schedule, seconds_between, stop_when
from deploy.verification.traffic.tally import Tally
from deploy.verification.traffic.visitor import Visitor
from deploy.verification.traffic.wire import Client, origin_of

from ..conftest import Answer, Little, page_of


def visits(little: Little, count: int = 1) -> dict[str, Any]:
    """What the tally says after so many visits of the page."""
    tally = Tally()

    async def main() -> None:
        client = Client(origin_of(little.url))
        for number in range(count):
            await Visitor(client, client, tally).visit(fresh=number % 2 == 0)
        client.close()

    asyncio.run(main())
    return tally.to_json(done=True)


def test_a_visit_loads_the_page_its_configuration_and_an_asset(little: Little) -> None:
    report = visits(little, 2)
    assert (report["sent"], report["lost"]) == (6, 0)
    assert little.asked[:3] == ["/", "/config.js", "/assets/main.a.js"]
    assert report["connections"] == {"kept": 3, "new": 3}


def test_an_asset_of_a_page_that_was_replaced_meanwhile_is_not_lost(little: Little) -> None:
    def replaced(path: str) -> Answer | None:
        if path == "/config.js":
            little.page = page_of("b")
        return None

    little.before = replaced
    report = visits(little)
    assert little.asked == ["/", "/config.js", "/assets/main.a.js", "/"]
    assert (report["sent"], report["lost"], report["superseded"]) == (4, 0, 1)
    assert report["statuses"] == {"200": 3, "404": 1}


def test_an_asset_that_the_page_still_names_is_lost(little: Little) -> None:
    del little.page["/assets/main.a.js"]
    report = visits(little)
    assert (report["lost"], report["superseded"]) == (1, 0)
    assert report["losses"][0]["what"].startswith("status 404: nothing here")


def test_an_asset_with_other_bytes_is_lost_whatever_the_page_says_now(little: Little) -> None:
    def wrong(path: str) -> Answer | None:
        return (200, b"other") if path.startswith("/assets/") else None

    little.before = wrong
    report = visits(little)
    assert report["losses"][0]["what"].startswith("not the bytes that its page names")


def load(little: Little, count: int) -> dict[str, Any]:
    """The report of a load of `count` requests or a few more."""
    tally, stop, origin = Tally(), asyncio.Event(), origin_of(little.url)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(stop_when(lambda: tally.to_json(done=False)["sent"] >= count, stop))
            await generate(origin, origin, 400, tally, stop)

    asyncio.run(main())
    return tally.to_json(done=True)


def test_every_kind_of_request_is_sent_and_checked(little: Little) -> None:
    report = load(little, 100)
    kinds = {"asset", "config", "healthz", "index", "languages", "run"}
    assert kinds <= set(report["by_kind"])
    assert (report["lost"], report["statuses"]) == (0, {"200": report["sent"]})
    assert len(little.asked) >= report["sent"] >= 100


@pytest.mark.parametrize(
    ("path", "answer", "kind", "what"),
    [
        ("/api/v1/run", (200, b'{"stdout":"","status":"ok"}'), "run", "wrong result of a run"),
        ("/api/v1/languages", (503, b'{"error":"shutting down"}'), "languages", "status 503"),
        ("/config.js", (200, b"<html>"), "config", "not config.js"),
        ("/healthz", (200, b""), "healthz", "not well: empty"),
    ],
)
def test_what_goes_wrong_is_lost_and_named(little: Little, path: str, answer: Answer, kind: str, what: str) -> None:
    little.before = failing_after_three(path, answer)
    report = load(little, 100)
    assert report["lost"] == sum(each["lost"] for each in report["by_kind"].values()) > 0
    assert {loss["kind"] for loss in report["losses"]} <= {kind, f"long {kind}"}
    assert report["losses"][0]["what"].startswith(what)


def failing_after_three(path: str, answer: Answer) -> Callable[[str], Answer | None]:
    asked: Counter[str] = Counter()

    def before(asking: str) -> Answer | None:
        asked[asking] += 1
        return answer if asking == path and asked[path] > 3 else None

    return before


def test_busy_is_an_answer(little: Little) -> None:
    little.before = lambda path: (429, b"{}") if path == "/api/v1/run" else None
    report = load(little, 100)
    assert (report["lost"], report["by_kind"]["run"]["lost"]) == (0, 0)
    assert report["statuses"]["429"] > 0


def test_rounds_have_every_part_half_of_them_on_new_connections() -> None:
    per_round = sum(part.times for part in ROUND)
    planned = list(islice(schedule(), 2 * per_round))
    for part in ROUND:
        ways = [fresh for each, fresh in planned if each is part]
        assert len(ways) == 2 * part.times
        assert sum(ways) * 2 == len(ways)
    assert [part for part, _ in planned] == [part for part, _ in islice(schedule(), 2 * per_round)]


def test_the_rate_is_that_of_requests() -> None:
    requests = sum(part.times * part.requests for part in ROUND)
    actions = sum(part.times for part in ROUND)
    assert actions * seconds_between(200) == pytest.approx(requests / 200)
    assert next(part.times / requests for part in ROUND if part.act is Visitor.run) == 0.05
