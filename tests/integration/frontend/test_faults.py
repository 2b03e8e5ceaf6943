"""What people are told when the service is down, busy, silent or wrong, and what is left to them, in each engine."""

from __future__ import annotations

import json

import pytest

from tests.integration.frontend.canvas import Canvas
from tests.integration.frontend.proxy import DOWN, SILENT, FaultProxy, answering, busy

pytestmark = pytest.mark.browser

RUN = "/api/v1/run"


def test_a_service_that_is_down_is_told_and_the_next_run_works(canvas: Canvas, proxy: FaultProxy, api_url: str) -> None:
    proxy.fail(DOWN)
    canvas.run()
    canvas.alert.contains(f"No answer from {api_url}", "your text is kept")
    canvas.status.becomes("Did not run")
    proxy.heal()
    canvas.run()
    canvas.stdout.contains("Hello")
    canvas.alert.becomes(None)


def test_a_terminal_without_a_service_tells(canvas: Canvas, proxy: FaultProxy, api_url: str) -> None:
    proxy.fail(DOWN)
    canvas.click("Terminal")
    canvas.alert.contains(f"No answer from {api_url}")
    assert canvas.enabled("Run")


def test_a_busy_service_is_asked_again_when_it_says(canvas: Canvas, proxy: FaultProxy) -> None:
    proxy.fail(busy("429 Too Many Requests", 2), RUN)
    canvas.run()
    canvas.status.matches(r"^Runs again in \d s$")
    canvas.alert.contains("Too many runs")
    proxy.heal()
    canvas.stdout.contains("Hello")
    canvas.alert.becomes(None)


def test_waiting_for_a_busy_service_can_be_cancelled(canvas: Canvas, proxy: FaultProxy) -> None:
    proxy.fail(busy("503 Service Unavailable", 60), RUN)
    canvas.run()
    canvas.click("Cancel")
    canvas.status.contains("Stopped")
    assert canvas.enabled("Run")


def test_a_service_that_never_answers_is_given_up(canvas: Canvas, proxy: FaultProxy, api_url: str) -> None:
    proxy.fail(SILENT, RUN)
    canvas.hurry(60)
    canvas.run()
    canvas.alert.contains(f"No answer from {api_url}")
    canvas.status.becomes("Did not run")


def test_waiting_for_an_answer_can_be_stopped(canvas: Canvas, proxy: FaultProxy) -> None:
    proxy.fail(SILENT, RUN)
    canvas.run()
    canvas.status.becomes("Running…")
    canvas.click("Stop")
    canvas.status.contains("Stopped after")
    assert canvas.alert.now is None


def test_an_answer_that_is_no_json_is_told(canvas: Canvas, proxy: FaultProxy) -> None:
    proxy.fail(answering("200 OK", "<html>", media_type="text/html"), RUN)
    canvas.run()
    canvas.alert.contains("not your program: its answer was not JSON")


def test_a_connection_that_breaks_is_told_and_what_came_is_kept(canvas: Canvas, proxy: FaultProxy) -> None:
    canvas.write("import time\nprint('came', flush=True)\ntime.sleep(8)")
    canvas.run()
    canvas.stdout.becomes("came\n")
    proxy.cut()
    canvas.alert.contains("The connection broke while your program ran")
    assert canvas.stdout.now == "came\n"


def test_an_absent_service_leaves_the_editor_and_comes_back(unopened: Canvas, proxy: FaultProxy, api_url: str) -> None:
    proxy.fail(DOWN)
    unopened.window.goto(unopened.root)
    unopened.alert.contains(f"No answer from {api_url}")
    unopened.program.contains("Hello")
    proxy.heal()
    unopened.knows_the_service()
    unopened.alert.becomes(None)


def test_the_page_of_another_environment_runs_nothing(unopened: Canvas, proxy: FaultProxy) -> None:
    proxy.fail(answering("200 OK", json.dumps({"environment": "elsewhere"})), "/version")
    unopened.window.goto(unopened.root)
    unopened.alert.contains("but the service says that it is elsewhere")
    assert not unopened.enabled("Run")
    unopened.run()
    unopened.press("F1")  # a key after that one: when it has acted, the first would have
    unopened.dialog.contains("Keyboard shortcuts")
    assert unopened.status.now == ""
    assert "POST /api/v1/run" not in proxy.asked
