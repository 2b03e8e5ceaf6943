"""A child process with its own log. It dies with its parent, and is never restarted silently."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.emulator.errors import ChildFailed

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)  # loaded here: between fork and exec nothing may be imported


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """One child. `name` heads its log `logs/NAME.log`; it runs in `directory` with a bare environment."""

    def __init__(self, name: str, command: Sequence[str], directory: Path) -> None:
        self.name, self._command, self._directory = name, command, directory
        self.log = directory / "logs" / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; returns at once. Raises ChildFailed when the program cannot be run."""
        home = self._directory / "home"
        home.mkdir(exist_ok=True)
        # Nothing of the caller's environment: REGISTRY_… variables would override the registry's configuration.
        environment = {"PATH": os.defpath, "HOME": str(home)}
        try:
            with self.log.open("ab") as output:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    cwd=self._directory,
                    env=environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    preexec_fn=_die_with_parent,
                )
        except OSError as error:
            raise ChildFailed(f"{self.name}: {self._command[0]} cannot be run: {error}", log=self.log) from error

    async def answers(self, probe: Callable[[], object], seconds: float = 10.0) -> None:
        """Wait until `probe` (which may raise OSError) succeeds. Raises ChildFailed when it ends or takes too long."""
        for _ in range(int(seconds / 0.02)):
            with contextlib.suppress(OSError):
                probe()
                return
            if self._process is None or self._process.returncode is not None:
                raise ChildFailed(f"{self.name} ended while starting; see {self.log}", log=self.log)
            await asyncio.sleep(0.02)
        raise ChildFailed(f"{self.name} did not answer within {seconds:.0f} s; see {self.log}", log=self.log)

    async def ended(self) -> ChildFailed:
        """Wait for it to end, which it never should by itself; the error to report."""
        code = await self._process.wait() if self._process else None
        return ChildFailed(f"{self.name} ended by itself with code {code}; see {self.log}", log=self.log)

    async def stop(self, seconds: float = 5.0) -> None:
        """End it: SIGTERM, then SIGKILL."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            process.kill()
            await process.wait()
