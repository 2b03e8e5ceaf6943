"""What counts as seen: when the edge uses the new machines, and when it is silent about the old ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.errors import ReleaseFault, Unfinished
from deploy.ledger import Intent, Status
from deploy.release.rollout.edge import FORCED, IN_A_ROW, NOBODY, Answer, RealEdge, Sight, Watch
from deploy.release.rollout.pace import MANY_PROXIES_SECONDS, Pace
from deploy.settings.policy import Strategy
from tests.simulation.model import SkewedClock, Timeline
from tests.unit.deploy.release.rollout.production import Stage

LIMITS = Pace(proxies=1, edge=60, blind=20)
NEW, OLD = {"n1": "sha256:new", "n2": "sha256:new"}, {"o1": "sha256:old", "o2": "sha256:old"}


class Scripted:
    """An edge that answers as a function of the seconds that have passed and of the machine that was named."""

    def __init__(self, answers: Callable[[float, int, str], Answer | None]) -> None:
        self.timeline, self.answers, self.asked, self.named = Timeline(), answers, 0, list[str]()
        self.wished: list[str] = []
        self.pace = LIMITS

    def ask(self, machine: str = "", region: str = "") -> Answer | None:
        self.asked += 1
        self.named.append(machine)
        self.wished.append(region)
        return self.answers(self.timeline.passed, self.asked, machine)

    def reach(self, *, patient: bool = True, healthy: bool = True) -> Sight | None:
        watch = Watch(self, SkewedClock(self.timeline), self.pace, lambda: None)
        return watch.reach(NEW, 0.0, patient=patient, healthy=lambda: healthy)

    def quiet(self, serving: dict[str, str] = NEW, left: dict[str, str] = OLD, *, patient: bool = True) -> Sight:
        watch = Watch(self, SkewedClock(self.timeline), self.pace, lambda: None)
        return watch.quiet(left, serving, patient=patient)


def turns(*ids: str) -> Callable[[int], Answer]:
    return lambda number: Answer(
        ids[number % len(ids)], "sha256:" + {"n": "new", "o": "old"}[ids[number % len(ids)][0]]
    )


def test_all_new_machines_must_have_answered_and_for_long_enough() -> None:
    edge = Scripted(lambda at, number, _: turns("o1", "n1", "n2")(number) if at >= 7 else turns("o1", "n1")(number))
    sight = edge.reach()
    assert sight
    assert (sight.answered, sight.given_up) == ({"n1", "n2"}, False)
    assert 7 <= edge.timeline.passed < 8
    at_once = Scripted(lambda at, number, _: turns("n1", "n2")(number))
    assert at_once.reach()
    assert 1 <= at_once.timeline.passed < 1.5
    at_once.pace = Pace()
    assert at_once.reach()
    assert at_once.timeline.passed >= MANY_PROXIES_SECONDS


def test_the_first_half_of_the_time_no_request_names_a_machine_then_those_that_are_missing_are_asked() -> None:
    edge = Scripted(lambda at, number, named: Answer(named or "n1", "sha256:new"))
    sight = edge.reach()
    assert sight
    assert (sight.answered, sight.given_up) == ({"n1", "n2"}, False)
    assert edge.timeline.passed > LIMITS.edge / 2
    assert set(edge.named[:-2]) == {""}
    assert edge.named[-1] == "n2"


@pytest.mark.parametrize("patient", [True, False])
def test_an_edge_that_never_uses_them_is_given_up(patient: bool) -> None:
    edge = Scripted(lambda at, number, named: None if named else turns("o1", "o2")(number))
    sight = edge.reach(patient=patient)
    assert sight
    assert (sight.answered, sight.given_up, sight.blind) == (set(), True, False)
    assert LIMITS.edge < edge.timeline.passed < LIMITS.edge + 1
    second_half = edge.named[3 * len(edge.named) // 4 :]
    assert set(second_half) == {"", "n1"}  # a name that is refused does not end the other questions


@pytest.mark.parametrize(("patient", "seconds"), [(True, LIMITS.edge), (False, LIMITS.blind)])
def test_a_rollback_waits_less_for_an_edge_that_cannot_be_asked(patient: bool, seconds: float) -> None:
    edge = Scripted(lambda at, number, named: None)
    sight = edge.reach(patient=patient)
    assert sight
    assert (sight.blind, sight.given_up) == (True, True)
    assert seconds < edge.timeline.passed < seconds + 1


def test_a_machine_that_falls_ill_ends_the_wait() -> None:
    edge = Scripted(lambda at, number, named: turns("o1")(number))
    assert edge.reach(healthy=False) is None
    assert edge.timeline.passed < 5


def test_releases_that_do_not_name_their_machine_are_known_by_their_image() -> None:
    edge = Scripted(lambda at, number, named: Answer("", "sha256:new" if at >= 3 else "sha256:old"))
    sight = edge.reach()
    assert sight
    assert sight.answered == {"n1", "n2"}
    assert 3 < edge.timeline.passed < 6
    left = Scripted(lambda at, number, named: Answer("", "sha256:new" if at >= 3 else "sha256:old")).quiet()
    assert (left.given_up, left.answered) == (False, {"sha256:old"})


def test_where_old_and_new_cannot_be_told_apart_time_alone_counts() -> None:
    edge = Scripted(lambda at, number, named: Answer("", "sha256:new"))
    sight = edge.quiet(left={"o1": "sha256:new"})
    assert not sight.given_up
    assert edge.timeline.passed >= MANY_PROXIES_SECONDS


REGIONS = {"n1": "fra", "n2": "iad", "o1": "fra", "o2": "iad"}


def regional(*used: str) -> Callable[[float, int, str], Answer | None]:
    """An edge near fra that takes the machines of a region in turn, of whatever region the last request was for."""

    def answer(at: float, number: int, named: str) -> Answer | None:
        there = [id_ for id_ in used if REGIONS[id_] == (edges[-1].wished[-1] or "fra")] or list(used)
        return turns(*there)(number)

    return answer


edges: list[Scripted] = []


def spread_out(*used: str) -> tuple[Scripted, Watch]:
    edges.append(edge := Scripted(regional(*used)))
    return edge, Watch(edge, SkewedClock(edge.timeline), LIMITS, lambda: None, REGIONS)


def test_machines_in_other_regions_answer_when_their_region_is_asked_for() -> None:
    edge, watch = spread_out("n1", "n2", "o1", "o2")
    sight = watch.reach(NEW, 0.0, patient=True, healthy=lambda: True)
    assert sight
    assert (sight.answered, sight.given_up) == ({"n1", "n2"}, False)
    assert edge.timeline.passed < LIMITS.edge / 2
    assert set(edge.named) == {""}  # no machine was named: these are the ways that users' requests go


def test_where_all_are_in_one_region_none_is_asked_for() -> None:
    edge = Scripted(lambda at, number, _: turns("n1", "n2")(number))
    assert edge.reach()
    edge.quiet()
    assert set(edge.wished) == {""}


@pytest.mark.parametrize("lingering", ["o1", "o2"])
def test_silence_is_looked_for_in_every_region_that_a_machine_leaves(lingering: str) -> None:
    edge, watch = spread_out("n1", "n2", lingering)
    sight = watch.quiet(OLD, NEW, patient=True)
    assert (sight.given_up, sight.answered) == (True, {lingering})
    assert set(edge.wished) == {"fra", "iad"}


def test_a_region_that_is_given_up_is_asked_for_too() -> None:
    edge, watch = spread_out("n1")
    assert not watch.quiet({"o2": "sha256:old"}, {"n1": "sha256:new"}, patient=True).given_up
    assert set(edge.wished) == {"iad"}


def test_one_silence_is_no_proof() -> None:
    """Old machines answer rarely, then no more: the silence counts from their last answer."""
    edge = Scripted(lambda at, number, _: turns("o1")(0) if at < 9 and number % 11 == 0 else turns("n1", "n2")(number))
    sight = edge.quiet()
    assert (sight.given_up, sight.answered) == (False, {"o1"})
    assert 8 < sight.last < 9
    assert edge.timeline.passed - sight.last >= 1


def test_silence_needs_enough_answers_however_long_it_lasts() -> None:
    edge = Scripted(lambda at, number, _: turns("n1")(number) if number > 100 else None)
    assert not edge.quiet({"n1": "sha256:new"}, {"o1": "sha256:old"}).given_up
    assert edge.asked == 100 + IN_A_ROW


def test_many_proxies_get_their_time_whatever_the_nearest_answers() -> None:
    edge = Scripted(lambda at, number, _: turns("n1", "n2")(number))
    edge.pace = Pace()
    assert not edge.quiet().given_up
    assert edge.timeline.passed >= MANY_PROXIES_SECONDS


def test_a_machine_that_goes_on_answering_is_named() -> None:
    edge = Scripted(lambda at, number, _: turns("n1", "o2", "n2")(number))
    sight = edge.quiet()
    assert (sight.given_up, sight.answered) == (True, {"o2"})


def test_with_nothing_left_the_edge_says_that_it_has_nobody() -> None:
    edge = Scripted(lambda at, number, _: turns("o1")(number) if at < 4 else NOBODY)
    assert not edge.quiet({}).given_up
    assert 5 <= edge.timeline.passed < 9
    unreachable = Scripted(lambda at, number, _: None)
    assert unreachable.quiet({}, patient=False).given_up


class _Service(BaseHTTPRequestHandler):
    answer = (200, b"{}")
    seen: list[tuple[str, str]] = []  # noqa: RUF012 - one server

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get(FORCED, "")))
        status, body = self.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    """A real server that answers as `_Service.answer` says."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (200, b'{"machine": "m1", "image": "sha256:a"}', Answer("m1", "sha256:a")),
        (200, b'{"machine": null, "image": "sha256:a"}', Answer("", "sha256:a")),
        (200, b'{"image": "sha256:a"}', Answer("", "sha256:a")),
        (200, b'{"machine": null, "image": null}', None),
        (200, b"[]", None),
        (200, b"not json", None),
        (503, b"nobody", NOBODY),
        (404, b"{}", None),
    ],
)
def test_what_an_answer_tells(address: str, status: int, body: bytes, answer: Answer | None) -> None:
    _Service.answer, _Service.seen = (status, body), []
    assert RealEdge(address).ask() == answer
    assert RealEdge(address).ask("m7") == answer
    assert _Service.seen == [("/version", ""), ("/version", "m7")]


def test_no_connection_is_no_answer() -> None:
    assert RealEdge("http://127.0.0.1:9/").ask() is None


# the engine with it


@pytest.mark.parametrize("lag", [0.0, 2.0, 10.0])
@pytest.mark.parametrize("strategy", list(Strategy))
def test_no_request_is_lost_however_late_the_edge_learns(strategy: Strategy, lag: float) -> None:
    stage = Stage()
    stage.scene.platform.lag = lag
    assert stage.engine().run().status is Status.DEPLOYED
    assert stage.engine(strategy=strategy).run().status is Status.DEPLOYED
    assert stage.engine("bad-smoke", strategy).run().status is Status.ROLLED_BACK
    assert stage.scene.platform.losses == []
    assert stage.serves("good+2")
    assert {machine.launch for machine in stage.scene.platform.answering()} == {"d2"}


def test_a_release_that_the_edge_never_uses_is_rolled_back_and_not_rejected(stage: Stage) -> None:
    engine = stage.engine()
    real = stage.scene.platform.serving
    stage.scene.platform.serving = lambda: [m for m in real() if m.launch == "d1"]  # type: ignore[method-assign]
    done = engine.run()
    assert (done.status, engine.intent.blame) == (Status.ROLLED_BACK, False)
    assert "the edge sends no request to" in done.reason
    assert "says nothing about the release" in done.reason
    stage.scene.platform.serving = real  # type: ignore[method-assign]
    assert stage.serves("good+1")


def test_a_rollback_that_the_edge_never_uses_leaves_what_serves(stage: Stage) -> None:
    stage.engine().run()
    current = stage.snapshot().current()
    assert current
    first = next(event for event in stage.snapshot().events() if event.version == "good+1")
    back = replace(first, id="d9", status=Status.PENDING)
    intent = Intent("rollback", back, current, Strategy.IMMEDIATE, 2)
    stage.book.begin(intent, {})
    real = stage.scene.platform.serving
    stage.scene.platform.serving = lambda: [m for m in real() if m.launch == "d2"]  # type: ignore[method-assign]
    with pytest.raises(Unfinished, match="invoke resume"):
        stage.engine_for(intent).run()
    assert {machine.launch for machine in stage.scene.platform.answering()} == {"d2"}


def test_a_rollback_needs_no_edge_that_can_be_asked_from_here(stage: Stage) -> None:
    stage.engine().run()
    stage.scene.platform.cut_off = True
    first = next(event for event in stage.snapshot().events() if event.version == "good+1")
    intent = Intent("rollback", replace(first, id="d9"), stage.snapshot().current(), Strategy.IMMEDIATE, 2)
    stage.book.begin(replace(intent, wanted=replace(intent.wanted, status=Status.PENDING)), {})
    begun = stage.scene.timeline.passed
    done = stage.engine_for(intent).run()
    assert done.status is Status.DEPLOYED
    assert stage.scene.timeline.passed - begun < 2 * LIMITS.blind + 20
    assert "goes on all the same" in " ".join(done.notes)
    assert stage.scene.platform.losses == []


def test_a_machine_that_the_proxy_stops_as_one_too_many_is_started_again(stage: Stage) -> None:
    """Between old and new there is one too many, and the proxy knows nothing of rollouts."""
    engine, left = stage.engine(), 2
    real = stage.scene.checks.judge

    def judge(green: str, blue: tuple[str, ...], intent: Intent) -> str:
        nonlocal left
        left -= 1
        if left >= 0:
            stage.scene.platform.all[green].state = "stopped"
            raise ReleaseFault("the canary's verdict: nobody answers")
        return real(green, blue, intent)

    stage.scene.checks.judge = judge  # type: ignore[method-assign]
    done = engine.run()
    assert (done.status, engine.intent.blame) == (Status.DEPLOYED, False)
    assert "was stopped meanwhile" in " ".join(done.notes)
    assert stage.serves("good+2")


def test_a_machine_that_somebody_stops_again_and_again_is_no_fault_of_its_release(stage: Stage) -> None:
    engine = stage.engine()

    def judge(green: str, blue: tuple[str, ...], intent: Intent) -> str:
        stage.scene.platform.all[green].state = "stopped"
        raise ReleaseFault("the canary's verdict: nobody answers")

    stage.scene.checks.judge = judge  # type: ignore[method-assign]
    done = engine.run()
    assert (done.status, engine.intent.blame) == (Status.ROLLED_BACK, False)
    assert stage.serves("good+1")


def test_an_heir_that_was_stopped_just_now_is_started_and_nothing_is_withdrawn_meanwhile(stage: Stage) -> None:
    engine = stage.engine(strategy=Strategy.IMMEDIATE)
    real, struck = stage.scene.platform.look, False

    def look(machine: str) -> Any:
        nonlocal struck
        found = stage.scene.platform.all.get(machine)
        if found and found.traffic and found.launch == "d2" and not struck and engine._memory.reached:
            struck, found.state = True, "stopped"
        return real(machine)

    stage.scene.platform.look = look  # type: ignore[method-assign]
    done = engine.run()
    assert struck
    assert (done.status, engine.intent.blame) == (Status.DEPLOYED, False)
    assert stage.scene.platform.losses == []
