"""What the models' types cannot say of a body: which fields exclude each other, and how far limits go."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from backend.runner.execution.environment import LONGEST_VALUE, NAME, REFUSED
from backend.runner.execution.request import LONGEST_NAME, LONGEST_OPTION, LONGEST_PART
from backend.runner.languages import Language, in_order
from backend.runner.sandbox.limits import CEILING

_BASE64 = {
    "type": "string",
    "contentEncoding": "base64",
    "pattern": "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
}
_PART = f"(?!\\.{{1,2}}(?:/|$))[^/\\x00]{{1,{LONGEST_PART}}}"
_NAME = {"pattern": f"^{_PART}(?:/{_PART})*$", "maxLength": LONGEST_NAME}
_ARGUMENT = {"type": "string", "pattern": "^[^\\x00]*$", "maxLength": 65536}


def refine(schemas: dict[str, Any], languages: Mapping[str, Language], timeout: float) -> None:
    """Say it in `schemas`, by model."""
    schemas["OptionsByLanguage"] = _options(languages)
    for name in ("RunBody", "SessionBody", "BatchBody"):
        _run(schemas[name], languages)
    case = schemas["CaseBody"]
    _bytes_or_text(case, "stdin", "expected")
    case["properties"]["args"]["items"] = _ARGUMENT
    schemas["FileBody"]["properties"]["base64"] = _BASE64
    schemas["FileBody"]["oneOf"] = [{"required": ["text"]}, {"required": ["base64"]}]
    _limits(schemas["LimitsBody"], timeout)
    _bytes_or_text(schemas["Stdin"])
    schemas["Stdin"]["properties"]["base64"] = _BASE64
    schemas["Stdin"]["oneOf"] = [{"required": ["data"]}, {"required": ["base64"]}]


def _run(body: dict[str, Any], languages: Mapping[str, Language]) -> None:
    fields = body["properties"]
    fields["language"]["enum"] = [name for one in in_order(languages) for name in _names(languages[one])]
    fields["args"]["items"] = _ARGUMENT
    fields["options"]["items"] = {"type": "string", "maxLength": LONGEST_OPTION}
    fields["files"]["propertyNames"] = _NAME
    fields["collect"]["items"] = {"type": "string", **_NAME}
    fields["env"]["propertyNames"] = {"pattern": f"^{NAME}$", "not": {"pattern": f"^(?:{REFUSED})$"}}
    fields["env"]["additionalProperties"] = {"type": "string", "pattern": "^[^\\x00]*$", "maxLength": LONGEST_VALUE}
    _bytes_or_text(body, "stdin")
    fields["source_base64"] = _BASE64
    body["oneOf"] = [{"required": ["source"]}, {"required": ["source_base64"]}]
    body["allOf"] = [{"$ref": "#/components/schemas/OptionsByLanguage"}]


def _names(language: Language) -> tuple[str, ...]:
    return (language.name, *language.aliases)


def _options(languages: Mapping[str, Language]) -> dict[str, Any]:
    """What `options` may hold, by language."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in languages.values():
        groups.setdefault(tuple(one.options), []).extend(_names(one))
    return {"anyOf": [_allowed(patterns, sorted(names)) for patterns, names in groups.items()]}


def _allowed(patterns: tuple[str, ...], names: list[str]) -> dict[str, Any]:
    anchored = {"items": {"type": "string", "anyOf": [{"pattern": f"^(?:{one})$"} for one in patterns]}}
    return {"properties": {"language": {"enum": names}, "options": anchored if patterns else {"maxItems": 0}}}


def _bytes_or_text(body: dict[str, Any], *names: str) -> None:
    """Each of `names` comes as text or, with _base64 behind its name, as Base64; not as both."""
    for name in names:
        body["properties"][f"{name}_base64"] = _BASE64
    if names:
        body["not"] = {"anyOf": [{"required": [name, f"{name}_base64"]} for name in names]}


def _limits(limits: dict[str, Any], timeout: float) -> None:
    ceiling = dataclasses.asdict(dataclasses.replace(CEILING, timeout=min(timeout, CEILING.timeout)))
    for name, field in limits["properties"].items():
        kind = "number" if isinstance(ceiling[name], float) or name in {"timeout", "cpu_seconds"} else "integer"
        bounds = {"type": kind, "exclusiveMinimum": 0, "maximum": ceiling[name]}
        field["anyOf"] = [bounds, {"type": "null"}]
