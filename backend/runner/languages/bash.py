"""Bash."""

from backend.runner.languages.language import Language

LANGUAGE = Language(
    name="bash",
    version=("bash", "--version"),
    source="main.sh",
    run=("bash", "main.sh"),
    hello='echo "Hello, world!"\n',
)
