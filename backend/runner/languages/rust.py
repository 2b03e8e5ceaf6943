"""Rust, linked with the shared standard library: linking it in takes longer than the compile.

Overflow panics, as where people try programs themselves, for all that they are optimised. Symbols are kept: 2 KB of a
short program, without which a full backtrace has no names.
"""

from backend.runner.languages.language import OPTIONS, PROGRAM, Hold, Language
from backend.runner.languages.testing import Report, Testing

_COMPILE = (
    "rustc",
    "--edition=2021",
    "-Copt-level=2",
    "-Coverflow-checks=on",
    "-Cprefer-dynamic",
    "-Clink-arg=-B/usr/libexec/mold",
    OPTIONS,
    "-o",
    PROGRAM,
    "main.rs",
)

LANGUAGE = Language(
    name="rust",
    title="Rust",
    aliases=("rs", "rustc"),
    packages=("rustc", "rustfmt", "mold"),
    core=True,
    version=("rustc", "--version"),
    source="main.rs",
    compile=_COMPILE,
    compile_hold=Hold("t"),
    run=(PROGRAM,),
    formatter=("rustfmt", "--edition=2021", "--emit=stdout"),
    options={
        "--edition=(2015|2018|2021|2024)": "the edition (otherwise 2021)",
        "-Copt-level=[0-3sz]": "how much is optimised (otherwise 2)",
        "-C(debug-assertions|overflow-checks)=(on|off)": "checks while it runs (overflow is, unless off)",
        "-Cdebuginfo=[0-2]": "debugging information",
        "-Cpanic=(abort|unwind)": "what a panic does",
        "-[AWDF][a-z][a-z_-]*": "allow, warn of, deny or forbid a lint",
    },
    testing=Testing(compile=(*_COMPILE, "--test"), run=(PROGRAM, "--color=never"), report=Report.RUST),
    hello='fn main() {\n    println!("Hello, world!");\n}\n',
    sample="""\
use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Circle { radius: f64 },
    Rectangle { width: f64, height: f64 },
}

impl Shape {
    fn area(&self) -> f64 {
        match self {
            Shape::Circle { radius } => std::f64::consts::PI * radius * radius,
            Shape::Rectangle { width, height } => width * height,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?} has area {:.2}", self, self.area())
    }
}

fn main() {
    let shapes = [Shape::Circle { radius: 1.0 }, Shape::Rectangle { width: 2.0, height: 3.5 }];
    shapes.iter().for_each(|shape| println!("{shape}"));

    let mut letters = BTreeMap::new();
    "hello".chars().for_each(|letter| *letters.entry(letter).or_insert(0) += 1);
    println!("{letters:?}");
}
""",
    sample_output=(
        "Circle { radius: 1.0 } has area 3.14\n"
        "Rectangle { width: 2.0, height: 3.5 } has area 7.00\n"
        "{'e': 1, 'h': 1, 'l': 2, 'o': 1}\n"
    ),
)
