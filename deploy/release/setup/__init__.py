"""What an environment needs in the accounts of its providers: looked at, made, removed.

`things.py` declares each thing, with those of `accounts.py`, `github.py` and the ledger; `run.py` looks at them and
makes what is missing; `teardown.py` removes what was made.
"""
