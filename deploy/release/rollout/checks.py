"""The checks of a release beyond the platform's own: the canary's verdict and the smoke suite."""

from __future__ import annotations

from pathlib import Path

from deploy import interrupts
from deploy.errors import NotChecked, ReleaseFault, SuiteFailed, SuiteNotRun, Unfinished
from deploy.ledger import Intent
from deploy.settings.policy import Strategy
from deploy.target import Target
from deploy.verification.canary import judge_canary
from deploy.verification.suites import run_smoke

REQUESTS = {Strategy.BLUEGREEN: 40, Strategy.CANARY: 200}


class RealChecks:
    """Runs both against an environment's public addresses, as its users reach it."""

    def __init__(self, target: Target, logs: Path) -> None:
        self._target, self._logs = target, logs

    def judge(self, green: str, blue: tuple[str, ...], intent: Intent) -> str:
        """The verdict in words; raises ReleaseFault if it is against the release, NotChecked without a verdict."""
        requests = REQUESTS[intent.strategy]
        verdict = judge_canary(self._target.config.api_url, green, blue, requests)
        if not verdict.ok:
            if not verdict.conclusive:
                raise NotChecked(f"no verdict on the canary: {verdict.reason}")
            raise ReleaseFault(f"the canary's verdict: {verdict.reason}")
        return f"canary {verdict.reason}"

    def smoke(self, intent: Intent, machine: str = "") -> str:
        """How many checks passed; raises SuiteFailed or SuiteNotRun with its log, Unfinished if it was killed."""
        target = self._target
        # What is compared with a failure must not write over the failure's log.
        logs = self._logs if intent.forward else self._logs / "before"
        try:
            suite = run_smoke(target.name, rehearsal=target.rehearsal, logs=logs, machine=machine)
        except SuiteFailed:
            interrupts.check()  # a suite that was ended with us is no verdict
            raise
        except SuiteNotRun as unknown:
            interrupts.check()
            if not unknown.killed:
                raise
            raise Unfinished(
                f"{target.name}: {unknown}. Go on with: invoke resume --env {target.name}{target.flag}", log=unknown.log
            ) from unknown
        return f"smoke suite: {suite.passed} checks passed"
