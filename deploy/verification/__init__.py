"""Runs suites against an environment and turns them into evidence."""

from deploy.verification.suites import prove, run_smoke

__all__ = ["prove", "run_smoke"]
