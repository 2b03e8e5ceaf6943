"""Ends an interrupted verb within two seconds, with one line that says what is half-way and how to continue.

Theory of operation.

SIGINT (Ctrl+C), SIGTERM and SIGHUP raise `Interrupted` in the main thread, wherever it is. It is a BaseException, so
code that handles failures of a release or a platform never sees it, and nobody is blamed for a person's Ctrl+C. The
stack unwinds: children are ended (`processes.py`), the lock is given back, and `finish` prints the line and exits.

Unwinding alone is not enough. Python drops exceptions that are raised inside `__del__`, weak reference callbacks and
parts of the import system; a library may catch BaseException; cleanup may wait for something slow. So a thread watches,
woken by a pipe that the interpreter's own C handler writes to:

- when the exception object is destroyed although the process still runs, somebody swallowed it: raised again at once;
- after NUDGES seconds it is raised again, to cut short whatever cleanup is waiting for;
- after LAST seconds the thread prints the line itself, kills the children and ends the process.

Ending like that is safe: a deployer may be killed anywhere (the intent is in the ledger, `resume` goes on from it). The
message, the early release of the lock and no stray children are what an orderly end adds. Where the ledger's remote is
too slow for that, a process that outlasts us releases the lock (`ledger/unlock.py`).

Standard library only, and few modules of it: this is the first thing a verb imports, so that not even its imports can
swallow an interrupt.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NUDGES = (0.7, 1.2)  # seconds after the signal
LAST = 1.6
WRITE_SECONDS = 0.2  # for the line itself, when whoever reads standard error has stopped reading
POLL = 0.05
NO_STORY = "stopped before it was done. See: invoke status"

Story = Callable[[], str]


class Interrupted(BaseException):
    """A person or CI ends this process. Never caught, except at the end of `main`."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number

    def __del__(self) -> None:
        _now.lost = True  # while the stack unwinds something refers to it; so it was swallowed, or we are at the end


class _Now:
    """This process's one interrupt."""

    number = 0
    """The signal that came first; 0: none did."""
    lost = False
    nudged = False
    ended = False
    shields = 0
    otherwise: Story = staticmethod(lambda: NO_STORY)
    stories: ClassVar[list[Story]] = []
    hooks: ClassVar[list[Callable[[], None]]] = []
    printing = _thread.allocate_lock()
    """Taken by whoever prints the line: it is printed once."""


_now = _Now()


def install() -> None:
    """Handle interrupts from here on; main thread only.

    SIGINT is handled even where a script's shell started us with it ignored (`&`): CI sends it. SIGHUP stays ignored
    under nohup, which was asked for by a person.
    """
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    # The C handler writes here at once, even while the main thread runs no bytecode: a call into C, or an import.
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    unraisable = sys.unraisablehook

    # Python drops an exception raised in `__del__` or a callback, and prints a traceback: for ours the watcher raises
    # it again, and nobody needs the traceback.
    def quiet(raised: Any) -> None:
        if isinstance(raised.exc_value, Interrupted):
            _now.lost = True
        else:
            unraisable(raised)

    sys.unraisablehook = quiet
    # `_thread`, not `threading`: a daemon without bookkeeping, which the interpreter's end does not wait for.
    _thread.start_new_thread(_watch, (wake_read, _thread.get_ident()))


def asked() -> bool:
    """Whether this process was interrupted and is ending."""
    return _now.number != 0


def exit_code() -> int:
    """With which this process ends because of an interrupt; 0 when there was none."""
    return 128 + _now.number if asked() else 0


def check() -> None:
    """Raise Interrupted if this process is ending. Called before each change on a platform, in case a library swallowed
    the first one.
    """
    if asked():
        raise Interrupted(_now.number)


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Put an interrupt off until the block is done; for moments, such as giving the lock back. LAST holds all the same.

    An interrupt that came before the block is not raised again by it: what runs then is cleanup.
    """
    before = asked()  # told apart from an interrupt during the block, which is raised late but must not be lost
    _now.shields += 1
    try:
        yield
    finally:
        _now.shields -= 1
    if asked() and not before:
        raise Interrupted(_now.number)


@contextlib.contextmanager
def explained_by(story: Story) -> Iterator[None]:
    """What the line says when the block is interrupted. `story` is called at the end, perhaps by another thread."""
    _now.stories.append(story)
    try:
        yield
    finally:
        if not asked():  # else the line is still to be printed
            _now.stories.remove(story)


def from_now_on(story: Story) -> None:
    """What the line says outside all `explained_by` blocks."""
    _now.otherwise = story


def at_end(hook: Callable[[], None]) -> None:
    """Call `hook` just before an interrupted process ends; it must be quick."""
    _now.hooks.append(hook)


def finish() -> NoReturn:
    """End an interrupted process: the line, and 128 + the signal's number as exit code."""
    _now.ended = True
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    _end()


def guarded(main: Callable[[], object]) -> NoReturn:
    """Run a program's `main` with interrupts handled, and exit with the code that it returns."""
    try:
        if signal.getsignal(signal.SIGINT) is not _on_signal:
            install()
        code = main()
        sys.exit(code if isinstance(code, int) else 0)
    except BaseException:
        if asked():  # whatever took the place of Interrupted on the way here
            finish()
        raise


def _on_signal(number: int, _frame: object) -> None:
    # The first signal sets the exit code. Later ones count only from the watcher: raising again for each impatient
    # Ctrl+C would cut short the cleanup that the first one began.
    if not _now.number:
        _now.number = number
    elif not _now.nudged:
        return  # another Ctrl+C: it is ending already
    _now.nudged = False
    if not _now.ended and not _now.shields:
        raise Interrupted(_now.number)


def _watch(wake_read: int, main: int) -> None:
    """The thread that sees to it that an interrupt ends the process."""
    os.read(wake_read, 1)
    begun = time.monotonic()
    nudges = list(NUDGES)
    while (passed := time.monotonic() - begun) < LAST:
        if _now.lost or (nudges and passed > nudges[0]):
            if not _now.lost:
                nudges.pop(0)
            _now.lost = False
            _now.nudged = True
            # To the main thread itself, so that a call it waits in returns.
            signal.pthread_kill(main, _now.number or signal.SIGINT)
        time.sleep(POLL)
    _now.number = _now.number or signal.SIGINT  # the main thread never came to run the handler
    _end()


def _end() -> NoReturn:
    # Run by the main thread or by the watcher, perhaps by both: whichever comes second must not print the line again.
    code = 128 + _now.number
    for hook in _now.hooks:
        with contextlib.suppress(Exception):
            hook()
    if not _now.printing.acquire(blocking=False):
        time.sleep(WRITE_SECONDS)  # the other one is just writing it
        os._exit(code)

    # Whoever reads standard error may have stopped reading, and then the write below blocks: this ends us all the same.
    def give_up() -> None:
        time.sleep(WRITE_SECONDS)
        os._exit(code)

    _thread.start_new_thread(give_up, ())
    with contextlib.suppress(OSError):
        # A terminal's spinner may have hidden the cursor and left half a line.
        before = "\r\x1b[2K\x1b[?25h" if os.isatty(2) else ""
        os.write(2, f"{before}interrupted: {_line()}\n".encode(errors="replace"))
    # Not sys.exit: whatever swallowed the interrupt could swallow SystemExit too, and other threads could hold us up.
    os._exit(code)


def _line() -> str:
    try:
        story = _now.stories[-1] if _now.stories else _now.otherwise
        return story().replace("\n", " ")
    except Exception:
        return NO_STORY  # whatever fails, there is a line
