"""Recognises compilers that met a limit or crashed, from their messages.

A compiler's driver (gcc, rustc) reports the signal that ended its child; the sandbox sees only the driver's exit
status. Advice to file a bug report does not help the author of the program, so it is replaced.
"""

from __future__ import annotations

import dataclasses
import re

from backend.runner.sandbox.verdict import Ending, Verdict

SMALLER = "make the program smaller, for example by filling large tables while it runs"
"""Advice for a compile that met its limit of memory or file size, which no request can raise."""

_FAULTS = {"SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL"}
"""Signals that end a compiler that crashes."""

CRASHED = "the compiler ran out of its stack or crashed: the program nests too deeply, or is too large for it"

_LARGE_FILE = re.compile(
    rb"^\S+: (?:internal compiler error|fatal error): File size limit exceeded signal terminated program \S+$"
    rb"|^collect2: fatal error: \S+ terminated with signal 25.*$"
    rb"|^\S+: signal: file size limit exceeded.*$",
    re.MULTILINE,
)
_MEMORY = re.compile(
    rb"^\S+: (?:internal compiler error|fatal error): Killed signal terminated program \S+$"
    rb"|^collect2: fatal error: \S+ terminated with signal 9 .*$"
    rb"|^\S+: signal: killed$"
    rb"|^\S+: (?:fatal error: )?out of memory allocating \d+ bytes.*$"
    rb"|^virtual memory exhausted.*$|^\S+: fatal: memory exhausted.*$"
    rb"|^memory allocation of \d+ bytes failed|^LLVM ERROR: out of memory"
    rb"|^fatal error: runtime: (?:out of memory|cannot allocate memory)|^runtime: out of memory"
    rb"|^java\.lang\.OutOfMemoryError|^\S+: (?:fatal error: )?(?:[Hh]eap exhausted|Out of memory)"
    rb"|^Fatal error: (?:out of memory|exception Out_of_memory)|^Error: Out_of_memory",
    re.MULTILINE,
)
_CRASH = re.compile(
    rb"^\S+: (?:internal compiler error|fatal error): .* signal terminated program \S+$"
    rb"|^.*: internal compiler error: .*$|^collect2: fatal error: \S+ terminated with signal \d+.*$"
    rb"|^error: rustc interrupted by SIG\w+|^error: the compiler unexpectedly panicked"
    rb"|^thread '[^'\n]*' has overflowed its stack|^note: rustc unexpectedly overflowed its stack"
    rb"|^The system is out of resources\.|^An exception has occurred in the compiler|^java\.lang\.StackOverflowError"
    rb"|^Error: \S+ can't be executed, error message: Failed to execute .* code: -\d+"
    rb"|^Fatal error: exception Stack_overflow|^\S+: stack overflow|^Stack overflow"
    rb"|^runtime: goroutine stack exceeds|^fatal error: stack overflow"
    rb"|\+={3,}.*GNAT BUG DETECTED|^\S+: panic! \(the 'impossible' happened\)|^Unhandled exception: .*StackOverflow",
    re.MULTILINE,
)
_DROPPED = re.compile(
    rb"^fatal runtime error: stack overflow.*\n?"
    rb"|^.*(?:bug report|README\.Bugs|-freport-bug|this is a bug|report at https?:|report this as|file a bug"
    rb"|Consult the following stack trace|backtrace|RUST_MIN_STACK).*\n?"
    rb"|^(?:/\S+\(\S*\+0x[0-9a-f]+\).*|### .*|\tat \S+\(.*\)|\t\.\.\. .*|0x[0-9a-f]+ .*|\s+\d+: +0x[0-9a-f]+ .*)\n?",
    re.MULTILINE,
)


def explain(verdict: Verdict) -> Verdict | None:
    """`verdict` with the limit that the compiler met, or its crash, as the cause; None if it rejected the program.

    Requests for bug reports and backtraces are removed from its messages.
    """
    if verdict.ending is not Ending.EXITED or verdict.status == 0:
        return None
    said = verdict.stdout + verdict.stderr
    pattern = next((one for one in (_LARGE_FILE, _MEMORY, _CRASH) if one.search(said)), None)
    if pattern is None and verdict.signal_name not in _FAULTS:
        return None
    said = _DROPPED.sub(b"", said if pattern is None else pattern.sub(b"", said))
    verdict = dataclasses.replace(verdict, stdout=b"", stderr=re.sub(rb"\n{2,}", b"\n", said).lstrip(b"\n"), both=b"")
    if pattern is _LARGE_FILE:
        return dataclasses.replace(verdict, disk_full=True)
    return dataclasses.replace(verdict, ending=Ending.MEMORY) if pattern is _MEMORY else verdict


def overflowed(signal_name: str | None, said: bytes) -> bool:
    """Whether a tool with this signal and these messages crashed, for example because it ran out of stack."""
    return signal_name in _FAULTS or _CRASH.search(said) is not None
