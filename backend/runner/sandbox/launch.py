"""Starting a step: descriptors, the bubblewrap process, and what it says over its own pipe."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
from collections.abc import Iterator

from backend.runner.errors import SandboxError
from backend.runner.sandbox import command, seccomp
from backend.runner.sandbox.command import Step
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.slots import Slot

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_FILTER = seccomp.program()


def _memory_file(name: str, content: bytes) -> int:
    """A descriptor to read `content` from, which nobody can change any more."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor


class Status:
    """Bubblewrap's own channel: JSON documents, one a line, on a pipe that the program does not have."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.init: int | None = None
        """Process id of the sandbox's pid 1, once known."""
        self.exit_status: int | None = None
        """Exit status of the program, once it has ended by itself."""
        self._rest = b""
        os.set_blocking(descriptor, False)

    def read(self) -> bool:
        """Take in what has arrived; False once the pipe is closed."""
        try:
            block = os.read(self.descriptor, 65536)
        except BlockingIOError:
            return True
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            document = json.loads(line)
            self.init = document.get("child-pid", self.init)
            self.exit_status = document.get("exit-code", self.exit_status)
        return bool(block)


@contextlib.contextmanager
def launched(host: Host, slot: Slot, step: Step) -> Iterator[tuple[subprocess.Popen[bytes], Status]]:
    """Start `step` in `slot`. On leaving, its descriptors are closed; the process must have been waited for."""
    with contextlib.ExitStack() as stack:

        def own(descriptor: int) -> int:
            stack.callback(os.close, descriptor)
            return descriptor

        with contextlib.ExitStack() as launcher:  # closed as soon as bubblewrap has its copies

            def lend(descriptor: int) -> int:
                launcher.callback(os.close, descriptor)
                return descriptor

            read, write = os.pipe2(os.O_CLOEXEC)
            status = Status(own(read))
            lend(write)
            stdin = lend(_memory_file("stdin", step.stdin) if step.stdin else os.open(os.devnull, os.O_RDONLY))
            files = [(lend(_memory_file("source", content)), name) for name, content in step.files.items()]
            filtered = None if _FILTER is None else lend(_memory_file("seccomp", _FILTER))
            argv = command.arguments(
                host, step, accounts=slot.accounts, program=slot.program, status=write, seccomp=filtered, files=files
            )
            lent = [write, *(descriptor for descriptor, _ in files), *([] if filtered is None else [filtered])]
            process = stack.enter_context(_spawn(argv, stdin, lent, slot.uid))
        yield process, status


def _spawn(argv: list[str], stdin: int, lent: list[int], uid: int | None) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=lent, cwd="/", env={},
            user=uid, group=uid, extra_groups=None if uid is None else (),
        )  # fmt: skip
    except OSError as error:
        raise SandboxError(f"bubblewrap could not be started: {error}") from error
