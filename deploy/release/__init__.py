"""Deploy, promote, roll back: what is wanted, whether it may be, and the ordered steps that bring it about."""

from deploy.release.gates import Gate, promotion_gates
from deploy.release.verbs import Options, Plan, deploy, plan, promote, resume, rollback, tidy

__all__ = ["Gate", "Options", "Plan", "deploy", "plan", "promote", "promotion_gates", "resume", "rollback", "tidy"]
