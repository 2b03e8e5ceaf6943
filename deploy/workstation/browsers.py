"""Finds the browsers that the page is tested in: one that is named, one on PATH, or Playwright's own build.

Debian has Chromium and Firefox as packages; GitHub's images bring Chrome and Firefox; where neither is (Ubuntu has only
snaps, which cannot be driven with a profile of their own), Playwright downloads its builds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.processes import run

COMPLETE = "INSTALLATION_COMPLETE"
"""The file that Playwright leaves beside a build that it has downloaded whole."""


@dataclass(frozen=True)
class Browser:
    """A browser: the variable that names one, the programs that are it, and Playwright's word for its own build."""

    variable: str
    programs: tuple[str, ...]
    playwright: str


BROWSERS = {
    "chromium": Browser("CHROMIUM", ("chromium", "google-chrome", "google-chrome-stable"), "chromium"),
    "firefox-esr": Browser("FIREFOX", ("firefox-esr", "firefox"), "firefox"),
}


@dataclass(frozen=True)
class Found:
    """A browser that is there. Without a `path` it is Playwright's own build, which Playwright finds by itself."""

    path: str
    how: str


def find(name: str, path: str, environ: Mapping[str, str] = os.environ) -> Found | None:
    """The browser of that name in BROWSERS, by its variable, on `path`, or Playwright's own."""
    browser = BROWSERS[name]
    if given := environ.get(browser.variable, ""):
        return Found(given, f"{given} ({browser.variable})") if os.access(given, os.X_OK) else None
    for program in browser.programs:
        there = shutil.which(program, path=path)
        if there and not _is_snap(Path(there)):
            return Found(there, there)
    return Found("", f"Playwright's own {browser.playwright}") if _downloaded(browser.playwright) else None


def _is_snap(program: Path) -> bool:
    """Whether it is a snap, or a script that starts one."""
    real = program.resolve()
    if "/snap/" in f"{real}" or real.name == "snap":
        return True
    with real.open("rb") as content:
        start = content.read(4096)
    return start.startswith(b"#!") and b"/snap/bin" in start


def _downloaded(name: str) -> bool:
    told = run([*_PLAYWRIGHT, "install", "--dry-run", name], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    places = re.findall(r"^\s*Install location:\s*(.+?)\s*$", told.stdout or "", re.MULTILINE)
    return any((Path(place) / COMPLETE).exists() for place in places if Path(place).name.startswith(f"{name}-"))


def download(name: str) -> list[str]:
    """The command that downloads Playwright's own build, with the libraries that it needs."""
    return [*_PLAYWRIGHT, "install", "--with-deps", BROWSERS[name].playwright]


_PLAYWRIGHT = (sys.executable, "-m", "playwright")
