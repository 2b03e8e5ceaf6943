"""The sandbox's system-call filter, as a classic BPF program that bubblewrap loads last.

An allow-list: the calls that the kernel had in 2018, without those below, and the few later ones that C libraries
use. A call outside is answered EPERM, or ENOSYS where the caller then falls back to an older one. `clone` may not
make namespaces; its flags lie in a register. Those of `clone3` lie in memory, where a filter cannot look, so it
does not exist. A 32-bit or x32 call kills the process.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import struct

_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data

# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET; NEWTIME is a signal number to clone.
_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

_UNIX, _INET, _INET6 = 1, 2, 10
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C


@dataclasses.dataclass(frozen=True)
class _Calls:
    """The calls of one processor, by number."""

    architecture: int
    last: int  # of the calls that all kernels of 2018 had
    clone: int
    socket: int
    ioctl: int
    missing: tuple[int, ...]  # ENOSYS
    denied: tuple[int, ...]  # EPERM


# Calls since 2019 have the same number everywhere: pidfd_send_signal, pidfd_open, close_range, openat2, faccessat2,
# epoll_pwait2, futex_waitv, cachestat, fchmodat2, futex_wake, futex_wait, futex_requeue, mseal.
_LATER = (424, 434, 436, 437, 439, 441, 449, 451, 452, 454, 455, 456, 462)

_X86_64 = _Calls(
    architecture=0xC000003E,
    last=334,
    clone=56,
    socket=41,
    ioctl=16,
    # SysV shared memory, semaphores and messages, POSIX queues, memory files: memory that no process maps.
    missing=(29, 30, 31, 67, 64, 65, 66, 220, 68, 69, 70, 71, 240, 241, 242, 243, 244, 245, 319, 435),
    denied=(
        101,  # ptrace
        310, 311, 312,  # process_vm_readv, process_vm_writev, kcmp
        155, 161, 165, 166, 272, 308,  # pivot_root, chroot, mount, umount2, unshare, setns
        103, 136, 139, 153, 156, 163, 167, 168, 169,  # syslog, ustat, sysfs, vhangup, _sysctl, acct, swap, reboot
        170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 313,  # host name, ports, modules, quota, nfs
        164, 159, 227, 305,  # setting clocks
        134, 135, 154,  # uselib, personality, modify_ldt
        181, 182, 183, 184, 185,  # never implemented
        206, 207, 208, 209, 210,  # asynchronous input and output
        212, 216, 236, 237, 238, 239, 256, 279,  # cookies, remap_file_pages, memory policies
        246, 320, 248, 249, 250,  # kexec, keyring
        298, 300, 303, 304, 321, 323,  # perf, fanotify, file handles, bpf, userfaultfd
    ),
)  # fmt: skip

_AARCH64 = _Calls(
    architecture=0xC00000B7,
    last=291,
    clone=220,
    socket=198,
    ioctl=29,
    missing=(*range(180, 198), 279, 435),
    denied=(
        117, 270, 271, 272, 41, 51, 40, 39, 97, 268,  # tracing, mounts and namespaces
        116, 58, 89, 224, 225, 142, 161, 162, 105, 106, 273, 60, 42, 112, 170, 266, 92,  # the machine's own state
        0, 1, 2, 3, 4, 18, 234, 235, 236, 237, 238, 239, 104, 294, 217, 218, 219,  # aio, memory policies, kexec, keys
        241, 262, 263, 264, 265, 280, 282,  # perf, fanotify, file handles, bpf, userfaultfd
    ),
)  # fmt: skip

_BY_MACHINE = {"x86_64": _X86_64, "aarch64": _AARCH64}


def _statement(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _answer(number: int, action: int) -> bytes:
    """When the loaded word is `number`, end with `action`."""
    return _statement(_EQUAL, number, 0, 1) + _statement(_RETURN, action)


def _only(call: int, values: tuple[int, ...], error: int) -> bytes:
    """Allow `call` with a first argument among `values`, answer `error` otherwise; go on for other calls."""
    body = _statement(_LOAD, _FIRST_ARGUMENT) + b"".join(_answer(value, _ALLOW) for value in values)
    body += _statement(_RETURN, _ERRNO | error)
    return _statement(_EQUAL, call, 0, len(body) // 8) + body


def _terminal(calls: _Calls) -> bytes:
    """Refuse the terminal requests that type on behalf of another process."""
    second = _FIRST_ARGUMENT + 8
    body = _statement(_LOAD, second) + _answer(_TIOCSTI, _ERRNO | errno.EPERM)
    body += _answer(_TIOCLINUX, _ERRNO | errno.EPERM) + _statement(_RETURN, _ALLOW)
    return _statement(_EQUAL, calls.ioctl, 0, len(body) // 8) + body


def _clone(calls: _Calls) -> bytes:
    body = _statement(_LOAD, _FIRST_ARGUMENT) + _statement(_ANY_BIT, _NAMESPACES, 0, 1)
    body += _statement(_RETURN, _ERRNO | errno.EPERM) + _statement(_RETURN, _ALLOW)
    return _statement(_EQUAL, calls.clone, 0, len(body) // 8) + body


def program(machine: str = os.uname().machine) -> bytes | None:
    """The filter for `machine`, as an array of `struct sock_filter`; None where there is none for it."""
    calls = _BY_MACHINE.get(machine)
    if calls is None:
        return None
    return b"".join(
        (
            _statement(_LOAD, _ARCHITECTURE),
            _statement(_EQUAL, calls.architecture, 1, 0),
            _statement(_RETURN, _KILL),
            _statement(_LOAD, _NUMBER),
            _statement(_AT_LEAST, 0x40000000, 0, 1),
            _statement(_RETURN, _KILL),
            _clone(calls),
            _only(calls.socket, (_UNIX, _INET, _INET6), errno.EAFNOSUPPORT),
            _terminal(calls),
            *(_answer(number, _ERRNO | errno.ENOSYS) for number in calls.missing),
            *(_answer(number, _ERRNO | errno.EPERM) for number in calls.denied),
            *(_answer(number, _ALLOW) for number in _LATER),
            _statement(_AT_LEAST, calls.last + 1, 0, 1),
            _statement(_RETURN, _ERRNO | errno.ENOSYS),
            _statement(_RETURN, _ALLOW),
        )
    )
