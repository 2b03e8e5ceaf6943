"""What a soak runs: programs whose answers are known, the quick ones more often, and faults among them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Program:
    """A program with what is right of its answer; `weight` says how often it is run."""

    name: str
    language: str
    weight: float
    source: str
    status: str | tuple[str, ...] = "ok"
    stdout: str | None = None
    exit_code: int | None = 0
    stdin: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)
    vanish: bool = False
    """Whether the client goes away before the answer."""

    def body(self, number: int) -> dict[str, Any]:
        """The request; `{n}` in the program is `number`, which no other run of this soak has."""
        limits = {"timeout": 10, **self.limits}
        return {
            "language": self.language,
            "source": self.source.replace("{n}", str(number)),
            "stdin": self.stdin.replace("{n}", str(number)),
            "limits": limits,
        }

    def wrong(self, number: int, answer: Mapping[str, Any]) -> str:
        """What is wrong with an answer; empty when nothing is."""
        allowed = (self.status,) if isinstance(self.status, str) else self.status
        if answer["status"] not in allowed:
            return f"status {answer['status']!r}, not one of {', '.join(allowed)}: {answer['error']}"
        expected = None if self.stdout is None else self.stdout.replace("{n}", str(number))
        if expected is not None and answer["stdout"] != expected:
            return f"stdout {answer['stdout'][:200]!r}, not {expected[:200]!r}"
        if self.exit_code is not None and answer["status"] == "ok" and answer["exit_code"] != self.exit_code:
            return f"exit code {answer['exit_code']!r}, not {self.exit_code}"
        return ""


_C = '#include <stdio.h>\nint main(void) { puts("c {n}"); return 0; }\n'
_GO = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("go {n}") }\n'
_JAVA = 'public class Main { public static void main(String[] args) { System.out.println("java {n}"); } }\n'

RIGHT = (
    Program("python3", "python3", 30, "print('python', {n})", stdout="python {n}\n"),
    Program("python3 with input", "python3", 8, "print(input().upper())", stdin="typed {n}\n", stdout="TYPED {n}\n"),
    Program("python3 modules", "python3", 6, "import json, re\nprint(json.dumps([{n}]))", stdout="[{n}]\n"),
    Program("python3 that fails", "python3", 6, "print({n})\n1 / 0", status="runtime_error", stdout="{n}\n"),
    Program("bash", "bash", 20, "echo bash {n}", stdout="bash {n}\n"),
    Program("bash with input", "bash", 6, "cat", stdin="typed {n}\n", stdout="typed {n}\n"),
    Program("bash that fails", "bash", 4, "echo {n}; exit 3", status="runtime_error", stdout="{n}\n"),
    Program("perl", "perl", 8, 'print "perl {n}\\n";', stdout="perl {n}\n"),
    Program("nodejs", "nodejs", 6, "console.log('node', {n})", stdout="node {n}\n"),
    Program("c", "c", 2, _C, stdout="c {n}\n"),
    Program("c that does not compile", "c", 1, "int main(void) { {n} }}", status="compile_error"),
    Program("c++", "c++", 0.4, '#include <cstdio>\nint main() { std::puts("c++ {n}"); }', stdout="c++ {n}\n"),
    Program("go", "go", 0.4, _GO, stdout="go {n}\n"),
    Program("rust", "rust", 0.4, 'fn main() { println!("rust {n}"); }', stdout="rust {n}\n"),
    Program("java", "java", 0.3, _JAVA, stdout="java {n}\n"),
)

FAULTS = (
    Program("timeout", "bash", 1, "echo {n}; sleep 9", "timeout", "{n}\n", limits={"timeout": 0.2}),
    Program("busy", "python3", 0.5, "while True: pass #{n}", "timeout", limits={"timeout": 0.2}),
    Program("flood", "bash", 1, "yes {n}", "output_limit", limits={"output_bytes": 10_000}),
    Program("memory", "python3", 0.5, "k = []\nwhile True: k.append(bytearray(1 << 20)) #{n}", "memory_limit",
            limits={"memory_kb": 65_536}),
    Program("forks", "python3", 0.5, "import os\nwhile True:\n    if os.fork() == 0: __import__('time').sleep(9) #{n}",
            "process_limit", limits={"processes": 16, "timeout": 3}),
    Program("fork bomb", "bash", 0.3, ":(){ :|:& }; : {n}; sleep 9", ("timeout", "process_limit", "output_limit"),
            limits={"processes": 16, "timeout": 0.3}),
    Program("crash", "python3", 1, "import os; print({n}, flush=True); os.kill(os.getpid(), 11)",
            "runtime_error", "{n}\n"),
    Program("killed", "bash", 1, "kill -9 -1; echo {n}; kill -9 $$", "runtime_error", "{n}\n"),
    Program("daemon", "bash", 1, "(setsid sleep 30 &) ; setsid sleep 30 >/dev/null & echo {n}", stdout="{n}\n"),
    Program("files", "bash", 1, "for i in 1 2 3 4 5 6 7 8; do head -c 99999 /dev/zero >$i; done; mkfifo p; echo {n}",
            stdout="{n}\n"),
    Program("full disk", "bash", 0.5, "head -c 9000000 /dev/zero >x || exit 1 #{n}", "disk_limit",
            limits={"disk_kb": 1024}),
    Program("vanished", "bash", 1, "echo {n}; sleep 0.3", vanish=True),
    Program("vanished at once", "python3", 1, "print({n})", vanish=True),
)  # fmt: skip


def chooser(offered: frozenset[str], seed: int) -> Callable[[], Program]:
    """Draws programs of the languages that there are, by their weights."""
    programs = [program for program in (*RIGHT, *FAULTS) if program.language in offered]
    weights = [program.weight for program in programs]
    dice = random.Random(seed)
    return lambda: dice.choices(programs, weights)[0]
