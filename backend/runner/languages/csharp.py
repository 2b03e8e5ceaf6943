"""C#, with Mono: its compiler knows the language up to C# 7."""

from backend.runner.languages.language import OPTIONS, Language
from backend.runner.sandbox.limits import Limits

_PROGRAM = "/program/main.exe"

LANGUAGE = Language(
    name="c#",
    title="C#",
    aliases=("csharp", "cs", "mono"),
    packages=("mono-mcs", "libmono-system-core4.0-cil", "libmono-system-numerics4.0-cil"),
    version=("sh", "-c", 'test -e "$MONO_CFG_DIR/mono/config" && mono --version'),
    shared_version=True,
    source="main.cs",
    compile=("mcs", "-nologo", "-r:System.Numerics", OPTIONS, f"-out:{_PROGRAM}", "main.cs"),
    sources=(".cs",),
    run=("mono", _PROGRAM),
    options={
        "-(optimize|checked)[+-]?": "optimisation; overflow checks",
        "-(debug|unsafe)": "debugging information; unsafe code",
        "-warn:[0-4]": "how much is warned of",
        "-nowarn:[0-9,]+": "warnings to leave out",
        "-langversion:(ISO-1|ISO-2|[3-7]|7\\.[0-2]|Experimental)": "the language's version",
        "-define:[A-Za-z_][A-Za-z0-9_]*": "define a symbol",
    },
    # Mono would share its counters through memory that a sandbox does not have; Debian keeps its configuration in /etc.
    variables=(("MONO_DISABLE_SHARED_AREA", "1"), ("MONO_CFG_DIR", "/usr/lib/mono/codecanvas")),
    limits=Limits(memory_kb=384 * 1024),
    hello="""\
using System;

class Program
{
    static void Main()
    {
        Console.WriteLine("Hello, world!");
    }
}
""",
    sample="""\
using System;
using System.Collections.Generic;
using System.Linq;

interface IShape { double Area { get; } }

class Circle : IShape
{
    public double Radius { get; set; }
    public double Area => Math.PI * Radius * Radius;
    public override string ToString() => $"circle of radius {Radius}";
}

class Square : IShape
{
    public double Side { get; set; }
    public double Area => Side * Side;
    public override string ToString() => $"square of side {Side}";
}

static class Program
{
    static void Main()
    {
        var shapes = new List<IShape> { new Circle { Radius = 1 }, new Square { Side = 3 } };
        foreach (var shape in shapes.OrderByDescending(s => s.Area))
            Console.WriteLine($"{shape}: {shape.Area:F2}");

        var byParity = from n in Enumerable.Range(1, 6) group n by n % 2 == 0;
        foreach (var group in byParity)
            Console.WriteLine((group.Key ? "even " : "odd ") + string.Join(" ", group));
    }
}
""",
    sample_output="square of side 3: 9.00\ncircle of radius 1: 3.14\nodd 1 3 5\neven 2 4 6\n",
)
