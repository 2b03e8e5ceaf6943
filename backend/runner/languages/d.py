"""D, with GCC's compiler."""

from backend.runner.languages.language import LINES, OPTIONS, PROGRAM, Language

LANGUAGE = Language(
    name="d",
    title="D",
    aliases=("dlang", "gdc"),
    packages=("gdc", "libc6-dev", "mold"),
    version=("gdc", "--version"),
    source="main.d",
    compile=(
        "gdc",
        "-O0",
        "-pipe",
        "-shared-libphobos",
        "-B/usr/libexec/mold",
        OPTIONS,
        "-o",
        PROGRAM,
        "main.d",
        LINES,
    ),
    sources=(".d",),
    run=(PROGRAM,),
    options={
        "-O[0-3s]": "how much is optimised (otherwise -O0)",
        "-(g|Wall|Wextra|Werror)": "debugging information, warnings",
        "-f(unittest|release|debug|bounds-check=(on|off|safeonly))": "tests, and checks while the program runs",
    },
    hello='import std.stdio;\n\nvoid main() {\n    writeln("Hello, world!");\n}\n',
    sample="""\
import std.algorithm : filter, map, sort, sum;
import std.range : iota, take;
import std.stdio : writefln, writeln;

struct Point {
    double x, y;

    Point opBinary(string op : "+")(Point other) const {
        return Point(x + other.x, y + other.y);
    }
}

unittest {
    assert(Point(1, 2) + Point(3, 4) == Point(4, 6));
}

void main() {
    writeln(iota(1, 11).filter!(n => n % 2 == 0)
                       .map!(n => n * n)
                       .sum);

    int[string] ages = ["Ada": 36, "Alan": 41];
    foreach (name; ages.keys.sort) writefln("%s is %d", name, ages[name]);

    enum table = () { int[] t; foreach (i; 0 .. 5) t ~= i * i; return t; }(); // made while compiling
    writeln(table, " ", Point(1, 2) + Point(3, 4));
}
""",
    sample_output="220\nAda is 36\nAlan is 41\n[0, 1, 4, 9, 16] Point(4, 6)\n",
)
