"""One stream of events: who hears what, and that no listener can break or delay what it is told of."""

from __future__ import annotations

import io
import json
import threading
import time
from pathlib import Path

import pytest

from deploy.events.bus import PATIENCE, Aside, Bus
from deploy.events.console import Teller
from deploy.events.events import Event, GateRefused, Said, StepBegun, StepEnded, VerbEnded
from deploy.events.log import LARGEST, LOG, kept_in, logged_to
from deploy.events.times import StepTimes


def test_a_listener_that_raises_hears_nothing_more_and_the_others_hear_all() -> None:
    heard: list[Event] = []
    tries = 0

    def broken(event: Event) -> None:
        nonlocal tries
        tries += 1
        raise OSError("disk full")

    bus = Bus(broken, heard.append, Aside(broken))
    bus.say("one")
    bus.say("two")
    assert [event.text for event in heard if isinstance(event, Said)] == ["one", "two"]
    assert tries == 2  # once in line, once aside


def test_a_listener_that_hangs_delays_only_the_first_event() -> None:
    hangs = threading.Event()

    def hang(event: Event) -> None:
        hangs.wait(60)

    aside = Aside(hang)
    bus = Bus(aside)
    begun = time.monotonic()
    for number in range(200):
        bus.say(str(number))
    assert time.monotonic() - begun < 20 * PATIENCE
    hangs.set()
    assert aside.close(5)
    assert aside.missed == 0


def test_what_is_told_aside_comes_in_order_and_all_of_it() -> None:
    heard: list[str] = []

    def slowly(event: Event) -> None:
        time.sleep(0.001)
        heard.append(getattr(event, "text", ""))

    aside = Aside(slowly)
    bus = Bus(aside)
    for number in range(100):
        bus.say(str(number))
    assert aside.close(5)
    assert heard == [str(number) for number in range(100)]


def test_events_carry_where_they_happened() -> None:
    heard: list[Event] = []
    bus = Bus(heard.append).about("production", "d1")
    bus.say("x")
    bus.emit(Said(text="y", environment="staging"))
    assert [(event.environment, event.deployment) for event in heard] == [("production", "d1"), ("staging", "d1")]


def test_a_step_that_fails_says_so_and_the_error_goes_on() -> None:
    heard: list[Event] = []
    with pytest.raises(ValueError, match="no"), Bus(heard.append).step("try"):
        raise ValueError("no")
    begun, ended = heard
    assert isinstance(begun, StepBegun)
    assert isinstance(ended, StepEnded)
    assert (ended.ok, ended.problem) == (False, "no")


def test_the_log_has_a_line_of_json_an_event() -> None:
    stream = io.StringIO()
    bus = Bus(logged_to(stream)).about("production")
    bus.emit(GateRefused(sha="a", gate="freeze", reason="r", action="wait"))
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["environment"], line["gate"]) == (
        "gate.refused",
        "warning",
        "production",
        "freeze",
    )
    assert "deployment" not in line
    assert line["timestamp"].endswith("Z")


def test_a_log_that_has_grown_is_put_aside_and_one_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("x" * (LARGEST + 1))
    Bus(kept_in(tmp_path)).say("new")
    assert (tmp_path / f"{LOG}.1").stat().st_size == LARGEST + 1
    assert json.loads((tmp_path / LOG).read_text())["text"] == "new"
    (tmp_path / "file").write_text("")
    Bus(kept_in(tmp_path / "file")).say("nobody hears it")


def test_people_read_plain_lines_in_a_pipe(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_text("one\ntwo\n")
    bus = Bus(Teller())
    with bus.step("build"):
        bus.note("layer 1")
    bus.say("built")
    bus.emit(VerbEnded(command="build", ok=False, code=1, seconds=1.0, problem="it broke", log=str(log)))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  layer 1"
    assert lines[1].startswith("✓ build  0.")
    assert lines[2:] == ["built", "error: it broke", "  | one", "  | two", f"whole log: {log}"]


def test_times_are_kept_with_their_depth() -> None:
    times = StepTimes()
    bus = Bus(times)
    with bus.step("outer"), bus.step("inner"):
        pass
    assert [(step.name, step.depth) for step in times.steps] == [("outer: inner", 1), ("outer", 0)]
    assert [step.name for step in times.by_begin()] == ["outer", "outer: inner"]
