"""Releases an environment: the verbs (`verbs.py`, `recovery.py`), the gates they must pass, and the rollout."""
