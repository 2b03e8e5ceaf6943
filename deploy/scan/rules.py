"""What looks like a secret: the patterns of `detect-secrets`, and those of the providers that it does not know.

A rule with words is tried where one of them stands, in any file, binary ones too. A rule without words reads lines of
text that people wrote: names that mean a secret, and what is assigned to them. The library's measures of entropy are
left out (every digest and lock file would be one), and so is its rule for private keys, which sees the first line
alone: one allowed key would allow all.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

LEFT_OUT = {"Base64 High Entropy String", "Hex High Entropy String", "Public IP (ipv4)", "Private Key"}
WORDS: dict[str, tuple[str, ...]] = {
    "GitHub Token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    "GitLab Token": ("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "glcbt-", "glptt-", "glimt-", "glagent-"),
    "JSON Web Token": ("eyJ",),
    "NPM tokens": ("_authToken",),
    "OpenAI Token": ("T3BlbkFJ",),
    "PyPI Token": ("pypi-AgE",),
    "SendGrid API Key": ("SG.",),
    "Slack Token": ("xoxa-", "xoxb-", "xoxp-", "xoxo-", "xoxs-", "xoxr-", "hooks.slack.com/services/"),
    "Square OAuth Secret": ("sq0csp-",),
    "Stripe Access Key": ("k_live_",),
}
"""Of the library's kinds: what a secret of that kind always holds."""

_WORDY = r"[A-Za-z0-9_-]"
_GAP = r"(?:\\+[nr]|[\s\"'+,|>#*])*"
_FIELD = r"[A-Za-z-]+: [^\n\\]{0,200}"
_OWN: dict[str, tuple[tuple[str, ...], str]] = {
    # Not within base64 or hexadecimal digits, which hold everything somewhere.
    "AWS Access Key": (
        ("AKIA", "ASIA", "ABIA", "ACCA"),
        r"(?<![A-Za-z0-9+/=_-])(?![0-9A-F]{20})(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}(?![A-Za-z0-9+/=_-])",
    ),
    "Fly Token": (
        ("fm1r_", "fm1a_", "fm2_", "fo1_"),
        rf"(?<!{_WORDY})(?:fm(?:1[ra]|2)_[A-Za-z0-9+/=_-]{{24,}}|fo1_[A-Za-z0-9_-]{{24,}})",
    ),
    "Cloudflare Token": (("cfk_", "cfut_", "cfat_"), rf"(?<!{_WORDY})cf(?:k|ut|at)_[A-Za-z0-9_-]{{40,}}"),
    "GitHub Fine-grained Token": (("github_pat_",), r"github_pat_[A-Za-z0-9_]{36,}"),
    "Azure Storage Key": (("AccountKey",), r"""AccountKey["'\s=:]{1,20}([A-Za-z0-9+/]{86,88}==)"""),
    "Google API Key": (("AIza",), rf"(?<!{_WORDY})AIza[A-Za-z0-9_-]{{35}}(?!{_WORDY})"),
    "Anthropic Key": (("sk-ant-",), r"sk-ant-[A-Za-z0-9_-]{32,}"),
    "OpenAI Project Key": (("sk-proj-", "sk-svcacct-"), r"sk-(?:proj|svcacct)-[A-Za-z0-9_-]{40,}"),
    "npm Token": (("npm_",), rf"(?<!{_WORDY})npm_[A-Za-z0-9]{{36}}(?!{_WORDY})"),
    "Sentry Token": (("sntrys_", "sntryu_"), r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    "Docker Token": (("dckr_pat_", "dckr_oat_"), r"dckr_[po]at_[A-Za-z0-9_-]{24,}"),
    # The body is the secret, not its first line, which stands in every program that reads keys.
    "Private Key": (
        ("PRIVATE KEY-----", "PRIVATE KEY BLOCK-----"),
        rf"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----{_GAP}(?:{_FIELD}{_GAP})*([A-Za-z0-9+/=]{{24,}})",
    ),
    "PuTTY Private Key": (
        ("PuTTY-User-Key-File-",),
        r"PuTTY-User-Key-File-\d:(?s:.{1,2000}?)Private-Lines:(?s:.{24,64})",
    ),
    "age Key": (("AGE-SECRET-KEY-1",), r"AGE-SECRET-KEY-1[A-Z0-9]{40,}"),
}
_ASSIGNED = re.compile(
    r"""(?i)(?:token|(?:api|access|auth)[_-]?key|secret(?:_?key)?|passw(?:or)?d|credentials?)["'\]]{0,2}\s{0,8}(?::=|=>|[:=])\s{0,8}"""
    r"""(?:[brf]?["'`]|Bearer\s|Basic\s|Token\s)*([A-Za-z0-9+/=_.~-]{20,512})"""
)
_PASSWORD = re.compile(
    r"""(?i:passw(?:or)?d|passphrase|pwd|secret)["'\]]{0,2}\s{0,8}[:=]\s{0,8}"""
    r"""(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)([A-Za-z0-9!#$%&*+/=?@^_~-]{8,64})\s*$"""
)
_SENT = re.compile(
    r"""(?i)authorization["']?\s{0,8}[:=,]\s{0,8}["'`]?(?:Bearer|Basic|Token|FlyV1)\s+([A-Za-z0-9+/=_.~-]{16,2048})"""
)
_PROSE = re.compile(r"[^\d\s]+(?:\s+[^\d\s]+)+\s*")
"""Words: what stands after "secrets:" in a sentence."""
LEAST_ENTROPY = 3.5
"""Bits a character, below which what is assigned to a secret's name is a word, a path or a place holder."""

Search = Callable[[str], Iterable[tuple[int, str]]]
"""From a text to where a secret begins in it, and the secret. Of lines nobody asks where."""


@dataclass(frozen=True)
class Rule:
    """`search` finds secrets of a kind in text; `words` are what each of them holds, none where lines tell."""

    kind: str
    words: tuple[bytes, ...]
    search: Search


@functools.cache
def rules() -> list[Rule]:
    """All of them: the library's that have words, the library's that read lines, ours."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class  # slow to import

    found = []
    plugins: dict[str, Any] = get_mapping_from_secret_type_to_class()
    for kind, plugin in sorted(plugins.items()):
        if kind in LEFT_OUT:
            continue
        made = plugin()
        if kind in WORDS:
            found.append(Rule(kind, _bytes(WORDS[kind]), _by_word(made)))
        found.append(Rule(kind, (), _by_line(made)))
    found += [Rule(kind, _bytes(words), _pattern(text)) for kind, (words, text) in _OWN.items()]
    return [
        *found,
        Rule("Assigned Secret", (), _assigned),
        Rule("Password", (), _password),
        Rule("Sent Credential", (), _sent),
    ]


def _bytes(words: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(word.encode() for word in words)


def _by_word(plugin: Any) -> Search:
    """The plugin's patterns. Of some it would tell a part alone, such as `ghp`, which all secrets of the kind share."""

    def search(text: str) -> Iterator[tuple[int, str]]:
        whole = (match for pattern in plugin.denylist for match in pattern.finditer(text))
        return ((match.start(), match[0]) for match in whole if any(plugin.analyze_string(match[0])))

    return search


def _by_line(plugin: Any) -> Search:
    def search(line: str) -> Iterator[tuple[int, str]]:
        told = [found.secret_value for found in plugin.analyze_line(filename="", line=line, line_number=0) or ()]
        patterns = getattr(plugin, "denylist", None) if any(told) else None
        whole = [match[0] for pattern in patterns or () for match in pattern.finditer(line)]
        return ((0, secret) for secret in whole or filter(None, told) if not _PROSE.fullmatch(secret))

    return search


def _pattern(text: str) -> Search:
    compiled = re.compile(text)
    return lambda piece: ((match.start(), match[match.lastindex or 0]) for match in compiled.finditer(piece))


def _assigned(line: str) -> Iterator[tuple[int, str]]:
    return ((0, value) for value in _ASSIGNED.findall(line) if _random(value))


def _password(line: str) -> Iterator[tuple[int, str]]:
    """Without quotes, as files of settings have it."""
    return ((0, value) for value in _PASSWORD.findall(line))


def _sent(line: str) -> Iterator[tuple[int, str]]:
    return ((0, value) for value in _SENT.findall(line) if _random(value))


def _random(value: str) -> bool:
    """Whether it looks drawn by lot: letters and digits mixed, and no dotted name or path."""
    if not (re.search(r"\d", value) and re.search(r"[A-Za-z]", value)) or re.fullmatch(r"[a-z_]+(?:[./-]\w+)+", value):
        return False
    counts, length = Counter(value), len(value)
    return -sum(n / length * math.log2(n / length) for n in counts.values()) >= LEAST_ENTROPY
