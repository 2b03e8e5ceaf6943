"""The generator as a rollout holds it: started beside it, stopped after it, its report read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from deploy.errors import DeployError
from deploy.processes import start, stop
from deploy.settings.environments import ROOT

STOP_SECONDS = 45.0  # a visit makes four requests, each of which may take its whole timeout
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class TrafficReport:
    """What was counted. `body` is the whole report as it was written."""

    sent: int
    lost: int
    losses: tuple[Mapping[str, Any], ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def armed(self) -> bool:
        """Whether API and page both have served, so that both are counted."""
        return len(self.body.get("armed", ())) == 2

    def to_json(self) -> dict[str, Any]:
        """As reports of verbs hold it."""
        return {"sent": self.sent, "lost": self.lost}


class Traffic:
    """A running generator. As a context manager it is stopped at the end, whatever happens; `stop` gives the report."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, log: Path) -> None:
        self._process, self._out, self._log = process, out, log

    @classmethod
    def start(cls, api: str, page: str, rate: float, out: Path, *, own_host: bool = False) -> Traffic:
        """Start sending; what the generator itself has to say is kept beside `out`.

        It may start before anything serves: counting begins with the first success. `own_host` allows hosts other than
        this machine.
        """
        out.parent.mkdir(parents=True, exist_ok=True)
        out.unlink(missing_ok=True)
        log = out.with_suffix(".log")
        command = [sys.executable, "-m", "deploy.verification.traffic", "--api", api, "--page", page]
        command += ["--rate", str(rate), "--out", str(out.absolute()), "--child-of", str(os.getpid())]
        command += ["--i-own-this-host"] if own_host else []
        with log.open("wb") as output:
            process = start(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        return cls(process, out, log)

    def __enter__(self) -> Traffic:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def so_far(self) -> TrafficReport:
        """The report as of the last second; raises DeployError when the generator has failed."""
        if self._process.poll():
            raise self._failed()
        return self._read() or TrafficReport(0, 0)

    def wait_armed(self, seconds: float) -> TrafficReport:
        """Wait until API and page both are counted; raises DeployError when they are not within `seconds`."""
        deadline = time.monotonic() + seconds
        while not (report := self.so_far()).armed:
            if time.monotonic() > deadline:
                served = ", ".join(report.body.get("armed", ())) or "neither"
                raise DeployError(
                    f"of API and page {served} answered within {seconds:g} s; see what serves: invoke status",
                    log=self._log,
                )
            time.sleep(POLL_SECONDS)
        return report

    def stop(self) -> TrafficReport:
        """Send nothing more, wait for the last answers, and read the report. Stopping twice reads it again."""
        self._end()
        report = self._read()
        if self._process.returncode or report is None or not report.body["done"]:
            raise self._failed()
        return report

    def _end(self) -> None:
        stop(self._process, STOP_SECONDS)

    def _read(self) -> TrafficReport | None:
        try:
            body = json.loads(self._out.read_bytes())
        except FileNotFoundError:
            return None
        return TrafficReport(body["sent"], body["lost"], tuple(body["losses"]), body)

    def _failed(self) -> DeployError:
        return DeployError(
            f"the requests were not counted: their generator ended with exit code {self._process.poll()}; run it again",
            log=self._log,
        )
