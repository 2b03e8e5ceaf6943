"""`python -m backend.runner`: reads the settings and serves. Exits with 2 for a bad setting, 1 if it cannot isolate."""

from __future__ import annotations

import logging
import os
import sys

import uvloop

from backend.runner.errors import RunnerError, SettingsError
from backend.runner.server import serve
from backend.runner.settings import Settings


def main() -> int:
    """Run the service. Returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        uvloop.run(serve(Settings.read(os.environ)))
    except SettingsError as error:
        return _refuse(error, 2)
    except RunnerError as error:
        return _refuse(error, 1)
    return 0


def _refuse(error: RunnerError, status: int) -> int:
    """Print why the service does not start, for people, without a traceback. Returns `status`."""
    print(f"codecanvas runner: {error}", file=sys.stderr)  # noqa: T201
    return status


if __name__ == "__main__":
    sys.exit(main())
