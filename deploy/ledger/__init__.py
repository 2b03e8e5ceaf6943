"""The ledger: who deployed what, when, with which evidence. Append-only, in git, a branch an environment."""

from deploy.ledger.intent import Direction, Intent, Share
from deploy.ledger.lock import Holding, Lock
from deploy.ledger.records import DeploymentInfo, Evidence, Span, Status, Suite
from deploy.ledger.snapshot import Launches, Snapshot
from deploy.ledger.store import Ledger

__all__ = [
    "DeploymentInfo",
    "Direction",
    "Evidence",
    "Holding",
    "Intent",
    "Launches",
    "Ledger",
    "Lock",
    "Share",
    "Snapshot",
    "Span",
    "Status",
    "Suite",
]
