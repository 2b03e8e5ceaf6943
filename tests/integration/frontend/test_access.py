"""The page for people with a keyboard alone, with a phone, and with assistive technology, in each engine."""

from __future__ import annotations

import pytest

from tests.integration.frontend.canvas import Canvas
from tests.integration.frontend.engines import ENGINES, Bounds, eventually
from tests.integration.frontend.proxy import FaultProxy, busy

pytestmark = pytest.mark.browser

PHONE: Bounds = {"width": 360, "height": 740}
DESK: Bounds = {"width": 1280, "height": 800}
# Colours are the same in every engine, and the page's structure in every theme.
LOOKS: list[tuple[str, str, Bounds, tuple[str, ...]]] = [
    *((engine, "light", DESK, ()) for engine in ENGINES),
    *((engine, "dark", PHONE, ()) for engine in ENGINES),
    *(("chromium", theme, DESK, ("color-contrast",)) for theme in ("contrast-light", "contrast-dark")),
]
WARNED = '#include <stdio.h>\nint main(void) { int x; puts("\\033[33myellow\\033[0m"); fputs("e", stderr); }'


@pytest.mark.deployed
def test_python_with_the_keyboard_alone(canvas: Canvas) -> None:
    order = ("Language", "Example", "Run", "Terminal", "Share", "More", "main.py", "New file", "Program in Python 3")
    for name in order:
        canvas.press("Tab")
        canvas.focused.becomes(name)
    canvas.press("Control+a")
    canvas.type("print(6 * 7, input())")
    canvas.press("Escape")
    canvas.press("Tab")
    canvas.focused.becomes("Standard input")
    canvas.type("typed")
    canvas.press("Control+Enter")
    canvas.stdout.becomes("42 typed\n")
    canvas.status.matches(r"^Finished · exit 0 · .* m?s · .* [kM]B$")


def shows_all_of_its_output(canvas: Canvas, viewport: Bounds) -> None:
    """Wait until it is in sight, from its top to its bottom: the next time that the page is painted."""
    seen = "const box = document.querySelector('#output').getBoundingClientRect(); return [box.top, box.bottom]"
    eventually(
        lambda: canvas.window.evaluate(seen),
        lambda edges: edges[0] >= 0 and edges[1] <= viewport["height"] + 1,
        "the output's edges to be in sight",
    )


@pytest.mark.parametrize("viewport", [PHONE])
def test_a_phone_shows_what_was_written_and_needs_no_sideways_scrolling(canvas: Canvas) -> None:
    canvas.write("print('x' * 500); print('long words ' * 100)")
    canvas.click("Run")
    canvas.status.matches("^Finished ")
    assert canvas.window.evaluate("return document.documentElement.scrollWidth") <= 360
    shows_all_of_its_output(canvas, PHONE)
    for name in ("Language", "Run", "Terminal", "Share", "More", "Standard input"):
        assert canvas.there(name), name


@pytest.mark.parametrize("viewport", [{"width": 322, "height": 653}], ids=["narrow"])
def test_a_verdict_that_takes_two_lines_does_not_push_the_output_away(canvas: Canvas, viewport: Bounds) -> None:
    height = "return document.querySelector('#status').offsetHeight"
    canvas.write("print('short')")
    canvas.run()
    canvas.finished()  # else the button to be clicked may have become Stop
    canvas.window.evaluate("window.scrollTo(0, 0); return 0")
    canvas.write("import time\nwhile time.process_time() < 1.1: pass\nprint('long words ' * 200)\nraise SystemExit(113)")
    canvas.click("Run")
    canvas.status.becomes("Running…")
    line = canvas.window.evaluate(height)
    canvas.status.matches("^Failed while running · exit 113 · .* s CPU")
    assert canvas.window.evaluate(height) > line  # else nothing was shown
    shows_all_of_its_output(canvas, viewport)


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_long_programs_and_outputs_scroll_in_their_place(canvas: Canvas, viewport: Bounds) -> None:
    canvas.write("\n".join(f"print({number})" for number in range(300)))
    canvas.run()
    canvas.stdout.contains("299")
    for part in ("#editor", "#output"):
        height = canvas.window.evaluate("return document.querySelector(arguments[0]).clientHeight", part)
        assert height < viewport["height"], part


@pytest.mark.parametrize(
    ("engine", "theme", "viewport", "rules"), LOOKS, ids=[f"{engine}-{theme}" for engine, theme, *_ in LOOKS]
)
def test_nothing_serious_for_axe(unopened: Canvas, theme: str, rules: tuple[str, ...], proxy: FaultProxy) -> None:
    canvas = unopened
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        found[state] = canvas.serious(*rules)

    canvas.open(f"?theme={theme}")
    look("open")
    _run_with_warnings(canvas)
    look("after a run")
    for name, title in (("Settings", "Settings"), ("Keyboard shortcuts", "Keyboard shortcuts")):
        canvas.more(name)
        canvas.dialog.contains(title)
        look(name)
        canvas.close_dialog()
    canvas.click("Share")
    canvas.value("Link").matches("#1=")
    look("share")
    canvas.close_dialog()
    _wait_for_a_busy_service(canvas, proxy)
    look("busy, with a closed file and the menu")
    proxy.heal()
    canvas.click("Cancel")
    canvas.click("Terminal")
    canvas.terminal.contains("yellow")
    look("terminal")
    assert {state: serious for state, serious in found.items() if serious} == {}


def _run_with_warnings(canvas: Canvas) -> None:
    canvas.language("c")
    canvas.write(WARNED)
    canvas.fill("Compiler options", "-Wall")
    canvas.run()
    canvas.finished()
    canvas.compiler.contains("main.c:2")


def _wait_for_a_busy_service(canvas: Canvas, proxy: FaultProxy) -> None:
    canvas.add_file("file.c")
    canvas.write("x")
    canvas.click("Close file.c")
    canvas.notice.contains("file.c was closed")
    proxy.fail(busy("429 Too Many Requests", 60), "/api/v1/run")
    canvas.run()
    canvas.alert.contains("Too many runs")
    canvas.click("More")
    canvas.appears("Settings")
