"""A program for every language that prints its standard input, its first argument and data/note.txt, one after the
other; and for the compiled ones a source that does not compile."""

_C = r"""
#include <stdio.h>
int main(int argc, char **argv) {
    int c;
    while ((c = getchar()) != EOF) putchar(c);
    fputs(argv[1], stdout);
    FILE *f = fopen("data/note.txt", "r");
    while ((c = getc(f)) != EOF) putchar(c);
    return 0;
}"""

_ASSEMBLY = r"""
section .rodata
name:   db "data/note.txt", 0
section .bss
buffer: resb 4096
section .text
global _start
_start: mov     rbx, [rsp + 16]         ; argv[1]
        xor     edi, edi
        call    copy
        mov     rsi, rbx
        xor     edx, edx
.count: cmp     byte [rsi + rdx], 0
        je      .write
        inc     edx
        jmp     .count
.write: mov     eax, 1
        mov     edi, 1
        syscall
        mov     eax, 2                  ; open
        lea     rdi, [rel name]
        xor     esi, esi
        syscall
        mov     edi, eax
        call    copy
        mov     eax, 60
        xor     edi, edi
        syscall
copy:   push    rdi
.more:  mov     rdi, [rsp]
        xor     eax, eax                ; read
        lea     rsi, [rel buffer]
        mov     edx, 4096
        syscall
        test    eax, eax
        jle     .done
        mov     edx, eax
        mov     eax, 1
        mov     edi, 1
        lea     rsi, [rel buffer]
        syscall
        jmp     .more
.done:  pop     rdi
        ret
"""

_COBOL = """
identification division.
program-id. echo.
environment division.
input-output section.
file-control.
    select input-file assign to keyboard organization line sequential.
    select note assign to "data/note.txt" organization line sequential.
data division.
file section.
fd input-file.
01 input-line pic x(80).
fd note.
01 note-line pic x(80).
working-storage section.
01 argument pic x(80).
procedure division.
main-line.
    open input input-file
    read input-file
    display function trim(input-line)
    close input-file
    accept argument from argument-value
    display function trim(argument)
    open input note
    read note
    read note
    display function trim(note-line) with no advancing
    close note
    stop run.
"""

_GO = """
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	in, _ := io.ReadAll(os.Stdin)
	note, _ := os.ReadFile("data/note.txt")
	fmt.Print(string(in), os.Args[1], string(note))
}"""

_JAVA = """
import java.nio.file.*;

public class Echo {
    public static void main(String[] args) throws Exception {
        System.out.print(new String(System.in.readAllBytes()));
        System.out.print(args[0]);
        System.out.print(Files.readString(Path.of("data/note.txt")));
    }
}"""

_CSHARP = """
using System;
using System.IO;

class Echo
{
    static void Main(string[] args)
    {
        Console.Write(Console.In.ReadToEnd() + args[0] + File.ReadAllText("data/note.txt"));
    }
}"""

_PASCAL = """
program echo;
{$mode objfpc}{$H+}
var
  line: string;
  note: text;
begin
  while not eof do begin readln(line); writeln(line); end;
  writeln(paramstr(1));
  assign(note, 'data/note.txt');
  reset(note);
  readln(note, line);
  readln(note, line);
  write(line);
end.
"""

_ADA = """
with Ada.Text_IO; use Ada.Text_IO;
with Ada.Command_Line;

procedure Main is
   Note : File_Type;
begin
   while not End_Of_File loop
      Put_Line (Get_Line);
   end loop;
   Put_Line (Ada.Command_Line.Argument (1));
   Open (Note, In_File, "data/note.txt");
   Skip_Line (Note);
   Put (Get_Line (Note));
end Main;
"""

_FORTRAN = """
program echo
  implicit none
  character(len=80) :: line
  integer :: status
  do
    read (*, "(a)", iostat=status) line
    if (status /= 0) exit
    write (*, "(a)") trim(line)
  end do
  call get_command_argument(1, line)
  write (*, "(a)") trim(line)
  open (10, file="data/note.txt", status="old")
  read (10, "(/, a)") line
  write (*, "(a)", advance="no") trim(line)
end program echo
"""

_ERLANG = """
-module(main).
-export([main/1]).

main([First | _]) ->
    copy(),
    {ok, Note} = file:read_file("data/note.txt"),
    io:format("~ts~ts", [First, Note]).

copy() ->
    case io:get_line("") of
        eof -> ok;
        Line -> io:put_chars(Line), copy()
    end.
"""

_RUST = r"""
use std::io::Read;
fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    print!("{}{}{}", text, std::env::args().nth(1).unwrap(), std::fs::read_to_string("data/note.txt").unwrap());
}"""

_TYPESCRIPT = """
import { readFileSync } from "node:fs";
const argument: string = process.argv[2] ?? "";
process.stdout.write(`${readFileSync(0)}${argument}${readFileSync("data/note.txt")}`);"""

_LISP = """
(defun copy (stream)
  (loop for char = (read-char stream nil) while char do (write-char char)))
(copy *standard-input*)
(write-string (car (last *posix-argv* 2)))
(with-open-file (note "data/note.txt") (copy note))
"""

_SCHEME = """
(use-modules (ice-9 textual-ports))
(display (get-string-all (current-input-port)))
(display (cadr (command-line)))
(display (call-with-input-file "data/note.txt" get-string-all))
"""

_D = """
import std.file : readText;
import std.stdio;

void main(string[] arguments) {
    foreach (chunk; stdin.byChunk(4096)) stdout.rawWrite(chunk);
    write(arguments[1], readText("data/note.txt"));
}
"""

ECHO = {
    "ada": _ADA,
    "assembly": _ASSEMBLY,
    "awk": """BEGIN {
    while ((getline line < "-") > 0) print line
    print ARGV[1]
    getline line < "data/note.txt"
    getline line < "data/note.txt"
    printf "%s", line
}""",
    "bash": 'cat; printf %s "$1"; cat data/note.txt',
    "c": _C,
    "c#": _CSHARP,
    "c++": r"""
#include <fstream>
#include <iostream>
int main(int argc, char **argv) {
    std::cout << std::cin.rdbuf() << argv[1] << std::ifstream("data/note.txt").rdbuf();
}""",
    "clojure": '(print (str (slurp *in*) (first *command-line-args*) (slurp "data/note.txt")))\n(flush)',
    "cobol": _COBOL,
    "d": _D,
    "elixir": 'IO.write([IO.read(:eof), hd(System.argv()), File.read!("data/note.txt")])',
    "erlang": _ERLANG,
    "fortran": _FORTRAN,
    "go": _GO,
    "haskell": """
import System.Environment (getArgs)
main :: IO ()
main = do
  text <- getContents
  first : _ <- getArgs
  note <- readFile "data/note.txt"
  putStr (text ++ first ++ note)
""",
    "java": _JAVA,
    "lisp": _LISP,
    "lua": 'io.write(io.read("a"), arg[1], io.open("data/note.txt"):read("a"))',
    "nodejs": """
const fs = require("fs");
process.stdout.write(fs.readFileSync(0) + process.argv[2] + fs.readFileSync("data/note.txt"));""",
    "ocaml": """
let read file = In_channel.with_open_bin file In_channel.input_all
let () = print_string (In_channel.input_all stdin ^ Sys.argv.(1) ^ read "data/note.txt")
""",
    "pascal": _PASCAL,
    "perl": 'undef $/; print <STDIN>, $ARGV[0]; open my $note, "<", "data/note.txt"; print <$note>;',
    "php": '<?php echo stream_get_contents(STDIN), $argv[1], file_get_contents("data/note.txt");',
    "prolog": """
:- initialization(main).
main :-
    read_string(user_input, _, Text), write(Text),
    current_prolog_flag(argv, Arguments), last_but_one(Arguments, First), write(First),
    read_file_to_string("data/note.txt", Note, []), write(Note).
last_but_one(List, Element) :- append(_, [Element, _], List).
""",
    "python3": """
import sys
print(sys.stdin.read() + sys.argv[1] + open("data/note.txt").read(), end="")""",
    "r": """
cat(readLines(file("stdin")), sep = "\\n")
cat(commandArgs(trailingOnly = TRUE)[1], "\\n", sep = "")
cat(readLines("data/note.txt", warn = FALSE)[2])
""",
    "raku": 'print $*IN.slurp, @*ARGS[0], "data/note.txt".IO.slurp;',
    "ruby": 'print $stdin.read, ARGV[0], File.read("data/note.txt")',
    "rust": _RUST,
    "scheme": _SCHEME,
    "sqlite": """
CREATE TABLE input (line);
.import /dev/stdin input
SELECT line || char(10) || ?1 || CAST(readfile('data/note.txt') AS TEXT) FROM input;
""",
    "tcl": """
puts -nonewline [read stdin][lindex $argv 0]
puts -nonewline [read [open data/note.txt]]
""",
    "typescript": _TYPESCRIPT,
}

BROKEN = {
    "ada": "procedure Main is\nbegin\n   X := 1;\nend Main;",
    "assembly": "section .text\nglobal _start\n_start: frobnicate eax",
    "c": "int main( {",
    "c#": "class Broken { static void Main( { }",
    "c++": "int main( {",
    "cobol": "identification division.\nprogram-id. broken.\nprocedure division.\n    display nobody-knows.",
    "d": "void main( {",
    "erlang": "-module(main).\n-export([main/1]).\nmain(_) -> .",
    "fortran": "program broken\n  x = (\nend program",
    "go": "package main\nfunc main() {",
    "haskell": "main = putStrLn (",
    "java": "public class Main { void f( { } }",
    "ocaml": "let () = print_endline 1",
    "pascal": "program broken; begin writeln( end.",
    "rust": "fn main( {",
    "typescript": "const x: = 1;",
}
