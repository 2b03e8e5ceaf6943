"""The page's files as the host serves them, seen without a browser."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from typing import Any

import httpx
import pytest

from deploy.settings.environments import EnvironmentConfig, Role, environment_names

CONFIG = re.compile(r"globalThis\.CODECANVAS_CONFIG = (\{.*\});\n")
ASSET = re.compile(r'<(?:script|link)\b[^>]*"/(assets/[^"]+)"[^>]*>')
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">')
INTEGRITY = re.compile(r'integrity="sha256-([^"]+)"')
SCRIPT_TYPES = ("text/javascript", "application/javascript")


@pytest.fixture
def index(site: httpx.Client) -> httpx.Response:
    """The page itself."""
    return site.get("/").raise_for_status()


@pytest.fixture
def config(site: httpx.Client) -> dict[str, Any]:
    """What config.js says."""
    match = CONFIG.fullmatch(site.get("config.js").raise_for_status().text)
    assert match, "config.js is not one statement that carries JSON"
    content: dict[str, Any] = json.loads(match[1])
    return content


def media_type(response: httpx.Response) -> str:
    return response.headers["content-type"].partition(";")[0].strip()


@pytest.mark.smoke
def test_the_page_is_served(index: httpx.Response) -> None:
    assert media_type(index) == "text/html"
    assert '<script defer src="/config.js">' in index.text


@pytest.mark.smoke
def test_config_names_this_environment_and_release(
    config: dict[str, Any], environment: EnvironmentConfig, release: dict[str, Any]
) -> None:
    assert config["environment"] == environment.name
    assert config["environments"][environment.name]["url"] == environment.api_url
    assert (config["version"], config["sha"]) == (release["version"], release["sha"])


def test_config_knows_every_environment(config: dict[str, Any]) -> None:
    assert set(config) == {"environment", "version", "sha", "environments"}
    assert set(config["environments"]) == set(environment_names())


@pytest.mark.smoke
def test_assets_are_what_the_page_says(site: httpx.Client, index: httpx.Response) -> None:
    tags = list(ASSET.finditer(index.text))
    assert len(tags) == 3, "runtime, main and style sheet"
    for tag in tags:
        stated = INTEGRITY.search(tag[0])
        assert stated, f"no integrity: {tag[0]}"
        content = site.get(tag[1]).raise_for_status().content
        assert base64.b64encode(hashlib.sha256(content).digest()).decode() == stated[1], tag[1]


def test_content_types(site: httpx.Client, index: httpx.Response) -> None:
    assert media_type(site.get("config.js")) in SCRIPT_TYPES
    assert media_type(site.get("favicon.svg")) == "image/svg+xml"
    for path in (tag[1] for tag in ASSET.finditer(index.text)):
        expected = ("text/css",) if path.endswith(".css") else SCRIPT_TYPES
        assert media_type(site.get(path)) in expected, path


def test_policy_allows_only_the_pages_own_scripts(index: httpx.Response, environment: EnvironmentConfig) -> None:
    stated = POLICY.search(index.text)
    assert stated, "index.html states no policy"
    inside = html.unescape(stated[1]).split(";")
    directives = dict(part.split(" ", 1) for part in inside)
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["style-src"] == "'self'"
    assert directives["require-trusted-types-for"] == "'script'"
    served = index.headers.get("content-security-policy")
    if environment.name != "local" or served is not None:  # `invoke up` reads no _headers
        assert served is not None, "the host ignores _headers"
        assert served.split("; ") == [*inside, "frame-ancestors *"]
        assert index.headers["referrer-policy"] == "no-referrer"
    assert index.headers["x-content-type-options"] == "nosniff"


def test_hashed_files_are_kept_and_others_asked_for_again(site: httpx.Client, index: httpx.Response) -> None:
    for path in (tag[1] for tag in ASSET.finditer(index.text)):
        assert "immutable" in site.get(path).headers["cache-control"], path
    for path in ("/", "config.js"):
        assert "no-cache" in site.get(path).headers["cache-control"], path


def test_unknown_addresses_are_not_found(
    site: httpx.Client, index: httpx.Response, environment: EnvironmentConfig
) -> None:
    assert site.get("assets/main.0000000000000000.js").status_code == 404
    for path in ("assets/main.0123456789.js", "no/such/page", "no-such-page", "favicon.svg/"):
        answer = site.get(path, headers={"Accept": "text/html"})
        assert (answer.status_code, media_type(answer)) == (404, "text/html"), path
        assert '<a href="/">Go to the canvas</a>' in answer.text, path
        assert "<script" not in answer.text, path
        # What a browser keeps of a file that is not there, it would keep when the file is there again.
        assert not re.search("immutable|max-age=[1-9]", answer.headers.get("cache-control", "")), path
    if environment.role is not Role.LOCAL:  # `invoke up` serves files under their own names alone
        for path, leads in (("index.html", "/"), ("index", "/"), ("404.html", "/404")):
            moved = site.get(path, params={"embed": "1"})
            assert (moved.status_code, moved.headers["location"]) == (308, f"{leads}?embed=1"), path
        assert site.get("404").status_code == 200
    for path in ("", *(tag[1] for tag in ASSET.finditer(index.text))):
        whole = site.get(path)
        assert site.head(path).headers["content-type"] == whole.headers["content-type"], path
        assert site.get(path, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304, path
