"""Deploy, promote, roll back: what is wanted, whether it may be, and the ordered steps that bring it about."""

from deploy.release.gates import Gate, gates
from deploy.release.verbs import deploy, plan, promote, rollback

__all__ = ["Gate", "deploy", "gates", "plan", "promote", "rollback"]
