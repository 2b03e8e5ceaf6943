"""`python -m tests.languages`: what every language must do, in the image of all of them; further words go to pytest."""

from __future__ import annotations

import os
import subprocess
import sys

from deploy.environments import ROOT
from deploy.errors import DeployError
from deploy.local import URL_VARIABLE
from tests.hostile.service import serving

SUITES = ("tests/integration/api/test_languages.py", "tests/languages")


def main(words: list[str]) -> int:
    """pytest's exit code; 2 where the image could not be built or its service not be started."""
    try:
        with serving("container", "all", languages="all") as running:
            environment = {**os.environ, URL_VARIABLE: running.url}
            command = [sys.executable, "-m", "pytest", *SUITES, "-q", "-n", "2", *words]
            return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    except DeployError as failed:
        print(f"codecanvas: {failed}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
