"""How a record becomes a file of the ledger and a file becomes a record again.

A record declares its fields once, as a msgspec Struct. In files they are camelCase, moments are UTC, and the JSON is
indented and sorted, so that a commit reads well as a diff. What a newer version added to a file is kept in `unknown`
and written back: an old deployer that rewrites a newer one's file loses nothing.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self, TypeVar

import msgspec
from msgspec.structs import fields, replace

from deploy.errors import LedgerError

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its time zone: without one, two machines would read it differently."""

R = TypeVar("R", bound="Record")


class Record(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What one file of the ledger holds, or a part of it."""

    unknown: Any = msgspec.field(default_factory=dict, name="")  # Any: a file may have a field of this name too
    """Fields that a newer version wrote, by their names in the file; written back as they were."""

    LATER: ClassVar[frozenset[str]] = frozenset()
    """Fields that some ledgers lack, because they were written before the field was there. All others must be there."""
    DERIVED: ClassVar[frozenset[str]] = frozenset()
    """Properties that are written too, for people who read the file; on reading the fields count, not these."""
    AGREEING: ClassVar[frozenset[str]] = frozenset()
    """Those of the derived that a file must hold as its fields say: one that contradicts itself is damaged."""
    RETIRED: ClassVar[Mapping[str, Any]] = {}
    """Fields of earlier versions that said nothing but this value: not written any more."""

    def settled(self) -> Self:
        """The same as files hold it: what can be left out in code is filled in."""
        return self

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        whole = self.settled()
        known = {each.encode_name: _plain(getattr(whole, each.name)) for each in _own_fields(type(self))}
        derived = {name: _plain(getattr(whole, name)) for name in self.DERIVED}
        return {**whole.unknown, **known, **derived}


def encode(body: Any) -> bytes:
    """A file's bytes, of a record, of several, or of what JSON can hold."""
    return (json.dumps(_plain(body), indent=2, sort_keys=True) + "\n").encode()


def decode(content: bytes, path: str) -> Any:
    """A file's JSON; raises LedgerError naming the file when it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as wrong:
        raise LedgerError(f"{path} in the ledger is not JSON ({wrong}); {_MEND}") from None


def written(moment: datetime) -> str:
    """A moment as files hold it: UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def record_from(kind: type[R], body: Any, path: str) -> R:
    """A record from its JSON; raises LedgerError naming the file, the field and what to do when it is damaged."""
    with _reading(path):
        return _completed(msgspec.convert(body, kind), body, "")


def records_from(kind: type[R], body: Any, path: str) -> tuple[R, ...]:
    """The records of a list from its JSON; raises LedgerError like `record_from`."""
    with _reading(path):
        return _all_completed(msgspec.convert(body, tuple[kind, ...]), body, "")  # type: ignore[valid-type]


@contextlib.contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except msgspec.ValidationError as wrong:
        raise damaged(path, *_located(str(wrong))) from None
    except _Wrong as wrong:
        raise damaged(path, *wrong.args) from None


def damaged(path: str, field: str, problem: str) -> LedgerError:
    """The error of a file that has not the shape of its record. `field` is "" when the whole file is meant."""
    what = f"{field}: {problem}" if field else problem
    return LedgerError(
        f"{path} in the ledger is damaged ({what}); {_MEND}. If a newer version of codecanvas wrote it, "
        f"update this clone instead"
    )


_MEND = "restore the file by a new commit on its branch (git log -p shows what it held before)"


class _Wrong(Exception):
    """A field is missing or contradicts others: the field, with what it is in, and the problem."""


def _completed(record: R, body: Mapping[str, Any], at: str) -> R:
    """The record with what msgspec leaves out: fields that it does not know, its own and those of records inside it.

    `at` says where in the file it is: "" for all of it, else such as `wanted.spans[0]`.
    """
    kind, changes = type(record), dict[str, Any]()
    names = {each.encode_name for each in _own_fields(kind)}
    for each in _own_fields(kind):
        here, value = f"{at}.{each.encode_name}".removeprefix("."), getattr(record, each.name)
        if each.encode_name not in body:
            if each.name not in kind.LATER:
                raise _Wrong(here, "it is missing")
        elif isinstance(value, Record):
            changes[each.name] = _completed(value, body[each.encode_name], here)
        elif isinstance(value, tuple) and value and isinstance(value[0], Record):
            changes[each.name] = _all_completed(value, body[each.encode_name], here)
    for name in kind.AGREEING:
        if body.get(name) != getattr(record, name):
            raise _Wrong(f"{at}.{name}".removeprefix("."), f"it is {body.get(name)!r}; other fields contradict that")
    known = {key: value for key, value in kind.RETIRED.items() if body.get(key) == value}
    left_out = names | kind.DERIVED | known.keys()
    changes["unknown"] = {key: value for key, value in body.items() if key not in left_out}
    return replace(record, **changes).settled()


def _all_completed(records: tuple[R, ...], bodies: list[Mapping[str, Any]], at: str) -> tuple[R, ...]:
    pairs = enumerate(zip(records, bodies, strict=True))
    return tuple(_completed(record, body, f"{at}[{number}]") for number, (record, body) in pairs)


@functools.cache  # msgspec works them out anew each time
def _own_fields(kind: type[Record]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return tuple(each for each in fields(kind) if each.name != "unknown")


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, datetime):
        return written(value)
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _located(wrong: str) -> tuple[str, str]:
    """The field and the problem in what msgspec says, such as: Expected `str`, got `int` - at `$.wanted.version`."""
    problem, _, at = wrong.partition(" - at `")
    path = at.rstrip("`").removeprefix("$").removeprefix(".")
    if missing := re.fullmatch(r"Object missing required field `(.+)`", problem):
        return ".".join(part for part in (path, missing[1]) if part), "it is missing"
    return path, problem.replace("`", "")
