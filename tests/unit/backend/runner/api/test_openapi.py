"""The OpenAPI document: whole, and true to what is served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from backend.runner.api.asgi import answer
from backend.runner.api.openapi.document import describe
from backend.runner.languages import all_languages


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(json.loads(answer(describe("1", all_languages(), 10.0)).body))


def _contents(node: Any) -> Iterator[dict[str, Any]]:
    """Every media type of the document."""
    if isinstance(node, dict):
        yield from node.get("content", {}).values()
        for child in node.values():
            yield from _contents(child)


def _check(document: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    validator = jsonschema.Draft202012Validator({**schema, "components": document["components"]})
    validator.validate(value)


def test_every_example_is_what_its_schema_says(document: dict[str, Any]) -> None:
    checked = 0
    for media in _contents(document):
        named = [one["value"] for one in media.get("examples", {}).values()]
        for value in [*named, *([media["example"]] if "example" in media else [])]:
            _check(document, media.get("schema", {}), value)
            checked += 1
    assert checked > 20


def test_every_request_and_answer_has_an_example(document: dict[str, Any]) -> None:
    for media in _contents(document):
        assert "example" in media or "examples" in media, media
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert {"X-Request-Id"} == {one["name"] for one in operation["parameters"] if one["name"] == "X-Request-Id"}


def test_every_error_is_described(document: dict[str, Any]) -> None:
    assert document["components"]["responses"].keys() == {
        "400", "401", "403", "404", "405", "408", "413", "422", "426", "429", "500", "503",
    }  # fmt: skip
    run = document["paths"]["/api/v1/run"]["post"]["responses"]
    assert run.keys() == {"200", "400", "401", "408", "413", "422", "429", "500", "503"}


@pytest.mark.parametrize(
    ("body", "valid"),
    [
        ({"language": "c", "source": "", "options": ["-O2"]}, True),
        ({"language": "gcc", "source": "", "options": ["-O2"]}, True),
        ({"language": "c", "source": "", "options": ["-O2 -x"]}, False),
        ({"language": "bash", "source": "", "options": ["-O2"]}, False),
        ({"language": "c"}, False),
        ({"language": "c", "source": "", "source_base64": ""}, False),
        ({"language": "c", "source": "", "stdin": "", "stdin_base64": ""}, False),
        ({"language": "c", "source": "", "limits": {"timeout": 0}}, False),
        ({"language": "c", "source": "", "limits": {"timeout": 10.5}}, False),
        ({"language": "c", "source": "", "limits": {"timeout": 10, "inodes": 1}}, True),
        ({"language": "c", "source": "", "files": {"a/b": {"base64": "AA=="}, "c": ""}}, True),
        ({"language": "c", "source": "", "files": {"../b": ""}}, False),
        ({"language": "c", "source": "", "args": ["\0"]}, False),
        ({"language": "c", "source": "", "more": 1}, False),
    ],
)
def test_a_body_is_described_as_strictly_as_it_is_read(
    document: dict[str, Any], body: dict[str, Any], valid: bool
) -> None:
    schema = {"$ref": "#/components/schemas/RunBody"}
    if valid:
        _check(document, schema, body)
    else:
        with pytest.raises(jsonschema.ValidationError):
            _check(document, schema, body)
