"""The page in Chromium, used as people use it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from deploy.environments import EnvironmentConfig

pytestmark = pytest.mark.browser

HTML = '<img src=x onerror="document.title=1"><b>bold</b>'


def program(page: Page) -> Locator:
    """The editor's text field."""
    return page.get_by_role("textbox", name=re.compile("^Program in "))


def write(page: Page, source: str) -> None:
    """Replace the program by `source`, as pasting over all of it does."""
    program(page).focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(source)


def run(page: Page) -> None:
    page.keyboard.press("Control+Enter")


def stream(page: Page, name: str) -> Locator:
    """The text of one stream, by the label that people see."""
    return page.get_by_role("region", name=name, exact=True).locator("pre")


def test_loads_without_a_complaint(page: Page) -> None:
    expect(page.get_by_role("main")).to_be_visible()
    expect(program(page)).to_contain_text("Hello")
    expect(page.locator("#problem")).to_be_hidden()


def test_banner_tells_the_environment(page: Page, environment: EnvironmentConfig) -> None:
    banner = page.locator("#environment")
    if environment.name == "production":
        expect(banner).to_be_hidden()
        expect(page).to_have_title("codecanvas")
    else:
        expect(banner).to_be_visible()
        expect(banner).to_have_text(f"{environment.name.title()} — runs go to {environment.api_url}")
        expect(page).to_have_title(f"{environment.name.title()} · codecanvas")


def test_footer_tells_the_release(page: Page, release: dict[str, Any]) -> None:
    footer = page.get_by_role("contentinfo")
    expect(footer).to_contain_text(f"codecanvas {release['version']} · {release['sha'][:7]}")
    expect(footer.locator("#sha")).to_have_attribute("title", release["sha"])


def test_offers_every_language_of_the_service(page: Page, languages: list[str]) -> None:
    options = page.get_by_label("Language").get_by_role("option")
    assert [option.get_attribute("value") for option in options.all()] == languages


def test_python_with_the_keyboard_alone(page: Page) -> None:
    order = ("Language", "Example", "Run", "Terminal", "Share", "More", "main.py", "New file", "Program in Python 3")
    for name in order:
        page.keyboard.press("Tab")
        labelled, button = page.get_by_label(name, exact=True), page.get_by_role("button", name=name, exact=True)
        expect(labelled.or_(button)).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("print(6 * 7, input())")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Standard input")).to_be_focused()
    page.keyboard.type("typed")
    page.keyboard.press("Control+Enter")
    expect(stream(page, "Standard output")).to_have_text("42 typed\n")
    expect(page.locator("#status")).to_have_text(re.compile(r"^Finished · exit 0 · .* m?s · .* [kM]B$"))


def test_c_with_the_mouse(page: Page) -> None:
    page.get_by_label("Language").select_option("c")
    write(page, '#include <stdio.h>\nint main(void) { puts("from C"); return 3; }\n')
    page.get_by_role("button", name="Run", exact=True).click()
    expect(stream(page, "Standard output")).to_have_text("from C\n")
    expect(page.locator("#status")).to_contain_text("exit 3")


def test_compile_error_is_shown(page: Page) -> None:
    page.get_by_label("Language").select_option("c")
    write(page, "int main(void) { return nothing; }\n")
    run(page)
    expect(page.locator("#status")).to_contain_text("Did not compile")
    expect(page.get_by_label("Output").locator("pre").first).to_contain_text("nothing")


def test_both_streams_and_exit_status_of_a_failing_program(page: Page) -> None:
    write(page, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(4)")
    run(page)
    expect(stream(page, "Standard output")).to_have_text("out\n")
    expect(stream(page, "Standard error")).to_have_text("err\n")
    expect(page.locator("#status")).to_contain_text("Failed while running · exit 4")


def test_output_is_text_never_markup(page: Page) -> None:
    title = page.title()
    write(page, f"print({HTML!r})")
    run(page)
    expect(stream(page, "Standard output")).to_have_text(f"{HTML}\n")
    expect(page.locator("#output img, #output b")).to_have_count(0)
    assert page.title() == title


def test_a_run_can_be_stopped(page: Page) -> None:
    write(page, "import time; time.sleep(3)")
    run(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#status")).to_contain_text("Stopped after")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()


def test_programs_are_remembered_by_language(page: Page) -> None:
    write(page, "print('mine')")
    page.get_by_label("Language").select_option("bash")
    expect(program(page)).to_contain_text("Hello")
    page.reload()
    expect(page.get_by_label("Language")).to_have_value("bash")
    page.get_by_label("Language").select_option("python3")
    expect(program(page)).to_have_text("print('mine')")


@pytest.mark.parametrize("language", ["bash", "c", "c++", "go", "nodejs", "python3", "rust"])
def test_example_runs(page: Page, language: str) -> None:
    """The first program that people see of a language runs to its end, and reads what they type."""
    page.get_by_label("Language").select_option(language)
    page.get_by_label("Standard input").fill("Ada\n")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(stream(page, "Standard output")).to_have_text(re.compile(r"^Hello, Ada!\n.*5 squared is 25\n$", re.DOTALL))
    expect(page.locator("#status")).to_contain_text("Finished · exit 0")


def test_no_answer_is_told(page: Page, api_url: str, complaints: Any) -> None:
    complaints.expected.append("net::ERR_FAILED")
    page.route(f"{api_url}run", lambda route: route.abort())
    run(page)
    expect(page.get_by_role("alert")).to_contain_text(f"No answer from {api_url}")
    page.unroute(f"{api_url}run")
    run(page)
    expect(stream(page, "Standard output")).to_contain_text("Hello")
    expect(page.locator("#problem")).to_be_hidden()


BUSY = {"Retry-After": "2", "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}


def test_a_busy_service_is_asked_again_when_it_says(page: Page, api_url: str, complaints: Any) -> None:
    complaints.expected.append("status of 429")
    page.route(f"{api_url}run", lambda route: route.fulfill(status=429, json={"error": "busy"}, headers=BUSY))
    run(page)
    expect(page.locator("#status")).to_have_text(re.compile(r"^Runs again in \d s$"))
    expect(page.get_by_role("alert")).to_contain_text("Too many runs")
    page.unroute(f"{api_url}run")
    expect(stream(page, "Standard output")).to_contain_text("Hello")
    expect(page.locator("#problem")).to_be_hidden()


def test_waiting_for_a_busy_service_can_be_cancelled(page: Page, api_url: str, complaints: Any) -> None:
    complaints.expected.append("status of 503")
    headers = {**BUSY, "Retry-After": "60"}
    page.route(f"{api_url}run", lambda route: route.fulfill(status=503, json={"error": "busy"}, headers=headers))
    run(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    expect(page.locator("#status")).to_contain_text("Stopped")


def test_an_absent_service_leaves_the_editor_and_comes_back(blank: Page, api_url: str, complaints: Any) -> None:
    complaints.expected.append("net::ERR_FAILED")
    blank.route(f"{api_url}languages", lambda route: route.abort())
    blank.goto("/")
    expect(blank.get_by_role("alert")).to_contain_text(f"No answer from {api_url}")
    expect(program(blank)).to_contain_text("Hello")
    blank.unroute(f"{api_url}languages")
    expect(blank.locator("#language")).to_have_attribute("data-source", "service")
    expect(blank.locator("#problem")).to_be_hidden()


def test_a_page_of_no_known_environment_refuses_to_run(blank: Page) -> None:
    config = 'globalThis.CODECANVAS_CONFIG = {"environment":"qa","version":"1","sha":"1","environments":{}};\n'
    blank.route("**/config.js", lambda route: route.fulfill(body=config, content_type="text/javascript"))
    blank.goto("/")
    expect(blank.get_by_role("alert")).to_contain_text('unknown environment, "qa"')
    expect(blank.get_by_role("button", name="Run", exact=True)).to_be_disabled()


@pytest.mark.parametrize("viewport", [{"width": 360, "height": 740}])
def test_a_phone_needs_no_sideways_scrolling(page: Page) -> None:
    write(page, "print('x' * 500); print('long words ' * 100)")
    run(page)
    expect(stream(page, "Standard output")).to_contain_text("xxx")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for name in ("Language", "Standard input"):
        expect(page.get_by_label(name)).to_be_visible()


@pytest.mark.parametrize("viewport", [{"width": 360, "height": 740}, {"width": 1280, "height": 800}])
def test_long_programs_and_outputs_scroll_in_their_place(page: Page, viewport: dict[str, int]) -> None:
    write(page, "\n".join(f"print({number})" for number in range(300)))
    run(page)
    expect(stream(page, "Standard output")).to_contain_text("299")
    for part in ("#editor", "#output"):
        assert page.locator(part).evaluate("element => element.clientHeight") < viewport["height"], part
