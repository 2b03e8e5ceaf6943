"""Finds the launcher: the image's, or one that is built here from its sources, once for each version of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from backend.runner.errors import SandboxError

SOURCES = Path(__file__).parent / "launcher"
INSTALLED = Path("/usr/local/lib/codecanvas")


def find_launcher(chosen: Path | None = None) -> Path:
    """Directory of the launcher: the configured one, the installed one, or one that is built now.

    Raises SandboxError if it cannot be built; the message says what to install.
    """
    if chosen is not None:
        return chosen
    if (INSTALLED / "launcher").exists() and not (SOURCES / "main.c").exists():
        return INSTALLED
    return build_launcher()


def build_launcher(*options: str) -> Path:
    """Build the launcher with make's `options`, unless the same build exists already."""
    digest = hashlib.sha256(" ".join(options).encode())
    for source in sorted(
        path
        for path in SOURCES.iterdir()
        if path.suffix in {".c", ".h", ".py", ".pm", ".rb", ".scm", ""} and path.is_file()
    ):
        digest.update(source.name.encode() + source.read_bytes())
    # Not in a home directory: slots have uids of their own, which must be able to read it.
    place = Path(tempfile.gettempdir()) / f"codecanvas-launcher-{os.getuid()}-{digest.hexdigest()[:16]}"
    if (place / "done").exists() and place.stat().st_uid == os.getuid():
        return place
    if shutil.which("make") is None or shutil.which("gcc") is None:
        raise SandboxError("the launcher is not built. Install what builds it: apt-get install make gcc libc6-dev")
    with tempfile.TemporaryDirectory(prefix="codecanvas-launcher-") as scratch:
        out = Path(scratch) / "out"
        done = subprocess.run(
            ["make", "-s", "-C", str(SOURCES), f"OUT={out}", *options], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SandboxError(f"the launcher could not be built:\n{done.stderr[-2000:]}")
        (out / "done").touch()
        out.chmod(0o755)
        try:
            out.rename(place)
        except OSError as error:
            if not (place / "done").exists():  # else another process built the same meanwhile
                raise SandboxError(f"the launcher could not be put at {place}: {error}") from error
    return place
