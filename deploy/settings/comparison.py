"""Compares secrets of environments without knowing them: by hashes under a key that stands in no ledger and no log.

The key is CODECANVAS_COMPARISON_KEY of the process environment, else the file `.env.comparison.secrets`, which is made
when it is first needed. Whoever has another key sets secrets all the same; only the comparison is lost, and said to be.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import ConfigurationError
from deploy.settings.secrets import Secret, read_secret_bindings

VARIABLE, FILE, KEY = "CODECANVAS_COMPARISON_KEY", ".env.comparison.secrets", "COMPARISON_KEY"
_LEAST_LENGTH = 32


@dataclass(frozen=True)
class ComparisonKey:
    """A key. `name` tells keys apart, and says nothing of them."""

    name: str
    _value: Secret

    def hash(self, value: Secret) -> str:
        """32 hexadecimal digits: equal for equal values, and useless without the key."""
        key, text = self._value.reveal().encode(), value.reveal().encode()
        return hmac.new(key, text, hashlib.sha256).hexdigest()[:32]


def comparison_key(root: Path, environ: Mapping[str, str] = os.environ) -> ComparisonKey:
    """The key of this deployer. Raises ConfigurationError for one that is too short or that others may read."""
    text, file = environ.get(VARIABLE, ""), root / FILE
    where: tuple[str, int, str] = ("the process environment", 0, VARIABLE)
    if not text:
        text, line = _read(file) if file.exists() else (_made(file), 2)
        where = (file.name, line, KEY)
    if len(text) < _LEAST_LENGTH:
        raise ConfigurationError(
            *where, f"must have {_LEAST_LENGTH} characters or more; openssl rand -hex 32 makes one"
        )
    value = Secret(text)
    return ComparisonKey(hashlib.sha256(f"name of {text}".encode()).hexdigest()[:8], value)


def _read(file: Path) -> tuple[str, int]:
    for binding in read_secret_bindings(file):
        if binding.key == KEY:
            return binding.value, binding.line
        raise ConfigurationError(file.name, binding.line, binding.key, f"unknown key; it holds {KEY} alone")
    raise ConfigurationError(file.name, 0, KEY, "is missing; remove the file, and one is made anew")


def _made(file: Path) -> str:
    text = secrets.token_hex(32)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write("# Compares secrets of environments. Share it with those who deploy; it opens nothing.\n")
        out.write(f"{KEY}={text}\n")
    return text
