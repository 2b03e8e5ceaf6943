"""Looks through a stream of bytes, a window at a time, for what the rules describe and for known values.

A window is searched for all words and values at once; a rule is tried only around its words. Lines of text are read one
by one, and a line that was clean before is not read again: versions of a file, and logs, repeat most of theirs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from deploy.scan.known import Known
from deploy.scan.rules import Rule, rules

WINDOW = 4 << 20
BEFORE, AFTER = 1 << 10, 16 << 10
"""Bytes before and after a word that a rule sees."""
PIECE, SHARED = 4096, 512
"""Bytes of a line that are read at once, and those that two pieces of a long one share."""
REMEMBERED = 400_000
_WORTH = re.compile(rb"[A-Za-z0-9+/=_.\-]{16}|://|(?i:pass|pwd|secret|key|token|credential|contrase|login)")


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


@dataclass(frozen=True)
class Found:
    """A secret in a stream: its kind and line (from 1). `mark` tells it from others; "" if it is a known value."""

    kind: str
    line: int
    mark: str


@dataclass(frozen=True)
class _Hit:
    kind: str
    at: int
    secret: str


class Searcher:
    """Knows all rules and values. One is used for a whole scan."""

    def __init__(self, known: Sequence[Known], is_known: Callable[[str], str] | None = None) -> None:
        """`is_known` names the app secret that a word of a line is, "" for none; hashes know no parts of words."""
        from ahocorasick_rs import BytesAhoCorasick

        every = rules()
        self._lines = [rule for rule in every if not rule.words]
        self._patterns: list[Rule | Known] = []
        words: list[bytes] = []
        for rule in every:
            self._patterns += [rule] * len(rule.words)
            words += rule.words
        for value in known:
            self._patterns += [value] * len(value.forms)
            words += value.forms
        self._words = BytesAhoCorasick(words)
        self._behind = BEFORE
        self._ahead = max(AFTER, *(len(word) for word in words))
        self._is_known = is_known
        self._clean: set[int] = set()

    def search(self, stream: Readable, *, lines: bool) -> Iterator[Found]:
        """Everything found, each once; `lines` says that it is text of people and programs, read by line too."""
        seen: set[tuple[str, int, str]] = set()
        for hit, line in self._hits(stream, lines):
            found = Found(hit.kind, line, mark(hit.kind, hit.secret) if hit.secret else "")
            key = (found.kind, found.line, found.mark)
            if key not in seen:
                seen.add(key)
                yield found

    def hidden(self, text: str) -> str:
        """The text, such as a file's name, without the secrets that stand in it."""
        raw = text.encode(errors="surrogateescape")
        for hit in [*self._words_of(raw, 0, len(raw)), *self._lines_of(raw, 0)]:
            if hit.secret:
                text = text.replace(hit.secret, "…")
            else:
                return "…"
        return text

    def _hits(self, stream: Readable, lines: bool) -> Iterator[tuple[_Hit, int]]:
        block, begin, line = b"", 0, 1
        while True:
            more = _whole(stream, WINDOW)
            block += more
            last = len(more) < WINDOW
            end = len(block) if last else len(block) - self._ahead
            if lines and not last:
                end = block.rfind(b"\n", begin, end) + 1 or end
            hits = self._words_of(block, begin, end)
            if lines:
                hits += self._lines_of(block[begin:end], begin)
            for hit in hits:
                yield hit, line + block.count(b"\n", 0, hit.at)
            if last:
                return
            kept = max(0, end - self._behind)
            line += block.count(b"\n", 0, kept)
            block, begin = block[kept:], end - kept

    def _words_of(self, block: bytes, begin: int, end: int) -> list[_Hit]:
        """What stands around words that begin in block[begin:end]."""
        hits: list[_Hit] = []
        tried: dict[str, int] = {}
        for index, start, stop in self._words.find_matches_as_indexes(block, overlapping=True):
            if not begin <= start < end:
                continue
            pattern = self._patterns[index]
            if isinstance(pattern, Known):
                hits.append(_Hit(pattern.kind, start, ""))
            elif tried.get(pattern.kind, -1) < start:  # not within what this rule has read
                tried[pattern.kind] = min(start + AFTER // 2, end)
                low = max(0, start - BEFORE)
                text = block[low : stop + AFTER].decode("latin-1")
                hits += (_Hit(pattern.kind, low + at, secret) for at, secret in pattern.search(text))
        return hits

    def _lines_of(self, block: bytes, at: int) -> list[_Hit]:
        hits: list[_Hit] = []
        for line in block.split(b"\n"):
            for start in range(0, max(1, len(line) - SHARED), PIECE - SHARED):
                hits += self._read(line[start : start + PIECE], at)
            at += len(line) + 1
        return hits

    def _read(self, piece: bytes, at: int) -> list[_Hit]:
        if not piece or not (self._is_known or _WORTH.search(piece)):
            return []
        digest = hash(piece)
        if digest in self._clean:
            return []
        text = piece.decode(errors="replace")
        hits = [_Hit(rule.kind, at, secret) for rule in self._lines for _, secret in rule.search(text)]
        if self._is_known:
            hits += (_Hit(kind, at, "") for word in _candidates(text) if (kind := self._is_known(word)))
        if not hits:
            self._remember(digest)
        return hits

    def _remember(self, digest: int) -> None:
        if len(self._clean) >= REMEMBERED:
            self._clean.clear()
        self._clean.add(digest)


def _candidates(text: str) -> set[str]:
    """What of a line may be the whole value of a secret."""
    runs = set(re.split(r"[\s\"'`]+", text)) | {text.strip(), text.strip().strip("\"'`,;")}
    runs |= {
        part
        for run in tuple(runs)
        for part in (run.strip(".,;:()[]{}<>"), run.partition("=")[2], *re.split(r"[=:,;&?@()\[\]{}<>|]", run))
    }
    runs |= set(re.findall(r'"((?:[^"\\]|\\.)*)"', text)) | set(re.findall(r"'([^']*)'", text))
    return {run for run in runs if len(run) >= 4}


def mark(kind: str, text: str) -> str:
    """32 hexadecimal digits that stand for a text found as a kind, and do not tell it."""
    return hashlib.sha256(f"{kind}\0{text}".encode(errors="surrogateescape")).hexdigest()[:32]


def _whole(stream: Readable, size: int) -> bytes:
    """`size` bytes, fewer only at the end."""
    first = stream.read(size)
    if not first or len(first) == size:
        return first
    parts, missing = [first], size - len(first)
    while missing and (more := stream.read(missing)):
        parts.append(more)
        missing -= len(more)
    return b"".join(parts)
