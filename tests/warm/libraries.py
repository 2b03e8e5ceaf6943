"""Programs in Python that import libraries first: what they can see of where those were imported, and what they leave."""

# ruff: noqa: E501 - programs, a line each

from tests.warm.pair import Program

_IMPORTS = {
    "numpy": "import numpy as np",
    "pyplot": "import numpy as np\nimport matplotlib.pyplot as plt",
    "pandas": "import pandas as pd",
    "sympy": "import sympy",
}

_OURS = "OURS = {'__main__', 'site', 'sitecustomize'}  # these are told apart with or without libraries"

_SEEN = {
    # The word for it has the text's reader take a usual template: these are to be forked from one that holds libraries.
    "modules": "print(sorted(vars(sys)['mod' 'ules']))",
    "whole modules": "m = vars(sys)['mod' 'ules']\nfor n in sorted(m): print(n, type(m[n]).__name__, getattr(m[n], '__spec__', None) is not None, getattr(m[n], '__file__', None), len(vars(m[n]))) if n not in OURS else None",
    "names of modules": "m = vars(sys)['mod' 'ules']\nfor n in sorted(m): print(n, sorted(map(str, vars(m[n])))) if n not in OURS else None",
    "warnings": "import warnings\nfor f in warnings.filters: print(f)\nprint(warnings.defaultaction, warnings.onceregistry)",
    "environment": "print(sorted(os.environ.items()))\nsys.stdout.flush()\nos.system('env | sort | grep -v ^_=')",
    "environment of the process": "print(open('/proc/self/environ').read().split(chr(0))[:3])\nprint(open('/proc/self/cmdline').read().split(chr(0))[0])",
    "threads": "import threading\nprint(threading.enumerate(), threading.main_thread().ident == threading.get_ident(), threading.main_thread().native_id == threading.get_native_id() == os.getpid(), len(os.listdir('/proc/self/task')))",
    "files": "for n in sorted(os.listdir('/proc/self/fd')):\n    try: print(n, os.readlink('/proc/self/fd/' + n).split(':')[0])\n    except OSError as e: print(n, e.errno)",
    "directories": "for place, names, files in sorted(os.walk('/work')):\n    print(place, sorted(names), sorted(files), oct(os.stat(place).st_mode), os.stat(place).st_uid == os.getuid())",
    "order of directories": "print(os.listdir('.'), os.getcwd(), os.umask(0))",
    "locale": "import locale\nprint(locale.setlocale(locale.LC_ALL), locale.getlocale())",
    "signals": "import signal\nfor s in sorted(signal.valid_signals()): print(s, signal.getsignal(s), end=' ')\nprint(signal.pthread_sigmask(signal.SIG_BLOCK, []))",
    "state of sys": "print(sys.path, sys.meta_path, sys.argv, sys.orig_argv[-3:], sys.flags, sys.getrecursionlimit(), sys.getswitchinterval(), sys.gettrace(), sys.getprofile(), sys.excepthook, sys.displayhook, sys.unraisablehook)\nprint(len(sys.path_hooks), sys.dont_write_bytecode, sys.is_finalizing(), hasattr(sys, 'last_exc'), hasattr(sys, 'ps1'))\nprint(sorted(vars(sys)))",
    "what is cached of paths": "c = vars(sys)['path_importer' '_cache']\nprint(sorted(map(str, c)), sorted(k for k in c if c[k] is None))",
    "names": "print(sorted(dir()), sorted(vars(sys)['mod' 'ules']['__main__'].__dict__), __file__, __loader__.name, __spec__, __cached__)",
    "builtins": "import builtins\nprint(sorted(vars(builtins)), type(builtins.__import__).__name__, builtins.__import__.__module__)",
    "machinery": "import importlib._bootstrap as b, importlib._bootstrap_external as e\nprint(sorted(vars(b)), sorted(vars(e)), b._find_and_load, b._find_and_load.__code__.co_filename)",
    "atexit": "import atexit\nprint(atexit._ncallbacks())\natexit.register(print, 'ran')\natexit.register(lambda: sys.stdout.flush())",
    "atexit fails": "import atexit\natexit.register(lambda: 1 // 0)\natexit.register(print, 'ran')",
    "logging": "import logging\nr = logging.makeLogRecord({})\nl = logging.getLogger()\nprint(l.handlers, l.level, sorted(l.manager.loggerDict)[:50], logging._handlerList)\nr = logging.LogRecord('n', 30, 'p', 1, 'm', (), None)\nprint(0 <= r.relativeCreated < 60000, r.threadName, r.processName)\nlogging.warning('w')",
    "stack": "import traceback\ntraceback.print_stack()\nprint(sys._getframe().f_back, len(__import__('inspect').stack()))",
    "trace": "def t(f, e, a):\n    print(e, f.f_code.co_filename, f.f_code.co_name) if e == 'call' else None\nsys.settrace(t)\ndef f(): pass\nf()\nimport colorsys\nsys.settrace(None)",
    "audited": "sys.addaudithook(lambda e, a: print(e, a[:1]) if e in ('import', 'exec') else None)\nimport colorsys, os.path",
    "identity": "import os.path, re, json, collections.abc\nprint(os.path is sys.__dict__['mod' 'ules']['posixpath'], isinstance([], collections.abc.Sequence), re.compile('a') is re.compile('a'))",
    "limits": "import resource\nprint([resource.getrlimit(getattr(resource, n)) for n in sorted(dir(resource)) if n.startswith('RLIMIT_')])",
    "rights": "print(os.getuid(), os.getgid(), os.getppid(), os.getpid(), os.getpgid(0) == os.getpid(), [l for l in open('/proc/self/status') if l.startswith(('Cap', 'NoNew', 'Seccomp:', 'Groups'))])",
    "mounts": "print(open('/proc/self/mountinfo').read().count(chr(10)), sorted(l.split()[4] for l in open('/proc/self/mountinfo')))",
    "a child's": "sys.stdout.flush()\nif os.fork() == 0:\n    print('child', os.getpid() > 1)\n    sys.exit(3)\nprint(os.waitstatus_to_exitcode(os.wait()[1]))",
    "a pool": "import concurrent.futures as c\nwith c.ThreadPoolExecutor(2) as p: print(list(p.map(str, range(3))))",
    "a process's": "import multiprocessing as m\ndef f(q): q.put(1)\nif __name__ == '__main__':\n    c = m.get_context('fork')\n    q = c.SimpleQueue()\n    p = c.Process(target=f, args=(q,)); p.start(); print(q.get()); p.join(); print(p.exitcode)",
    "a thread outlives": "import threading, time, atexit\nthreading.Thread(target=lambda: (time.sleep(0.05), print('late'))).start()\natexit.register(print, 'atexit')",
    "a thread fails": "import threading\nt = threading.Thread(target=lambda: 1 // 0, name='T'); t.start(); t.join()",
    "error": "def f(): raise ValueError('v')\nf()",
    "exits": "sys.exit(7)",
    "says why": "sys.exit('why')",
    "destroyed": "class A:\n    def __del__(self): print('gone', sys and sys.path)\na = A(); a.a = a\nprint('end')",
    "killed": "import signal\nprint('said')\nos.kill(os.getpid(), signal.SIGTERM)",
    "interrupted": "raise KeyboardInterrupt",
    "aborts": "print('said', flush=True)\nos.abort()",
    "input": "print(input('? '), sys.stdin.read())",
    "names found": "print(sorted(set(dir(sys)) ^ set(vars(sys))), len(dir(__builtins__)))",
    "reads itself": "print(open(__file__).read())",
}  # fmt: skip

_NUMPY = {
    "arrays": "print(np.arange(12).reshape(3, 4) @ np.ones((4, 2)), np.__version__)",
    "error inside": "np.zeros((2, 3)) @ np.zeros((2, 3))",
    "linalg": "print(np.linalg.solve([[2, 1], [1, 3]], [1, 2]))\nnp.linalg.inv(np.zeros((2, 2)))",
    "warning": "print(np.array([1.0]) / 0)\nnp.log(-1)",
    "warning raised": "import warnings\nwarnings.simplefilter('error')\nnp.log(0)",
    "errstate": "print(np.geterr())\nwith np.errstate(all='raise'):\n    print(np.geterr())\nold = np.seterr(all='raise')\nnp.array([1]) / 0",
    "seeded": "np.random.seed(7)\nprint(np.random.rand(3), np.random.randint(100, size=4), np.random.default_rng(7).normal(size=2), np.random.RandomState(1).rand())",
    "state of chance": "s = np.random.get_state()\nprint(s[0], s[1].shape, s[2:], type(np.random.mtrand._rand), type(np.random.mtrand._rand._bit_generator))\nprint(np.random.random.__self__ is np.random.mtrand._rand, np.random.get_bit_generator() is np.random.mtrand._rand._bit_generator)",
    "print options": "print(np.get_printoptions())\nnp.set_printoptions(precision=2)\nprint(np.array([1 / 3]))",
    "saved": "np.save('a.npy', np.eye(2)); print(np.load('a.npy'), np.genfromtxt(['1,2', '3,4'], delimiter=','))",
    "keeps an object": "class A:\n    def __del__(self): print('gone')\nnp.kept = A()\nprint('end')",
    "keeps one in an array": "class A:\n    def __del__(self): print('gone')\na = np.array([A(), A()], dtype=object)\nprint('end')",
    "keeps one in its standard library": "import functools\nclass A:\n    def __del__(self): print('gone')\nfunctools.kept = A()\nprint('end')",
    "replaced": "np.zeros = lambda *a: 'mine'\nprint(np.zeros(3))",
    "reloaded": "import importlib\ntry: importlib.reload(np)\nexcept Exception as e: print(type(e))\nprint(np.ones(2))",
    "removed": "del vars(sys)['mod' 'ules']['numpy']\ntry:\n    import numpy\n    print(numpy is np)\nexcept Exception as e: print(type(e), e)",
    "submodules later": "import numpy.fft, numpy.polynomial, numpy.ma, numpy.testing\nprint(numpy.fft.fft([1, 2]), np.polynomial.Polynomial([1, 2])(3))",
    "all names": "from numpy import *\nprint(sorted(n for n in globals() if n[0] != '_')[:80])",
    "pickled": "import pickle\nprint(pickle.loads(pickle.dumps(np.arange(3))), pickle.dumps(np.float64(1)))",
    "too large": "np.zeros(1 << 45)",
    "structured": "print(np.array([(1, 'a')], dtype=[('x', 'i4'), ('y', 'U2')]), np.dtype('f8').descr)",
    "ctypes": "import ctypes\na = np.arange(3, dtype='i4')\nprint(a.ctypes.data_as(ctypes.POINTER(ctypes.c_int))[1], ctypes.sizeof(ctypes.c_long))",
    "abc": "import numbers\nprint(isinstance(np.float64(1), numbers.Real), isinstance(np.int32(1), numbers.Integral), issubclass(np.bool_, numbers.Number))",
    "error callback": "class L:\n    def write(self, t): print('heard', t.strip())\nnp.seterrcall(L()); np.seterr(divide='log')\nprint(np.array([1.0]) / 0)",
}  # fmt: skip

_PLOTS = {
    "figure": "plt.plot([1, 2]); plt.show()\nprint(sorted(os.listdir('.')), os.stat('figure-1.png').st_size)",
    "bytes": "import hashlib\nplt.plot([1, 3, 2]); plt.title('t'); plt.savefig('a.png', metadata={'Software': None})\nprint(hashlib.sha1(open('a.png', 'rb').read()).hexdigest())",
    "backend": "import matplotlib\nprint(matplotlib.get_backend(), matplotlib.is_interactive(), matplotlib.get_configdir(), matplotlib.get_cachedir(), matplotlib.matplotlib_fname())",
    "settings": "import matplotlib\nprint(dict(matplotlib.rcParams))",
    "use": "import matplotlib\nmatplotlib.use('Agg')\nplt.figure()\nprint(plt.get_fignums(), matplotlib.get_backend())",
    "styles": "print(plt.style.available)\nplt.style.use('ggplot')\nprint(plt.rcParams['axes.facecolor'], plt.style.core.USER_LIBRARY_PATHS)",
    "fonts": "from matplotlib import font_manager as f\nprint(f.findfont('DejaVu Sans'), len(f.fontManager.ttflist))",
    "warning": "plt.plot([1], label='_x'); plt.legend()",
    "error inside": "plt.subplot(9, 9, 100)",
    "left open": "for i in range(3): plt.figure()\nprint(plt.get_fignums())",
    "left open with a callback": "class A:\n    def __call__(self, e): pass\n    def __del__(self): print('gone')\nf = plt.figure(); a = A(); f.canvas.mpl_connect('close_event', a)\nprint('end')",
    "in a thread": "import threading\nt = threading.Thread(target=lambda: (plt.plot([1]), plt.savefig('b.png'))); t.start(); t.join(); print(os.path.getsize('b.png') > 0)",
}  # fmt: skip

_FRAMES = {
    "frame": "d = pd.DataFrame({'a': [1, 2, 2], 'b': ['x', 'y', 'z']})\nprint(d.groupby('a').count(), d.describe())",
    "read": "import io\nprint(pd.read_csv(io.StringIO('a,b\\n1,2\\n')), pd.read_csv(sys.stdin, header=None))",
    "dates": "print(pd.date_range('2024-02-28', periods=3), pd.Timestamp('2024-01-01', tz='Europe/Berlin'))",
    "sampled": "print(pd.Series(range(9)).sample(3, random_state=1).tolist(), len(pd.Series(range(9)).sample(3)))",
    "options": "print(pd.get_option('display.max_rows'), pd.get_option('display.width'))\npd.set_option('display.max_rows', 3)\nprint(pd.DataFrame(range(9)))",
    "error inside": "pd.DataFrame({'a': [1]})['b']",
    "warning": "d = pd.DataFrame({'a': [1, 2]})\nd[d.a > 1]['a'] = 3\nprint(d)",
}  # fmt: skip

_SYMBOLS = {
    "solve": "x = sympy.symbols('x')\nprint(sympy.solve(x ** 2 - 2, x), sympy.integrate(sympy.sin(x), x), sympy.diff(x ** 3))",
    "printed": "from sympy import *\nx = Symbol('x')\npprint(Integral(sqrt(1 / x), x))\ninit_printing()\nprint(latex(x ** 2))",
    "factored": "print(sympy.factorint(600851475143), sympy.prime(100), sympy.isprime(97))",
    "evaluated": "print(sympy.pi.evalf(30), sympy.Rational(1, 3) + sympy.Rational(1, 6), sympy.__version__)",
    "seeded": "from sympy.core.random import seed, random\nseed(3)\nprint(random())",
    "error inside": "sympy.sympify('1 +')",
}  # fmt: skip

_ODD: dict[str, str | Program] = {
    "own numpy": Program("import numpy\nprint(numpy.mine, numpy.__file__)", {"numpy.py": "mine = 1"}),
    "own numpy as a package": Program("import numpy\nprint(numpy.mine)", {"numpy/__init__.py": "mine = 1"}),
    "own numpy without code": Program("import numpy\nprint(numpy.__path__)", {"numpy/a.txt": ""}),
    "own random": Program("import numpy\nimport random\nprint(random.__file__)", {"random.py": "x = 1"}),
    "own logging": Program("import matplotlib.pyplot\nprint(1)", {"logging.py": "print('mine')"}),
    "own dateutil": Program("import pandas\nprint(1)", {"dateutil.py": "print('mine')"}),
    "own pyarrow": Program("import pandas\nprint(1)", {"pyarrow.py": "print('mine')\nraise ImportError"}),
    "own gmpy2": Program("import sympy\nprint(1)", {"gmpy2.py": "print('mine')\nraise ImportError"}),
    "own settings": Program("import matplotlib.pyplot as p\nprint(p.rcParams['lines.linewidth'])", {"matplotlibrc": "lines.linewidth: 9\n"}),
    "own helper": Program("import helper\nprint(helper.f())", {"helper.py": "import numpy as np\ndef f(): return np.ones(2)"}),
    "own helper that fails": Program("import helper\nprint(helper.f())", {"helper.py": "import numpy as np\n1 // 0"}),
    "own helper after": Program("import numpy as np\nfrom helper import f\nprint(f(np))", {"helper.py": "import random\ndef f(n): return n.ones(3)"}),
    "own helper that looks first": Program("import helper\nimport numpy", {"helper.py": "import sys\nprint('numpy' in sys.modules)"}),
    "own package": Program("from a.b import f\nprint(f())", {"a/__init__.py": "", "a/b.py": "import numpy\ndef f(): return numpy.zeros(1)"}),
    "data": Program("import numpy as np\nprint(np.loadtxt('data.csv', delimiter=','))", {"data.csv": "1,2\n3,4\n"}),
    "hidden files": Program("import matplotlib.pyplot as p\nprint(p.rcParams['lines.linewidth'])", {".config/matplotlib/matplotlibrc": "lines.linewidth: 9\n"}),
    "path first": "import sys\nsys.path.insert(0, '/work/x')\nimport numpy\nprint(sys.path)",
    "environment first": "import os\nos.environ['MPLBACKEND'] = 'svg'\nimport matplotlib.pyplot as p\nimport matplotlib\nprint(matplotlib.get_backend())",
    "looked at first": "import sys\nprint('numpy' in sys.modules)\nimport numpy\nprint('numpy' in sys.modules)",
    "patched first": "import math, random\nmath.pi = 3\nimport numpy as np\nimport sympy\nprint(math.pi, np.pi)",
    "traced first": "import sys\nsys.setprofile(lambda f, e, a: print(f.f_code.co_filename) if 'numpy/__init__' in f.f_code.co_filename and e == 'call' else None)\nimport numpy",
    "audited first": "import sys\nsys.addaudithook(lambda e, a: print(a[0]) if e == 'import' and a[0] == 'numpy' else None)\nimport numpy",
    "errors first": "import warnings\nwarnings.simplefilter('error')\nimport numpy as np\nprint(np.ones(1))",
    "only if needed": "def f():\n    import numpy as np\n    return np.ones(1)\nimport sys\nprint('numpy' in vars(sys)['mod' 'ules'])\nprint(f())",
    "if it is there": "try:\n    import numpy as np\nexcept ImportError:\n    np = None\nprint(np is not None)",
    "in a condition": "import sys\nif len(sys.argv) > 9:\n    import numpy\nprint('numpy' in vars(sys)['mod' 'ules'])",
    "in a text": '"""\nimport numpy\n"""\nimport sys\nprint(__doc__, "numpy" in vars(sys)["mod" "ules"])',
    "behind a text": "'''the\ndoc'''\n# a comment\nfrom __future__ import annotations\nimport numpy as np; print(np.ones(2))\ndef f(x: undefined): pass\nprint(f.__annotations__, __doc__)",
    "in brackets": "from numpy import (  # all that is needed\n    array,\n    ones as o,\n)\nprint(array([1]), o(2))",
    "several in a line": "import os, sys, numpy as np, matplotlib.pyplot as plt\nprint(np.ones(1), plt.get_fignums())",
    "another order": "import matplotlib.pyplot as plt\nimport pandas as pd\nimport sympy, numpy\nprint(numpy.ones(1), pd.DataFrame([1]), sympy.S(1))",
    "by from": "from matplotlib import pyplot as plt\nfrom numpy import *\nfrom math import *\nprint(sqrt(4), plt.get_fignums())",
    "a part": "import matplotlib\nimport sys\nprint('matplotlib.pyplot' in vars(sys)['mod' 'ules'])\nmatplotlib.use('svg')\nimport matplotlib.pyplot as p\nprint(matplotlib.get_backend())",
    "missing behind": "import numpy\nimport no_such_module",
    "missing before": "import no_such_module\nimport numpy",
    "missing in": "from numpy import no_such_name",
    "relative": "from . import numpy",
    "syntax": "import numpy\nx = = 1",
    "syntax of an import": "import numpy as np as n\nprint(1)",
    "indented": "  import numpy\nprint(1)",
    "broken line": "import \\\n    numpy\nprint(numpy.ones(1))",
    "crlf": Program(b"import numpy as np\r\nprint(np.ones(2))\r\n1 // 0\r\n"),
    "marked": Program(b"\xef\xbb\xbfimport numpy as np\nprint(np.ones(2))"),
    "latin": Program(b"# coding: latin-1\nimport numpy\nprint('\xe9')"),
    "nothing else": Program("import numpy"),
    "no arguments": Program("import sys, numpy\nprint(sys.argv)", args=()),
    "main again": Program("import numpy\nimport main\nprint(__name__)"),
    "all at once": "import numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt\nimport sympy as sp\npd.DataFrame({'a': np.arange(4)}).plot()\nplt.savefig('a.png')\nprint(sp.sqrt(8), plt.get_fignums())",
    "collects": "import gc\nimport numpy\nprint(type(gc.collect()), gc.isenabled(), gc.get_threshold())",
}  # fmt: skip

_USED: dict[str, str] = {
    'locale set': "import locale\nimport pandas as pd\nlocale.setlocale(locale.LC_ALL,'C')\nprint(locale.getlocale(), pd.DataFrame({'a':[1.5]}))",
    'decimal': 'import decimal, numpy as np\nprint(decimal.getcontext(), decimal.DefaultContext)\ndecimal.getcontext().prec=3\nprint(decimal.Decimal(1)/3)',
    'contextvars': "import contextvars, numpy as np\nprint(len(contextvars.copy_context()))\nnp.seterr(all='ignore')\nprint(len(contextvars.copy_context()))",
    'asyncio': 'import asyncio, numpy as np\nasync def m():\n    await asyncio.sleep(0.01); print(np.ones(1))\nasyncio.run(m())',
    'asyncio thread': 'import asyncio, matplotlib.pyplot as plt\nasync def m(): print(await asyncio.to_thread(plt.get_fignums))\nasyncio.run(m())',
    'subinterp': "import numpy as np\nimport subprocess, sys\nprint(subprocess.run([sys.executable,'-c','import numpy, sys; print(numpy.ones(2), sys.path)'],capture_output=True,text=True))",
    'spawn': "import multiprocessing as m, numpy as np\ndef f(x): return int(np.sum(x))\nif __name__=='__main__':\n    with m.get_context('spawn').Pool(1) as p: print(p.map(f,[[1,2],[3]]))",
    'forkserver': "import multiprocessing as m, numpy as np\ndef f(x): return int(np.sum(x))\nif __name__=='__main__':\n    with m.get_context('fork').Pool(1) as p: print(p.map(f,[[1,2],[3]]))",
    'mp default': 'import multiprocessing, pandas\nprint(multiprocessing.get_start_method(), multiprocessing.current_process(), len(multiprocessing.current_process().authkey))',
    'ppe': "import numpy as np\nfrom concurrent.futures import ProcessPoolExecutor as E\ndef f(x): return x*2\nif __name__=='__main__':\n    with E(1) as e: print(list(e.map(f,[1,2])))",
    'timer': "import numpy as np\nimport threading\nt=threading.Timer(0.05, print, ['t']); t.start()",
    'daemon': "import numpy as np\nimport threading, time\nthreading.Thread(target=lambda: time.sleep(9), daemon=True).start()\nprint('m')",
    'thread local': 'import sympy\nfrom sympy.core.parameters import global_parameters as g, evaluate\nprint(g.evaluate, g.distribute, vars(g))\nwith evaluate(False): print(sympy.S(1)+1)',
    'stderr closed': 'import numpy as np\nimport sys\nsys.stderr.close()\n1/0',
    'stdout closed': "import numpy as np\nimport os\nprint('x')\nos.close(1)",
    'excepthook': 'import numpy as np\nimport sys\nsys.excepthook=lambda *a: sys.exit(9)\n1/0',
    'recursion': 'import numpy as np\ndef f(): f()\nf()',
    'deep': 'import numpy as np\nimport sys\nsys.setrecursionlimit(200)\ndef f(n): return n and f(n-1)\nprint(f(100))',
    'faulthandler': 'import numpy as np\nimport faulthandler\nfaulthandler.enable()\nimport ctypes\nctypes.string_at(0)',
    'alarm': "import numpy as np\nimport signal, time\nsignal.signal(signal.SIGALRM, lambda *a: print('alarm'))\nsignal.setitimer(signal.ITIMER_REAL, .05)\ntime.sleep(.2)",
    'itimer': 'import numpy as np\nimport signal\nprint(signal.getitimer(signal.ITIMER_REAL), signal.getitimer(signal.ITIMER_PROF))',
    'class del order': "import numpy as np\nclass A:\n    def __init__(s,n): s.n=n\n    def __del__(s): print('del', s.n, np is not None)\na=A(1); b=A(2); _c=A(3)",
    'weakref final': "import numpy as np\nimport weakref\nclass A: pass\na=A(); weakref.finalize(a, print, 'fin')",
    'np subclass del': "import numpy as np\nclass B(np.ndarray):\n    def __del__(self): print('gone')\nx=np.zeros(2).view(B)",
    'lru kept': "import functools, re, numpy as np\nclass A:\n    def __del__(self): print('gone')\n@functools.lru_cache\ndef f(x): return A()\nf(1)",
    'kept in dict of a class': "import numpy as np\nclass A:\n    def __del__(self): print('gone')\nnp.ma.x = A()\nprint(1)",
    'handler kept': "import logging, matplotlib.pyplot as p\nclass H(logging.Handler):\n    def emit(self,r): print('h', r.getMessage())\n    def __del__(self): print('gone')\nlogging.getLogger().addHandler(H())\nlogging.warning('w')",
    'atexit order': "import atexit, logging, matplotlib.pyplot as p\natexit.register(print,'a')\nclass H(logging.Handler):\n    def emit(self,r): pass\n    def flush(self): print('flush')\nlogging.getLogger().addHandler(H())",
    'import hook': "import numpy as np\nimport sys\nclass F:\n    def find_spec(self,n,p,t=None): print('asked',n)\nsys.meta_path.insert(0,F())\nimport numpy.linalg, csv, numpy.fft",
    'builtins import': 'import numpy as np, builtins\no=builtins.__import__\ndef i(n,*a,**k):\n    print(n); return o(n,*a,**k)\nbuiltins.__import__=i\nimport json, numpy.ma',
    'inspect': 'import numpy as np\nimport inspect\nprint(inspect.getsourcefile(np.sum), inspect.getmodule(np.sum), inspect.stack()[0][3])',
    'pydoc': 'import numpy as np\nimport pydoc\nprint(pydoc.render_doc(np.sum)[:200])',
    'pickle main': 'import numpy as np\nimport pickle\nclass C: pass\nprint(pickle.loads(pickle.dumps(C())).__class__.__module__)',
    'dataclass': 'from dataclasses import dataclass, field\nimport numpy as np\n@dataclass\nclass D:\n    a: np.ndarray = field(default_factory=lambda: np.ones(1))\nprint(D())',
    'typing': 'from __future__ import annotations\nfrom typing import get_type_hints\nimport numpy.typing as npt\nimport numpy as np\ndef f(a: npt.NDArray[np.float64]) -> int: ...\nprint(get_type_hints(f))',
    'warnings shown': "import numpy as np\nimport warnings\nwarnings.warn('a', DeprecationWarning); warnings.warn('b')\nnp.array([1])/0",
    'pd warn': "import pandas as pd\npd.Series([1,'a']).astype(str).replace('a', 2)\nprint(pd.to_datetime(['2020-01-01','x'],errors='coerce'))",
    'pd plot': "import pandas as pd\nimport matplotlib.pyplot as plt\npd.DataFrame({'a':[1,2]}).plot()\nplt.savefig('x.png')\nimport os\nprint(sorted(os.listdir('.')))",
    'plt font warn': "import matplotlib.pyplot as plt\nplt.title('中'); plt.savefig('a.png')",
    'plt verbose': "import logging, matplotlib.pyplot as plt\nlogging.basicConfig(level=logging.DEBUG)\nplt.plot([1]); plt.savefig('a.png')",
    'plt svg': 'import matplotlib.pyplot as plt\nplt.plot([1]); plt.savefig(\'a.svg\', metadata={\'Date\':None}); import re; print(len(re.sub(\'id="[^"]*"\',\'\',open(\'a.svg\').read()))>100)',
    'sym plot': "import sympy\nx=sympy.Symbol('x')\nprint(sympy.lambdify(x, x**2)(3), sympy.solve(x**3-1))",
    'sym cache': "import sympy\nfrom sympy.core.cache import print_cache\nx,y=sympy.symbols('x y')\nprint(sympy.expand((x+y)**3), sympy.Dummy('d').dummy_index>0)",
    'dummy index': "import sympy\nprint(sympy.Dummy('d').name, type(sympy.Dummy('d').dummy_index))",
    'star': 'from sympy import *\nfrom numpy import *\nprint(pi, sqrt(2))',
    'tab': 'import\tnumpy\tas\tnp\nprint(np.ones(1))',
    'formfeed': '\x0cimport numpy as np\nprint(np.ones(1))',
    'env child': "import numpy, os\nos.system('env|grep -c PYTHON; ls /opt/template 2>/dev/null | head -1')",
    'numpy child same': 'import numpy as np\nimport os\nprint(np.random.rand()>=0)\nif os.fork()==0:\n    print(np.random.rand()>=0); os._exit(0)\nos.wait()',
}  # fmt: skip

_OWN = {"numpy": _NUMPY, "pyplot": _PLOTS, "pandas": _FRAMES, "sympy": _SYMBOLS}


def _programs() -> dict[str, Program]:
    made: dict[str, Program] = {}
    for library, imports in _IMPORTS.items():
        for name, seen in (_SEEN | _OWN[library]).items():
            made[f"{library}: {name}"] = Program(f"import os, sys\n{imports}\n{_OURS}\n{seen}")
    for name, used in _USED.items():
        made[f"libraries in use: {name}"] = Program(used)
    for name, odd in _ODD.items():
        made[f"libraries: {name}"] = odd if isinstance(odd, Program) else Program(odd)
    return made


PROGRAMS = _programs()
