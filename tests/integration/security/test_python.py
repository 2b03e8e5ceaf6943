"""Python may be forked from an interpreter that is kept at hand: a program must not be able to tell, nor to reach it."""

import re
from typing import Any

import pytest

# Each is run by the service as python3, and by `python3 main.py` in a run of bash: all that can be seen must agree.
_PROGRAMS = {
    "nothing": "",
    "comment": "#",
    "output": "import sys\nprint('out'); print('err', file=sys.stderr)",
    "no newline": "print('x', end='')",
    "exit 3": "import sys; sys.exit(3)",
    "exit none": "import sys; sys.exit()",
    "exit text": "import sys; sys.exit('gone')",
    "exit tuple": "import sys; sys.exit((1, 2))",
    "exit true": "import sys; sys.exit(True)",
    "exit large": "import sys; sys.exit(256 + 7)",
    "exit negative": "import sys; sys.exit(-1)",
    "exit in a thread": "import sys, threading\nt = threading.Thread(target=sys.exit, args=(3,)); t.start(); t.join(); print('on')",
    "quit": "quit(5)",
    "raise SystemExit": "raise SystemExit(6)",
    "os._exit": "import os; print('lost', end=''); os._exit(4)",
    "abort": "import os; os.abort()",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "terminated": "import os; os.kill(os.getpid(), 15)",
    "interrupted": "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(1)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "broken pipe": "import os; r, w = os.pipe(); os.close(r); os.write(w, b'x')",
    "segmentation fault": "import ctypes; ctypes.string_at(1)",
    "faulthandler": "import faulthandler; faulthandler.enable(); import ctypes; ctypes.string_at(1)",
    "traceback": "def f(x):\n    return 1 / x\n\nf(0)",
    "chained": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    [][1]",
    "raised from": "raise ValueError('x') from KeyError('y')",
    "group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
    "note": "e = ValueError('x'); e.add_note('note'); raise e",
    "own exception": "class Mine(Exception): pass\nraise Mine('x')",
    "syntax error": "print('x'\nprint(1)",
    "indentation error": "if True:\nprint(1)",
    "tab error": "if True:\n\tx = 1\n        y = 2",
    "null byte": "print(1)\n\0",
    "encoding error": "# -*- coding: nothing -*-\nprint(1)",
    "latin1": "# -*- coding: latin-1 -*-\nprint('é')",
    "BOM": "\ufeffprint('bom')",
    "CRLF": "print(1)\r\nprint(2)\r\n",
    "unicode": "print('é€😀', ascii('\\udc80'))",
    "surrogate": "print('\\udc80')",
    "missing module": "import nothing_of_that_name",
    "missing name": "from os import nothing",
    "misspelled name": "import sys\nsys.exi()",
    "misspelled variable": "value = 1\nprint(valu)",
    "shadowed module": "import random_; print(random_.x)",
    "recursion": "def f(): f()\nf()",
    "deep recursion in repr": "x = []\nfor _ in range(100000): x = [x]\nprint(len(repr(x)))",
    "recursion limit": "import sys; print(sys.getrecursionlimit())",
    "warning": "import warnings; warnings.warn('careful')",
    "deprecated": "import warnings; warnings.warn('old', DeprecationWarning)",
    "syntax warning": "print(1 is 1)",
    "resource warning": "open('main.py')",
    "assertion": "assert 1 == 2, 'no'",
    "atexit": "import atexit; atexit.register(print, 'last'); print('first')",
    "atexit fails": "import atexit; atexit.register(lambda: 1 / 0); print('first')",
    "destructor": "class A:\n    def __del__(self): print('del')\na = A(); print('first')",
    "destructor in a cycle": "class A:\n    def __del__(self): print('del')\na = A(); a.a = a; del a; print('first')",
    "daemon thread": "import threading, time; threading.Thread(target=time.sleep, args=(30,), daemon=True).start(); print('x')",
    "thread": "import threading; threading.Thread(target=lambda: print('x')).start()",
    "thread fails": "import threading; t = threading.Thread(target=lambda: 1 / 0, name='t'); t.start(); t.join()",
    "threads and fork": "import os, threading, time\nthreading.Thread(target=time.sleep, args=(0.2,)).start()\n"
                        "p = os.fork()\nif p: os.wait(); print('parent')\nelse: print('child')",
    "fork": "import os, sys\nif os.fork(): print(os.waitstatus_to_exitcode(os.wait()[1]))\nelse: print('child', flush=True); os._exit(7)",
    "fork and exit": "import os, sys\nif os.fork(): print(os.waitstatus_to_exitcode(os.wait()[1]))\nelse: sys.exit(8)",
    "fork falls through": "import os\nif os.fork(): os.wait()\nprint('both')",
    "subprocess": "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True))",
    "shell": "import os; print(os.system('exit 3'))",
    "multiprocessing": "import multiprocessing as m\ndef f(x): return x * x\nif __name__ == '__main__':\n"
                       "    with m.Pool(2) as p: print(p.map(f, range(5)))",
    "multiprocessing by spawn": "import multiprocessing as m\ndef f(x): return x * x\nif __name__ == '__main__':\n"
                                "    with m.get_context('spawn').Pool(2) as p: print(p.map(f, range(5)))",
    "asyncio": "import asyncio\nasync def f():\n    await asyncio.sleep(0); print('x')\nasyncio.run(f())",
    "futures": "from concurrent.futures import ThreadPoolExecutor as T\nwith T(3) as t: print(list(t.map(str, range(5))))",
    "exec of another interpreter": "import os, sys; os.execv(sys.executable, [sys.executable, '-c', 'print(1); raise SystemExit(9)'])",
    "exec of another program": "import os; os.execvp('sh', ['sh', '-c', 'echo $0; exit 4'])",
    "own source": "print(open(__file__).read()); import inspect, sys; print(inspect.getsource(sys.modules['__main__']))",
    "own names": "import sys\nprint(__name__, __file__, __doc__, __package__, __spec__, __builtins__, sys.argv, sys.orig_argv[1:])\n"
                 "print(type(__loader__).__name__, sorted(vars()))",
    "docstring": "'doc'\nprint(__doc__)",
    "future": "from __future__ import annotations\nx: nothing = 1\nprint(__annotations__)",
    "annotations": "x: int = 1\nprint(__annotations__)",
    "globals": "print(globals() is locals(), globals() is vars(__import__('__main__')))",
    "pickle of a class in main": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))))",
    "path": "import sys; print(sys.path, sys.prefix, sys.executable, sys.flags, sys.warnoptions, sys._xoptions)",
    "implementation": "import sys; print(sys.version, sys.implementation, sys.hash_info, sys.float_info, sys.int_info)",
    "streams": "import sys\nfor f in (sys.stdin, sys.stdout, sys.stderr): print(f.name, f.mode, f.encoding, f.errors, f.fileno(), "
               "f.isatty(), f.line_buffering, f.write_through, type(f.buffer).__name__, f is getattr(sys, '__' + f.name[1:-1] + '__'))",
    "order of streams": "import sys\nfor n in range(3): print(n); print(n, file=sys.stderr)",
    "modules": "import sys; print(sorted(set(sys.modules) - {'sitecustomize', 'usercustomize', 'apport_python_hook'}))",
    "modules are fresh": "import sys, json, random\nprint(json.__dict__.keys(), sys.modules['json'] is json, json.loads('[1]'))",
    "builtin names": "import builtins; print(sorted(vars(builtins)), len(vars(builtins)))",
    "excepthook": "import sys; sys.excepthook = lambda *a: print('hook', a[0]); 1 / 0",
    "hooks": "import sys, threading\nprint(sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__, "
             "sys.unraisablehook is sys.__unraisablehook__, sys.gettrace(), sys.getprofile(), threading.settrace(None))",
    "garbage collector": "import gc; print(gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.garbage)",
    "switch interval": "import sys; print(sys.getswitchinterval(), sys.dont_write_bytecode, sys.getfilesystemencoding())",
    "threads": "import threading; print(threading.active_count(), threading.current_thread(), threading.main_thread() is threading.current_thread())",
    "one native thread": "import os; print(len(os.listdir('/proc/self/task')))",
    "signals": "import signal; print([(n, signal.getsignal(n)) for n in range(1, 65) if n not in (32, 33)])",
    "signal mask": "import signal; print(signal.pthread_sigmask(0, []), signal.sigpending(), signal.getitimer(0), signal.set_wakeup_fd(-1))",
    "descriptors": "import os; print(sorted(n for n in range(99) if os.path.exists(f'/proc/self/fd/{n}')))",
    "descriptor flags": "import os\nfor n in range(3): print(os.get_inheritable(n), os.get_blocking(n))",
    "directory": "import os; print(os.getcwd(), sorted(os.listdir()), oct(os.umask(0)))",
    "environment": "import os; print(sorted(set(os.environ) - {'_', 'SHLVL', 'OLDPWD', 'PWD', 'MATPLOTLIBRC', 'MPLBACKEND'}), os.environ['HOME'], os.environ['PATH'])",
    "environment reaches C": "import ctypes, os\nos.environ['MINE'] = 'x'\ng = ctypes.CDLL(None).getenv; g.restype = ctypes.c_char_p\n"
                             "print(g(b'MINE'), g(b'HOME'))",
    "limits": "import resource\nfor n in ('NOFILE', 'STACK', 'CORE', 'FSIZE', 'NPROC', 'AS', 'DATA', 'MEMLOCK'): "
              "print(n, resource.getrlimit(getattr(resource, 'RLIMIT_' + n)))",
    "session": "import os; print(os.getsid(0) > 0, os.getpgid(0) > 0, os.nice(0), os.sched_getscheduler(0), os.cpu_count() == len(os.sched_getaffinity(0)))",
    "locale": "import locale, sys; print(locale.setlocale(locale.LC_CTYPE), locale.getpreferredencoding(), sys.stdout.encoding)",
    "time": "import time; print(time.tzname, time.process_time() < 5, time.strftime('%Z'))",
    "identity": "import os; print(os.getuid() == os.geteuid(), os.getgid() == os.getegid(), os.path.expanduser('~'))",
    "user": "import getpass, pwd, os; print(getpass.getuser(), pwd.getpwuid(os.getuid()).pw_dir)",
    "command line": "print(open('/proc/self/cmdline').read().split('\\0')[-2:])",
    "name": "print(open('/proc/self/comm').read())",
    "executable": "import os; print(os.readlink('/proc/self/exe'), os.path.samefile('/proc/self/exe', '/usr/bin/python3'))",
    "input": "print(input('? ')); print(input())",
    "input ends": "while True: print(input('> '))",
    "iteration over input": "import sys\nfor line in sys.stdin: print(repr(line))",
    "bytes of input": "import sys; print(sys.stdin.buffer.read(3), sys.stdin.read())",
    "input by line": "import sys; print(sys.stdin.readlines(), sys.stdin.read())",
    "input of a child": "import subprocess; print(subprocess.run('cat', capture_output=True).stdout)",
    "closed output": "import sys; sys.stdout.close()",
    "closed descriptor": "import os; os.close(1); print('x')",
    "closed input": "import sys; sys.stdin.close(); print(input())",
    "detached output": "import sys; sys.stdout.detach().write(b'raw\\n')",
    "large output": "print('x' * 300000)",
    "profile": "import sys; sys.setprofile(lambda *a: None); print('x'); sys.settrace(lambda *a: None); print('y')",
    "importlib": "import importlib.metadata as m, importlib.util as u; print(u.find_spec('main').origin, u.find_spec('json').origin)",
    "import of itself": "import main; print(main.__name__, __name__)",
    "run as a module": "import runpy; print(runpy.run_module('random_')['x'])",
    "decimal context": "import decimal; print(decimal.getcontext())",
    "zip import": "import sys; print(sys.path_hooks, sys.meta_path, sorted(sys.path_importer_cache))",
    "large integer": "print(10 ** 5000)",
    "memory error": "x = bytearray(1 << 50)",
    "interactive names": "print(exit, quit, copyright, license)",
    "help": "help(len)",
    "dataclass and match": "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nmatch P(1):\n    case P(x): print(x)",
    "linecache": "import linecache, traceback\ntry: 1 / 0\nexcept Exception: traceback.print_exc()\nprint(linecache.getline('main.py', 1))",
    "code object": "import sys; c = sys._getframe().f_code; print(c.co_filename, c.co_name, c.co_firstlineno, sys._getframe().f_back)",
    "getsource of lambda": "f = lambda: 1\nimport inspect; print(inspect.getsource(f), inspect.stack())",
    "tracemalloc": "import tracemalloc; print(tracemalloc.is_tracing())",
    "unraisable": "class A:\n    def __del__(self): raise ValueError('x')\nA()\nprint('on')",
    "unclosed coroutine": "async def f(): pass\nf()",
    "weak references at the end": "import weakref\nclass A: pass\na = A(); weakref.finalize(a, print, 'final')",
    "buffered by a child": "import os, sys\nsys.stdout.write('x')\nif os.fork(): os.wait()\n",
    "stderr of a child": "import subprocess; subprocess.run(['python3', '-c', '1 / 0'])",
    "sleep and wake": "import signal, time\nsignal.signal(signal.SIGALRM, lambda *a: print('alarm'))\nsignal.setitimer(signal.ITIMER_REAL, 0.05)\ntime.sleep(0.2)",
}  # fmt: skip

_SEES_LINES = ("streams", "closed descriptor")
"""Programs that see that stdout is written line by line, as the declaration has it: the bare one is given that too."""
_FILES = {"random_.py": "import random\nx = 'mine'\n"}


@pytest.mark.parametrize("program", _PROGRAMS)
def test_a_program_cannot_tell_how_it_was_started(run: Any, program: str) -> None:
    source = _PROGRAMS[program]
    more: dict[str, Any] = {"stdin": "one\ntwo é\n", "limits": {"timeout": 8}}
    lines = "PYTHONPATH=/opt/template/lines " if program in _SEES_LINES else ""
    bare_source = f"{lines}PYTHONNOUSERSITE=1 PYTHONUTF8=1 exec /usr/bin/python3 -B main.py"
    direct = run("python3", source, files=_FILES, **more)
    bare = run("bash", f"rm main.sh; {bare_source}", files={**_FILES, "main.py": source}, **more)
    assert _seen(direct) == _seen(bare)


def _seen(result: dict[str, Any]) -> list[Any]:
    """What can be seen of a run, but for what differs from run to run, and what the comparison itself brings."""
    words = re.compile(r"\b0x[0-9a-f]{6,}|(?<=started )\d+|'PYTHON(NOUSERSITE|UTF8)', ")
    texts = [words.sub("", result[stream]) for stream in ("stdout", "stderr")]
    return [result["status"], result["exit_code"], result["signal"], *texts]


@pytest.mark.parametrize("name", ["json", "os", "random", "string", "re", "types", "enum", "functools", "site", "token", "abc",
                                  "signal", "select", "socket", "threading", "encodings", "codecs", "warnings", "traceback"])  # fmt: skip
def test_a_module_of_the_programs_own_is_found_first(run: Any, name: str) -> None:
    """Where `python3 main.py` would take the program's module for the library's, so does a run; where not, neither."""
    files = {f"{name}.py": f"print('own {name}')\n"}
    source = f"import {name}\nprint(getattr({name}, '__file__', 'built in'))"
    direct = run("python3", source, files=files)
    bare = run(
        "bash", "PYTHONNOUSERSITE=1 PYTHONUTF8=1 exec /usr/bin/python3 -B main.py", files={**files, "main.py": source}
    )
    assert (direct["stdout"], direct["stderr"]) == (bare["stdout"], bare["stderr"])
    assert run("python3", f"import {name}; print(1)")["stdout"] == "1\n"


_SPOILERS = {
    "builtins": "import builtins\nbuiltins.print = builtins.len = None\ndel builtins.open\nbuiltins.__import__ = None",
    "modules": "import sys, os, json\nfor m in list(sys.modules.values()): vars(m).clear() if m.__name__ not in ('sys', 'builtins') else 0",
    "module functions": "import json, random, os\njson.loads = json.dumps = random.random = os.getcwd = lambda *a: 'evil'",
    "path": "import sys\nsys.path[:] = []\nsys.meta_path[:] = []\nsys.path_hooks[:] = []",
    "streams": "import sys, os\nsys.stdout = sys.stderr = sys.__stdout__ = None\nfor n in range(3): os.close(n)",
    "stream settings": "import sys\nsys.stdout.reconfigure(encoding='utf-16', errors='ignore', newline='\\r')",
    "signals": "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
               "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))",
    "timers": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 100); signal.alarm(1)",
    "umask and directory": "import os\nos.umask(0o777); os.chdir('/')",
    "environment": "import os\nos.environ.clear(); os.environ['PATH'] = '/evil'; os.environ['LD_PRELOAD'] = '/work/x.so'; os.environ['PYTHONHASHSEED'] = '0'",
    "limits": "import resource\nfor n in ('NOFILE', 'STACK', 'FSIZE', 'CPU', 'NPROC'): resource.setrlimit(getattr(resource, 'RLIMIT_' + n), (9, 9))",
    "garbage collector": "import gc\ngc.disable(); gc.set_threshold(1); gc.freeze(); gc.set_debug(gc.DEBUG_LEAK)",
    "random state": "import random\nrandom.seed(1)",
    "recursion limit": "import sys\nsys.setrecursionlimit(50); sys.setswitchinterval(100); sys.set_int_max_str_digits(700)",
    "trace": "import sys, threading\nsys.settrace(lambda *a: 1 / 0)\nsys.setprofile(lambda *a: None)\nsys.excepthook = None",
    "audit": "import sys\ndef hook(*a): raise RuntimeError\nsys.addaudithook(hook)",
    "locale": "import locale, time, os\nlocale.setlocale(locale.LC_ALL, 'C')\nos.environ['TZ'] = 'Asia/Tokyo'; time.tzset()",
    "warnings": "import warnings\nwarnings.simplefilter('error'); warnings.showwarning = None",
    "type objects": "import ctypes, gc\ngc.get_referents(int.__dict__)[0]['bit_length'] = 'evil'\nctypes.pythonapi.PyType_Modified(ctypes.py_object(int))",
    "small integers": "import ctypes\nctypes.memmove(id(42) + 24, id(43) + 24, 4)\nimport os; os._exit(0)",
    "memory of the interpreter": "import ctypes\nctypes.memset(id(None), 0, 16)",
    "own memory": "f = open('/proc/self/mem', 'r+b', 0)\nat = int(open('/proc/self/maps').read().split('-')[0], 16)\nf.seek(at); f.write(b'x' * 4096)",
    "hash seed": "import ctypes\ns = ctypes.c_char.in_dll(ctypes.pythonapi, '_Py_HashSecret'); ctypes.memset(ctypes.addressof(s), 0, 24)",
    "atexit": "import atexit, os\natexit.register(os.abort)\natexit.register(os.fork)",
    "threads": "import threading, time\nfor _ in range(20): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
    "forked again": "import os, time\nfor _ in range(10):\n    if os.fork() == 0: os.setsid(); time.sleep(30)",
    "parent killed": "import os, signal\nfor n in (9, 15, 19, 11): \n    if os.getppid(): os.kill(os.getppid(), n)",
    "parent traced": "import ctypes, os\nctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)",
    "descriptors": "import os\nfor n in range(3, 300):\n    try: os.write(n, b'{\"argv\": [\"evil\"]}\\n' * 100)\n    except OSError: pass\n    try: os.close(n)\n    except OSError: pass",
    "descriptors read": "import os\nfor n in range(3, 300):\n    try: os.set_blocking(n, False); os.read(n, 1 << 16)\n    except OSError: pass",
    "byte code": "import os\nos.makedirs('__pycache__', exist_ok=True)\nfor p in ('/usr/lib/python3', '/usr/lib/python3/dist-packages'):\n    try: open(p + '/evil.pth', 'w').write('import os; os.abort()')\n    except OSError: pass",
    "abort": "import os; os.abort()",
    "stopped": "import os; os.kill(os.getpid(), 19)",
}  # fmt: skip

_UNSPOILED = """
import sys, os, json, random, signal, threading, gc, resource, time, warnings, builtins
print(print.__name__, len([1]), json.loads(json.dumps([42, 43])), 6 * 7, (42).bit_length(), None is None)
print(os.getcwd(), oct(os.umask(0o22)), os.environ.get("LD_PRELOAD"), os.environ["PATH"].startswith("/usr/"))
print(signal.getsignal(signal.SIGTERM), signal.pthread_sigmask(0, []), signal.getitimer(0), signal.alarm(0))
print(gc.isenabled(), gc.get_threshold(), threading.active_count(), sys.getrecursionlimit(), sys.get_int_max_str_digits())
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 9, sys.stdout.encoding, time.tzname, warnings.filters == [] or True)
print(len(os.listdir("/proc/self/task")), sorted(os.listdir("/proc/self/fd"))[:3], sorted(os.listdir()))
"""


@pytest.mark.parametrize("spoiler", _SPOILERS)
def test_what_a_program_spoils_is_its_own(run: Any, attack: Any, spoiler: str) -> None:
    before = run("python3", _UNSPOILED)
    assert before["status"] == "ok", before["stderr"]
    attack("python3", _SPOILERS[spoiler], limits={"timeout": 2})
    for _ in range(3):
        after = run("python3", _UNSPOILED)
        assert (after["status"], after["stdout"], after["stderr"]) == ("ok", before["stdout"], "")


def test_the_parent_is_nothing_to_look_into(attack: Any) -> None:
    source = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in {1, os.getppid()} - {0, os.getpid()}:
    for name in ("environ", "maps", "mem", "auxv", "stack", "syscall", "fd", "map_files", "cwd", "root", "exe", "io"):
        try:
            place = f"/proc/{pid}/{name}"
            seen = os.listdir(place) if os.path.isdir(place) else open(place, "rb").read(4096)
        except OSError:
            continue
        if name in ("maps", "mem", "auxv", "stack", "syscall"): print(pid, name, "read")
        if b"RUNNER_" in (seen if isinstance(seen, bytes) else b""): print(pid, name, "secret")
    if libc.ptrace(16, pid, 0, 0) == 0: print(pid, "traced")
print("end")"""
    assert attack("python3", source)["stdout"] == "end\n"


@pytest.mark.parametrize(
    "args", [["-c", "print(1)"], ["--help"], ["-V"], ["-m", "http.server"], ["-", ""], ["\n", "é", " "]]
)
def test_arguments_are_the_programs(run: Any, args: list[str]) -> None:
    result = run("python3", "import sys; print(sys.argv[1:])", args=args)
    assert (result["status"], result["stdout"]) == ("ok", f"{args!r}\n")


@pytest.mark.parametrize("language", ["python3", "nodejs", "bash", "c"])
def test_many_large_arguments_arrive(run: Any, language: str) -> None:
    sources = {
        "python3": "import sys; print(len(sys.argv) - 1, sum(map(len, sys.argv[1:])))",
        "nodejs": "const a = process.argv.slice(2); console.log(a.length, a.join('').length)",
        "bash": 'all="$*"; all=${all// /}; echo $# ${#all}',
        "c": "#include <stdio.h>\n#include <string.h>\nint main(int c, char **v) { long n = 0; "
        'for (int i = 1; i < c; i++) n += strlen(v[i]); printf("%d %ld\\n", c - 1, n); }',
    }
    args = [str(number % 10) * 3000 for number in range(250)]
    result = run(language, sources[language], args=args, limits={"timeout": 8})
    assert (result["status"], result["stdout"]) == ("ok", f"250 {250 * 3000}\n")
