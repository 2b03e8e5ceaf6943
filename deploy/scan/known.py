"""Values that must stand nowhere: tokens, the comparison key, those of rehearsals, and app secrets by hashes."""

from __future__ import annotations

import base64
import json
import os
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.errors import DeployError
from deploy.ledger.app_secrets import AppSecret
from deploy.settings.comparison import FILE, VARIABLE, ComparisonKey, comparison_key
from deploy.settings.secrets import TOKEN_NAMES, Secret, read_secret_bindings, variable

LEAST_LENGTH = 8
"""Characters below which a value stands everywhere by chance, and is not looked for."""
ENCODED_LENGTH = 12
PART_LENGTH = 24
TOOLS = ("FLY_API_TOKEN", "FLY_ACCESS_TOKEN", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "GITHUB_TOKEN", "GH_TOKEN")
"""Variables that the providers' own tools read tokens from."""


@dataclass(frozen=True)
class Known:
    """A value to look for. `forms` are its spellings: as it is, in JSON, in addresses, in base64 and hexadecimal."""

    kind: str
    forms: tuple[bytes, ...]


def known(root: Path, state: Path, names: Iterable[str], environ: Mapping[str, str] = os.environ) -> list[Known]:
    """All values that are known here; `names` are the environments'.

    Raises ConfigurationError for a file of secrets that others may read, DeployError for one that cannot be read.
    """
    found: dict[str, Secret] = {}
    for environment in names:
        for name in TOKEN_NAMES:
            if value := environ.get(variable(name, environment)):
                found[f"value of {variable(name, environment)}"] = Secret(value)
    for name in (*TOOLS, VARIABLE):
        if value := environ.get(name):
            found[f"value of {name}"] = Secret(value)
    for file in sorted(root.glob(".env.*.secrets")):
        for line in read_secret_bindings(file):
            found[f"value of {line.key} in {file.name}"] = Secret(line.value)
    for file in (state / "tokens.json", state / "private.json"):
        for path, text in _strings(_json(file), ()):
            found[f"value of {'.'.join(path)} of the rehearsal"] = Secret(text)
    return [Known(kind, forms) for kind, value in found.items() if (forms := _forms(value))]


def app_secrets(root: Path, secrets: Mapping[str, Iterable[AppSecret]]) -> Callable[[str], str] | None:
    """Names the app secret that a word is, by the hashes in ledgers (environment → secrets); None if there are none.

    Only those whose hash was made with the key that is here; none is made for it.
    """
    if not (os.environ.get(VARIABLE) or (root / FILE).exists()):
        return None
    key: ComparisonKey = comparison_key(root)
    kinds = {
        each.hash: f"value of {each.name}, a secret of {environment}'s app"
        for environment, several in secrets.items()
        for each in several
        if each.hash and each.key == key.name
    }
    return (lambda word: kinds.get(key.hash(Secret(word)), "")) if kinds else None


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as wrong:
        raise DeployError(f"{file} cannot be read ({type(wrong).__name__}): its values are not looked for") from None


def _strings(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _strings(each, (*path, key))


def _forms(value: Secret) -> tuple[bytes, ...]:
    text = value.reveal()
    wholes = {text, *(part for part in text.removeprefix("FlyV1 ").split(",") if len(part) >= PART_LENGTH)}
    wholes |= {line.strip() for line in text.splitlines() if len(line.strip()) >= PART_LENGTH}
    forms: set[bytes] = set()
    for whole in (each for each in wholes if len(each) >= LEAST_LENGTH):
        raw = whole.encode()
        forms |= {raw, json.dumps(whole)[1:-1].encode(), json.dumps(whole, ensure_ascii=False)[1:-1].encode()}
        forms |= {urllib.parse.quote(whole, safe="").encode(), urllib.parse.quote_plus(whole).encode()}
        if len(raw) >= ENCODED_LENGTH:
            forms |= {raw.hex().encode(), raw.hex().upper().encode(), *_base64(raw)}
    return tuple(sorted(forms))


def _base64(raw: bytes) -> Iterator[bytes]:
    """What of its base64 is the same whatever stands before and after it, for each of three positions."""
    for before, start in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(before) + raw)[start : (before + len(raw)) * 8 // 6]
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))
