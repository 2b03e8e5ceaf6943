"""Cloudflare Pages' `_headers` and `_redirects`: their text as rules. What it cannot read Pages ignores.

`_headers`: a path pattern (`*` matches anything, `:name` one segment; `https://host/…` limits to a host), and below it
lines `Name: value`, or `! Name` to take a header away. `_redirects`: `FROM TO [CODE]` a line, 302 by default; 200
serves another file under the path asked for. `#` begins a comment in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

MAX_HEADER_RULES = 100
MAX_STATIC_REDIRECTS, MAX_DYNAMIC_REDIRECTS = 2000, 100
MAX_LINE = 2000
REDIRECT_CODES = frozenset({200, 301, 302, 303, 307, 308})
_PLACEHOLDER = re.compile(r":[A-Za-z]\w*", re.ASCII)
_LOOKS_LIKE_A_PATH = re.compile(r"[^\s]+://|/")
_ABSOLUTE = re.compile(r"https:///*([^/]+)/?(.*)")


@dataclass(frozen=True)
class Pattern:
    """A path pattern; an absolute one is held against `https://HOST/PATH`, whatever the protocol."""

    text: str
    expression: re.Pattern[str]

    def match(self, host: str, path: str) -> dict[str, str] | None:
        """What its placeholders stand for; None when it does not match. `host` is without a port."""
        asked = f"https://{host}{path}" if self.text.startswith("https://") else path
        found = self.expression.fullmatch(asked)
        return found.groupdict() if found else None


@dataclass(frozen=True)
class HeaderRule:
    """Headers for the paths that match, their names in lower case; `unset` are taken away first."""

    pattern: Pattern
    headers: Mapping[str, str]
    unset: tuple[str, ...]


@dataclass(frozen=True)
class Redirect:
    """One line of `_redirects`. `pattern` is None for an exact path."""

    source: str
    target: str
    code: int
    pattern: Pattern | None = None


@dataclass
class Rules:
    """The rules of a deployment. Exact redirects that stand before the first pattern come before all patterns."""

    headers: list[HeaderRule] = field(default_factory=list)
    exact: dict[str, Redirect] = field(default_factory=dict)
    redirects: list[Redirect] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    """What was ignored and why, by file and line."""

    def headers_for(self, host: str, path: str) -> Iterator[HeaderRule]:
        """The header rules that match, in order, with their placeholders replaced."""
        for rule in self.headers:
            if (found := rule.pattern.match(host, path)) is not None:
                named = {name: filled(value, found) for name, value in rule.headers.items()}
                yield HeaderRule(rule.pattern, named, rule.unset)

    def redirect_for(self, host: str, path: str) -> tuple[str, int] | None:
        """Where a path leads, and with which code; None when it is not redirected."""
        if path in self.exact:
            return self.exact[path].target, self.exact[path].code
        for redirect in self.redirects:
            found = redirect.pattern.match(host, path) if redirect.pattern else {} if redirect.source == path else None
            if found is not None:
                return filled(redirect.target, found), redirect.code
        return None


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with every `:name` replaced."""
    for name, value in values.items():
        text = text.replace(f":{name}", value)
    return text


def read_rules(headers: str, redirects: str) -> Rules:
    """The rules of both files."""
    rules = Rules()
    _read_headers(headers, rules)
    _read_redirects(redirects, rules)
    return rules


def pathname(raw: str) -> str:
    """A path as URLs have it: encoded, without dot segments, backslashes being slashes."""
    encoded = quote(raw.replace("\\", "/"), safe="/%:@!$&'()*+,;=~-._[]|^")
    kept: list[str] = []
    parts = encoded.split("/")[1:]
    for number, part in enumerate(parts):
        plain, last = part.lower().replace("%2e", "."), number == len(parts) - 1
        if plain == "..":
            del kept[-1:]
        elif plain != ".":
            kept.append(part)
        if last and plain in (".", ".."):
            kept.append("")
    return "/" + "/".join(kept)


def _lines(file: str, text: str, rules: Rules) -> Iterator[tuple[int, str]]:
    for number, line in enumerate((one.strip() for one in text.split("\n")), 1):
        if not line or line.startswith("#"):
            continue
        if len(line) > MAX_LINE:
            rules.ignored.append(f"{file}:{number}: longer than {MAX_LINE} characters")
            continue
        yield number, line


def _read_headers(text: str, rules: Rules) -> None:
    found: dict[str, tuple[dict[str, str], list[str]]] = {}
    current: tuple[dict[str, str], list[str]] | None = None
    for number, line in _lines("_headers", text, rules):
        ignored = ""
        if _LOOKS_LIKE_A_PATH.match(line):
            if len(found) >= MAX_HEADER_RULES:
                rules.ignored.append(f"_headers:{number}: more than {MAX_HEADER_RULES} rules; the rest is ignored")
                break
            path, current = _url(line), None
            if path is None:
                ignored = "a path begins with / or https://, and has no port"
            else:
                current = found[path] = ({}, [])
        else:
            ignored = _header(line, current)
        if ignored:
            rules.ignored.append(f"_headers:{number}: {ignored}")
    for path, (headers, unset) in found.items():
        if not headers and not unset:
            rules.ignored.append(f"_headers: no headers for {path}")
        elif (pattern := _pattern(path)) is None:
            rules.ignored.append(f"_headers: {path} has two * or a placeholder twice")
        else:
            rules.headers.append(HeaderRule(pattern, headers, tuple(unset)))


def _header(line: str, current: tuple[dict[str, str], list[str]] | None) -> str:
    """Add a header's line to the rule that it stands below; returns why it is ignored, or ""."""
    name, colon, value = (part.strip() for part in line.partition(":"))
    name = name.lower()
    if current is None:
        return "a header before any path"
    headers, unset = current
    if not colon:
        if not line.startswith("! "):
            return "expected `Name: value`"
        unset.append(line[2:].strip().lower())
    elif " " in name or not name or not value:
        return "a header has a name without spaces, and a value"
    else:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return ""


def _read_redirects(text: str, rules: Rules) -> None:
    seen: set[str] = set()
    counts = {"exact": 0, "pattern": 0}
    for number, line in _lines("_redirects", text, rules):
        words = line.split()
        comment = next((at for at, word in enumerate(words) if at >= 2 and word.startswith("#")), len(words))
        found = _redirect(words[:comment], seen)
        if isinstance(found, Redirect):
            exact = found.pattern is None and not counts["pattern"]
            counts["exact" if exact else "pattern"] += 1
            if counts["exact"] > MAX_STATIC_REDIRECTS or counts["pattern"] > MAX_DYNAMIC_REDIRECTS:
                rules.ignored.append(f"_redirects:{number}: more rules than Pages reads")
                continue
            if exact:
                rules.exact[found.source] = found
            else:
                rules.redirects.append(found)
        else:
            rules.ignored.append(f"_redirects:{number}: {found}")


def _redirect(words: list[str], seen: set[str]) -> Redirect | str:
    """A line's redirect, or why it is ignored. `seen` are the paths of those before it."""
    if len(words) not in (2, 3):
        return "expected FROM TO [CODE]"
    if _ABSOLUTE.match(words[0]):
        return "FROM is a path, not an address"
    source, target, code = _url("/" + words[0].removeprefix("/")), _target(words[1]), (words[2:] or ["302"])[0]
    if source is None or target is None:
        return "TO is a path, or begins with https://"
    if not code.isdecimal() or int(code) not in REDIRECT_CODES:
        return f"the code is one of {', '.join(map(str, sorted(REDIRECT_CODES)))}"
    loops = source.endswith(("/*", "/")) and re.search(r"/index(\.html)?$", target)
    if loops and not _ABSOLUTE.match(target):
        return "it would redirect for ever: /index and .html are redirected to the path without them"
    if source in seen:
        return f"another line redirects {source}"
    if int(code) == 200 and _ABSOLUTE.match(target):
        return "with 200, TO is a path"
    seen.add(source)
    if "*" not in source and not _PLACEHOLDER.search(source):
        return Redirect(source, target, int(code))
    pattern = _pattern(source)
    return Redirect(source, target, int(code), pattern) if pattern else "two * or a placeholder twice"


def _target(text: str) -> str | None:
    return text if text.startswith("/") or _ABSOLUTE.match(text) else None


def _url(text: str) -> str | None:
    """A pattern's text as it is held against requests; None when it is none."""
    if found := _ABSOLUTE.match(text):
        host, path = found[1], "/" + found[2]
        return None if re.search(r":\d+$", host) else f"https://{host}{pathname(re.split('[?#]', path)[0])}"
    return pathname(re.split("[?#]", text)[0]) if text.startswith("/") else None


def _pattern(text: str) -> Pattern | None:
    """None for what Pages makes no regular expression of, and leaves out."""
    host, path = "", text
    if text.startswith("https://"):
        at = text.index("/", len("https://"))
        host, path = text[:at], text[at:]
    try:
        return Pattern(text, re.compile(_expression(host, "[^/.]+") + _expression(path, "[^/]+")))
    except re.error:
        return None


def _expression(text: str, segment: str) -> str:
    escaped = "(?P<splat>.*)".join(map(re.escape, text.split("*")))
    return _PLACEHOLDER.sub(lambda found: f"(?P<{found[0][1:]}>{segment})", escaped)
