"""C, with GCC. Where -B points, Debian keeps mold under the name of `ld`; without it the ordinary linker serves."""

from pathlib import Path

from backend.runner.languages.language import LINES, OPTIONS, PROGRAM, Cache, Hold, Language

GCC_OPTIONS = {
    "-O[0-3sg]": "how much is optimised (otherwise -O2)",
    "-g": "debugging information",
    "-W[a-z][a-z0-9+-]*(=[a-z0-9+-]+)?": "warnings, for example -Wall",
    "-pedantic(-errors)?": "warnings, or errors, where the standard is left",
    "-f(no-)?(wrapv|trapv|stack-protector|strict-aliasing|fast-math|inline|unroll-loops|openmp)": "how code is made",
    "-fsanitize=(address|undefined|address,undefined)": "checks while the program runs, where the toolchain has them",
    "-D[A-Za-z_][A-Za-z0-9_]*(=[A-Za-z0-9_]*)?": "define a macro",
    "-pthread": "threads",
    "-m(avx|avx2|fma|bmi|bmi2|popcnt|sse4\\.2)": "instructions that the processor must have",
}

TO_PROGRAM = ("-O2", "-pipe", "-B/usr/libexec/mold", "-fno-use-linker-plugin", OPTIONS, "-o", PROGRAM)
"""What gcc and g++ are given besides the language's standard and files: mold links in half of the time of ld."""

SANITIZERS = (("ASAN_OPTIONS", "detect_leaks=0"),)
"""Leaks are found by tracing the program, which a sandbox forbids: the check would fail every correct program."""

INCLUSION = '^[ \\t]*#[ \\t]*(?:include|import)[ \\t]*["<]([^">\\n]+)[">]'
"""Of C's family."""

_DIRECTLY = """\
[ -r "$CODECANVAS_CC/compile" ] && . "$CODECANVAS_CC/compile"
exec "$@"
"""
"""Compiler, assembler and linker as gcc would call them, see warm/c.sh."""

LANGUAGE = Language(
    name="c",
    title="C",
    aliases=("gcc",),
    packages=("gcc", "libc6-dev", "mold"),
    core=True,
    version=("gcc", "--version"),
    source="main.c",
    compile=("gcc", "-std=gnu17", *TO_PROGRAM, "main.c", LINES, "-lm"),
    through=("sh", "-c", _DIRECTLY, "sh"),
    compile_hold=Hold("t"),
    compile_waiting_mb=12,
    cache=Cache(
        variable="CODECANVAS_CC",
        warm_up="int main(void) { return 0; }\n",
        fill=("sh", "-c", (Path(__file__).parent / "warm" / "c.sh").read_text(encoding="utf-8")),
    ),
    sources=(".c", ".s", ".S"),
    inclusion=INCLUSION,
    run=(PROGRAM,),
    variables=SANITIZERS,
    options={
        "-std=(c|gnu)(89|90|99|11|17|18|2x|23)": "the standard (otherwise gnu17)",
        "-l(m|pthread)": "link a library",
        **GCC_OPTIONS,
    },
    hello='#include <stdio.h>\n\nint main(void) {\n    puts("Hello, world!");\n    return 0;\n}\n',
    sample="""\
#include <stdio.h>
#include <stdlib.h>

typedef struct Node {
    int value;
    struct Node *next;
} Node;

static Node *push(Node *head, int value) {
    Node *node = malloc(sizeof *node);
    if (node == NULL) abort();
    *node = (Node){.value = value, .next = head};
    return node;
}

int main(void) {
    Node *list = NULL;
    for (int i = 1; i <= 5; i++) list = push(list, i * i);

    long sum = 0;
    while (list != NULL) {
        Node *next = list->next;
        printf("%d%s", list->value, next ? " -> " : "\\n");
        sum += list->value;
        free(list);
        list = next;
    }
    printf("sum = %ld\\n", sum);
    return 0;
}
""",
    sample_output="25 -> 16 -> 9 -> 4 -> 1\nsum = 55\n",
)
