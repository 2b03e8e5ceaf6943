"""Chromium, and a page in it, for the tests that do what people do.

Chromium is the one on PATH, or the one that the variable CHROMIUM names. Every page notes what its console says and
what its content security policy refused; whatever a page met unexpectedly fails its test.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from deploy.environments import EnvironmentConfig

ARGUMENTS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 20_000
NOTE_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`refused by policy: ${event.effectiveDirective} ${event.blockedURI}`));
"""


@dataclass
class Complaints:
    """What a page's console called an error, and exceptions that nothing caught."""

    texts: list[str] = field(default_factory=list)
    #: Parts of complaints that a test brings about on purpose.
    expected: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        """Note `message` if it is an error or a warning."""
        if message.type in ("error", "warning"):
            self.texts.append(f"{message.text} ({message.location['url']})")

    def unexpected(self) -> list[str]:
        """Every complaint that the test did not expect."""
        return [text for text in self.texts if not any(part in text for part in self.expected)]


@pytest.fixture(scope="session")
def api_url(environment: EnvironmentConfig) -> str:
    """Where the page must send programs; ends in `/`."""
    return environment.api_url


@pytest.fixture
def languages(api: httpx.Client) -> list[str]:
    """The ids of the languages that the service runs."""
    answer: list[str] = api.get("languages").raise_for_status().json()["languages"]
    return answer


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium a test process."""
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if executable is None:
        pytest.fail("no Chromium: install Debian's `chromium`, or name one in the variable CHROMIUM")
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()  # Chromium's own sandbox refuses to run as root
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=[*ARGUMENTS, *root])
        yield chromium
        chromium.close()


@pytest.fixture
def viewport() -> dict[str, int]:
    """Size of the page in CSS pixels; a test parametrises it to see another."""
    return {"width": 1280, "height": 800}


@pytest.fixture
def context(browser: Browser, environment: EnvironmentConfig, viewport: dict[str, int]) -> Iterator[BrowserContext]:
    """A browser's fresh profile, shared with no other test."""
    profile = browser.new_context(
        base_url=environment.frontend_url,
        viewport={"width": viewport["width"], "height": viewport["height"]},
    )
    profile.set_default_timeout(PATIENCE_MS)
    profile.add_init_script(NOTE_VIOLATIONS)
    yield profile
    profile.close()


@pytest.fixture
def complaints() -> Complaints:
    """What the test's page complained of; a test adds what it expects."""
    return Complaints()


@pytest.fixture
def blank(context: BrowserContext, complaints: Complaints, tmp_path: Path) -> Iterator[Page]:
    """A page that has gone nowhere yet, for tests that first stand between it and the service."""
    page = context.new_page()
    page.on("console", complaints.hear)
    page.on("pageerror", lambda error: complaints.texts.append(str(error)))
    yield page
    page.screenshot(path=tmp_path / "page.png")  # pytest keeps this directory, so that a failure can be looked at
    assert complaints.unexpected() == []


@pytest.fixture
def page(blank: Page) -> Page:
    """The canvas, open, with the service's languages in its menu."""
    blank.goto("/")
    expect(blank.locator("#language")).to_have_attribute("data-source", "service")
    return blank


AXE = Path(__file__).parents[3] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


def axe_violations(page: Page) -> list[str]:
    """What axe-core calls serious or critical on the page as it stands, with the elements."""
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate("axe.run().then(({ violations }) => violations)")
    return [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
