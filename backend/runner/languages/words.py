"""Lists options as people write them, from the regular expressions that check them."""

from __future__ import annotations

MOST = 24
"""Above this number of words, only the beginning of an option is listed."""
_WIDEST = 8
"""A class of more characters is not expanded."""
_MORE = "…"


def words(pattern: str) -> tuple[str, ...]:
    """Every option that `pattern` matches; "…" stands for parts that are too long to list.

    `pattern` is one of `Language.options`: literals, classes, groups, alternatives, and repetitions.
    """
    found, end = _alternatives(pattern, 0)
    if end != len(pattern):
        raise ValueError(f"{pattern!r}: more than options need, at {end}")
    unique = list(dict.fromkeys(found))
    return tuple(unique) if len(unique) <= MOST else (_common(unique) + _MORE,)


def _common(texts: list[str]) -> str:
    first, last = min(texts), max(texts)
    same = next(
        (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first)
    )
    return first[:same].removesuffix(_MORE)


def _alternatives(pattern: str, at: int) -> tuple[list[str], int]:
    found, at = _sequence(pattern, at)
    while at < len(pattern) and pattern[at] == "|":
        more, at = _sequence(pattern, at + 1)
        found += more
    return found, at


def _sequence(pattern: str, at: int) -> tuple[list[str], int]:
    """Expand a sequence of parts. Nothing follows a part that is not expanded."""
    found = [""]
    while at < len(pattern) and pattern[at] not in "|)":
        part, at = _part(pattern, at)
        found = [one if one.endswith(_MORE) else one + more for one in found for more in part]
    return found, at


def _part(pattern: str, at: int) -> tuple[list[str], int]:
    """One character, class or group, with its repetition."""
    if pattern[at] == "(":
        found, at = _alternatives(pattern, at + 1)
        at += 1
    elif pattern[at] == "[":
        end = pattern.index("]", at)
        found, at = _class(pattern[at + 1 : end]), end + 1
    else:
        at += pattern[at] == "\\"
        found, at = [pattern[at]], at + 1
    if at < len(pattern) and pattern[at] == "?":
        return ["", *found], at + 1
    if at < len(pattern) and pattern[at] in "*+{":
        return [_MORE], (pattern.index("}", at) if pattern[at] == "{" else at) + 1
    return found, at


def _class(body: str) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(body):
        if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
            found += map(chr, range(ord(body[at]), ord(body[at + 2]) + 1))
            at += 3
        else:
            found.append(body[at])
            at += 1
    return found if len(found) <= _WIDEST else [_MORE]
