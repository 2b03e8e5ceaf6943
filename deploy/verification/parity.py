"""Checks the served page: its files are the released ones, and environments differ in their configuration only."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from deploy.artifacts.frontend import CONFIG
from deploy.ledger import Suite
from deploy.platforms.pages import SPECIAL
from deploy.verification.outcome import Outcome, SuiteRun

NAME = "parity"
ATTEMPTS = 3
PAUSE = 1.0
"""Seconds between them."""


class _NotServed(Exception):
    """The host of the page gave no answer of its own to a request; it says nothing about the release."""


def check_parity(
    files: Mapping[str, Mapping[str, bytes]],
    environment: str,
    served: httpx.Client,
    log: Path,
    former: Mapping[str, bytes] | None = None,
) -> SuiteRun:
    """Compare `files`, each environment's by name, with one another and with what `environment` serves.

    Every file counts as a check: it must be alike in all environments unless it is config.js, which must differ, and be
    served as it is. `former` are files of earlier releases, by name, which each environment has its own of: one of them
    must be served as it was or answered with 404, never with something else, such as a page where a script was.
    `served` is a client at the page's root; what is wrong is written to `log`, a line each. Not run when the page's
    host cannot be reached, or answers 429 or 5xx again and again: files do not make a host fail.
    """
    begun = time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    names = sorted({name for each in files.values() for name in each})
    try:
        faults = {name: _fault(name, [*files.values()], files[environment], served) for name in names}
        for name in sorted((former or {}).keys() - faults.keys()):
            faults[name] = _unlike(name, (former or {})[name], served, or_gone=True)
    except _NotServed as failed:
        log.write_text(f"{failed}\n", encoding="utf-8")
        return SuiteRun(Outcome.NOT_RUN, Suite(NAME, 0, 0, round(time.monotonic() - begun, 2)), log, str(failed))
    wrong = [f"{name}: {fault}\n" for name, fault in faults.items() if fault]
    log.write_text("".join(wrong), encoding="utf-8")
    suite = Suite(NAME, len(faults) - len(wrong), len(wrong), round(time.monotonic() - begun, 2))
    return SuiteRun(Outcome.PASSED if suite.ok else Outcome.FAILED, suite, log)


def _fault(
    name: str, everywhere: Sequence[Mapping[str, bytes]], here: Mapping[str, bytes], served: httpx.Client
) -> str:
    contents = {files.get(name) for files in everywhere}
    if name == CONFIG and len(contents) != len(everywhere):
        return "is the same in several environments"
    if name != CONFIG and len(contents) != 1:
        return "differs between environments"
    return "" if name in SPECIAL else _unlike(name, here[name], served)


def _unlike(name: str, content: bytes, served: httpx.Client, *, or_gone: bool = False) -> str:
    """What is wrong with how `name` is served; hosts serve index.html as the directory that it is in."""
    response = _read(name.removesuffix("index.html"), served)
    if or_gone and response.status_code == 404:
        return ""
    if not response.is_success:
        return f"is answered with HTTP {response.status_code}"
    if response.content != content:
        digests = [hashlib.sha256(one).hexdigest()[:16] for one in (response.content, content)]
        return f"is served with other content ({digests[0]}) than the release holds ({digests[1]})"
    return ""


def _read(path: str, served: httpx.Client) -> httpx.Response:
    """The answer to a request for `path`; raises _NotServed when its host gives none in ATTEMPTS tries."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE)
        try:
            response = served.get(path, follow_redirects=True)
        except httpx.TooManyRedirects as error:
            return httpx.Response(310, request=error.request)  # an answer, and a wrong one
        except httpx.TransportError as error:
            why = f"{served.base_url}{path} could not be read: {error or type(error).__name__}"
            continue
        if response.status_code != 429 and response.status_code < 500:
            return response
        why = f"{served.base_url}{path} is answered with HTTP {response.status_code}"
    raise _NotServed(why)
