"""Raku, with Rakudo."""

from backend.runner.languages.language import Hold, Language
from backend.runner.sandbox.limits import Limits

LANGUAGE = Language(
    name="raku",
    title="Raku",
    aliases=("perl6", "rakudo"),
    packages=("rakudo",),
    version=("raku", "--version"),
    source="main.raku",
    run=("raku", "main.raku"),
    limits=Limits(memory_kb=512 * 1024),
    hold=Hold("t"),
    hello='say "Hello, world!";\n',
    sample="""\
class Point {
    has Numeric $.x;
    has Numeric $.y;

    method gist { "($!x, $!y)" }
}

multi infix:<+>(Point $a, Point $b) {
    Point.new(x => $a.x + $b.x, y => $a.y + $b.y)
}

grammar Sum {
    token TOP { <number>+ % ' + ' }
    token number { \\d+ }
}

say Point.new(:1x, :2y) + Point.new(:3x, :4y);
say (1, 1, * + * ... * > 50).join(' ');
say [+] Sum.parse('3 + 4 + 35')<number>.map(+*);
say (1..30).grep(*.is-prime);
say 'the cat and the hat'.words.Bag<the>;
say 1/3 + 1/6;
""",
    sample_output="(4, 6)\n1 1 2 3 5 8 13 21 34 55\n42\n(2 3 5 7 11 13 17 19 23 29)\n2\n0.5\n",
)
