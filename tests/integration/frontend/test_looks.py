"""What the page looks like, beside reference pictures, in Chromium.

What differs between releases, environments and runs is set to the same words first. Pictures are of a Debian with the
fonts of DejaVu. When the look is meant to change: `./dev nox -s browser -- -k test_looks --update-screenshots`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.frontend.canvas import Canvas
from tests.integration.frontend.conftest import DESK, KEPT
from tests.integration.frontend.engines import Bounds, eventually
from tests.integration.frontend.pictures import TOLERANCE, compare, smallest

pytestmark = pytest.mark.browser

REFERENCES = Path(__file__).parent / "references"
PHONE: Bounds = {"width": 360, "height": 740}
# Lists are as wide as their longest entry, and what they offer is the service's word. Nothing has the focus, so that no
# caret blinks.
SAME_EVERYWHERE = """
    const say = (selector, text) => {
        const one = document.querySelector(selector);
        one.textContent = text;
        one.hidden = false;
    };
    document.documentElement.dataset.environment = "local";
    say("#environment", "Local — runs go to http://localhost/api/v1/");
    say("#version", "codecanvas 0.0.0 · 0000000");
    const status = document.querySelector("#status");
    status.textContent = status.textContent.replace(/ · [0-9.]+ m?s.*/, " · 0 ms");
    for (const list of document.querySelectorAll("#language, #example, #option-list")) {
        list.replaceChildren(list.selectedOptions[0] ?? "");
    }
    document.activeElement.blur();
    return document.fonts.ready.then(() => true);
"""


def as_opened(canvas: Canvas) -> None:
    """Nothing was done yet."""


def after_a_compiler_message(canvas: Canvas) -> None:
    """A program in C did not compile."""
    canvas.language("c")
    canvas.write("#include <stdio.h>\n\nint main(void) {\n    return nothing;\n}\n")
    canvas.run()
    canvas.status.contains("Did not compile")
    canvas.compiler.contains("main.c:4")


def with_a_dialog(canvas: Canvas) -> None:
    """The settings are open."""
    canvas.more("Settings")
    canvas.dialog.contains("Colours")


LOOKS: dict[str, tuple[str, Bounds, Callable[[Canvas], None]]] = {
    "phone-light": ("light", PHONE, as_opened),
    "desk-light": ("light", DESK, as_opened),
    "desk-dark": ("dark", DESK, as_opened),
    "desk-light-compiler": ("light", DESK, after_a_compiler_message),
    "desk-dark-settings": ("dark", DESK, with_a_dialog),
}


@pytest.fixture
def viewport(look: str) -> Bounds:
    """Size of the page, as the look wants it."""
    return LOOKS[look][1]


@pytest.mark.parametrize("engine", ["chromium"])
@pytest.mark.parametrize("look", LOOKS)
def test_looks_as_its_reference(unopened: Canvas, look: str, pytestconfig: pytest.Config) -> None:
    theme, _, reach = LOOKS[look]
    unopened.open(f"?theme={theme}")
    reach(unopened)
    picture = settled(unopened)
    reference = REFERENCES / f"{look}.png"
    if pytestconfig.getoption("--update-screenshots"):
        reference.parent.mkdir(exist_ok=True)
        reference.write_bytes(smallest(picture))
    assert reference.exists(), f"no {reference}: make it with --update-screenshots"
    compared = compare(picture, reference.read_bytes())
    if not compared.alike:
        kept = "\n".join(map(str, compared.keep(KEPT, look)))
        pytest.fail(f"{compared.share:.3%} of the pixels differ, and {TOLERANCE:.3%} may; see\n{kept}")


def settled(canvas: Canvas) -> bytes:
    """A picture of the page once the program has its colours and nothing moves any more."""
    coloured = canvas.inside("a coloured word", ".cm-line span[class]")
    coloured.matches(r"\S")
    canvas.window.evaluate(SAME_EVERYWHERE)
    last = b""

    def moved() -> bool:
        nonlocal last
        before, last = last, canvas.window.screenshot()
        return last != before

    eventually(moved, lambda moves: not moves, "a page on which nothing moves")
    return last
