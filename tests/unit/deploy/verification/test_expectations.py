"""`expected.json` says how many tests each suite has; pytest itself is asked whether that is so."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.runner.languages import all_languages
from deploy.errors import ConfigurationError
from deploy.local import URL_VARIABLE
from deploy.settings.environments import ROOT
from deploy.verification.catalogue import EVIDENCE, SMOKE, SuiteSpec
from deploy.verification.expectations import PLACE, read_expectation
from deploy.verification.suites import arguments_of

CORE = sorted(name for name, language in all_languages().items() if language.core)
SUITES = (*EVIDENCE, SMOKE)


@contextmanager
def offering(languages: list[str]) -> Iterator[str]:
    """The address of a service that names these languages, and knows nothing else."""
    body = json.dumps({"languages": languages}).encode()

    class Named(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Named) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def collected(spec: SuiteSpec, languages: list[str]) -> int:
    """How many tests pytest finds where the service offers these languages."""
    with offering(languages) as address:
        arguments = [one for one in arguments_of(spec, "local", rehearsal=False) if one != "-q"]
        if "-n" in arguments:  # with xdist it is the workers that collect
            at = arguments.index("-n")
            del arguments[at : at + 2]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments, "--collect-only", "-qq",
             "-o", "addopts=--import-mode=importlib"],
            cwd=ROOT, env={**os.environ, URL_VARIABLE: address}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return sum(int(line.rpartition(": ")[2]) for line in done.stdout.splitlines() if line.startswith("tests/"))


@pytest.mark.any_python
@pytest.mark.parametrize("spec", SUITES, ids=lambda spec: spec.name)
@pytest.mark.parametrize("languages", [CORE, sorted(all_languages()), ["bash", "c"]], ids=["core", "all", "two"])
def test_as_many_tests_are_expected_as_there_are(spec: SuiteSpec, languages: list[str]) -> None:
    expected, found = read_expectation(spec.name).total(languages), collected(spec, languages)
    assert found == expected, (
        f"{PLACE.relative_to(ROOT)}: {spec.name}: {found} tests are collected and {expected} are expected; "
        f"when that is right, change its base by {found - expected:+d} (or what it counts for each language)"
    )


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"smoke": {"base": 3}}', '{"smoke": {"base": "3", "per_language": 0, "per_compiled": 0}}']
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    place = tmp_path / "expected.json"
    place.write_text(text)
    with pytest.raises(ConfigurationError, match=r"expected\.json.*git checkout"):
        read_expectation("smoke", place)
