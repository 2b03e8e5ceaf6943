"""What a right answer is."""

import json

import pytest

from deploy.verification.traffic import checks
from deploy.verification.traffic.wire import Answer

from ..conftest import page_of

INDEX = page_of("a")["/"]
SCRIPT = page_of("a")["/assets/main.a.js"]


def ok(body: bytes) -> Answer:
    return Answer(200, body)


@pytest.mark.parametrize("status", [200, 204, 429])
def test_success_and_busy_are_answers(status: int) -> None:
    assert checks.status_of(Answer(status, b"")) == ""


@pytest.mark.parametrize("status", [301, 404, 500, 502, 503])
def test_anything_else_is_a_loss_that_shows_what_was_said(status: int) -> None:
    said = checks.status_of(Answer(status, b'{"error":\n"shutting down"}' + b"x" * 500))
    assert said.startswith(f'status {status}: {{"error": "shutting down"}}')
    assert len(said) < 200


def test_a_run_must_have_said_exactly_its_own_word() -> None:
    right = {"stdout": "f00\n", "status": "ok"}
    assert checks.run(ok(json.dumps(right).encode()), "f00\n") == ""
    wrongs: list[object] = [{**right, "stdout": "f00"}, {**right, "status": "timeout"}, {}, []]
    for wrong in wrongs:
        assert checks.run(ok(json.dumps(wrong).encode()), "f00\n")
    assert checks.run(ok(b"not JSON"), "f00\n") == "wrong result of a run: not JSON"


def test_health_and_languages() -> None:
    assert checks.health(ok(b'{"status": "ok"}')) == ""
    assert checks.health(ok(b'{"status": "meh"}'))
    assert checks.languages(ok(b'{"languages": ["bash"]}')) == ""
    assert checks.languages(ok(b'{"languages": []}'))
    assert checks.languages(ok(b"[]"))


def test_config_is_whole_and_names_its_release() -> None:
    whole = page_of("a")["/config.js"]
    assert checks.config(ok(whole)) == ""
    assert checks.config(ok(whole[:-3])).startswith("not config.js")
    assert checks.config(ok(whole.replace(b'"a"', b'""'))).startswith("names no release")
    assert checks.config(ok(INDEX)).startswith("not config.js")


def test_index_is_whole_and_names_its_assets() -> None:
    assert checks.index(ok(INDEX)) == ""
    assert checks.index(ok(INDEX[:-10])).startswith("not index.html")
    assert checks.index(ok(b"")) == "not index.html: empty"
    assert checks.index(ok(INDEX.replace(b"integrity", b"data-none"))) == "names no asset with integrity"


def test_an_asset_is_the_bytes_that_its_page_names() -> None:
    (asset,) = checks.assets_of(INDEX)
    assert asset.path == "/assets/main.a.js"
    assert asset.wrong(ok(SCRIPT)) == ""
    assert asset.wrong(ok(SCRIPT + b" "))
    assert asset.wrong(ok(INDEX)).startswith("not the bytes")


def test_assets_of_other_hosts_and_without_integrity_are_none() -> None:
    html = (
        b'<script src="//cdn.test/x.js" integrity="sha256-x"></script><link href="/y.css">'
        b'<script src="https://cdn.test/x.js" integrity="sha256-x"></script><link href="/z.css" integrity="sha256-z">'
    )
    assert [asset.path for asset in checks.assets_of(html)] == ["/z.css"]
