"""Cloudflare Pages' `_headers` and `_redirects`: their text as values, refusing nothing that they allow.

`_headers`: a line that begins at the margin is a path pattern (`*` matches anything, once; `:name` one segment;
`https://host/…` limits to a host), indented lines below it are `Name: value`, or `! Name` to take a header away.
`_redirects`: `FROM TO [CODE]` a line, 302 by default. `#` begins a comment in both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.emulator.errors import RulesWrong

MAX_HEADER_RULES = 100
MAX_LINE = 2000
REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})
_PLACEHOLDER = re.compile(r"\*|:[A-Za-z]\w*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True)
class HeaderRule:
    """Headers for the paths that match `pattern`; `unset` are taken away again from what earlier rules gave."""

    pattern: str
    headers: tuple[tuple[str, str], ...]
    unset: tuple[str, ...]


@dataclass(frozen=True)
class Redirect:
    """One line of `_redirects`."""

    pattern: str
    target: str
    code: int


def parse_headers(text: str) -> tuple[HeaderRule, ...]:
    """The rules of a `_headers` file, in order. Raises RulesWrong naming the line."""
    rules: list[HeaderRule] = []
    for number, line in _lines("_headers", text):
        if not line[0].isspace():
            rules.append(HeaderRule(_pattern("_headers", number, line.strip()), (), ()))
        elif not rules:
            raise RulesWrong(f"_headers:{number}: a header before any path")
        else:
            rules[-1] = _with_header(rules[-1], number, line.strip())
    if len(rules) > MAX_HEADER_RULES:
        raise RulesWrong(f"_headers: {len(rules)} rules, at most {MAX_HEADER_RULES} are allowed")
    return tuple(rule for rule in rules if rule.headers or rule.unset)


def parse_redirects(text: str) -> tuple[Redirect, ...]:
    """The lines of a `_redirects` file, in order. Raises RulesWrong naming the line."""
    found = []
    for number, line in _lines("_redirects", text):
        words = line.split()
        code = int(words[2]) if len(words) == 3 and words[2].isdecimal() else 302
        if len(words) not in (2, 3) or code not in REDIRECT_CODES or (len(words) == 3 and not words[2].isdecimal()):
            raise RulesWrong(f"_redirects:{number}: expected FROM TO [{'|'.join(map(str, sorted(REDIRECT_CODES)))}]")
        found.append(Redirect(_pattern("_redirects", number, words[0]), words[1], code))
    return tuple(found)


def pattern_regexp(pattern: str) -> str:
    """A path pattern as an anchored regular expression with the groups `splat` and each `:name`."""
    path = re.sub(r"^https?://[^/]*", "", pattern)
    parts, at = [], 0
    for match in _PLACEHOLDER.finditer(path):
        parts.append(re.escape(path[at : match.start()]))
        name = match[0][1:]
        parts.append(f"(?P<{name}>[^/]+)" if name else "(?P<splat>.*)")
        at = match.end()
    return "^" + "".join([*parts, re.escape(path[at:])]) + "$"


def pattern_host(pattern: str) -> str | None:
    """The host that an absolute pattern is limited to."""
    match = re.match(r"https?://([^/:]+)", pattern)
    return match[1] if match else None


def _lines(file: str, text: str) -> list[tuple[int, str]]:
    kept = []
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MAX_LINE:
            raise RulesWrong(f"{file}:{number}: longer than {MAX_LINE} characters")
        if line.strip() and not line.strip().startswith("#"):
            kept.append((number, line))
    return kept


def _pattern(file: str, number: int, text: str) -> str:
    if not text.startswith(("/", "https://")):
        raise RulesWrong(f"{file}:{number}: a path begins with / or https://")
    if text.count("*") > 1:
        raise RulesWrong(f"{file}:{number}: at most one * in a path")
    names = [match[0] for match in _PLACEHOLDER.finditer(re.sub(r"^https://", "", text))]
    if len(names) != len(set(names)):
        raise RulesWrong(f"{file}:{number}: a placeholder is used twice")
    return text


def _with_header(rule: HeaderRule, number: int, line: str) -> HeaderRule:
    if line.startswith("!"):
        return HeaderRule(rule.pattern, rule.headers, (*rule.unset, line[1:].strip()))
    name, colon, value = line.partition(":")
    if not colon or not _HEADER_NAME.fullmatch(name.strip()):
        raise RulesWrong(f"_headers:{number}: expected `Name: value`")
    return HeaderRule(rule.pattern, (*rule.headers, (name.strip(), value.strip())), rule.unset)
