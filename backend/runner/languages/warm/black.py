"""Black, for a program on standard input, unless it nests more deeply than Python itself reads.

Black's time grows with the square of the depth, and its error says that an older Python may be to blame.
"""

import ast
import io
import sys

source = sys.stdin.buffer.read()
try:
    ast.parse(source)
except (RecursionError, MemoryError):
    deep = True
except SyntaxError as error:
    deep = "too many nested" in error.msg
except ValueError:
    deep = False
else:
    deep = False
if deep:
    sys.exit("error: main.py nests too deeply, for Python as for black: write it with fewer brackets within brackets")

sys.stdin = io.TextIOWrapper(io.BytesIO(source), encoding="utf-8")
sys.argv = ["black", "--quiet", "-"]
import black  # noqa: E402

black.patched_main()
