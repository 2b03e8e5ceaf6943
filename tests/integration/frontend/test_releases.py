"""A page that is open while it is released: every part of it still loads, else it offers to reload and loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Error as PlaywrightError

from deploy.artifacts.frontend import Named, build_page, former_assets, install_packages, site_files
from deploy.emulator.pages.rules import read_rules
from deploy.settings.environments import ROOT, EnvironmentConfig
from tests.integration.frontend.canvas import Canvas
from tests.integration.frontend.engines import ENGINES, PlaywrightWindow, Window, eventually
from tests.integration.frontend.pages import PagesHost, later, lazy, pages_host
from tests.integration.frontend.proxy import FaultProxy, answering
from tests.integration.frontend.webdriver import WebDriverError

pytestmark = pytest.mark.browser

NEXT = "e" * 40
CHOOSE = """
    const list = document.querySelector("#language");
    if (![...list.options].some(({ value }) => value === arguments[0])) list.append(new Option(arguments[0]));
    list.value = arguments[0];
    list.dispatchEvent(new Event("change", { bubbles: true }));
"""
REFUSE_STORAGE = "Object.defineProperty(globalThis, 'localStorage', { get() { throw new Error('refused'); } });"


def language(name: str) -> Callable[[Canvas], None]:
    """Opening a language, also one that the service does not run here: its colours load all the same."""
    return lambda canvas: canvas.window.evaluate(CHOOSE, name)


def keys(name: str) -> Callable[[Canvas], None]:
    """Choosing how keys work."""

    def choose(canvas: Canvas) -> None:
        canvas.more("Settings")
        canvas.choose("Keys in the editor", name)
        canvas.close_dialog()

    return choose


def find(canvas: Canvas) -> None:
    canvas.focus()
    canvas.press("Control+f")
    canvas.inside("the search panel", ".cm-search").appears()


def options(canvas: Canvas) -> None:
    canvas.language("c")
    canvas.focus("Add an option")


def dialog(canvas: Canvas) -> None:
    canvas.press("F1")
    canvas.dialog.contains("Keyboard shortcuts")
    canvas.close_dialog()


# What a person does to have each part of the page that loads later, by the name of its chunk.
USES: dict[str, Callable[[Canvas], None]] = {
    "tools": lambda canvas: canvas.press("F8"),
    "more": dialog,
    "examples": language("rust"),
    "mode-python": language("python3"),
    "search": find,
    "keys-vim": keys("vim"),
    "keys-emacs": keys("emacs"),
    "options": options,
    "mode-clike": language("c"),
    "mode-go": language("go"),
    "mode-javascript": language("nodejs"),
    "mode-rust": language("rust"),
    "mode-shell": language("bash"),
    "mode-sql": language("sqlite"),
    "modes-classic": language("pascal"),
    "modes-functional": language("haskell"),
    "modes-scripting": language("ruby"),
    "terminal": lambda canvas: canvas.click("Terminal"),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, environment: EnvironmentConfig) -> dict[str, bytes]:
    """The page's image."""
    place = tmp_path_factory.mktemp("page")
    log = place / "log"
    log.write_text("")
    install_packages(ROOT / "frontend", log, lambda _: None)
    build_page(ROOT / "frontend", environment.name, place / "site", log)
    site = {one.relative_to(place).as_posix(): one.read_bytes() for one in place.rglob("*") if one.is_file()}
    config = site.pop("site/config.js")
    return {**site, f"config/{environment.name}/config.js": config}


@pytest.fixture
def page(built: dict[str, bytes], environment: EnvironmentConfig, release: dict[str, Any]) -> dict[str, bytes]:
    """The page of the release that the service runs, as it is published."""
    named = Named(release["version"], release["sha"])
    return site_files(built, environment.name, named, environment.api_url)


@pytest.fixture
def host(tmp_path: Path, proxy: FaultProxy) -> Iterator[PagesHost]:
    """A host on which this test releases."""
    with pages_host(tmp_path / "pages") as started:
        proxy.renew()
        proxy.also(started.url)
        yield started
        proxy.renew()


@pytest.fixture
def opened(window: Window, host: PagesHost, page: dict[str, bytes], environment: EnvironmentConfig) -> Canvas:
    """The first release's page, open, and nothing done with it yet."""
    host.publish(page)
    canvas = Canvas(window, replace(environment, frontend_url=host.url))
    canvas.open()
    canvas.program.contains("Hello")
    return canvas


def reload(canvas: Canvas) -> None:
    """Press Reload, and wait until the page is another one."""
    canvas.window.evaluate("globalThis.before = true")
    canvas.click("Reload")

    def anew() -> bool:
        try:
            return bool(canvas.window.evaluate("return globalThis.before !== true"))
        except (PlaywrightError, WebDriverError):  # it is just leaving
            return False

    eventually(anew, bool, "the page to be loaded anew")
    canvas.knows_the_service()
    assert canvas.stale.now is None


def published(*releases: dict[str, bytes]) -> dict[str, bytes]:
    """What is published of a release after others: the newest first."""
    now, *former = releases
    return now | former_assets(now, former)


def test_what_is_kept_of_the_page_by_its_host(
    host: PagesHost, page: dict[str, bytes], release: dict[str, Any]
) -> None:
    assert read_rules(page["_headers"].decode(), "").ignored == []
    new = later(page, "2", release["sha"])
    host.publish(published(new, page))
    with httpx.Client(base_url=host.url) as site:

        def kept(path: str) -> tuple[int, str]:
            answer = site.get(path)
            return answer.status_code, answer.headers.get("cache-control", "")

        assert {kept(name) for name in ("", "config.js")} == {(200, "no-cache")}
        assert {kept(path) for path in lazy(new).values()} == {(200, "public, max-age=31536000, immutable")}
        assert {kept(path) for path in lazy(page).values()} == {(200, "public, max-age=0, must-revalidate")}
        # One that is not there yet, or no more, must be asked for again: nothing is kept of its 404.
        assert {kept(path) for path in lazy(later(page, "3", "")).values()} == {(404, "")}
        wrong = site.get("no/such/page")
        assert (wrong.status_code, wrong.content) == (404, page["404.html"])
        moved = site.get("index.html?embed=1")
        assert (moved.status_code, moved.headers["location"]) == (308, "/?embed=1")


@pytest.mark.parametrize("engine", ["chromium"])  # which files are there is the same for all
def test_every_part_of_a_page_loads_after_two_releases(
    opened: Canvas, host: PagesHost, page: dict[str, bytes], release: dict[str, Any]
) -> None:
    second, third = later(page, "2", release["sha"]), later(page, "3", release["sha"])
    assert not set(lazy(page).values()) & set(lazy(third).values())
    host.publish(published(second, page))
    host.publish(published(third, second, page))
    parts = lazy(page)
    assert parts.keys() == USES.keys(), "say in USES what a person does to have each part of the page"
    for name, use in USES.items():
        use(opened)
        loaded = (parts[name], 200)
        eventually(lambda wanted=loaded: wanted in host.served, bool, f"{name} to load")  # type: ignore[misc]
    assert [one for one in host.served if one[1] >= 400] == []
    assert opened.stale.now is None


@pytest.mark.parametrize(
    ("engine", "page_for_all"),
    [*((engine, False) for engine in ENGINES), ("chromium", True)],
    ids=[*(f"{engine}-404" for engine in ENGINES), "chromium-page instead"],
)
def test_a_part_that_is_gone_is_told_and_reloading_keeps_all_that_was_written(
    opened: Canvas, host: PagesHost, page: dict[str, bytes], release: dict[str, Any], page_for_all: bool
) -> None:
    opened.add_file("file.py", "helper.py")
    opened.write("x = 1  # in helper")
    opened.fill("Standard input", "what it reads")
    opened.fill("Arguments", "--first 'second one'")
    opened.language("c")
    opened.write("int main(void) { return 7; }")
    new = later(page, "2", release["sha"])
    if page_for_all:
        del new["404.html"]
    host.publish(new)
    opened.focus()
    opened.press("Control+f")
    opened.stale.contains("reload it, your text is kept")
    reload(opened)
    opened.program.becomes("int main(void) { return 7; }")
    opened.choose("Language", "python3")
    opened.program.becomes("x = 1  # in helper")
    opened.value("Standard input").becomes("what it reads")
    opened.value("Arguments").becomes("--first 'second one'")
    find(opened)  # of the new release
    assert opened.stale.now is None


@pytest.mark.parametrize("engine", ["chromium"])
def test_a_page_that_was_opened_and_left_offers_to_reload_when_somebody_comes_back(
    opened: Canvas, host: PagesHost, page: dict[str, bytes]
) -> None:
    host.publish(later(page, "2", NEXT))  # nothing was pressed before: not even what acts on keys is loaded
    opened.write("print('typed into an old page')")
    opened.run()
    opened.stale.contains("did not load")
    reload(opened)
    opened.program.becomes("print('typed into an old page')")
    opened.footer.contains(NEXT[:7])
    opened.run()
    opened.stdout.becomes("typed into an old page\n")


@pytest.mark.parametrize(("path", "script"), [("?embed=1", ""), ("", REFUSE_STORAGE)], ids=["embedded", "no storage"])
@pytest.mark.parametrize("engine", ["chromium"])
def test_where_nothing_is_stored_reloading_keeps_it_all_the_same(
    opened: Canvas, window: PlaywrightWindow, host: PagesHost, page: dict[str, bytes], path: str, script: str
) -> None:
    if script:
        window.page.add_init_script(script)
    opened.open(path)
    opened.write("print('kept nowhere')")
    opened.fill("Standard input", "what it reads")
    opened.language("c")
    opened.write("int main(void) { return 7; }")
    host.publish(later(page, "2", NEXT))
    find_it_gone(opened)
    reload(opened)
    opened.program.becomes("int main(void) { return 7; }")
    opened.value("Language").becomes("c")
    opened.choose("Language", "python3")
    opened.program.becomes("print('kept nowhere')")
    opened.value("Standard input").becomes("what it reads")


def find_it_gone(canvas: Canvas) -> None:
    """Ask for a part of the page that is no longer there."""
    canvas.focus()
    canvas.press("Control+f")
    canvas.stale.contains("did not load")


@pytest.mark.parametrize("engine", ["chromium"])
def test_without_a_connection_reloading_leaves_the_page_as_it_is(
    opened: Canvas, window: PlaywrightWindow, host: PagesHost, page: dict[str, bytes]
) -> None:
    opened.write("print('here')")
    window.page.context.set_offline(True)
    find_it_gone(opened)
    opened.click("Reload")
    opened.notice.contains("could not load the page")
    assert opened.program.now == "print('here')"
    window.page.context.set_offline(False)
    opened.click("Later")
    opened.stale.becomes(None)
    find(opened)


@pytest.mark.parametrize("engine", ["chromium"])
def test_another_release_of_the_service_is_told_once_its_page_is_there(
    opened: Canvas, host: PagesHost, page: dict[str, bytes], proxy: FaultProxy, environment: EnvironmentConfig
) -> None:
    opened.hurry(60)  # the service is asked four times a minute at most
    opened.press("F8")
    opened.write("print('mine')")
    answer = {"environment": environment.name, "version": "2.0.0", "sha": NEXT}
    proxy.fail(answering("200 OK", json.dumps(answer)), "/version")
    host.publish(published(later(page, "2", NEXT), page))

    def told() -> str | None:
        opened.press("F8")
        return opened.stale.now

    eventually(told, lambda text: "newer version" in (text or ""), "the offer of a newer page")
    reload(opened)
    opened.footer.contains(NEXT[:7])
    opened.program.becomes("print('mine')")
    proxy.heal()
