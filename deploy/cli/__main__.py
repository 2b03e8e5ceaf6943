"""`python -m deploy.cli VERB …`: what `./dev invoke` runs."""

# Importing takes most of a second, and a Ctrl+C meanwhile must end the verb too, without a traceback. So these few
# lines come first and need only what loads at once; then `interrupts`, then everything else.

import os
import signal
import sys


def _nothing_begun(number: int, frame: object) -> None:
    os.write(2, b"interrupted: nothing was begun. Run the same command again\n")
    os._exit(128 + number)


if __name__ == "__main__":
    for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if _number != signal.SIGHUP or signal.getsignal(_number) != signal.SIG_IGN:  # nohup
            signal.signal(_number, _nothing_begun)

from deploy import interrupts  # noqa: E402


def main() -> None:
    """Run Invoke with our options; ends by SystemExit with its exit code."""
    import shlex

    again = f"invoke {shlex.join(sys.argv[1:])}"
    interrupts.from_now_on(lambda: f"{again} stopped before it was done. Run it again: {again}")

    from deploy.cli import program

    try:
        program.main()
        sys.stdout.flush()
    except BrokenPipeError:
        if not _reader_is_gone():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing is left to be flushed into the pipe at exit
        sys.exit(128 + signal.SIGPIPE)


def _reader_is_gone() -> bool:
    """Whether nobody reads standard output any more, as after `invoke history … | head`."""
    import select

    poll = select.poll()
    poll.register(1, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


if __name__ == "__main__":
    interrupts.guarded(main)
