"""Decodes a body into one of the models. It is strict, and every refusal names the field at fault."""

from __future__ import annotations

import functools
import json
from typing import Any, TypeVar

import msgspec

from backend.runner.api.models import BatchBody, CaseBody, CheckBody, FormatBody, LimitsBody, RunBody
from backend.runner.errors import InvalidRequest

Body = TypeVar("Body", bound=RunBody | FormatBody)


def parse(body: bytes, kind: type[Body]) -> Body:
    """The body as `kind`. Raises InvalidRequest naming the field at fault."""
    document = decode(body)
    check_fields(document, kind)
    if issubclass(kind, RunBody):
        _check_parts(document, kind)
    return convert(document, kind)


def decode(text: bytes, holding: str = "source and language") -> dict[str, Any]:
    """A JSON object. Raises InvalidRequest for anything else, and for a field that is there twice."""
    try:
        document = _DECODER.decode(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidRequest("the body is not valid UTF-8") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}") from error
    except ValueError as error:  # a number with more digits than Python converts
        raise InvalidRequest("the body holds a number that is too long") from error
    if not isinstance(document, dict):
        raise InvalidRequest(f"the body must be a JSON object with {holding}")
    return document


Kind = TypeVar("Kind", bound=msgspec.Struct)


def convert(document: object, kind: type[Kind]) -> Kind:
    """`document` as `kind`. Raises InvalidRequest naming the field at fault."""
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        fault, _, place = str(error).partition(" - at `$.")
        raise InvalidRequest(f"{place.removesuffix('`')}: {fault}" if place else fault) from error


def check_fields(document: object, kind: type[msgspec.Struct], place: str = "") -> None:
    """Raise InvalidRequest for the first field that is unknown to `kind`, or required and missing."""
    if not isinstance(document, dict):
        return  # `convert` says what it should be
    known, required = _fields(kind)
    for name in document.keys() - known:
        raise InvalidRequest(f"{place}{name[:100]} is not a field that is known here")
    for name in required:
        if name not in document:
            raise InvalidRequest(f"{place}{name} is missing")


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The fields of `kind`, and which of them are required."""
    fields = msgspec.structs.fields(kind)
    return frozenset(one.name for one in fields), tuple(one.name for one in fields if one.required)


def _number(text: str) -> float | int:
    """A float without a fraction as an int: JSON does not distinguish 5.0 from 5."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidRequest("the body names a field twice")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number)


def _check_parts(document: dict[str, Any], kind: type[RunBody]) -> None:
    check_fields(document.get("limits"), LimitsBody, "limits.")
    check_fields(document.get("check"), CheckBody, "check.")
    cases = document.get("cases")
    if issubclass(kind, BatchBody) and isinstance(cases, list):
        for number, case in enumerate(cases):
            check_fields(case, CaseBody, f"cases[{number}].")
