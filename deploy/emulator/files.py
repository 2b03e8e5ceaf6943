"""Writing files so that a reader, or a process that comes after a crash, sees the old content or the new."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as JSON, mode 0600, atomically. Survives a killed process, not a lost disk cache."""
    write_bytes(path, json.dumps(value, indent=1).encode() + b"\n")


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, mode 0600, atomically."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
