"""What the page is and says of itself before anything is run, in each engine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.settings.environments import EnvironmentConfig, Role
from tests.integration.frontend.canvas import Canvas
from tests.integration.frontend.engines import PlaywrightWindow

pytestmark = [pytest.mark.browser, pytest.mark.deployed]


def test_loads_without_a_complaint(canvas: Canvas) -> None:
    canvas.program.contains("Hello")
    assert canvas.alert.now is None
    assert canvas.count("main") == 1


def test_banner_tells_the_environment(canvas: Canvas, environment: EnvironmentConfig) -> None:
    title = canvas.window.evaluate("return document.title")
    if environment.role is Role.PROTECTED:
        assert canvas.banner.now is None
        assert title == "codecanvas"
    else:
        name = environment.name.title()
        assert canvas.banner.now == f"{name} — runs go to {environment.api_url}"
        assert title == f"{name} · codecanvas"


def test_footer_tells_the_release(canvas: Canvas, release: dict[str, Any]) -> None:
    canvas.footer.contains(f"codecanvas {release['version']} · {release['sha'][:7]}")
    assert canvas.window.evaluate("return document.querySelector('#sha').title") == release["sha"]


def test_offers_every_language_of_the_service(canvas: Canvas, languages: list[str]) -> None:
    assert canvas.options("Language") == languages


@pytest.mark.parametrize("engine", ["chromium"])  # only there another file can be put in config.js's place
def test_a_page_of_no_known_environment_refuses_to_run(unopened: Canvas, window: PlaywrightWindow) -> None:
    config = {"environment": "qa", "version": "1", "sha": "1", "environments": {}}
    script = f"globalThis.CODECANVAS_CONFIG = {json.dumps(config)};\n"
    window.page.route("**/config.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    window.goto(unopened.root)
    unopened.alert.contains('unknown environment, "qa"')
    assert not unopened.enabled("Run")
