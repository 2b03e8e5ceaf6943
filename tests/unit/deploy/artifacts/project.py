"""What a small project holds that can be built."""

from __future__ import annotations

from pathlib import Path

ENVIRONMENT = "ROLE=proving\nAPI_URL=https://host/api/v1/\nNUM_RUNNERS=2\n"
DOCKERFILE = """# One image.
FROM debian
COPY site-packages /packages

# language: c
RUN bring gcc
COPY backend/runner/languages/warm/c.sh /c.sh

# language: rust
RUN bring rustc

# The service.
COPY backend/runner /opt
"""


def write(root: Path, path: str, text: str, mode: int = 0o644) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
