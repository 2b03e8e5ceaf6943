"""Each option that a language offers, in a concrete spelling, with a program that shows what it does.

An option without a row here is one that nobody has tried: tests/unit/backend/runner/languages/test_options.py says which.
"""

# ruff: noqa: E501, ISC003 - programs, a line each

from __future__ import annotations

from tests.languages.tried import Tried
from tests.languages.tried import rows as _rows

_C = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <limits.h>\n%s\nint main(void) { %s; return 0; }\n"
_DEBUGGED = _C % (
    "static char own[1 << 22];",
    'FILE *f = fopen("/proc/self/exe", "r"); size_t n = fread(own, 1, sizeof own, f); char s[] = "?debug_info"; '
    + "*(volatile char *)s = '.'; int found = 0; "
    + 'for (size_t i = 0; i + 11 < n; i++) found |= !memcmp(own + i, s, 11); puts(found ? "yes" : "no")',
)
_OVERFLOW = _C % ("volatile int n = INT_MAX;", 'n = n + 1; printf("%d\\n", n)')
_BEYOND = _C % ("", 'char *p = (char *)malloc(8); volatile int at = 8; p[at] = 1; printf("%d\\n", p[at]); free(p)')
_LEAK = _C % ("void *volatile kept;", 'kept = malloc(100); kept = 0; kept = malloc(100); puts("fine")')
_THREAD = _C % (
    "#include <pthread.h>\nstatic void *work(void *at) { *(int *)at = 42; return 0; }",
    'pthread_t t; int n = 0; pthread_create(&t, 0, work, &n); pthread_join(t, 0); printf("%d %d\\n", n, _REENTRANT)',
)
_TEAM = _C % (
    "#include <omp.h>",
    "int sum = 0;\n#pragma omp parallel for reduction(+:sum) num_threads(3)\n"
    + 'for (int i = 1; i <= 100; i++) sum += i;\nprintf("%d %d\\n", sum, omp_get_max_threads() > 0)',
)


def _macro(name: str) -> str:
    return f'#include <stdio.h>\n#ifdef {name}\n#define SAYS "yes"\n#else\n#define SAYS "no"\n#endif\nint main(void) {{ puts(SAYS); return 0; }}\n'


_GCC: tuple[tuple[str, str, str] | tuple[str, str, str, str] | tuple[str, str, str, str, str], ...] = (
    ("-O0", _macro("__OPTIMIZE__"), "no\n"),
    ("-Os", _macro("__OPTIMIZE_SIZE__"), "yes\n"),
    ("-g", _DEBUGGED, "yes\n"),
    ("-Wall", _C % ("", 'int n; puts("ok")'), "ok\n", "unused variable"),
    ("-Werror=unused-variable", _C % ("", 'int n; puts("ok")'), "", "[-Werror=unused-variable]", "compile_error"),
    ("-Wno-overflow", _C % ("signed char n = 300;", 'printf("%d\\n", n)'), "44\n"),
    ("-pedantic", _C % ("", 'int none[0]; (void)none; puts("ok")'), "ok\n", "zero-size array"),
    ("-pedantic-errors", _C % ("", 'int none[0]; (void)none; puts("ok")'), "", "zero-size array", "compile_error"),
    ("-fwrapv", _C % ("volatile int n = INT_MAX;", 'int a = n; puts(a + 1 > a ? "no" : "yes")'), "yes\n"),
    ("-ftrapv", _OVERFLOW, "", "", "runtime_error"),
    ("-ffast-math", _macro("__FAST_MATH__"), "yes\n"),
    ("-fno-inline", _macro("__NO_INLINE__"), "yes\n"),
    ("-fopenmp", _TEAM, "5050 1\n"),
    ("-fsanitize=undefined", _OVERFLOW, "-2147483648\n", "signed integer overflow"),
    ("-fsanitize=address", _BEYOND, "", "heap-buffer-overflow", "runtime_error"),
    ("-fsanitize=address", _LEAK, "fine\n"),
    ("-fsanitize=address,undefined", _OVERFLOW, "-2147483648\n", "signed integer overflow"),
    ("-DLIMIT=10", _C % ("", 'printf("%d\\n", LIMIT)'), "10\n"),
    ("-DNAMED", _macro("NAMED"), "yes\n"),
    ("-pthread", _THREAD, "42 1\n"),
    ("-msse4.2", _macro("__SSE4_2__"), "yes\n"),
    ("-mpopcnt", _macro("__POPCNT__"), "yes\n"),
)

_CPP = '#include <iostream>\nint main() { std::cout << %s << "\\n"; }\n'
_TRACED = '#include <stacktrace>\n#include <iostream>\nint main() { std::cout << (std::stacktrace::current().size() > 0) << "\\n"; }\n'

_FORTRAN = "program main\n%s\nend program main\n"
_REACH = _FORTRAN % "integer :: a(3), i\na = 1\nread (*, *, iostat=i) i\ni = 4 + i * 0\nprint '(i0)', a(i) * 0"
_BIG = _FORTRAN % "print '(i0)', kind(1.0)"

_ADA = "with Ada.Text_IO; use Ada.Text_IO;\nprocedure Main is\n%s\nbegin\n%s\nend Main;\n"
_ASM = 'section .data\ntext: db "%s", 10\nsize: equ $ - text\nsection .text\nglobal _start\n_start: %s\nmov eax, 1\nmov edi, 1\nmov rsi, text\nmov edx, size\nsyscall\nmov eax, 60\nxor edi, edi\nsyscall\n'
_CS = "using System;\n%s\nclass P { static void Main() { %s } }\n"
_JAVA = "public class Main { %s public static void main(String[] args) throws Exception { %s } }\n"
_ERL = "-module(main).\n-export([main/1%s]).\n%s\nmain(_) -> %s.\n"
_PAS = "program main;\n%s\nbegin\n%s\nend.\n"
_GO = 'package main\n\nimport "fmt"\n\n%s\n\nfunc main() { %s }\n'
_RUST = "%s\nfn main() { %s }\n"

TRIED: list[Tried] = [
    *_rows(
        "c",
        *_GCC,
        ("-std=c99", _C % ("", 'printf("%ld\\n", __STDC_VERSION__)'), "199901\n"),
        ("-lm", "#include <math.h>\n" + _C % ("volatile double n = 2;", 'printf("%.3f\\n", sqrt(n))'), "1.414\n"),
    ),
    *_rows(
        "c++",
        *_GCC,
        ("-std=c++17", _CPP % "__cplusplus", "201703\n"),
        ("-lpthread", _THREAD.replace(", _REENTRANT", ", 1"), "42 1\n"),
        ("-fno-exceptions", _macro("__cpp_exceptions"), "no\n"),
        ("-fno-rtti", _macro("__cpp_rtti"), "no\n"),
    ),
    Tried(language="c++", option="-lstdc++exp", beside=("-std=c++23",), source=_TRACED, stdout="1\n", image=True),
    *_rows(
        "fortran",
        ("-std=f95", _FORTRAN % "error stop 'no'", "", "Fortran 2008", "compile_error"),
        ("-fcheck=bounds", _REACH, "", "above upper bound", "runtime_error"),
        ("-fcheck=all", _REACH, "", "above upper bound", "runtime_error"),
        ("-fdefault-real-8", _BIG, "8\n"),
        ("-fimplicit-none", _FORTRAN % "k = 1", "", "IMPLICIT", "compile_error"),
        ("-O0", _BIG, "4\n"),
        ("-g", _BIG, "4\n"),
        ("-Wall", _FORTRAN % "integer :: unused\nprint '(a)', 'ok'", "ok\n", "unused"),
        ("-Werror", _FORTRAN % "print '(a)', 'ok'", "ok\n"),
        ("-pedantic", _FORTRAN % "real*8 :: x\nx = 1\nprint '(f3.1)', x", "1.0\n", "GNU Extension"),
        (
            "-fopenmp",
            _FORTRAN
            % "use omp_lib\ninteger :: i, s\ns = 0\n!$omp parallel do reduction(+:s)\ndo i = 1, 100\ns = s + i\nend do\nprint '(i0, l2)', s, omp_get_max_threads() > 0",
            "5050 T\n",
        ),
        ("-fwrapv", _BIG, "4\n"),
        (
            "-fsanitize=address",
            _FORTRAN % "integer, allocatable :: a(:)\nallocate (a(9))\na = 1\nprint '(i0)', sum(a)",
            "9\n",
        ),
        (
            "-fsanitize=undefined",
            _FORTRAN % "integer, volatile :: n = 2147483647\nn = n + 1\nprint '(i0)', n",
            "-2147483648\n",
            "signed integer overflow",
        ),
        ("-DLIMIT=10", _FORTRAN % "print '(i0)', LIMIT", "10\n"),
        ("-cpp", _FORTRAN % "#ifdef __GFORTRAN__\nprint '(a)', 'yes'\n#endif", "yes\n"),
        ("-pthread", _BIG, "4\n"),
        ("-mpopcnt", _FORTRAN % "print '(i0)', popcnt(7)", "3\n"),
    ),
    *_rows(
        "ada",
        ("-O0", _ADA % ("", 'Put_Line ("ok");'), "ok\n"),
        ("-g", _ADA % ("", 'Put_Line ("ok");'), "ok\n"),
        ("-gnat83", 'with Text_IO;\nprocedure Main is\nbegin\n   Text_IO.Put_Line ("ok");\nend Main;\n', "ok\n"),
        (
            "-gnat95",
            _ADA % ("   function F return Integer is (1);", "   Put_Line (F'Img);"),
            "",
            "Ada 2012",
            "compile_error",
        ),
        (
            "-gnata",
            _ADA % ("   N : Integer := 1;", "   pragma Assert (N = 2);\n   N := 3;"),
            "",
            "main.adb:5",
            "runtime_error",
        ),
        (
            "-gnato",
            _ADA % ("   N : Integer := Integer'Last;\n   pragma Volatile (N);", "   N := N + 1;"),
            "",
            "overflow",
            "runtime_error",
        ),
        (
            "-gnatp",
            _ADA % ("   N : Integer := Integer'Last;\n   pragma Volatile (N);", '   N := N + 1;\n   Put_Line ("ok");'),
            "ok\n",
        ),
        ("-gnatE", _ADA % ("", 'Put_Line ("ok");'), "ok\n"),
        ("-gnatwa", _ADA % ("   N : Integer := 1;", 'Put_Line ("ok");'), "ok\n", "not referenced"),
        ("-gnatyb", _ADA % ("", 'Put_Line ("ok");   '), "ok\n", "(style)"),
    ),
    *_rows(
        "assembly",
        ("-O0", _ASM % ("ok", "nop"), "ok\n"),
        ("-Ox", _ASM % ("ok", "nop"), "ok\n"),
        ("-g", _ASM % ("ok", "nop"), "ok\n"),
        ("-w-number-overflow", _ASM % ("ok", "mov al, 300"), "ok\n"),
        ("-w+error", _ASM % ("ok", "mov al, 300"), "", "error", "compile_error"),
        ("-DNAMED=5", _ASM % ("ok", "times NAMED nop"), "ok\n"),
    ),
    *_rows(
        "c#",
        ("-optimize+", _CS % ("", 'Console.WriteLine("ok");'), "ok\n"),
        (
            "-checked",
            _CS % ("", 'int n = int.Parse("2147483647"); n++; Console.WriteLine(n);'),
            "",
            "OverflowException",
            "runtime_error",
        ),
        ("-checked-", _CS % ("", 'int n = int.Parse("2147483647"); n++; Console.WriteLine(n);'), "-2147483648\n"),
        ("-debug", _CS % ("", 'Console.WriteLine("ok");'), "ok\n"),
        ("-unsafe", _CS % ("", "int n = 42; unsafe { int* p = &n; Console.WriteLine(*p); }"), "42\n"),
        ("-warn:0", _CS % ("", 'int n = 1; Console.WriteLine("ok");'), "ok\n"),
        ("-nowarn:219", _CS % ("", 'int n = 1; Console.WriteLine("ok");'), "ok\n"),
        ("-langversion:5", _CS % ("", 'Console.WriteLine($"{1}");'), "", "interpolated", "compile_error"),
        ("-define:NAMED", "#if NAMED\n" + _CS % ("", 'Console.WriteLine("yes");') + "#endif\n", "yes\n"),
    ),
    *_rows(
        "cobol",
        (
            "-std=mf",
            'identification division.\nprogram-id. p.\nprocedure division.\ndisplay "ok".\nstop run.\n',
            "ok\n",
        ),
        (
            "-fixed",
            '       identification division.\n       program-id. p.\n      * a comment\n       procedure division.\n           display "ok".\n           stop run.\n',
            "ok\n",
        ),
        (
            "-debug",
            "identification division.\nprogram-id. p.\ndata division.\nworking-storage section.\n01 t.\n  02 n pic 9 occurs 3.\n01 i pic 9 value 7.\nprocedure division.\ndisplay n(i).\nstop run.\n",
            "",
            "out of bounds",
            "runtime_error",
        ),
        ("-Wall", 'identification division.\nprogram-id. p.\nprocedure division.\ndisplay "ok".\nstop run.\n', "ok\n"),
    ),
    *_rows(
        "d",
        ("-O2", 'import std.stdio;\nvoid main() { version (none) {} writeln("ok"); }\n', "ok\n"),
        ("-g", 'import std.stdio;\nvoid main() { writeln("ok"); }\n', "ok\n"),
        ("-Werror", 'import std.stdio;\nvoid main() { writeln("ok"); }\n', "ok\n"),
        (
            "-funittest",
            'import std.stdio;\nunittest { writeln("tested"); }\nvoid main() { writeln("ok"); }\n',
            "tested\n",
            "1 modules passed",
        ),
        ("-fdebug", 'import std.stdio;\nvoid main() { debug writeln("debug"); writeln("ok"); }\n', "debug\nok\n"),
        ("-frelease", 'import std.stdio;\nvoid main(string[] a) { assert(a.length > 9); writeln("ok"); }\n', "ok\n"),
        (
            "-fbounds-check=on",
            "void main(string[] a) { int[] n = [1]; n[a.length] = 2; }\n",
            "",
            "out of bounds",
            "runtime_error",
        ),
    ),
    *_rows(
        "erlang",
        (
            "+debug_info",
            _ERL
            % (
                "",
                "",
                '{ok, {_, [{abstract_code, {K, _}}]}} = beam_lib:chunks("/program/main.beam", [abstract_code]), io:format("~p~n", [K])',
            ),
            "raw_abstract_v1\n",
        ),
        ("+inline", _ERL % ("", "", 'io:format("ok~n")'), "ok\n"),
        ("+warnings_as_errors", _ERL % ("", "unused() -> 1.", 'io:format("ok~n")'), "", "unused", "compile_error"),
        ("-DNAMED=5", _ERL % ("", "", 'io:format("~p~n", [?NAMED])'), "5\n"),
        ("-Werror", _ERL % ("", "unused() -> 1.", 'io:format("ok~n")'), "", "unused", "compile_error"),
    ),
    *_rows(
        "go",
        ("-gcflags=-m", _GO % ("", "fmt.Println(1)"), "1\n", "can inline main"),
        ("-gcflags=-B", _GO % ("var n = 5", "a := []int{1, 2, 3, 4, 5, 6}[:3]; fmt.Println(a[n])"), "6\n"),
        ("-gcflags=-N", _GO % ("", "fmt.Println(1)"), "1\n"),
    ),
    Tried(
        language="go",
        option="-tags=extra",
        source="package main\n\nfunc main() { show() }\n",
        stdout="extra\n",
        files={
            "a.go": '//go:build extra\n\npackage main\n\nfunc show() { println_("extra") }\n',
            "b.go": '//go:build !extra\n\npackage main\n\nfunc show() { println_("plain") }\n',
            "c.go": 'package main\n\nimport "fmt"\n\nfunc println_(s string) { fmt.Println(s) }\n',
        },
    ),
    *_rows(
        "haskell",
        ("-O0", "main :: IO ()\nmain = print 1\n", "1\n"),
        ("-Wall", "main :: IO ()\nmain = print (1 :: Int) where n = 2 :: Int\n", "1\n", "-Wunused-"),
        ("-XLambdaCase", 'main :: IO ()\nmain = putStrLn ((\\case { 1 -> "one"; _ -> "more" }) (1 :: Int))\n', "one\n"),
        ("-XNoImplicitPrelude", "main = print 1\n", "", "not in scope", "compile_error"),
        ("-threaded", "import Control.Concurrent\nmain :: IO ()\nmain = print rtsSupportsBoundThreads\n", "True\n"),
    ),
    *_rows(
        "java",
        (
            "-Xlint",
            _JAVA % ("", "java.util.List n = java.util.List.of(1); System.out.println(n);"),
            "[1]\n",
            "[rawtypes]",
        ),
        ("-Xlint:cast", _JAVA % ("", "System.out.println((int) 1);"), "1\n", "[cast]"),
        (
            "-parameters",
            _JAVA
            % (
                "static void named(int first) {}",
                'System.out.println(Main.class.getDeclaredMethod("named", int.class).getParameters()[0].getName());',
            ),
            "first\n",
        ),
        (
            "-g",
            _JAVA
            % (
                "",
                'System.out.println(new String(Main.class.getResourceAsStream("Main.class").readAllBytes(), "ISO-8859-1").contains("LocalVariable".concat("Table")));',
            ),
            "true\n",
        ),
        (
            "-nowarn",
            _JAVA % ("", "Thread.class.getName(); if (args.length > 9) new Thread().stop();"),
            "",
            "Note: Main.java uses",
        ),
    ),
    Tried(
        language="java",
        option="-Werror",
        beside=("-Xlint",),
        source=_JAVA % ("", "java.util.List n = java.util.List.of(1);"),
        says="warnings found and -Werror",
        status="compile_error",
    ),
    *_rows("lua", ("-W", 'warn("careful")\nprint("ok")\n', "ok\n", "careful")),
    *_rows(
        "nodejs",
        ("--expose-gc", "console.log(typeof gc);\n", "function\n"),
        (
            "--stack-size=4000",
            "let n = 0; const down = () => { n++; down(); }; try { down(); } catch {} console.log(n > 30000);\n",
            "true\n",
        ),
        (
            "--max-old-space-size=64",
            "console.log(require('v8').getHeapStatistics().heap_size_limit < 150e6);\n",
            "true\n",
        ),
        ("--no-warnings", "process.emitWarning('careful'); console.log(1);\n", "1\n"),
        ("--trace-warnings", "process.emitWarning('careful');\n", "", "at main.js|at Object.<anonymous>"),
        ("--trace-uncaught", "throw 1;\n", "", "Thrown at:", "runtime_error"),
        (
            "--throw-deprecation",
            "process.emitWarning('old', 'DeprecationWarning');\n",
            "",
            "DeprecationWarning: old",
            "runtime_error",
        ),
        ("--enable-source-maps", "console.log(process.execArgv.length);\n", "1\n"),
        ("--unhandled-rejections=none", "Promise.reject(new Error('lost')); console.log(1);\n", "1\n"),
        ("--unhandled-rejections=warn", "Promise.reject(new Error('lost')); console.log(1);\n", "1\n", "Error: lost"),
        (
            "--unhandled-rejections=warn-with-error-code",
            "Promise.reject(new Error('lost')); console.log(1);\n",
            "1\n",
            "Error: lost",
            "runtime_error",
        ),
    ),
    *_rows(
        "ocaml",
        (
            "-g",
            'let () = Printexc.record_backtrace true; try failwith "x" with _ -> print_endline (match Str.search_forward (Str.regexp_string "main.ml") (Printexc.get_backtrace ()) 0 with _ -> "yes" | exception Not_found -> "no")\n',
            "yes\n",
        ),
        ("-noassert", 'let () = assert (Sys.argv = [||]); print_endline "ok"\n', "ok\n"),
        (
            "-unsafe",
            'let a = [| 1; 2 |]\nlet () = let _ = Sys.opaque_identity a.(1 + Array.length Sys.argv) in print_endline "ok"\n',
            "ok\n",
        ),
        ("-principal", 'let () = print_endline "ok"\n', "ok\n"),
        ("-strict-sequence", 'let () = 1; print_endline "ok"\n', "", "Error", "compile_error"),
    ),
    *_rows(
        "pascal",
        ("-O3", _PAS % ("", "writeln('ok');"), "ok\n"),
        ("-Mdelphi", _PAS % ("", "{$ifdef FPC_DELPHI}writeln('delphi');{$else}writeln('other');{$endif}"), "delphi\n"),
        (
            "-Cr",
            _PAS % ("var a: array[1..3] of integer; i: integer;", "i := 4 + paramcount; a[i] := 1; writeln(a[i]);"),
            "",
            "201",
            "runtime_error",
        ),
        ("-Sa", _PAS % ("", "assert(paramcount = 9);"), "", "Assertion failed", "runtime_error"),
        (
            "-gl",
            _PAS % ("var n: integer;", "n := paramcount; writeln(1 div n);"),
            "",
            "line 4 of main.pas",
            "runtime_error",
        ),
        ("-gh", _PAS % ("var p: ^integer;", "new(p);\nwriteln('ok');"), "ok\n", "1 unfreed memory blocks"),
    ),
    *_rows(
        "perl",
        ("-w", "my $n; print 'a' . $n, \"\\n\";\n", "a\n", "uninitialized"),
        ("-W", "no warnings; my $n; print 'a' . $n, \"\\n\";\n", "a\n", "uninitialized"),
        ("-X", "use warnings; my $n; print 'a' . $n, \"\\n\";\n", "a\n"),
        ("-T", 'print ${^TAINT}, "\\n";\n', "1\n"),
        ("-t", 'print ${^TAINT}, "\\n";\n', "-1\n"),
        ("-CS", 'print chr(0x2713), "\\n";\n', "✓\n"),
        ("-C", 'print ${^UNICODE} ? 1 : 0, "\\n";\n', "1\n"),
        ("-Mstrict", "$n = 1;\n", "", "Global symbol", "runtime_error"),
        ("-Mutf8", "print length('✓'), \"\\n\";\n", "1\n"),
        ("-Mfeature=:5.10", "say 'ok';\n", "ok\n"),
        ("-Mbigint", 'print 2**70, "\\n";\n', "1180591620717411303424\n"),
        ("-M-bigint", 'print 1, "\\n";\n', "1\n"),
        ("-Mbignum", "print length(1 / 3) > 30 ? 'long' : 'short', \"\\n\";\n", "long\n"),
        ("-Minteger", 'print 7 / 2, "\\n";\n', "3\n"),
    ),
    *_rows(
        "python3",
        ("-O", "assert False\nprint(__debug__)\n", "False\n"),
        ("-OO", 'def f():\n    "text"\nprint(f.__doc__)\n', "None\n"),
        ("-Xdev", "import sys\nprint(sys.flags.dev_mode)\n", "True\n"),
        ("-Ximporttime", "print(1)\n", "1\n", "import time:"),
        ("-Xtracemalloc", "import tracemalloc\nprint(tracemalloc.is_tracing())\n", "True\n"),
        ("-Xtracemalloc=5", "import tracemalloc\nprint(tracemalloc.get_traceback_limit())\n", "5\n"),
        ("-Xint_max_str_digits=5000", "import sys\nprint(sys.get_int_max_str_digits())\n", "5000\n"),
        ("-Xint_max_str_digits=0", "print(len(str(10 ** 9999)))\n", "10000\n"),
        ("-Xfaulthandler", "import faulthandler\nprint(faulthandler.is_enabled())\n", "True\n"),
        ("-Xno_debug_ranges", "1 / 0\n", "", "ZeroDivisionError", "runtime_error"),
        ("-Werror", "import warnings\nwarnings.warn('careful')\n", "", "UserWarning: careful", "runtime_error"),
        ("-Wignore::UserWarning", "import warnings\nwarnings.warn('careful')\nprint(1)\n", "1\n"),
        ("-u", "import sys\nprint(type(sys.stdout.buffer).__name__)\n", "FileIO\n"),
        ("-b", "print(b'a' == 'a')\n", "False\n", "BytesWarning"),
        ("-q", "import sys\nprint(sys.flags.quiet)\n", "1\n"),
    ),
    *_rows(
        "ruby",
        ("-w", "n = 1\nputs $VERBOSE\n", "true\n", "unused variable"),
        ("-W", "puts $VERBOSE\n", "true\n"),
        ("-W0", "warn 'careful'\np $VERBOSE\n", "nil\n"),
        ("-W:no-experimental", "p Warning[:experimental]\n", "false\n"),
        ("-W:deprecated", "p Warning[:deprecated]\n", "true\n"),
        ("--enable=frozen-string-literal", "p 'a'.frozen?\n", "true\n"),
        ("--disable=gems", "p defined?(Gem)\n", "nil\n"),
    ),
    *_rows(
        "rust",
        (
            "--edition=2018",
            _RUST % ("", 'let n = u8::try_from(1); println!("{:?}", n);'),
            "",
            "try_from",
            "compile_error",
        ),
        ("--edition=2015", _RUST % ("", 'let async = 1; println!("{}", async);'), "1\n"),
        ("-Copt-level=0", _RUST % ("", 'println!("ok");'), "ok\n"),
        ("-Cdebug-assertions=on", _RUST % ("", 'println!("{}", cfg!(debug_assertions));'), "true\n"),
        (
            "-Coverflow-checks=off",
            _RUST
            % ("", 'let n = std::env::args().count() as u8 + 254; println!("{}", n.wrapping_sub(255) + 255 + 1);'),
            "0\n",
        ),
        ("-Cdebuginfo=1", _RUST % ("", 'println!("ok");'), "ok\n"),
        ("-Dwarnings", _RUST % ("", "let n = 1;"), "", "unused variable", "compile_error"),
        ("-Aunused", _RUST % ("", 'let n = 1; println!("ok");'), "ok\n"),
        ("-Funsafe-code", _RUST % ("", "unsafe { std::hint::unreachable_unchecked() }"), "", "unsafe", "compile_error"),
    ),
    *_rows(
        "typescript",
        (
            "--target=es2015",
            "const n = require('fs').readFileSync('/program/main.mjs', 'utf8') ?? 'none';\nconsole.log(n.includes('?'.repeat(2)));\n",
            "false\n",
        ),
    ),
    Tried(
        language="rust",
        option="-Cpanic=abort",
        source=_RUST % ("", 'println!("{}", cfg!(panic = "abort")); panic!("end");'),
        stdout="true\n",
        says="end",
        status="runtime_error",
        image=True,
    ),
    Tried(
        language="typescript",
        option="--check",
        source="const n: number = 'text';\nconsole.log(n);\n",
        says="not assignable",
        status="compile_error",
        image=True,
    ),
]
