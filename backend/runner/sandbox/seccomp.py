"""The sandbox's system-call filter, as a classic BPF program that the launcher loads last.

An allow-list (`calls.py`), with what a language declares beyond it. A call outside is answered EPERM, or ENOSYS where
the caller then falls back to an older one. `clone` may not make namespaces, nor a sibling: a program's parent lies
outside its cell. New threads, and processes that share their parent's memory until they become another program, are
told to the launcher, which lets them begin: so it knows when a program asked for more than it may have. A plain fork
is not: a signal that arrives before the launcher has heard would make it fail with EINTR, which it otherwise never
does. Those that make the others block all signals meanwhile. Told as well is who sends SIGXFSZ: where nobody did, it
is the kernel's, for a file that would have become too large. Socket buffers and pipes keep their size, and sockets
have no filters: they are memory that nothing counts. Stdout and stderr are never made to return at once: who writes
waits until the launcher has read, and so a program that ends at once after it wrote (Node's `process.exit`) loses
nothing. A 32-bit or x32 call kills the process. The numbers are searched as a tree: the kernel compiles the filter,
and looks through all of it, once for each run.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import os
import struct
from collections.abc import Mapping, Sequence

from backend.runner.sandbox.calls import AARCH64, ABSENT, ALLOWED, X86_64

_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000
_TELL = 0x7FC00000  # to the listener, which answers that the kernel is to go on

_LOAD, _JUMP, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data

# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and PARENT; NEWTIME is a signal number to clone.
_CLONE_FLAGS = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x8000

_CLONE_VM = 0x100

_UNIX, _INET, _INET6 = 1, 2, 10
_SOL_SOCKET, _SO_SNDBUF, _SO_RCVBUF = 1, 7, 8
_SO_ATTACH = (26, 50, 51, 52)  # FILTER, BPF, REUSEPORT_CBPF and REUSEPORT_EBPF
_TIOCSTI, _TIOCLINUX, _FIONBIO = 0x5412, 0x541C, 0x5421
_F_SETFL, _F_SETPIPE_SZ, _O_NONBLOCK = 4, 1031, 0x800
_PIPE_BYTES = 65536  # what a pipe holds that nobody enlarged
_SIGXFSZ = 25
_END = 512  # beyond every call that is named


@dataclasses.dataclass(frozen=True)
class _Processor:
    architecture: int
    numbers: Mapping[str, int]
    last: int
    """Of the calls that all kernels of 2018 had: an unknown one up to here is forbidden, a later one absent."""


_BY_MACHINE = {
    "x86_64": _Processor(0xC000003E, X86_64, 334),
    "aarch64": _Processor(0xC00000B7, AARCH64, 291),
}


def _statement(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _end(action: int) -> bytes:
    return _statement(_RETURN, action)


def _answer(number: int, action: int) -> bytes:
    """When the loaded word is `number`, end with `action`."""
    return _statement(_EQUAL, number, 0, 1) + _end(action)


def _clone() -> bytes:
    refused = _statement(_ANY_BIT, _CLONE_FLAGS, 0, 1) + _end(_ERRNO | errno.EPERM)
    notified = _statement(_ANY_BIT, _CLONE_VM, 0, 1) + _end(_TELL)
    return _statement(_LOAD, _FIRST_ARGUMENT) + refused + notified + _end(_ALLOW)


def _socket() -> bytes:
    families = b"".join(_answer(family, _ALLOW) for family in (_UNIX, _INET, _INET6))
    return _statement(_LOAD, _FIRST_ARGUMENT) + families + _end(_ERRNO | errno.EAFNOSUPPORT)


def _unless_standard(otherwise: bytes) -> bytes:
    """Pretend success for the descriptors of stdout and stderr; else `otherwise`."""
    left = b"".join(_answer(descriptor, _ERRNO | 0) for descriptor in (1, 2))
    return _statement(_LOAD, _FIRST_ARGUMENT) + left + otherwise


def _when(value: int, then: bytes) -> bytes:
    """When the loaded word is `value`, go through `then`, which ends."""
    return _statement(_EQUAL, value, 0, len(then) // 8) + then


def _ioctl() -> bytes:
    """Refuse the terminal requests that type on behalf of another process, and let stdout and stderr wait."""
    refused = b"".join(_answer(request, _ERRNO | errno.EPERM) for request in (_TIOCSTI, _TIOCLINUX))
    waits = _when(_FIONBIO, _unless_standard(_end(_ALLOW)))
    return _statement(_LOAD, _FIRST_ARGUMENT + 8) + refused + waits + _end(_ALLOW)


def _fcntl() -> bytes:
    """Refuse larger pipes, and let stdout and stderr wait."""
    grows = _statement(_LOAD, _FIRST_ARGUMENT + 16) + _statement(_AT_LEAST, _PIPE_BYTES + 1, 0, 1)
    waits = _statement(_LOAD, _FIRST_ARGUMENT + 16) + _statement(_ANY_BIT, _O_NONBLOCK, 1, 0) + _end(_ALLOW)
    return (
        _statement(_LOAD, _FIRST_ARGUMENT + 8)
        + _when(_F_SETFL, waits + _unless_standard(_end(_ALLOW)))
        + _when(_F_SETPIPE_SZ, grows + _end(_ERRNO | errno.EPERM) + _end(_ALLOW))
        + _end(_ALLOW)
    )


def _setsockopt() -> bytes:
    """Say that a socket's buffer has the size that was asked for, and leave it as it is. Refuse filters of sockets: the
    kernel compiles them, into memory that nothing counts."""
    left = b"".join(_answer(option, _ERRNO | 0) for option in (_SO_SNDBUF, _SO_RCVBUF))
    left += b"".join(_answer(option, _ERRNO | errno.EPERM) for option in _SO_ATTACH)
    level = _statement(_LOAD, _FIRST_ARGUMENT + 8) + _statement(_EQUAL, _SOL_SOCKET, 1, 0) + _end(_ALLOW)
    return level + _statement(_LOAD, _FIRST_ARGUMENT + 16) + left + _end(_ALLOW)


def _vfork() -> bytes:
    return _end(_TELL)


def _kill() -> bytes:
    return _sending(_FIRST_ARGUMENT + 8)


def _tgkill() -> bytes:
    return _sending(_FIRST_ARGUMENT + 16)


def _sending(offset: int) -> bytes:
    """Tell of SIGXFSZ; the signal's number is the argument at `offset`."""
    return _statement(_LOAD, offset) + _answer(_SIGXFSZ, _TELL) + _end(_ALLOW)


def _write() -> bytes:
    """Tell of what is written to stdout and stderr."""
    standard = b"".join(_answer(descriptor, _TELL) for descriptor in (1, 2))
    return _statement(_LOAD, _FIRST_ARGUMENT) + standard + _end(_ALLOW)


_ORDERED = {"write": _write, "writev": _write}

_SPECIAL = {"clone": _clone, "vfork": _vfork, "socket": _socket, "ioctl": _ioctl, "fcntl": _fcntl,
            "setsockopt": _setsockopt, "kill": _kill, "tkill": _kill, "rt_sigqueueinfo": _kill,
            "tgkill": _tgkill, "rt_tgsigqueueinfo": _tgkill}  # fmt: skip


def _tree(segments: Sequence[tuple[int, bytes]]) -> bytes:
    """Find the segment that the loaded number lies in; each is its first number and what is done there."""
    if len(segments) == 1:
        return segments[0][1]
    middle = len(segments) // 2
    left, right = _tree(segments[:middle]), _tree(segments[middle:])
    lines = len(left) // 8
    if lines <= 255:
        return _statement(_AT_LEAST, segments[middle][0], lines, 0) + left + right
    return _statement(_AT_LEAST, segments[middle][0], 0, 1) + _statement(_JUMP, lines) + left + right


def _segments(processor: _Processor, granted: frozenset[str], ordered: bool) -> list[tuple[int, bytes]]:
    names = {number: name for name, number in processor.numbers.items()}
    found: list[tuple[int, bytes]] = []
    for number in range(_END + 1):
        name = names.get(number, "")
        absent = number > processor.last or (name in ABSENT and name not in granted)
        if ordered and name in _ORDERED:
            body = _ORDERED[name]()
        elif name in _SPECIAL:
            body = _SPECIAL[name]()
        elif name in ALLOWED or name in granted:
            body = _end(_ALLOW)
        else:
            body = _end(_ERRNO | (errno.ENOSYS if absent else errno.EPERM))
        if not found or found[-1][1] != body:
            found.append((number, body))
    return found


@functools.cache
def program(machine: str = os.uname().machine, granted: tuple[str, ...] = (), ordered: bool = False) -> bytes | None:
    """The filter for `machine`, as an array of `struct sock_filter`; None where there is none for it.

    `ordered`: what is written to stdout and stderr is told to the launcher, which reads what came before.
    Raises ValueError for a granted call that is not named in `calls.py`.
    """
    processor = _BY_MACHINE.get(machine)
    if processor is None:
        return None
    for name in granted:
        if (name not in X86_64 and name not in AARCH64) or name == "clone3":
            raise ValueError(f"{name} cannot be granted to a language")
    return b"".join(
        (
            _statement(_LOAD, _ARCHITECTURE),
            _answer_other(processor.architecture),
            _statement(_LOAD, _NUMBER),
            _statement(_AT_LEAST, 0x40000000, 0, 1),
            _end(_KILL),
            _tree(_segments(processor, frozenset(granted), ordered)),
        )
    )


def _answer_other(architecture: int) -> bytes:
    """Kill what calls by another processor's numbers."""
    return _statement(_EQUAL, architecture, 1, 0) + _end(_KILL)
