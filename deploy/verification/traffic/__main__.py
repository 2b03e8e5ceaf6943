"""`python -m deploy.verification.traffic --api URL --page URL --out FILE`: send requests until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

from deploy.errors import UsageError
from deploy.verification.traffic.generator import generate, stop_when
from deploy.verification.traffic.tally import Tally
from deploy.verification.traffic.wire import Origin, origin_of

REPORT_SECONDS = 1.0


def main(arguments: list[str] | None = None) -> int:
    """Run it; 0 when it ran, whatever was lost: the report says that. 2 for wrong use."""
    options = _parser().parse_args(arguments)
    try:
        origins = [_target(url, anywhere=options.i_own_this_host) for url in (options.api, options.page)]
    except UsageError as wrong:
        sys.stderr.write(f"error: {wrong}\n")
        return wrong.exit_code
    _allow_connections()
    return asyncio.run(_main(options, *origins))


def _target(url: str, *, anywhere: bool) -> Origin:
    origin = origin_of(url)
    if not (origin.loopback or anywhere):
        raise UsageError(f"{url} is not on this machine; load it only if it is yours: --i-own-this-host")
    return origin


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.verification.traffic", description=__doc__)
    parser.add_argument("--api", required=True, help="the API, as `invoke status` shows it")
    parser.add_argument("--page", required=True, help="the page, as `invoke status` shows it")
    parser.add_argument("--rate", type=_rate, default=200.0, help="requests a second in all (default: 200)")
    parser.add_argument("--seconds", type=float, help="stop after this time (default: on SIGTERM or SIGINT)")
    parser.add_argument("--out", type=Path, required=True, help="the report file, rewritten each second")
    parser.add_argument("--child-of", type=int, metavar="PID", help="stop when this parent process has gone")
    parser.add_argument("--i-own-this-host", action="store_true", help="allow hosts other than this machine")
    return parser


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 5000:
        raise argparse.ArgumentTypeError("must be above 0 and at most 5000")
    return rate


async def _main(options: argparse.Namespace, api: Origin, page: Origin) -> int:
    stop, tally = asyncio.Event(), Tally()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    end = time.monotonic() + options.seconds if options.seconds else None

    def over() -> bool:
        orphaned = options.child_of is not None and os.getppid() != options.child_of
        return orphaned or (end is not None and time.monotonic() >= end)

    helpers = [asyncio.create_task(stop_when(over, stop)), asyncio.create_task(_report(tally, options.out))]
    try:
        await generate(api, page, options.rate, tally, stop)
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
    _write(tally, options.out, done=True)
    return 0


async def _report(tally: Tally, out: Path) -> None:
    while True:
        _write(tally, out, done=False)
        await asyncio.sleep(REPORT_SECONDS)


def _write(tally: Tally, out: Path, *, done: bool) -> None:
    """Whole or not at all: whoever reads meanwhile finds the last report."""
    used = os.times()
    report = {**tally.to_json(done=done), "cpu_seconds": round(used.user + used.system, 2)}
    part = out.with_name(f"{out.name}.part")
    part.write_text(json.dumps(report, indent=2) + "\n")
    part.replace(out)


def _allow_connections() -> None:
    """As many open connections as this process may have: a stalled service keeps thousands waiting."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
