"""Installs system packages by purpose: `need("browser")` returns once the programs are there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from deploy.errors import MachineLacks
from deploy.processes import End, run
from deploy.settings.environments import ROOT
from deploy.workstation.browsers import BROWSERS, download, find

APT_LOG = Path("/var/lib/codecanvas/apt.log")

_LOCALES = ROOT / "backend/runner/languages/warm/locales.sh"


@dataclass(frozen=True)
class Need:
    """Programs that must be on PATH, and the Debian packages that bring them."""

    why: str
    programs: tuple[str, ...]
    packages: tuple[str, ...]
    make: tuple[str, ...] = ()
    """Command that makes the rest of it, as root, when the packages are there."""
    made: tuple[Path, ...] = ()
    """Some of what that makes."""


NEEDS: dict[str, Need] = {
    "sandbox": Need("the launcher of programs is built here", ("gcc", "make"), ("gcc", "libc6-dev", "make")),
    "engine": Need("machines are containers of a Docker engine", ("dockerd", "iptables"), ("docker.io", "iptables")),
    "base": Need("the base image is made here when no image registry answers", ("mmdebstrap",), ("mmdebstrap",)),
    "languages": Need(
        "programs are compiled and run with this machine's own toolchains",
        # The core ones but Java: a sandbox does not see what Debian's keeps in /etc, and the image's is newer.
        ("gcc", "g++", "mold", "go", "node", "esbuild", "tsc", "rustc", "ruby", "bash", "python3", "pytest-3"),
        (
            *("gcc", "g++", "libc6-dev", "mold", "golang-go", "nodejs", "esbuild", "node-typescript", "rustc", "ruby"),
            *("bash", "python3-minimal", "python3-pytest", "locales"),
        ),
        make=("sh", str(_LOCALES)),
        made=(Path("/usr/lib/locale/en_US"), Path("/usr/lib/locale/ja_JP.utf8")),
    ),
    "bench": Need(
        "the runner is measured beside it, and with a library", ("bwrap", "f2py3"), ("bubblewrap", "python3-numpy")
    ),
    "fuzz": Need("the launcher is fuzzed with libFuzzer", ("clang",), ("clang", "libclang-rt-dev")),
    "browser": Need(
        "the page is tested in a real browser: Chromium or Chrome", ("chromium",), ("chromium", "fonts-dejavu-core")
    ),
    "other-browsers": Need(
        "the page is tested in other engines than Chromium's",
        ("firefox-esr", "WebKitWebDriver", "xvfb-run"),
        ("firefox-esr", "webkit2gtk-driver", "xvfb", "xauth"),
    ),
}

# `go` and `rustc` must stand where a sandbox can see them, not in somebody's home.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def may_install() -> bool:
    """Whether packages can be installed here: root, with apt."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def missing(name: str) -> list[str]:
    """Programs of a need, and files that are made for it, which are not there."""
    lacking = [program for program in NEEDS[name].programs if not _there(program)]
    return lacking + [str(path) for path in NEEDS[name].made if not path.exists()]


def _there(program: str) -> bool:
    return bool(find(program, SYSTEM_PATH) if program in BROWSERS else shutil.which(program, path=SYSTEM_PATH))


def need(*names: str, tell: Callable[[str], None] | None = None) -> None:
    """Return when everything named is there; installs it where possible, else raises MachineLacks with the command."""
    lacking = [name for name in names if missing(name)]
    if not lacking:
        return
    packages = sorted({package for name in lacking for package in NEEDS[name].packages})
    reasons = "; ".join(f"{', '.join(missing(name))} ({NEEDS[name].why})" for name in lacking)
    makers = [NEEDS[name].make for name in lacking if NEEDS[name].make]
    if not may_install():
        further = "".join(f" && sudo {' '.join(command)}" for command in makers)
        browsers = [program for name in lacking for program in missing(name) if program in BROWSERS]
        instead = "".join(f"; or, where there is no such package: {' '.join(download(each))}" for each in browsers)
        raise MachineLacks(
            f"missing: {reasons}. Run: sudo apt-get install -y --no-install-recommends {' '.join(packages)}{further}"
            f"{instead}"
        )
    tell = tell or stderr
    _apt()
    packages = [each for each in packages if _available(each)]
    if packages:
        tell(f"installing {' '.join(packages)}")
        _apt("install", "-y", "-qq", "--no-install-recommends", *packages)
    for program in (each for name in lacking for each in missing(name) if each in BROWSERS):
        ours = download(program)
        tell(f"no package brings {program} here: {' '.join(ours[1:])}")
        run(ours, check=False, stdin=subprocess.DEVNULL)  # if it fails, what is missing is said below
    for command in makers:
        run(command, check=True, stdin=subprocess.DEVNULL)
    if still := [p for name in lacking for p in missing(name)]:
        raise MachineLacks(f"{', '.join(still)} still missing after installing {' '.join(packages)}")


def _available(package: str) -> bool:
    """Whether apt knows the package; another distribution may have it under another name, or not at all."""
    return run(["apt-cache", "show", package], stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def refresh() -> None:
    """Read the lists of packages anew, as root."""
    _apt()


def _apt(*arguments: str) -> None:
    """`apt-get ARGUMENTS`, or `apt-get update` without any; one at a time on this machine, whichever clone asks."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    Path("/var/lib/codecanvas").mkdir(parents=True, exist_ok=True)
    with FileLock("/var/lib/codecanvas/apt.lock"):
        full = ["apt-get", "-o", "DPkg::Lock::Timeout=300", *(arguments or ("update", "-qq"))]
        # Into a file, and never killed: interrupted half-way, or writing into a pipe that nobody reads any more,
        # dpkg would leave this machine's packages broken. It goes on without us.
        with APT_LOG.open("w+b") as log:
            done = run(full, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, end=End.NEVER)
        if done.returncode:
            last = "\n".join(APT_LOG.read_text(errors="replace").splitlines()[-5:])
            raise MachineLacks(f"`{' '.join(full)}` failed:\n{last}\nFix this machine's packages, then run this again")


def stderr(text: str) -> None:
    """Tell what is done where nobody else is there to tell."""
    print(f"codecanvas: {text}", file=sys.stderr)  # noqa: T201
