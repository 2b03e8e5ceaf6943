"""Python."""

from pathlib import Path

from backend.runner.languages.imports import Held
from backend.runner.languages.language import OPTIONS, Language, Library
from backend.runner.languages.testing import REPORT, Report, Testing
from backend.runner.sandbox.host import TEMPLATE_PLACE

_BLACK = Path(__file__).with_name("warm") / "black.py"

_NUMPY = frozenset({"numpy"})
_DATES = frozenset({"dateutil", "pytz", "six", "tzdata"})
_PLOTS = _NUMPY | _DATES | {
    "PIL", "cffi", "codecanvas_figures", "contourpy", "cycler", "defusedxml", "fontTools", "importlib_resources",
    "kiwisolver", "matplotlib", "mpl_toolkits", "olefile", "packaging", "pkg_resources", "pyparsing", "railroad",
    "setuptools_scm",
}  # fmt: skip
_FRAMES = _NUMPY | _DATES | {"backports_abc", "bottleneck", "cython_runtime", "numexpr", "pandas", "pyarrow"}
_SYMBOLS = frozenset({"flint", "gmpy", "gmpy2", "mpmath", "sage", "sympy"})

LANGUAGE = Language(
    name="python3",
    title="Python",
    aliases=("python", "py"),
    packages=("python3", "black"),
    libraries=(
        Library("numpy", "python3-numpy", core=True, held=(Held("numpy", 16, names=_NUMPY),)),
        Library(
            "matplotlib",
            "python3-matplotlib",
            core=True,
            variables=(
                ("MPLBACKEND", "module://codecanvas_figures"),
                (
                    "MATPLOTLIBRC",
                    "/usr/share/matplotlib/mpl-data/matplotlibrc",
                ),  # not the one in /etc, which runs do not see
            ),
            needs="/usr/lib/python3/dist-packages/codecanvas_figures.py",
            held=(
                Held("matplotlib", 28, implies=("numpy",), names=_PLOTS),
                Held("matplotlib.pyplot", 46, implies=("numpy", "matplotlib"), names=_PLOTS),
            ),
        ),
        Library("pandas", "python3-pandas", held=(Held("pandas", 48, implies=("numpy",), names=_FRAMES),)),
        Library("sympy", "python3-sympy", held=(Held("sympy", 40, names=_SYMBOLS),)),
    ),
    core=True,
    version=("/usr/bin/python3", "--version"),
    source="main.py",
    run=("/usr/bin/python3", "-B", OPTIONS, "main.py"),
    formatter=("/usr/bin/python3", "-c", _BLACK.read_text(encoding="utf-8")),
    formatter_needs="/usr/lib/python3/dist-packages/black",
    options={
        "-OO?": "leave out assertions, and docstrings",
        "-X(dev|importtime|tracemalloc|faulthandler|no_debug_ranges)": "an implementation option",
        "-X(tracemalloc=[1-9][0-9]{0,3}|int_max_str_digits=(0|[1-9][0-9]{3,6}))": "one with a number",
        "-W(default|error|always|module|once|ignore)(::[A-Za-z]+)?": "what becomes of warnings",
        "-[ubq]": "no buffering; warnings about bytes; quiet",
    },
    testing=Testing(
        packages=("python3-pytest",),
        needs="/usr/lib/python3/dist-packages/pytest",
        run=(
            "/usr/bin/python3",
            "-B",
            OPTIONS,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--color=no",
            "-q",
            f"--junit-xml={REPORT}/report.xml",
            "-o",
            "junit_family=xunit2",
            "-o",
            "junit_logging=no",
            "-o",
            "python_files=main.py test_*.py *_test.py",
            ".",
        ),
        report=Report.JUNIT,
    ),
    fork_server=True,
    template_variables=(("PYTHONPATH", TEMPLATE_PLACE),),
    variables=(("PYTHONNOUSERSITE", "1"), ("PYTHONUTF8", "1")),
    run_variables=(("PYTHONPATH", "/opt/template/lines"),),
    hello='print("Hello, world!")\n',
    sample="""\
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    x: int
    y: int

    def __add__(self, other: "Point") -> "Point":
        return Point(self.x + other.x, self.y + other.y)


def primes(limit: int):
    sieve = bytearray([1]) * limit
    for n in range(2, limit):
        if sieve[n]:
            yield n
            sieve[n * n :: n] = bytes(len(range(n * n, limit, n)))


print(sum((Point(1, 2), Point(3, 4)), start=Point(0, 0)))
print(*primes(30))
for word, times in Counter("the cat and the hat".split()).most_common(1):
    print(f"{word!r} occurs {times} times")
""",
    sample_output="Point(x=4, y=6)\n2 3 5 7 11 13 17 19 23 29\n'the' occurs 2 times\n",
)
