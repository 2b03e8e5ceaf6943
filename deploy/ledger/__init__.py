"""The ledger: who deployed what, when, with which evidence. Append-only, in git, a branch an environment."""

from deploy.ledger.records import DeploymentInfo, Evidence, Lock, Status, Suite
from deploy.ledger.store import Ledger, Snapshot

__all__ = ["DeploymentInfo", "Evidence", "Ledger", "Lock", "Snapshot", "Status", "Suite"]
