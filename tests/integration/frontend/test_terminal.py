"""Programs that are spoken to while they run, in each engine."""

from __future__ import annotations

import pytest

from tests.integration.frontend.canvas import Canvas

pytestmark = pytest.mark.browser


@pytest.mark.deployed
def test_terminal_takes_input_and_control_c(canvas: Canvas) -> None:
    canvas.write("name = input('name? ')\nprint('\\033[32mhello', name)\nimport time\ntime.sleep(60)")
    canvas.click("Terminal")
    canvas.terminal.contains("name?")
    canvas.type("Ada\n")
    canvas.terminal.contains("hello Ada")
    canvas.press("Control+c")
    canvas.terminal.contains("KeyboardInterrupt")
    canvas.finished()
    canvas.run()
    canvas.terminal.becomes(None)


def test_terminal_can_be_left_and_stopped_by_keys(canvas: Canvas) -> None:
    canvas.write("import time\nprint('up', flush=True)\ntime.sleep(60)")
    canvas.press("Control+Shift+Enter")
    canvas.terminal.contains("up")
    canvas.press("Shift+Escape")
    canvas.focused.becomes("Stop")
    canvas.press("Enter")
    canvas.status.contains("Stopped after")
