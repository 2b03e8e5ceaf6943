"""Looks for secrets where none may be: the repository, builds, logs, ledgers and evidence. `invoke secrets scan`.

rules.py says what is a secret; known.py, which values must not stand anywhere; search.py looks through a stream of
bytes and unpack.py into what streams hold; places.py says where to look, and not_secrets.py what is none.
"""
