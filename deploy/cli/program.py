"""Invoke's program with our exit codes; it refuses the Invoke options that our verbs would ignore."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Callable, Container, Iterable
from typing import Any

import invoke
from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.program import Program as InvokeProgram
from invoke.util import helpline

from deploy.events.console import PROGRESS_VARIABLE, Progress

NO_SHELL = "has no effect: verbs run no shell commands through Invoke. Run the same command without it"
REFUSED = {
    "collection": "would load other tasks. Run the same command without it, in the clone whose verbs you want",
    "command-timeout": NO_SHELL,
    "config": NO_SHELL,
    "dry": "is no dry run here: verbs run no shell commands through Invoke, and would do all of their work",
    "echo": NO_SHELL,
    "hide": NO_SHELL,
    "no-dedupe": "has no effect: a verb already runs as often as it is named. Run the same command without it",
    "prompt-for-sudo-password": "has no effect: no verb uses sudo. Run the same command without it",
    "pty": NO_SHELL,
    "search-root": "would load other tasks. Run the same command without it, in the clone whose verbs you want",
    "warn-only": NO_SHELL,
}
"""Invoke's options that verbs do not honour, and why they are refused. A verb may have one of the same name."""

GROUPS = {
    "deploy.cli.build": "Build",
    "deploy.cli.setup": "Set up an environment",
    "deploy.cli.rehearse": "Rehearse the whole pipeline on this machine",
    "deploy.cli.release": "Release",
    "deploy.cli.recovery": "Roll back and repair",
    "deploy.cli.show": "Look",
    "deploy.cli.controls": "Allow or stop promotions",
    "deploy.cli.secrets": "Secrets of the app",
    "deploy.cli.workstation": "This machine and this clone",
    "deploy.cli.bench": "Measure",
}
"""How `invoke --list` groups the verbs: by the file they are in, in this order."""

# How Invoke takes the same settings from the process environment.
SETTINGS = ("INVOKE_RUN_", "INVOKE_SUDO_", "INVOKE_TASKS_", "INVOKE_TIMEOUTS_", "INVOKE_RUNTIME_CONFIG")


class Program(InvokeProgram):
    """Invoke with the exit codes of this project: 0 done, 1 the work failed, 2 wrong use."""

    def core_args(self) -> list[Argument]:
        """Invoke's own options, and ours that every verb has."""
        text = f"how progress is shown: {', '.join(Progress)} (default: {PROGRESS_VARIABLE}, else auto)"
        return [*super().core_args(), Argument(names=("progress",), help=text)]

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse Invoke's own options."""
        self._wrong_use(super().parse_core, argv)
        self._refuse_options("collection", "search-root")  # before they are used

    def parse_tasks(self) -> None:
        """Parse the tasks and their options. `bench rollout` is `bench.rollout`, as Invoke spells it."""
        halp, words = self.args.help, self.core.unparsed
        if words and halp.value in self.collection.collections:
            halp.value = f"{halp.value}.{words.pop(0)}"
        self.core.unparsed = joined(words, self.collection.collections)
        self._wrong_use(super().parse_tasks)
        self._refuse_options(*REFUSED)

    def parse_cleanup(self) -> None:
        """Print help or a list where that was asked for; `--help GROUP` lists the group's tasks."""
        group = self.args.help.value
        if group in self.collection.collections:
            self.list_root, self.scoped_collection = group, self.collection.subcollection_from_path(group)
            self.list_tasks()
            raise Exit
        self._wrong_use(super().parse_cleanup)

    def list_flat(self) -> None:
        """The verbs by what people do with them; of one group, its own."""
        if self.list_root:
            super().list_flat()
            return
        print(f"{self.binary} VERB [--options]; invoke --help VERB says more\n")  # noqa: T201
        for module, title in GROUPS.items():
            tasks = [
                (name, helpline(self.collection[name]))
                for name in self.collection.task_names
                if self.collection[name].body.__module__ == module
            ]
            if tasks:
                print(f"{title}:")  # noqa: T201
                self.print_columns(tasks)

    def update_config(self, merge: bool = True) -> None:
        """Read Invoke's configuration, and refuse settings that our verbs would ignore."""
        for name in os.environ:
            if name.startswith(SETTINGS):
                raise Exit(f"error: {name} is set and verbs do not honour it. Run: unset {name}", code=2)
        super().update_config(merge)
        if self.config.run.dry:
            raise Exit(
                f"error: run.dry in an invoke.yaml (here, in ~/.invoke.yaml or /etc/invoke.yaml) {REFUSED['dry']}. "
                f"Take it out; {self._previews()}",
                code=2,
            )
        if text := self.args.progress.value:
            os.environ[PROGRESS_VARIABLE] = text  # verbs that start verbs hand it on
        given = os.environ.get(PROGRESS_VARIABLE, Progress.AUTO)
        if given not in tuple(Progress):
            where = "--progress" if text else PROGRESS_VARIABLE
            raise Exit(f"error: {where} {given!r} is unknown; use one of {', '.join(Progress)}", code=2)

    def print_help(self) -> None:
        """Help on the options that are honoured."""
        print(f"Usage: {self.binary} [--core-opts] VERB [--options]\n\nCore options:\n")  # noqa: T201
        refused = {f"--{name}" for name in REFUSED}
        self.print_columns(
            [(flags, text) for flags, text in self.initial_context.help_tuples() if refused.isdisjoint(_names(flags))]
        )

    def _refuse_options(self, *names: str) -> None:
        for name in names:
            if self.args[name].got_value:
                after = f"; {self._previews()}" if name == "dry" else ""
                raise Exit(f"error: --{name} is Invoke's own option and {REFUSED[name]}{after}", code=2)

    def _previews(self) -> str:
        """The verbs that can show what they would do, with the flag for it."""
        found = [
            f"invoke {_typed(context.name)} {flag}"
            for context in self.collection.to_contexts()
            for flag in ("--plan", "--dry")
            if flag in context.flags
        ]
        return f"to see what would be done: {', '.join(found)}"

    def _wrong_use(self, parse: Callable[..., None], *arguments: Any) -> None:
        try:
            parse(*arguments)
        except ParseError as wrong:
            raise Exit(f"error: {wrong}{self._hint(wrong)}", code=2) from wrong

    def _hint(self, wrong: ParseError) -> str:
        """What was probably meant, and where to look. Invoke names the unknown word only in its message."""
        quoted = re.search(r"'(.*?)'", str(wrong))
        word = quoted.group(1) if quoted else ""
        context = wrong.context if wrong.context is not None and wrong.context.name else None
        contexts = self.collection.to_contexts() if hasattr(self, "collection") else []
        see = f"See: invoke --help {_typed(context.name)}" if context else "See: invoke --list, or invoke --help VERB"
        if word in getattr(self.collection, "collections", {}):
            tasks = [_typed(each.name) for each in contexts if str(each.name).startswith(f"{word}.")]
            return f"\n{word} is a group; use: {', '.join(f'invoke {name}' for name in tasks)}"
        known = (
            [*context.flags, *(flag for flag in self.initial_context.flags if flag[2:] not in REFUSED)]
            if context and word.startswith("-")
            else [str(each.name) for each in contexts]
        )
        close = difflib.get_close_matches(word, known, n=1)
        return f"{f' Did you mean {_typed(close[0])}?' if close else ''}\n{see}"


def _typed(name: str | None) -> str:
    """A task as people type it: `bench rollout` for Invoke's `bench.rollout`."""
    return str(name).replace(".", " ")


def _names(flags: str) -> Iterable[str]:
    """The names in a help line's flags: `-e, --echo`, `--hide=STRING`."""
    return re.findall(r"--[a-z-]+", flags)


def joined(words: list[str], groups: Container[str]) -> list[str]:
    """The words, with the name of a group and the task after it made one."""
    if len(words) > 1 and words[0] in groups and not words[1].startswith("-"):
        return [f"{words[0]}.{words[1]}", *words[2:]]
    return words


def main() -> None:
    """Run it; ends by SystemExit with the verb's exit code, or by Interrupted."""
    Program(name="invoke", binary="invoke", binary_names=["invoke", "inv"], version=invoke.__version__).run(
        ["invoke", *sys.argv[1:]]
    )
