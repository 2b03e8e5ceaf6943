"""For each compiled language a program of two files, which prints 42: what it calls is in the other one."""

from __future__ import annotations

from collections.abc import Mapping

_ADA = """
with Ada.Text_IO; with Util;
procedure Main is
begin
   Ada.Text_IO.Put_Line (Integer'Image (Util.Twice (21)) (2 .. 3));
end Main;
"""

_ADA_UTIL = {
    "util.ads": "package Util is\n   function Twice (N : Integer) return Integer;\nend Util;\n",
    "util.adb": ("package body Util is\n   function Twice (N : Integer) return Integer is (2 * N);\nend Util;\n"),
}

_ASSEMBLY = """
extern show
section .text
global _start
_start:
        call    show
        mov     eax, 60
        xor     edi, edi
        syscall
"""

_ASSEMBLY_SHOW = """
section .rodata
text:   db "42", 10
section .text
global show
show:   mov     eax, 1
        mov     edi, 1
        lea     rsi, [rel text]
        mov     edx, 3
        syscall
        ret
"""

_COBOL = """
identification division.
program-id. answer.
data division.
working-storage section.
01 n pic 99 value 21.
procedure division.
    call "twice" using n.
    display n.
    stop run.
"""

_COBOL_TWICE = """
identification division.
program-id. twice.
data division.
linkage section.
01 n pic 99.
procedure division using n.
    compute n = n * 2.
    goback.
"""

_FORTRAN_UTIL = """
module util
contains
  integer function twice(n)
    integer, intent(in) :: n
    twice = 2 * n
  end function
end module
"""

_JAVA = """
public class App {
    public static void main(String[] args) {
        System.out.println(lib.Util.twice(21));
    }
}
"""

_PASCAL_UTIL = """
unit util;
interface
function Twice(n: Integer): Integer;
implementation
function Twice(n: Integer): Integer;
begin
  Twice := 2 * n;
end;
end.
"""

FURTHER: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "ada": (
        _ADA,
        _ADA_UTIL,
    ),
    "assembly": (_ASSEMBLY, {"show.asm": _ASSEMBLY_SHOW}),
    "c": (
        '#include <stdio.h>\n#include "util.h"\nint main(void) { printf("%d\\n", twice(21)); }\n',
        {"util.h": "int twice(int);\n", "lib/util.c": "int twice(int n) { return 2 * n; }\n"},
    ),
    "c#": (
        "class Program { static void Main() { System.Console.WriteLine(Util.Twice(21)); } }\n",
        {"Util.cs": "static class Util { public static int Twice(int n) { return 2 * n; } }\n"},
    ),
    "c++": (
        '#include <iostream>\n#include "util.hpp"\nint main() { std::cout << twice(21) << "\\n"; }\n',
        {"util.hpp": "int twice(int);\n", "lib/util.cc": "int twice(int n) { return 2 * n; }\n"},
    ),
    "cobol": (_COBOL, {"twice.cob": _COBOL_TWICE}),
    "d": (
        "import std.stdio, util;\nvoid main() { writeln(twice(21)); }\n",
        {"util.d": "module util;\nint twice(int n) { return 2 * n; }\n"},
    ),
    "erlang": (
        '-module(main).\n-export([main/1]).\nmain(_) -> io:format("~b~n", [util:twice(21)]).\n',
        {"util.erl": "-module(util).\n-export([twice/1]).\ntwice(N) -> 2 * N.\n"},
    ),
    "fortran": ("program p\n  use util\n  print '(i0)', twice(21)\nend program\n", {"util.f90": _FORTRAN_UTIL}),
    "go": (
        'package main\n\nimport "example.org/app/util"\n\nfunc main() { show(util.Twice(21)) }\n',
        {
            "go.mod": "module example.org/app\n",
            "show.go": 'package main\n\nimport "fmt"\n\nfunc show(n int) { fmt.Println(n) }\n',
            "util/util.go": "package util\n\nfunc Twice(n int) int { return 2 * n }\n",
        },
    ),
    "haskell": (
        "import Lib.Util\nmain :: IO ()\nmain = print (twice 21)\n",
        {"Lib/Util.hs": "module Lib.Util (twice) where\ntwice :: Int -> Int\ntwice n = 2 * n\n"},
    ),
    "java": (
        "class Help {}\n",
        {
            "App.java": _JAVA,
            "lib/Util.java": "package lib;\npublic class Util { public static int twice(int n) { return 2 * n; } }\n",
        },
    ),
    "ocaml": (
        'let () = Printf.printf "%d\\n" (Zutil.twice 21)\n',
        {
            "zutil.ml": "let twice n = Base.two * n\n",
            "zutil.mli": "val twice : int -> int\n",
            "base.ml": "let two = 2\n",
        },
    ),
    "pascal": ("program main;\nuses util;\nbegin\n  WriteLn(Twice(21));\nend.\n", {"util.pas": _PASCAL_UTIL}),
    "rust": (
        'mod util;\nfn main() { println!("{}", util::twice(21)); }\n',
        {"util.rs": "pub fn twice(n: i32) -> i32 { 2 * n }\n"},
    ),
    "typescript": (
        'import { twice } from "./lib/util";\nconsole.log(String(twice(21)));\n',
        {"lib/util.ts": "export const twice = (n: number): number => 2 * n;\n"},
    ),
}
