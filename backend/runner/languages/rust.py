"""Rust."""

from backend.runner.languages.language import PROGRAM, Language

LANGUAGE = Language(
    name="rust",
    version=("rustc", "--version"),
    source="main.rs",
    compile=("rustc", "--edition=2021", "-Copt-level=2", "-Cstrip=symbols", "-o", PROGRAM, "main.rs"),
    run=(PROGRAM,),
    hello='fn main() {\n    println!("Hello, world!");\n}\n',
)
