"""What a program imports first: what may have been imported before it began, and above all what may not."""

import time
from collections.abc import Mapping

import pytest

from backend.runner.languages.imports import Held, first_imports, held_modules
from backend.runner.languages.python3 import LANGUAGE

HELD = [one for library in LANGUAGE.libraries for one in library.held]


def held(source: str | bytes, files: Mapping[str, str] | None = None) -> tuple[str, ...]:
    text = source if isinstance(source, bytes) else source.encode()
    return held_modules(HELD, text, {name: content.encode() for name, content in (files or {}).items()})


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import numpy", ["numpy"]),
        ("import numpy as np, os.path as p", ["numpy", "os.path"]),
        ("import a.b.c; import d  # e", ["a.b.c", "d"]),
        ("from a import b as c, d", ["a", "a.b", "a.d"]),
        ("from a import *\nimport b", ["a", "b"]),
        ("from a import (b, c)\nimport d", ["a", "a.b", "a.c", "d"]),
        ("from a import (  # why\n    b,\n    c as d,  # this\n\n)\nimport e", ["a", "a.b", "a.c", "e"]),
        (
            "#!/usr/bin/python3\n\n# text\n'''doc\nimport no\n'''\nimport a\n\n  # more\nimport b\nx = 1\nimport c",
            ["a", "b"],
        ),
        ('r"doc"; import a', ["a"]),
        ("import a\r\nimport b\r\n", ["a", "b"]),
        ("import a\n'text'\nimport b", ["a"]),
        ("'a' 'b'\nimport c", []),
        ("import a if x else b", []),
        ("import a,\nimport b", []),
        ("import a \\\n, b", []),
        ("  import a", []),
        ("import a\n\timport b", ["a"]),
        ("if True:\n    import a", []),
        ("from . import a", []),
        ("from .a import b", []),
        ("from a import (b\nimport c", []),
        ("from a import ()\nimport c", []),
        ("from a import b,\nimport c", []),
        ("importlib = 1\nimport a", []),
        ("import ä", []),
        ("import a\rimport b", []),
        ("", []),
        ("'''", []),
    ],
)
def test_names_are_those_of_the_first_statements(source: str, names: list[str]) -> None:
    assert list(first_imports(source.encode())) == names


def test_a_long_source_is_not_cut_in_a_word() -> None:
    filler = "#" * (16384 - len("import numpy") - 1)
    assert list(first_imports(f"{filler}\nimport numpy_of_mine".encode())) == []


@pytest.mark.parametrize(
    "hard",
    [
        "from a import (" + "b, " * 9000,
        "from a import (" + " " * 16000,
        "from a import (" + "#\n" * 8000,
        "import " + "a." * 8000 + "!",
        "'''" + "\\" * 16001,
        "# \n" * 300_000,
    ],
)
def test_no_source_takes_long(hard: str) -> None:
    begun = time.process_time()
    list(first_imports(hard.encode()))
    assert time.process_time() - begun < 1  # a hundred times what the worst of them takes


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import numpy as np", ("numpy",)),
        ("import math, random\nimport numpy.linalg\nfrom numpy import array", ("numpy",)),
        ("import numpy as np\nimport matplotlib.pyplot as plt", ("matplotlib.pyplot",)),
        ("from matplotlib import pyplot as plt", ("matplotlib.pyplot",)),
        ("import matplotlib\nmatplotlib.use('svg')\nimport matplotlib.pyplot", ("matplotlib",)),
        ("import sympy\nimport pandas as pd, numpy", ("pandas", "sympy")),
        ("import math\nprint(1)\nimport numpy", ()),
        ("import os\nos.environ['MPLBACKEND'] = 'svg'\nimport matplotlib.pyplot", ()),
        ("try:\n    import numpy\nexcept ImportError: pass", ()),
        ("import this\nimport numpy", ()),
        ("import black\nimport numpy", ()),
        ("import numpy, sys\nprint(list(sys.modules))", ()),
        ("import numpy, gc\nprint(gc.collect())", ()),
        ("import math", ()),
    ],
)
def test_libraries_are_held_for_what_begins_with_them(source: str, modules: tuple[str, ...]) -> None:
    assert held(source) == modules


@pytest.mark.parametrize(
    "file",
    [
        *("numpy.py", "numpy/x.txt", "numpy.so", "random.py", "logging/__init__.py", "matplotlibrc", "dateutil.py"),
        *(".config/matplotlib/matplotlibrc", "pyarrow.py", "gmpy2.py", "_opcode.py", "main.pyc", "sitecustomize.py"),
    ],
)
def test_nothing_is_held_beside_a_file_that_may_take_its_place(file: str) -> None:
    assert held("import numpy", {file: ""}) == ()
    assert held("import numpy", {"data.csv": "1,2", "helper.py": ""}) == ("numpy",)


def test_files_that_are_imported_first_are_followed() -> None:
    program = "import math\nfrom helper import f"
    assert held(program, {"helper.py": "import other", "other.py": "import numpy"}) == ("numpy",)
    assert held(program, {"helper.py": "x = 1\nimport numpy"}) == ()
    assert held(program, {"helper.py": "import helper\nimport numpy"}) == ()
    assert held(program + "\nimport numpy", {"helper.py": "import math\nmath.pi = 3"}) == ()
    assert held("import a.b", {"a/__init__.py": "", "a/b.py": "import numpy"}) == ()


def test_a_large_program_imports_by_itself() -> None:
    assert held("import numpy\n" + "#" * 200_000) == ("numpy",)
    assert held("import numpy\n" + "#" * 300_000) == held("import numpy", {"data.csv": "1," * 200_000}) == ()


def test_what_others_import_anyway_is_not_asked_for_twice() -> None:
    one = Held("a", 1)
    two = Held("b", 1, implies=("a",), names=frozenset({"a", "b"}))
    assert held_modules([one, two], b"import a, b", {}) == ("b",)
