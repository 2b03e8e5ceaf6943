"""Deploy, promote, roll back: what is wanted, whether it may be, and the steps that bring it about (`verbs.py`)."""
