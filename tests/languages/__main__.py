"""`python -m tests.languages`: what every language must do, in the image of all of them; further words go to pytest.

Then the programs that find whether an interpreter waited for them, of languages that only this image has.
"""

from __future__ import annotations

import os
import subprocess
import sys

from deploy.errors import DeployError
from deploy.local import URL_VARIABLE
from deploy.settings.environments import ROOT
from tests.hostile.service import run_in_container, serving

HELD = ("ruby", "r", "php", "prolog", "elixir", "clojure", "libraries")

SUITES = ("tests/integration/api/test_languages.py", "tests/languages")


def main(words: list[str]) -> int:
    """pytest's exit code, or 1 where a program can tell; 2 where there is no image, or its service did not start."""
    try:
        with serving("container", "all", languages="all") as running:
            environment = {**os.environ, URL_VARIABLE: running.url}
            # A worker for each runner but one: some of these wait nine seconds for what does not come.
            command = [sys.executable, "-m", "pytest", *SUITES, "-q", "-n", "3", *words]
            failed = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        return failed or run_in_container("all", "python3", "-m", "tests.warm", *HELD)
    except DeployError as trouble:
        print(f"codecanvas: {trouble}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
