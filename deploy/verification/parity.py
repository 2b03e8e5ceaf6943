"""One page for all environments: what is served is what was released, and only its configuration differs by place."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from deploy.artifacts.frontend import CONFIG
from deploy.ledger import Suite

NAME = "parity"
_UNSERVED = ("_headers", "_redirects")
"""Files that tell the host how to serve the others."""


def check_parity(files: Mapping[str, Mapping[str, bytes]], environment: str, served: httpx.Client, log: Path) -> Suite:
    """Compare `files`, each environment's by name, with one another and with what `environment` serves.

    Every file counts as a check: it must be alike in all environments unless it is config.js, which must differ, and be
    served as it is. `served` is a client at the page's root; what is wrong is written to `log`, a line each.
    """
    begun = time.monotonic()
    names = sorted({name for each in files.values() for name in each})
    wrong = [line for name in names for line in _faults(name, [*files.values()], files[environment], served)]
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(f"{line}\n" for line in wrong), encoding="utf-8")
    failed = len({line.partition(":")[0] for line in wrong})
    return Suite(NAME, len(names) - failed, failed, round(time.monotonic() - begun, 2))


def _faults(
    name: str, everywhere: Sequence[Mapping[str, bytes]], here: Mapping[str, bytes], served: httpx.Client
) -> list[str]:
    contents = {files.get(name) for files in everywhere}
    if name == CONFIG and len(contents) != len(everywhere):
        return [f"{name}: is the same in several environments"]
    if name != CONFIG and len(contents) != 1:
        return [f"{name}: differs between environments"]
    return [] if name in _UNSERVED else _unlike(name, here[name], served)


def _unlike(name: str, content: bytes, served: httpx.Client) -> list[str]:
    """What is wrong with how `name` is served; hosts serve index.html as the directory that it is in."""
    try:
        response = served.get(name.removesuffix("index.html"), follow_redirects=True)
    except httpx.HTTPError as error:
        return [f"{name}: could not be read: {error}"]
    if not response.is_success:
        return [f"{name}: is answered with HTTP {response.status_code}"]
    if response.content != content:
        digests = [hashlib.sha256(one).hexdigest()[:16] for one in (response.content, content)]
        return [f"{name}: is served with other content ({digests[0]}) than the release holds ({digests[1]})"]
    return []
