"""Python."""

from backend.runner.languages.language import OPTIONS, Language

LANGUAGE = Language(
    name="python3",
    title="Python",
    aliases=("python", "py"),
    packages=("python3", "black"),
    core=True,
    version=("/usr/bin/python3", "--version"),
    source="main.py",
    run=("/usr/bin/python3", "-B", OPTIONS, "main.py"),
    formatter=("black", "--quiet", "-"),
    options={
        "-OO?": "leave out assertions, and docstrings",
        "-X(dev|importtime|tracemalloc|faulthandler|no_debug_ranges)": "an implementation option",
        "-X(tracemalloc|int_max_str_digits)=[0-9]{1,7}": "an implementation option with a number",
        "-W(default|error|always|module|once|ignore)(::[A-Za-z]+)?": "what becomes of warnings",
        "-[ubq]": "no buffering; warnings about bytes; quiet",
    },
    fork_server=True,
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
