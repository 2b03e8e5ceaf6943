"""One page for all environments: what is served is what was released, and only its configuration differs by place."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from deploy.artifacts.frontend import CONFIG
from deploy.ledger import Suite
from deploy.platforms.pages import SPECIAL

NAME = "parity"


def check_parity(files: Mapping[str, Mapping[str, bytes]], environment: str, served: httpx.Client, log: Path) -> Suite:
    """Compare `files`, each environment's by name, with one another and with what `environment` serves.

    Every file counts as a check: it must be alike in all environments unless it is config.js, which must differ, and be
    served as it is. `served` is a client at the page's root; what is wrong is written to `log`, a line each.
    """
    begun = time.monotonic()
    names = sorted({name for each in files.values() for name in each})
    faults = {name: _fault(name, [*files.values()], files[environment], served) for name in names}
    wrong = [f"{name}: {fault}\n" for name, fault in faults.items() if fault]
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(wrong), encoding="utf-8")
    return Suite(NAME, len(names) - len(wrong), len(wrong), round(time.monotonic() - begun, 2))


def _fault(
    name: str, everywhere: Sequence[Mapping[str, bytes]], here: Mapping[str, bytes], served: httpx.Client
) -> str:
    contents = {files.get(name) for files in everywhere}
    if name == CONFIG and len(contents) != len(everywhere):
        return "is the same in several environments"
    if name != CONFIG and len(contents) != 1:
        return "differs between environments"
    return "" if name in SPECIAL else _unlike(name, here[name], served)


def _unlike(name: str, content: bytes, served: httpx.Client) -> str:
    """What is wrong with how `name` is served; hosts serve index.html as the directory that it is in."""
    try:
        response = served.get(name.removesuffix("index.html"), follow_redirects=True)
    except httpx.HTTPError as error:
        return f"could not be read: {error}"
    if not response.is_success:
        return f"is answered with HTTP {response.status_code}"
    if response.content != content:
        digests = [hashlib.sha256(one).hexdigest()[:16] for one in (response.content, content)]
        return f"is served with other content ({digests[0]}) than the release holds ({digests[1]})"
    return ""
