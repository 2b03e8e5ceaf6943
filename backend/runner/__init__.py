"""The runner: takes source code over HTTP, runs it in a sandbox, and returns the result.

    api → execution → sandbox
             ↓
         languages

`settings.py` is read once at start; every other module is handed what it needs.
"""
