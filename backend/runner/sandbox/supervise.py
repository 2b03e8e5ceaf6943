"""Watching a step from its start to the death of its last process."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time

from backend.runner.errors import SandboxError
from backend.runner.sandbox import process_tree
from backend.runner.sandbox.command import Step
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.launch import Status, launched
from backend.runner.sandbox.limits import PROGRAM_BYTES, Limits
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.verdict import Ending, Verdict

_BLOCK = 65536
_FIRST_LOOK = 0.002
_LOOK_EVERY = 0.02
_DEATH_SECONDS = 10.0


class _Output:
    """What the program writes, up to a number of bytes on both streams together."""

    def __init__(self, limit: int) -> None:
        self.stdout, self.stderr = bytearray(), bytearray()
        self._room = limit
        self.overflowed = False

    def take(self, descriptor: int, into: bytearray) -> bool:
        """Read what is there; False at the end of the stream. Raises BlockingIOError where nothing is there."""
        block = os.read(descriptor, _BLOCK)
        self.overflowed = self.overflowed or len(block) > self._room
        into += block[: self._room]
        self._room -= min(len(block), self._room)
        return bool(block)


class _Supervisor:
    """One step's life. Runs in one thread, start to end: bubblewrap dies with the thread that started it."""

    def __init__(
        self,
        slot: Slot,
        limits: Limits,
        process: subprocess.Popen[bytes],
        status: Status,
        abort: threading.Event | None,
    ) -> None:
        if process.stdout is None or process.stderr is None:
            raise SandboxError("bubblewrap was started without pipes")
        self._slot, self._limits, self._process, self._status = slot, limits, process, status
        self._abort = abort
        self._output = _Output(limits.output_bytes)
        self._streams = {process.stdout.fileno(): self._output.stdout, process.stderr.fileno(): self._output.stderr}
        self._started = time.monotonic()
        self._init: int | None = None  # pidfd of the sandbox's pid 1
        self._peak_kb = 0
        self._interval = _FIRST_LOOK
        self._next_look = self._started

    def watch(self) -> Verdict:
        """Wait for the end, bring it about where a limit is passed, and leave no process behind."""
        try:
            with selectors.DefaultSelector() as selector:
                ending = self._until_end(selector)
                seconds = time.monotonic() - self._started
                self._kill()
                self._drain()
        finally:
            self._kill()
            if self._init is not None:
                os.close(self._init)
        if ending is Ending.EXITED:
            ending = self._natural_end()
        failed = ending is Ending.FAILED
        return Verdict(
            ending=ending,
            status=self._status.exit_status if ending is Ending.EXITED else None,
            stdout=b"" if failed else bytes(self._output.stdout),
            stderr=b"" if failed else bytes(self._output.stderr),
            truncated=self._output.overflowed,
            seconds=seconds,
            memory_kb=self._peak_kb,
            detail=self._output.stderr.decode("utf-8", "replace") if failed else "",
        )

    def _natural_end(self) -> Ending:
        if self._status.exit_status is None:  # bubblewrap gave up before the program ran
            return Ending.FAILED
        return Ending.OUTPUT if self._output.overflowed else Ending.EXITED

    def _until_end(self, selector: selectors.BaseSelector) -> Ending:
        for descriptor in self._streams:
            os.set_blocking(descriptor, False)
            selector.register(descriptor, selectors.EVENT_READ)
        selector.register(self._status.descriptor, selectors.EVENT_READ)
        deadline = self._started + self._limits.timeout
        while True:
            now = time.monotonic()
            if now >= deadline:
                return Ending.TIMEOUT
            if self._abort is not None and self._abort.is_set():
                return Ending.ABORTED
            if now >= self._next_look and self._look(now):
                return Ending.MEMORY
            for key, _ in selector.select(max(0.0, min(deadline, self._next_look) - now)):
                if key.fd == self._status.descriptor:
                    if not self._read_status():
                        return Ending.EXITED
                elif not self._output.take(key.fd, self._streams[key.fd]):
                    selector.unregister(key.fd)
            if self._output.overflowed:
                return Ending.OUTPUT

    def _read_status(self) -> bool:
        """False once bubblewrap has said all it will: the program ended, or never was."""
        is_open = self._status.read()
        if self._init is None and self._status.init is not None:
            with contextlib.suppress(ProcessLookupError):
                self._init = os.pidfd_open(self._status.init)
                process_tree.prefer_as_victim(self._status.init)
        return is_open and self._status.exit_status is None

    def _look(self, now: float) -> bool:
        """Sample; True when the step uses more memory, or leaves a larger program, than it may."""
        self._interval = min(self._interval * 1.5, _LOOK_EVERY)
        self._next_look = now + self._interval
        if self._status.init is None or self._init is None:
            return False
        usage = process_tree.look(self._status.init, self._limits.memory_kb)
        self._peak_kb = max(self._peak_kb, usage.memory_kb)
        if usage.processes > 0:
            process_tree.prefer_as_victim(self._status.init)
        return usage.memory_kb > self._limits.memory_kb or self._program_bytes() > PROGRAM_BYTES

    def _program_bytes(self) -> int:
        total = 0
        with contextlib.suppress(PermissionError), os.scandir(self._slot.program) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # compilers remove what they need no more
                    total += entry.stat(follow_symlinks=False).st_size
        return total

    def _kill(self) -> None:
        """Kill pid 1 of the sandbox and wait: the kernel lets it go only after every other process there."""
        if self._init is None and self._process.poll() is None:
            self._await_birth()
        if self._init is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
        elif self._process.poll() is None:
            self._process.kill()
        try:
            self._process.wait(_DEATH_SECONDS)
            self._await_init()
        except (subprocess.TimeoutExpired, TimeoutError) as error:
            self._process.kill()
            raise SandboxError(f"slot {self._slot.index}: its processes did not end") from error

    def _await_birth(self) -> None:
        """Learn of pid 1, so that it can be killed: were bubblewrap killed just after its fork, pid 1 might stay."""
        deadline = time.monotonic() + _DEATH_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self._status.descriptor, selectors.EVENT_READ)
            while self._init is None and (left := deadline - time.monotonic()) > 0:
                if selector.select(left) and not self._read_status():
                    return

    def _await_init(self) -> None:
        if self._init is None:
            return
        with selectors.DefaultSelector() as selector:
            selector.register(self._init, selectors.EVENT_READ)
            if not selector.select(_DEATH_SECONDS):
                raise TimeoutError
        # Its parent may be gone already; where the service is the container's pid 1, it is ours to reap.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, self._init, os.WEXITED | os.WNOHANG)

    def _drain(self) -> None:
        """Take what was still in the pipes; every writer is gone."""
        for descriptor, into in self._streams.items():
            with contextlib.suppress(BlockingIOError):
                while not self._output.overflowed and self._output.take(descriptor, into):
                    pass


def run_step(host: Host, slot: Slot, step: Step, abort: threading.Event | None = None) -> Verdict:
    """Run `step` in `slot` to its end, which `abort` brings about within a few hundredths of a second; blocks.

    Raises SandboxError when the sandbox cannot be taken down.
    """
    with launched(host, slot, step) as (process, status):
        return _Supervisor(slot, step.limits, process, status, abort).watch()
