"""The request parser on any bytes: it answers with a request or with InvalidRequest, and with nothing else."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from backend.runner.api.checks import Catalogue
from backend.runner.api.models import BatchBody, RunBody, SessionBody
from backend.runner.api.parse import parse
from backend.runner.errors import InvalidRequest
from backend.runner.languages import all_languages
from backend.runner.sandbox.limits import CEILING

EXAMPLES = int(os.environ.get("CODECANVAS_EXAMPLES", "2000"))
TIMEOUT = 10.0

_thoroughly = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
_catalogue = Catalogue(all_languages(), TIMEOUT)

_any_text = st.text(st.characters(), max_size=40)  # halves of surrogate pairs as well
_any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_any_text, inner, max_size=4),
    max_leaves=20,
)
_numbers = st.integers() | st.floats() | st.sampled_from([0, -1, 1, 10**12, 2**63, 1e-300, True])
_limits = st.dictionaries(
    st.sampled_from([*RunBody.__struct_fields__, *vars(CEILING)]) | _any_text, _numbers, max_size=4
)
_base64 = st.binary(max_size=30).map(lambda data: {"base64": data.hex()}) | st.just({"base64": "eA=="})
_case = st.dictionaries(st.sampled_from(["stdin", "stdin_base64", "args", "expected", "expected_base64"]), _any_json)
_fields: dict[str, st.SearchStrategy[Any]] = {
    "language": st.sampled_from([*all_languages(), "PYTHON", "js", "nothing"]) | _any_json,
    "source": _any_text | _any_json,
    "source_base64": st.sampled_from(["eA==", "e", "e A==", "eA"]) | _any_json,
    "stdin": _any_text | _any_json,
    "stdin_base64": _any_json,
    "args": st.lists(_any_text, max_size=4) | _any_json,
    "options": st.lists(st.sampled_from(["-O2", "-O2 -o/x", "-fplugin=x"]) | _any_text, max_size=4) | _any_json,
    "files": st.dictionaries(st.sampled_from(["a", "a/b", "../a", "/a", "a/", "main.py"]) | _any_text,
                             _any_text | _base64 | _any_json, max_size=4),
    "limits": _limits | _any_json,
    "encoding": st.sampled_from(["utf-8", "base64"]) | _any_json,
    "cases": st.lists(_case | _any_json, max_size=4) | _any_json,
    "compare": st.sampled_from(["exact", "trimmed"]) | _any_json,
    "terminal": _any_json,
}  # fmt: skip
_bodies = st.fixed_dictionaries({}, optional=_fields)


def _asked(body: bytes, kind: type[RunBody]) -> None:
    """What a body asks for is bounded; what it may not ask for is told by InvalidRequest with a message."""
    try:
        parsed = parse(body, kind)
        request = _catalogue.request(parsed)
        cases = list(_catalogue.cases(parsed.cases, request)) if isinstance(parsed, BatchBody) else []
    except InvalidRequest as refused:
        assert 0 < len(str(refused)) < 2000  # noqa: PT017 - what else is raised is a failure of the test
        return
    assert request.language.name in all_languages()
    for name, most in vars(CEILING).items():
        assert 0 < getattr(request.limits, name) <= most
    assert request.limits.timeout <= TIMEOUT
    for name in request.files:
        assert name
        assert not name.startswith("/")
        assert not {"", ".", ".."} & set(name.split("/"))
    arguments = [*request.args, *(argument for case in cases for argument in case.args or ())]
    assert not any("\0" in argument for argument in arguments)
    assert len(cases) <= 64


@pytest.mark.parametrize("kind", [RunBody, BatchBody, SessionBody])
@_thoroughly
@given(body=st.binary(max_size=200))
@example(body=b"\xff")
@example(body=b"[" * 100_000)
@example(body=b'{"source": ' + b"9" * 5000 + b"}")
def test_any_bytes_are_parsed_or_refused(kind: type[RunBody], body: bytes) -> None:
    _asked(body, kind)


@pytest.mark.parametrize("kind", [RunBody, BatchBody, SessionBody])
@_thoroughly
@given(document=_any_json)
def test_any_json_is_parsed_or_refused(kind: type[RunBody], document: Any) -> None:
    _asked(json.dumps(document).encode(), kind)


@pytest.mark.parametrize("kind", [RunBody, BatchBody, SessionBody])
@_thoroughly
@given(document=_bodies)
def test_any_fields_are_parsed_or_refused(kind: type[RunBody], document: dict[str, Any]) -> None:
    _asked(json.dumps(document).encode(), kind)


@_thoroughly
@given(
    document=_bodies, cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4)
)
def test_a_body_that_was_damaged_is_parsed_or_refused(
    document: dict[str, Any], cut: float, flips: list[tuple[float, int]]
) -> None:
    body = bytearray(json.dumps(document).encode())
    for place, value in flips:
        body[int(place * (len(body) - 1))] = value
    _asked(bytes(body[: int(cut * len(body)) + 1]), RunBody)
