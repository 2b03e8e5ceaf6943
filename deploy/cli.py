"""The `invoke` that ./dev runs: Invoke's own program, with exit code 2 for wrong use and errors told in one place."""

from __future__ import annotations

import sys
from collections.abc import Container
from typing import Any

import invoke
from invoke.exceptions import Exit, ParseError
from invoke.program import Program as InvokeProgram


class Program(InvokeProgram):
    """Invoke with the exit codes of this project: 0 done, 1 the work failed, 2 wrong use."""

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse Invoke's own options."""
        self._wrong_use(super().parse_core, argv)

    def parse_tasks(self) -> None:
        """Parse the tasks and their options. `bench rollout` is `bench.rollout`, as Invoke spells it."""
        halp, words = self.args.help, self.core.unparsed
        if words and halp.value in self.collection.collections:
            halp.value = f"{halp.value}.{words.pop(0)}"
        self.core.unparsed = joined(words, self.collection.collections)
        self._wrong_use(super().parse_tasks)

    def _wrong_use(self, parse: Any, *arguments: Any) -> None:
        try:
            parse(*arguments)
        except ParseError as wrong:
            raise Exit(f"error: {wrong}\nSee: invoke --list, or invoke --help TASK", code=2) from wrong


def joined(words: list[str], groups: Container[str]) -> list[str]:
    """The words, with the name of a group and the task after it made one."""
    if len(words) > 1 and words[0] in groups and not words[1].startswith("-"):
        return [f"{words[0]}.{words[1]}", *words[2:]]
    return words


def main() -> None:
    """Run it."""
    Program(name="invoke", binary="invoke", binary_names=["invoke", "inv"], version=invoke.__version__).run(
        ["invoke", *sys.argv[1:]]
    )


if __name__ == "__main__":
    main()
