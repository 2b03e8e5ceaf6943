"""`python -m tests.warm LANGUAGE...`: the programs of languages that only an image has, there. Prints what differs."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.warm.pair import Pair, Program

_LANGUAGES = {"libraries": "python3"}
"""Of which language the programs are that do not go by its name."""


def differing(name: str, programs: dict[str, Program]) -> int:
    """How many of `programs` tell whether their interpreter waited; each is printed."""
    count = 0
    with TemporaryDirectory(prefix="codecanvas-warm-") as place:
        Path(place).chmod(0o755)
        pair = Pair(_LANGUAGES.get(name, name), Path(place))
        for title, program in programs.items():
            quick, usual = pair.told(program)
            if quick != usual:
                count += 1
                print(f"{name}: {title}\n  waited: {quick}\n  anew:   {usual}")
        pair.close()
        if name == "libraries" and pair.holding < len(programs) / 2:
            count += 1
            print(f"{name}: only {pair.holding} of the programs were forked from templates that hold what they import")
    print(f"{name}: {len(programs)} programs, {count} differ", flush=True)
    return count


def main(names: list[str]) -> int:
    """1 where a program can tell."""
    wrong = 0
    for name in names:
        programs: dict[str, Program] = importlib.import_module(f"tests.warm.{name}").PROGRAMS
        wrong += differing(name, programs)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
