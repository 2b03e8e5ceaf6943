"""The service's side of a slot's launcher: starts it, has it run steps, and receives their results."""

from __future__ import annotations

import array
import asyncio
import contextlib
import dataclasses
import os
import socket
import struct
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from backend.runner.errors import SandboxError
from backend.runner.sandbox import frames, seccomp
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Ending, Verdict

_COMPILES, _STREAMS, _INTERACTIVE, _TERMINAL = 1, 2, 4, 8
_BLOCK = 1 << 18
_LONG = struct.Struct("<Q")
_START_SECONDS = 30.0
_STREAM_NAMES = ("stdout", "stderr")

Environment = Sequence[tuple[str, str]]


class Hearer(Protocol):
    """Gets the events of a step, on the event loop."""

    def begun(self) -> None:
        """The program runs."""

    def output(self, stream: str, data: bytes) -> None:
        """The program wrote to "stdout" or "stderr"."""


def _environment(variables: Environment) -> bytes:
    return frames.strings(f"{name}={value}".encode() for name, value in variables)


class Keeper:
    """One launcher process, from its start to its end; runs one step at a time."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self._process, self._socket = process, connection
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._outgoing: deque[tuple[memoryview, Sequence[int]]] = (
            deque()
        )  # frames to send, the first one perhaps partly sent
        self._descriptors: list[int] = []
        self._waiting: asyncio.Future[Verdict] | None = None
        self._verdict: Verdict | None = None  # complete but for its program or files, which come in the next frame
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._fingerprints: dict[int, asyncio.Future[int]] = {}
        self._hearer: Hearer | None = None
        self.failure = ""
        """Why this keeper is lost; empty while it works."""
        self.has_proc = self.has_terminals = False
        self.on_template: Callable[[int, bool], None] = lambda _number, _ready: None
        """Called when a template is ready (True) or gone (False)."""
        self.on_warm: Callable[[str, bool], None] = lambda _key, _ready: None
        """Called when a warm process was started (True) or is gone (False)."""
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket, self._readable)

    @classmethod
    async def start(cls, launcher: str, setup: bytes, uid: int | None, cgroup: Cgroup | None) -> Keeper:
        """Start a launcher and have it make its slot. Raises SandboxError if it cannot."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = _spawn(launcher, theirs, uid)
        keeper = cls(process, ours)
        descriptors: list[int] = []
        try:
            if cgroup is not None:
                cgroup.enter(process.pid)
                descriptors = cgroup.open_files()
            keeper._send(frames.frame(b"S", frames.block(seccomp.program() or b""), setup), descriptors)
            await asyncio.wait_for(keeper._started, _START_SECONDS)
        except TimeoutError:
            await keeper.close()
            raise SandboxError("the launcher did not make its slot in time") from None
        except BaseException:
            await keeper.close()
            raise
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return keeper

    @property
    def pid(self) -> int:
        """Process id of the launcher."""
        return self._process.pid

    # ── asking ──────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self, step: Step, hearer: Hearer | None = None) -> Verdict:
        """Run `step` to its end. If cancelled, ends the program first. Raises SandboxError if the keeper is lost."""
        if self._waiting is not None:
            raise SandboxError("a slot was asked to run two programs at once")
        self._waiting, self._hearer = self._loop.create_future(), hearer
        try:
            self._send(_run_frame(step), [] if step.program is None else [step.program])
            return await asyncio.shield(self._waiting)
        except asyncio.CancelledError:
            await self._give_up()
            raise
        finally:
            self._waiting = self._hearer = self._verdict = None

    async def _give_up(self) -> None:
        """End the program of a cancelled run."""
        if self._waiting is None:
            return
        with contextlib.suppress(SandboxError):
            self.stop()
            verdict = await self._waiting
            if verdict.program is not None:
                os.close(verdict.program)

    def stdin(self, data: bytes) -> None:
        """Type `data` into the program that runs, after what was typed before."""
        self._send_soon(b"I", frames.block(data))

    def end_stdin(self) -> None:
        """Say that no more will be typed."""
        self._send_soon(b"E")

    def signal(self, number: int) -> None:
        """Send signal `number` to the foreground group of the program that runs."""
        self._send_soon(b"G", frames.whole(number))

    def resize(self, rows: int, columns: int) -> None:
        """Tell the program's terminal its size; nothing happens where it has none."""
        self._send_soon(b"Z", frames.whole(rows), frames.whole(columns))

    def stop(self) -> None:
        """End the program that runs; its verdict says that it was stopped."""
        self._send_soon(b"X")

    def template(self, number: int, command: Sequence[str], variables: Environment) -> None:
        """Start a template; `on_template` is called when it is ready."""
        argv = frames.strings(word.encode() for word in command)
        self._send_soon(b"T", frames.whole(number), argv, _environment(variables))

    def prefer(self, number: int, instead: int) -> None:
        """Fork the language's next run from template `number` instead of `instead`, so that a child waits there."""
        self._send_soon(b"N", frames.whole(instead), frames.whole(number))

    def retire(self, number: int) -> None:
        """End a template."""
        self._send_soon(b"U", frames.whole(number))

    async def fingerprint(self, number: int) -> int:
        """A hash of the memory that every fork of the template starts with; 0 if it does not answer."""
        future = self._fingerprints.setdefault(number, self._loop.create_future())
        self._send_soon(b"P", frames.whole(number))
        return await future

    def warm(
        self, key: str, command: Sequence[str], variables: Environment, limits: Limits, calls: tuple[str, ...]
    ) -> None:
        """Start a process that waits for a step with this key; `on_warm` is called for it."""
        argv = frames.strings(word.encode() for word in command)
        fields = (
            frames.block(key.encode()),
            frames.limits_field(limits),
            argv,
            _environment(variables),
            _filter(calls),
        )
        self._send_soon(b"W", *fields)

    def cool(self, key: str) -> None:
        """End a process that waits."""
        self._send_soon(b"V", frames.block(key.encode()))

    def _send_soon(self, kind: bytes, *fields: bytes) -> None:
        """Send a frame without waiting for an answer; nothing is sent once the keeper has failed."""
        if not self.failure:
            self._post(frames.frame(kind, *fields), ())

    def _send(self, data: bytes, descriptors: Sequence[int]) -> None:
        if not self.failure:
            self._post(data, descriptors)
        if self.failure:
            raise SandboxError(self.failure)

    def _post(self, data: bytes, descriptors: Sequence[int]) -> None:
        """Queue a frame. Descriptors must stay open until it is answered."""
        self._outgoing.append((memoryview(data), descriptors))
        if len(self._outgoing) == 1 and not self._flush():
            self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        if self._flush():
            self._loop.remove_writer(self._socket)

    def _flush(self) -> bool:
        """Send what the socket takes. Returns whether nothing is left."""
        while self._outgoing:
            data, descriptors = self._outgoing[0]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
            try:
                sent = self._socket.sendmsg([data], rights)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                self._fail(f"the launcher is gone: {error}")
                return True
            if sent < len(data):
                self._outgoing[0] = (data[sent:], ())  # the descriptors were sent with the first byte
            else:
                self._outgoing.popleft()
        return True

    # ── hearing ─────────────────────────────────────────────────────────────────────────────────────────────

    def _readable(self) -> None:
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_BLOCK, 256, socket.MSG_CMSG_CLOEXEC)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(f"the launcher is gone: {error}")
            return
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._descriptors += array.array("i", content)
        if not data:
            self._fail("the launcher ended")
            return
        self._buffer += data
        for kind, fields in frames.split(self._buffer):
            self._heard(chr(kind), frames.Fields(fields))

    def _heard(self, kind: str, fields: frames.Fields) -> None:
        match kind:
            case "d":
                self._ended(fields)
            case "a":
                self._kept()
            case "o":
                stream, data = fields.byte(), fields.block()
                if self._hearer is not None:
                    self._hearer.output(_STREAM_NAMES[stream], data)
            case "b":
                if self._hearer is not None:
                    self._hearer.begun()
            case "s":
                self.has_proc, self.has_terminals = bool(fields.byte()), bool(fields.byte())
                self._started.set_result(None)
            case "t" | "u":
                self.on_template(fields.whole(), kind == "t")
            case "w" | "v":
                self.on_warm(fields.block().decode(), kind == "w")
            case "p":
                number, value = fields.whole(), fields.long()
                self._fingerprints.pop(number).set_result(value)
            case _:
                self._fail(fields.block().decode("utf-8", "replace"))

    def _ended(self, fields: frames.Fields) -> None:
        ending, exit_code, signal, flags, wall, cpu, peak = fields.verdict()
        verdict = Verdict(
            ending=Ending(ending), exit_code=None if exit_code < 0 else exit_code, signal=signal or None,
            truncated=bool(flags & 1), processes_hit=bool(flags & 2), disk_full=bool(flags & 4),
            wall_seconds=wall / 1e9, cpu_seconds=cpu / 1e9, memory_bytes=peak,
            stdout=fields.block(), stderr=fields.block(), both=fields.block(),
            detail=fields.block().decode("utf-8", "replace"),
        )  # fmt: skip
        if flags & 8:
            self._verdict = verdict  # its program or files come in the next frame
        else:
            self._tell(verdict)

    def _kept(self) -> None:
        descriptor = self._descriptors.pop(0)
        if self._verdict is None or not self._tell(dataclasses.replace(self._verdict, program=descriptor)):
            os.close(descriptor)

    def _tell(self, verdict: Verdict) -> bool:
        if self._waiting is None or self._waiting.done():
            return False
        self._waiting.set_result(verdict)
        return True

    def _fail(self, reason: str) -> None:
        """Mark this keeper as lost, and raise SandboxError in everything that waits for it."""
        if self.failure:
            return
        self.failure = reason
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._outgoing.clear()
        for future in (self._waiting, self._started, *self._fingerprints.values()):
            if future is not None and not future.done():
                future.set_exception(SandboxError(reason))
                future.exception()  # else asyncio logs it if nobody waits

    async def close(self) -> None:
        """Kill the launcher, and with it everything that it made."""
        self._fail("the slot was closed")
        self._socket.close()
        self._process.kill()
        await self._loop.run_in_executor(None, self._process.wait)
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()


class Cgroup(Protocol):
    """The control group that a slot lives in."""

    def enter(self, pid: int) -> None:
        """Move a process that has no children yet into it."""

    def open_files(self) -> list[int]:
        """Descriptors of its files, as in `cgroup.SlotGroup`. The caller must close them."""


def _filter(calls: tuple[str, ...], ordered: bool = False) -> bytes:
    """The field of a filter; empty for the slot's own filter."""
    return frames.block((seccomp.program(granted=calls, ordered=ordered) or b"") if calls or ordered else b"")


def _run_frame(step: Step) -> bytes:
    flags = _COMPILES * step.compiles | _STREAMS * step.streams | _INTERACTIVE * step.interactive
    rows, columns = step.terminal or (0, 0)
    flags |= _TERMINAL * (step.terminal is not None)
    return frames.frame(
        b"R", frames.whole(flags), frames.whole(step.forker), frames.block(step.warm.encode()),
        frames.limits_field(step.limits), frames.whole(rows), frames.whole(columns),
        frames.strings(word.encode("utf-8", "surrogateescape") for word in step.command), _environment(step.variables),
        _filter(step.calls, step.ordered), frames.block(frames.pack(step.files, executables=step.executables)),
        frames.block(step.stdin), frames.block(step.go), _LONG.pack(step.collect_bytes),
        frames.strings(pattern.encode() for pattern in step.collect),
    )  # fmt: skip


def _spawn(launcher: str, theirs: socket.socket, uid: int | None) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [launcher, str(theirs.fileno())], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),), cwd="/", env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            user=uid, group=uid, extra_groups=None if uid is None else (),
            # The kernel divides processor time among sessions, so a busy service cannot starve the watcher.
            start_new_session=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxError(f"the launcher {launcher} could not be started: {error}") from error
