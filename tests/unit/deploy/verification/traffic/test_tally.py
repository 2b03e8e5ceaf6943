"""Counting."""

from deploy.verification.traffic.tally import LOSSES_KEPT, Sent, Tally, percentile


def sent(began: float, problem: str = "", *, place: str = "api", kind: str = "healthz", ms: float = 5) -> Sent:
    return Sent(place, kind, fresh=True, began=began, ms=ms, status=503 if problem else 200, problem=problem)


def test_each_place_is_counted_from_its_first_success() -> None:
    tally = Tally()
    for each in (sent(1, "down"), sent(2), sent(3, "down"), sent(4, "down", place="page", kind="index")):
        tally.add(each)
    report = tally.to_json(done=True)
    assert (report["sent"], report["lost"], report["before_armed"], report["armed"]) == (2, 1, 2, ["api"])


def test_a_failure_that_began_before_the_first_success_is_not_lost() -> None:
    tally = Tally()
    tally.add(sent(2))
    tally.add(sent(1.5, "down"))
    assert tally.to_json(done=False)["lost"] == 0


def test_the_report() -> None:
    tally = Tally()
    for number in range(100):
        tally.add(sent(10 + number / 10, ms=number + 1))
    tally.add(sent(20, "status 503: bye", kind="run"))
    tally.lag(0.25)
    report = tally.to_json(done=True)
    assert report["by_kind"] == {"healthz": {"sent": 100, "lost": 0}, "run": {"sent": 1, "lost": 1}}
    assert report["statuses"] == {"200": 100, "503": 1}
    assert report["latency_ms"] == {"p50": 50, "p95": 95, "p99": 99}
    assert (report["seconds"], report["rate"], report["worst_lag_ms"]) == (10.0, 10.1, 250.0)
    (loss,) = report["losses"]
    assert loss["kind"] == "run"
    assert loss["what"] == "status 503: bye (new connection, after 5 ms)"
    assert loss["at"].endswith("+00:00")


def test_only_the_first_losses_are_told() -> None:
    tally = Tally()
    tally.add(sent(1))
    for _ in range(LOSSES_KEPT + 5):
        tally.add(sent(2, "down"))
    report = tally.to_json(done=True)
    assert (report["lost"], len(report["losses"])) == (LOSSES_KEPT + 5, LOSSES_KEPT)


def test_nothing_sent_is_nothing_lost() -> None:
    report = Tally().to_json(done=True)
    assert (report["sent"], report["lost"], report["rate"], report["armed"]) == (0, 0, 0.0, [])
    assert percentile([], 50) == 0
