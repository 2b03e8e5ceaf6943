"""The `invoke` that ./dev runs. `__main__.py` starts it, `program.py` parses, `wrapper.py` is around every verb.

Imports nothing here: `python -m deploy.cli` handles interrupts before anything else is imported.
"""
