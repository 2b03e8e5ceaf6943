"""Python."""

from backend.runner.languages.language import Language

LANGUAGE = Language(
    name="python3",
    version=("/usr/bin/python3", "--version"),
    source="main.py",
    run=("/usr/bin/python3", "-B", "main.py"),
    hello='print("Hello, world!")\n',
    variables=(("PYTHONNOUSERSITE", "1"), ("PYTHONUTF8", "1")),
)
