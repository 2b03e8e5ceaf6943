"""`python -m deploy.workstation NEED …`: make sure this machine has what a suite needs; exits 2 if it cannot."""

from __future__ import annotations

import sys

from deploy import interrupts
from deploy.errors import DeployError
from deploy.workstation import docker_host, need, program
from deploy.workstation.packages import NEEDS
from deploy.workstation.servers import SERVERS


def main(names: list[str]) -> int:
    """Ensure each need; returns the exit code."""
    known = sorted({*NEEDS, *SERVERS, "engine"})
    if not names or not set(names) <= set(known):
        sys.stderr.write(f"usage: python -m deploy.workstation NEED …, each one of: {', '.join(known)}\n")
        return 2
    try:
        for name in names:
            if name in SERVERS:
                program(name)
            elif name == "engine":
                docker_host()
            else:
                need(name)
    except DeployError as failed:
        sys.stderr.write(f"error: {failed}\n")
        return failed.exit_code
    return 0


if __name__ == "__main__":
    again = f"python -m deploy.workstation {' '.join(sys.argv[1:])}"
    interrupts.from_now_on(
        lambda: f"a package installation that had begun continues in the background. Run again: {again}"
    )
    interrupts.guarded(lambda: main(sys.argv[1:]))
