"""The same journey in the other two engines: Debian's Firefox through Playwright, and WebKitGTK through its driver."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from deploy.environments import EnvironmentConfig
from tests.integration.frontend.conftest import AXE, PATIENCE_MS, axe_violations
from tests.integration.frontend.webdriver import webkit

pytestmark = pytest.mark.browser

SOURCE = "print('\\033[32mgreen\\033[0m', input())\nnothing()\n"
CONTROL, ENTER = "\ue009", "\ue007"
SHADOW = "document.querySelector('#editor').shadowRoot"


@pytest.fixture(scope="module")
def kept(environment: EnvironmentConfig) -> str:
    """What the browser remembers when the page opens: a program that greets, then fails in line 2."""
    return json.dumps({"files": [{"name": "", "text": SOURCE}], "stdin": "Ada"})


def test_a_journey_in_firefox(environment: EnvironmentConfig, kept: str) -> None:
    executable = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    assert executable, "no Firefox: install Debian's `firefox-esr`, or name one in the variable FIREFOX"
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        firefox = playwright.firefox.launch(channel="moz-firefox", executable_path=executable)
        page = firefox.new_page(base_url=environment.frontend_url)
        page.set_default_timeout(PATIENCE_MS)
        page.goto("/")
        page.evaluate("kept => localStorage.setItem('codecanvas:program:python3', kept)", kept)
        page.goto("/?theme=dark")
        expect(page.locator("#language")).to_have_attribute("data-source", "service")
        page.locator("#editor .cm-content").focus()
        page.keyboard.press("Control+Enter")
        expect(page.locator("pre[data-stream=stdout]")).to_have_text("green Ada\n")
        page.locator("button.place", has_text="line 2").first.click()
        expect(page.locator("#editor .cm-activeLineGutter")).to_have_text("2")
        assert axe_violations(page) == []
        page.get_by_role("button", name="Terminal").click()
        expect(page.locator("#terminal .xterm-rows")).to_be_visible()
        page.keyboard.type("Eve\n")
        expect(page.locator("#terminal .xterm-rows")).to_contain_text("green Eve")
        firefox.close()


def test_a_journey_in_webkit(environment: EnvironmentConfig, kept: str) -> None:
    with webkit() as window:
        window.goto(environment.frontend_url)
        window.evaluate("localStorage.setItem('codecanvas:program:python3', arguments[0])", kept)
        window.goto(f"{environment.frontend_url}?theme=dark")
        window.wait_for("document.querySelector('#language').dataset.source === 'service'")
        window.evaluate(f"{SHADOW}.querySelector('.cm-content').focus()")
        window.type(ENTER, holding=CONTROL)
        window.wait_for("document.querySelector('pre[data-stream=stdout]')?.textContent === 'green Ada\\n'")
        window.wait_for("document.querySelector('button.place')")
        window.click("button.place")
        window.wait_for(f"{SHADOW}.querySelector('.cm-activeLineGutter').textContent === '2'")
        window.evaluate(AXE.read_text())
        serious = window.evaluate(
            "return axe.run().then(({ violations }) => violations"
            ".filter(one => ['serious', 'critical'].includes(one.impact))"
            ".map(one => one.id + ' ' + one.nodes.map(node => node.target)))"
        )
        assert serious == []
        window.click("#interactive")
        window.wait_for("document.querySelector('#terminal .xterm-rows')")
        window.type(*"Eve", ENTER)
        window.wait_for("document.querySelector('#terminal .xterm-rows').textContent.includes('green Eve')")
