"""The canvas as a person has it: what they do and what they see, alike in every engine.

Controls are called by the names that people see and screen readers say. Everything seen is waited for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.settings.environments import EnvironmentConfig
from tests.integration.frontend.engines import Window, eventually

AXE = Path(__file__).parents[3] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
# Before every function body: how elements are found. A dialog that is open covers all the rest.
FIND = """
const editor = () => document.querySelector("#editor")?.shadowRoot;
const program = () => editor()?.querySelector(".cm-content") ?? null;
const shown = (one) => (one?.checkVisibility() ? one : null);
const nameOf = (one) => (one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent ?? one.textContent).trim();
const open = () => document.querySelector("dialog[open]") ?? document;
const controls = () => [...open().querySelectorAll("button, select, input, textarea"), program()];
const named = (name) => controls().find((one) => shown(one) && nameOf(one) === name) ?? null;
"""
CONTROL = f"{FIND} return named(arguments[0]);"
PROGRAM = f"{FIND} return program();"
# Lines of the editor that are on the screen; xterm.js paints spaces that cannot be broken.
PROGRAM_TEXT = f'{FIND} return [...program().querySelectorAll(".cm-line")].map((one) => one.textContent).join("\\n");'
TERMINAL_TEXT = """
    const rows = document.querySelector("#terminal .xterm-rows");
    return rows?.checkVisibility() ? [...rows.children].map((one) => one.textContent).join("\\n") : null;
"""
PLACE = """
    const places = [...document.querySelectorAll("#output button.place")];
    return places.find((one) => one.textContent.includes(arguments[0])) ?? null;
"""
FOCUSED = f"""{FIND}
    let one = document.activeElement;
    while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    return one && one !== document.body ? nameOf(one) : null;
"""
HURRY = """
    const [times, slow] = [arguments[0], globalThis.setTimeout];
    globalThis.setTimeout = (act, wait, ...more) => slow(act, wait / times, ...more);
"""
SERIOUS = """
    return axe.run(arguments[0] ? { runOnly: arguments[0] } : {}).then(({ violations }) => violations
        .filter((one) => ["serious", "critical"].includes(one.impact))
        .map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target)}`));
"""


@dataclass(frozen=True)
class Seen:
    """Something that people read on the page; None while it is not there or hidden."""

    window: Window
    what: str
    body: str
    arguments: tuple[Any, ...] = ()

    @property
    def now(self) -> str | None:
        text: str | None = self.window.evaluate(self.body, *self.arguments)
        return text.replace("\xa0", " ") if text is not None else None

    def appears(self) -> None:
        """Wait until it is there, whatever it says."""
        eventually(lambda: self.now, lambda text: text is not None, f"{self.what} to appear")

    def becomes(self, wanted: str | None) -> None:
        """Wait until it is exactly `wanted`."""
        eventually(lambda: self.now, lambda text: text == wanted, f"{self.what} to be {wanted!r}")

    def contains(self, *parts: str) -> None:
        """Wait until it has every part."""
        eventually(lambda: self.now, lambda text: all(part in (text or "") for part in parts), f"{self.what}: {parts}")

    def matches(self, pattern: str) -> None:
        """Wait until `pattern` is found in it."""
        eventually(
            lambda: self.now, lambda text: bool(re.search(pattern, text or "")), f"{self.what} to match {pattern}"
        )


class Canvas:
    """The page in one window."""

    def __init__(self, window: Window, environment: EnvironmentConfig) -> None:
        self.window = window
        self.root = environment.frontend_url
        self.status = self._text("the verdict", "#status")
        self.alert = self._text("the alert", "#problem")
        self.notice = self._text("the notice", "#notice-text")
        self.stale = self._text("the offer to reload", "#stale span")
        self.banner = self._text("the banner", "#environment")
        self.footer = self._text("the footer", "footer")
        self.dialog = self._text("the dialog", "dialog[open]")
        self.program = Seen(window, "the program", PROGRAM_TEXT)
        self.line = self.inside("the active line's number", ".cm-activeLineGutter")
        self.terminal = Seen(window, "the terminal", TERMINAL_TEXT)
        self.focused = Seen(window, "what has the focus", FOCUSED)
        self.stdout, self.stderr = self.stream("Standard output"), self.stream("Standard error")
        self.compiler = self.stream("Compiler")

    # Going somewhere

    def open(self, path: str = "") -> None:
        """Open the page, and wait until it knows what the service runs."""
        self.window.goto(f"{self.root}{path}")
        self.knows_the_service()

    def reload(self) -> None:
        self.window.reload()
        self.knows_the_service()

    def knows_the_service(self) -> None:
        """Wait until the languages in the menu are those of the service."""
        body = 'return document.querySelector("#language").dataset.source ?? null'
        Seen(self.window, "where the languages come from", body).becomes("service")

    # Doing something

    def focus(self, name: str | None = None) -> None:
        """Put the cursor into a control, or into the program."""
        find = PROGRAM if name is None else CONTROL
        body = f"const one = (function () {{ {find} }}).apply(null, arguments); one?.focus(); return Boolean(one)"
        eventually(lambda: self.window.evaluate(body, name), bool, f"{name or 'the program'} on the page")

    def write(self, source: str) -> None:
        """Replace the open file by `source`, as pasting over all of it does."""
        self.focus()
        self._replace(source)

    def fill(self, name: str, text: str) -> None:
        """Replace what stands in a field."""
        self.focus(name)
        self._replace(text)

    def add_file(self, name: str, new_name: str | None = None) -> None:
        """Add a file, which the page calls `name`, and name it at once."""
        self.click("New file")
        self.focused.becomes(f"New name of {name}")
        if new_name is not None:
            self.fill(f"New name of {name}", new_name)
        self.press("Enter")
        self.appears(f"Close {new_name or name}")

    def press(self, keys: str) -> None:
        self.window.press(keys)

    def close_dialog(self) -> None:
        """Close it by its key, and wait until it has given the focus back."""
        self.press("Escape")
        self.dialog.becomes(None)

    def type(self, text: str) -> None:
        self.window.type(text)

    def run(self) -> None:
        """Run by the keys, wherever the focus is."""
        self.window.press("Control+Enter")

    def click(self, name: str) -> None:
        """Press the control called `name`."""
        self.window.click(CONTROL, name)

    def choose(self, name: str, value: str) -> None:
        """Choose what has the value or the label `value` from the list called `name`."""
        self.window.choose(value, CONTROL, name)

    def language(self, language: str) -> None:
        """Choose a language, and wait until its program is open."""
        self.choose("Language", language)
        self.program.matches(r"\S")

    def more(self, name: str) -> None:
        """Press what stands in the menu."""
        self.click("More")
        self.click(name)

    def follow(self, place: str) -> None:
        """Press a place that messages name."""
        self.window.click(PLACE, place)

    def hurry(self, times: int) -> None:
        """From now on the page's clock runs that many times faster, so that its patience ends sooner."""
        self.window.evaluate(HURRY, times)

    # Seeing something

    def stream(self, label: str) -> Seen:
        """What stands in one part of the output."""
        return self._text(label, f'#output section[aria-label="{label}"] pre')

    def inside(self, what: str, selector: str) -> Seen:
        """A text within the editor."""
        body = f"{FIND} return editor().querySelector(arguments[0])?.textContent ?? null"
        return Seen(self.window, what, body, (selector,))

    def value(self, name: str) -> Seen:
        """What stands in a field, or is chosen from a list."""
        return Seen(self.window, name, f"{FIND} return named(arguments[0])?.value ?? null", (name,))

    def there(self, name: str) -> bool:
        """Whether a control can be seen."""
        return bool(self.window.evaluate(f"{FIND} return named(arguments[0]) !== null", name))

    def appears(self, name: str) -> None:
        """Wait until a control can be seen."""
        eventually(lambda: self.there(name), bool, f"{name} on the page")

    def enabled(self, name: str) -> bool:
        """Whether a control that can be seen can be used."""
        return bool(self.window.evaluate(f"{FIND} return named(arguments[0])?.disabled === false", name))

    def options(self, name: str) -> list[str]:
        """The values that a list offers."""
        found: list[str] = self.window.evaluate(
            f"{FIND} return [...named(arguments[0]).options].map((one) => one.value)", name
        )
        return found

    def count(self, selector: str) -> int:
        """How many elements there are."""
        return int(self.window.evaluate("return document.querySelectorAll(arguments[0]).length", selector))

    def style(self, selector: str, name: str) -> str:
        """A computed style of the first element that `selector` finds, in the editor or on the page."""
        body = f"""{FIND}
            const one = document.querySelector(arguments[0]) ?? editor().querySelector(arguments[0]);
            return getComputedStyle(one)[arguments[1]];
        """
        return str(self.window.evaluate(body, selector, name))

    def finished(self) -> None:
        """Wait until a run has ended, however."""
        self.status.matches("exit|signal|Ran out|Wrote")

    def serious(self, *rules: str) -> list[str]:
        """What axe-core calls serious or critical, with the elements, on the page as it stands; by `rules` or all."""
        if not self.window.evaluate("return 'axe' in globalThis"):
            self.window.evaluate(AXE.read_text())
        found: list[str] = self.window.evaluate(SERIOUS, list(rules) or None)
        return found

    def _replace(self, text: str) -> None:
        """Replace all that stands where the cursor is, at once: Playwright can do that in Chromium alone."""
        self.window.press("Control+a")
        assert self.window.evaluate("return document.execCommand('insertText', false, arguments[0])", text)

    def _text(self, what: str, selector: str) -> Seen:
        body = f"{FIND} return shown(document.querySelector(arguments[0]))?.textContent ?? null"
        return Seen(self.window, what, body, (selector,))
