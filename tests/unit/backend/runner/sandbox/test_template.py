"""The fork server's interpreter, held against one that is started anew: a program cannot tell them apart."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.runner.languages import all_languages
from backend.runner.sandbox.host import TEMPLATE_PLACE, Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.spares import MOST_USES, Recipe
from backend.runner.sandbox.verdict import Ending, Verdict
from tests.unit.backend.runner.conftest import VARIABLES, Place, until

pytestmark = pytest.mark.any_python

PYTHON = (*VARIABLES, ("PYTHONNOUSERSITE", "1"), ("PYTHONUTF8", "1"))
ANEW = (*PYTHON, *all_languages()["python3"].run_variables)
COMMAND = ("/usr/bin/python3", "-B", "main.py")
RECIPE = Recipe(command=COMMAND, variables=(*PYTHON, ("PYTHONPATH", TEMPLATE_PLACE)), limits=Limits())

# ruff: noqa: E501 - programs, a line each
PROGRAMS: dict[str, str | bytes] = {
    "exit status": "import sys\nsys.exit(3)",
    "exit with words": "import sys\nsys.exit('so it ends')",
    "exit with None": "raise SystemExit",
    "exit with a large number": "import sys\nsys.exit(1000)",
    "exit with a truth": "import sys\nsys.exit(True)",
    "an error": "def f(n):\n    return 1 // n\n\n\nf(0)",
    "an error in an error": "try:\n    1 // 0\nexcept ZeroDivisionError as e:\n    raise ValueError('x') from e",
    "an error that takes arguments": "raise KeyError('a', 2)",
    "a syntax error": "print('never')\nif:\n",
    "an indentation error": "def f():\nreturn 1",
    "exit negative": "import sys\nsys.exit(-1)",
    "a file too large": "import os\ntry: os.truncate(os.open('f', os.O_CREAT | os.O_RDWR), 1 << 40)\nexcept OSError as e: print(e)",
    "a broken pipe": "import os\nr, w = os.pipe()\nos.close(r)\ntry: os.write(w, b'x')\nexcept OSError as e: print(e)",
    "faulthandler": "import ctypes, faulthandler\nfaulthandler.enable()\nctypes.string_at(0)",
    "a callback from C": "import ctypes\nT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))\na = (ctypes.c_int * 5)(3, 1, 4, 1, 5)\nctypes.CDLL(None).qsort(a, 5, 4, T(lambda x, y: x[0] - y[0]))\nprint(list(a))",
    "a threading of its own": "import sys, types\nsys.modules['threading'] = types.ModuleType('threading')",
    "importers": "import sys\nprint(sorted(sys.path_importer_cache), sys.meta_path, sys.path_hooks)",
    "threads of the interpreter": "import sys, threading\nprint(len(sys._current_frames()), threading.enumerate(), threading.main_thread() is threading.current_thread())",
    "another encoding": b"# coding: latin-1\nprint('\xe9')",
    "a byte order mark": b"\xef\xbb\xbfprint('marked')",
    "nothing": "",
    "arguments": "import sys\nprint(sys.argv, sys.orig_argv[-3:])",
    "paths": "import sys\nprint(sys.path, sys.flags, sys.executable, sys.prefix, sys.dont_write_bytecode)",
    "names": "print(sorted(globals()), __name__, __file__, __spec__, __package__, __doc__, __cached__)",
    "loader": "print(type(__loader__).__name__, __loader__.name, __loader__.path)",
    "modules": "import sys\nprint(sorted(m for m in sys.modules if m not in {'sitecustomize'}))",
    "frames": "import sys, traceback\ntraceback.print_stack()\nprint(sys._getframe().f_back)",
    "environment": "import os\nprint(sorted(os.environ), os.getcwd(), os.umask(0), os.getpgrp() == os.getpid())",
    "descriptors": "import os\nprint(sorted(os.listdir('/proc/self/fd')))",
    "streams": "import sys\nfor s in sys.stdin, sys.stdout, sys.stderr: print(s.name, s.mode, s.encoding, s.errors, s.line_buffering)",
    "limits": "import resource\nprint([resource.getrlimit(n) for n in range(16)])",
    "signals": "import signal\nprint([str(signal.getsignal(n)) for n in range(1, 32)])",
    "a signal": "import os\nos.kill(os.getpid(), 11)",
    "abort": "import os\nos.abort()",
    "leaving at once": "import os\nprint('lost', end='')\nos._exit(4)",
    "interrupted": "raise KeyboardInterrupt",
    "last words": "import atexit\natexit.register(print, 'first registered')\natexit.register(print, 'second')\nprint('main')",
    "an error in last words": "import atexit\natexit.register(lambda: 1 // 0)\nprint('main')",
    "destructors": "class A:\n    def __init__(self, n): self.n = n\n    def __del__(self): print('gone', self.n)\na, b = A(1), A(2)\nprint('end')",
    "destructors in a cycle": "class A:\n    def __del__(self): print('gone', type(self).__name__, len)\na = A()\na.self = a\ndef f(): return a",
    "destructors of functions": "class A:\n    def __del__(self): helper()\ndef helper(): print('helped')\na = A()",
    "destructors of modules": "import helper\nhelper.start()",
    "an error and destructors": "class A:\n    def __del__(self): print('gone')\ndef f():\n    a = A()\n    raise ValueError\nb = A()\nf()",
    "threads are waited for": "import threading, time\ne = threading.Event()\ndef f(): e.wait(); time.sleep(0.1); print('thread')\nthreading.Thread(target=f).start()\nprint('main')\ne.set()",
    "daemons are not": "import threading, time\nthreading.Thread(target=lambda: time.sleep(60), daemon=True).start()\nprint('main')",
    "an error in a thread": "import threading\nthreading.Thread(target=lambda: 1 // 0, name='T').start()",
    "a fork": "import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nprint('parent' if pid else 'child', flush=True)",
    "processes": "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True).stdout)",
    "a pool": "import multiprocessing as m\ndef f(n): return n * n\nif __name__ == '__main__':\n    with m.get_context('fork').Pool(2) as p: print(p.map(f, range(5)))",
    "tasks": "import asyncio\nasync def main():\n    await asyncio.sleep(0.01)\n    print('slept')\nasyncio.run(main())",
    "a closed stdout": "import sys\nsys.stdout.close()",
    "no stdout": "import os\nprint('x')\nos.close(1)",
    "input": "print(input('? '), input())",
    "too little input": "input(); input(); input(); input()",
    "lines": "import sys\nfor line in sys.stdin: print(repr(line))",
    "pickles": "import pickle\nclass P: pass\nprint(pickle.loads(pickle.dumps(P())).__class__.__module__)",
    "a dataclass": "import dataclasses, typing\n@dataclasses.dataclass\nclass D:\n    x: 'typing.List[int]'\nprint(typing.get_type_hints(D))",
    "inspection": "import inspect\ndef f(): pass\nprint(inspect.getsource(f), inspect.getfile(f))",
    "warnings": "import warnings\nwarnings.warn('careful', stacklevel=1)",
    "ctypes": "import ctypes\nprint(ctypes.CDLL(None).getpid() > 0)",
    "recursion": "def f(): f()\nf()",
    "collecting": "import gc\nprint(gc.isenabled(), gc.get_threshold(), gc.garbage)",
    "main imported": "import __main__\n__main__.x = 5\nprint(x)",
    "doctest": "'''\n>>> 1 + 1\n2\n'''\nimport doctest\nprint(doctest.testmod())",
}
HELPER = (
    b"class A:\n    def __del__(self): print('module', word)\nword = 'kept'\ndef start():\n    global a\n    a = A()\n"
)


@pytest.fixture(scope="module")
def python(host: Host) -> Iterator[Place]:
    made = Place(host)
    try:
        made.do(_with_templates(made))
        yield made
    finally:
        made.close()


async def _with_templates(place: Place) -> None:
    await place.slot.open()
    place.slot.spares.add_templates(RECIPE, 2)
    await until(lambda: len(place.slot.spares.templates) == 2, 20)


def _run(place: Place, source: str | bytes, forker: int, **limits: int) -> Verdict:
    content = source.encode() if isinstance(source, str) else source
    return place.run(
        (*COMMAND, "one", "--two"), files={"main.py": content, "helper.py": HELPER}, stdin=b"a\nb\n", forker=forker,
        variables=PYTHON if forker else ANEW, limits=Limits(**limits),
    )  # fmt: skip


def _plain(output: bytes) -> str:
    """Without the addresses, which differ from run to run."""
    return re.sub(r"0x[0-9a-f]+|started \d+", "0x", output.decode())


def _told(verdict: Verdict) -> tuple[object, ...]:
    return (
        verdict.ending,
        verdict.status,
        _plain(verdict.stdout),
        _plain(verdict.stderr),
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_cannot_tell_that_it_was_forked(python: Place, name: str) -> None:
    forked = _run(python, PROGRAMS[name], python.slot.spares.templates[0])
    assert _told(forked) == _told(_run(python, PROGRAMS[name], 0))
    assert forked.ending is Ending.EXITED


def test_a_child_waits_at_the_template_that_is_used_next_and_at_no_other(python: Place) -> None:
    keeper = python.do(python.slot.open())

    def waiting() -> set[int]:
        own = Path(f"/proc/{keeper.pid}/ns/user").stat().st_ino
        children = Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text().split()
        named = [pid for pid in children if Path(f"/proc/{pid}/comm").read_text() == "python3\n"]
        return {int(pid) for pid in named if Path(f"/proc/{pid}/ns/user").stat().st_ino != own}

    seen: set[int] = set()
    for _ in range(4):
        number = python.slot.spares.take_template()
        python.do(asyncio.sleep(0.3))
        now = waiting()
        assert len(now) <= 2  # at the one that was taken, and at the next
        assert _run(python, "print('ran')", number).stdout == b"ran\n"
        python.do(asyncio.sleep(0.3))
        assert len(waiting()) == 1
        seen |= waiting()
    assert len(seen) == 4


def test_nothing_of_a_run_stays_in_its_template(python: Place) -> None:
    async def fingerprint(number: int) -> int:
        return await (await python.slot.open()).fingerprint(number)

    number = python.slot.spares.templates[1]
    _run(python, "pass", number)
    before = python.do(fingerprint(number))
    assert before != 0
    hostile = """
import builtins, gc, os, random, signal, sys
builtins.print = None
sys.modules.clear()
random.seed(1)
gc.disable()
signal.signal(15, signal.SIG_IGN)
os.environ["LEFT"] = "x" * 100000
open("/work/left", "w").write("left")
os.kill(os.getppid(), 9)
"""
    for source in (hostile, "x = [0] * 10_000_000", "import ctypes\nctypes.string_at(0)", "while True: pass"):
        _run(python, source, number, timeout=1)
    assert python.do(fingerprint(number)) == before
    seen = _run(
        python, "import os, sys\nprint(len(sys.modules) > 20, os.environ.get('LEFT'), os.listdir('/work'))", number
    )
    assert (
        seen.stdout == b"True None ['main.py', 'helper.py']\n" or seen.stdout == b"True None ['helper.py', 'main.py']\n"
    )


def test_templates_do_not_share_their_hash_seed_or_their_addresses(python: Place) -> None:
    source = "import ctypes\nprint(hash('a'), ctypes.addressof(ctypes.c_int()))"
    first, second = (_run(python, source, number).stdout.split() for number in python.slot.spares.templates)
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_templates_take_turns_and_are_replaced_once_used(python: Place) -> None:
    spares = python.slot.spares
    before = list(spares.templates)
    assert sorted(spares.take_template() for _ in before) == sorted(before)
    assert spares.used_templates == len(before)
    assert not spares.renew_template(RECIPE)
    assert spares.renew_template(RECIPE, worn=1)
    assert spares.starting
    python.do(_with_templates(python))
    assert len(set(spares.templates) - set(before)) == 1
    for _ in range(MOST_USES * 2):
        spares.take_template()
    assert spares.renew_template(RECIPE)


def test_a_template_that_is_lost_is_gone_and_the_slot_goes_on(python: Place) -> None:
    async def lose() -> None:
        await _with_templates(python)
        keeper = await python.slot.open()
        for number in list(python.slot.spares.templates):
            keeper.retire(number)
        await until(lambda: not python.slot.spares.templates, 20)

    python.do(lose())
    assert python.slot.spares.take_template() == 0
    assert python.shell("echo on").stdout == b"on\n"
    python.do(_with_templates(python))
