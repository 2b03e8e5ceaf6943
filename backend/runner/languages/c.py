"""C, with GCC."""

from backend.runner.languages.language import PROGRAM, Language

LANGUAGE = Language(
    name="c",
    version=("gcc", "--version"),
    source="main.c",
    compile=("gcc", "-std=gnu17", "-O2", "-pipe", "-o", PROGRAM, "main.c", "-lm"),
    run=(PROGRAM,),
    hello='#include <stdio.h>\n\nint main(void) {\n    puts("Hello, world!");\n    return 0;\n}\n',
)
