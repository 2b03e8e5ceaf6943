"""Every example of docs/api.md is carried out, and prints what the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.settings.environments import EnvironmentConfig

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
_BLOCK = r"((?:(?!```).)*)```\n"
EXAMPLES = re.findall(rf"```(sh|python)\n{_BLOCK}\n```\n{_BLOCK}", PAGE, re.DOTALL)
FIRST = "API=http://localhost:10100\n"


def _as_said(printed: str, said: str) -> bool:
    """Whether the page says what was printed; "…" stands for anything, and proxies spell headers their own way."""
    pattern = ".*?".join(re.escape(part) for part in said.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL | re.IGNORECASE) is not None


def test_every_block_of_the_page_is_carried_out() -> None:
    assert f"```sh\n{FIRST}```" in PAGE
    assert len(EXAMPLES) + 1 == len(re.findall(r"^```(?:sh|python)$", PAGE, re.MULTILINE))
    assert len(EXAMPLES) > 10


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_prints_what_the_page_says(environment: EnvironmentConfig, number: int) -> None:
    kind, program, said = EXAMPLES[number]
    address = environment.service_url.rstrip("/")
    if kind == "sh":
        assert shutil.which("curl"), "the examples need curl: apt-get install curl"
        command = ["bash", "-euo", "pipefail", "-c", f"API={address}\n{program}"]
    else:
        command = [sys.executable, "-c", f"API = {address!r}\n{program}"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert _as_said(done.stdout, said), f"{program}\nprinted\n{done.stdout}{done.stderr}\nand the page says\n{said}"
