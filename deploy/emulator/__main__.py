"""`python -m deploy.emulator serve --state DIR`: the host process, as `start` runs it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from deploy.emulator.errors import EmulatorError
from deploy.emulator.server import serve


def main() -> int:
    """Serve until told to stop. Exit code 1 when a part failed; the reason is the last line of the log."""
    parser = argparse.ArgumentParser(prog="python -m deploy.emulator", description=__doc__)
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--state", type=Path, required=True, help="the state directory that `start` has prepared")
    parser.add_argument("--ready-fd", type=int, help="a descriptor to write `ready` to")
    chosen = parser.parse_args()
    os.umask(0o077)
    os.chdir(chosen.state)  # sockets are named relative to it: an absolute path may be too long for one
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(serve(chosen.state, chosen.ready_fd))
    except EmulatorError as error:
        logging.getLogger("emulator").error("%s", error)  # noqa: TRY400
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
