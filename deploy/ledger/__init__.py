"""The ledger: who deployed what, when, with which evidence. Append-only, in git, a branch an environment."""

from deploy.ledger.intent import Direction, Intent
from deploy.ledger.lock import Holding, Lock
from deploy.ledger.records import DeploymentInfo, Evidence, Status, Suite
from deploy.ledger.store import Ledger, Snapshot

__all__ = [
    "DeploymentInfo",
    "Direction",
    "Evidence",
    "Holding",
    "Intent",
    "Ledger",
    "Lock",
    "Snapshot",
    "Status",
    "Suite",
]
