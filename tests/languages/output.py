"""A program of each language that prints two lines and waits, and one that asks for a name: is it seen in time?"""

# ruff: noqa: E501 - programs, a line each

LINES = {
    "ada": 'with Ada.Text_IO; procedure Main is begin Ada.Text_IO.Put_Line ("one"); Ada.Text_IO.Put_Line ("two"); delay 99.0; end Main;',
    "awk": 'BEGIN { print "one"; print "two"; system("sleep 99") }',
    "bash": "echo one; echo two; sleep 99",
    "c": '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("one"); puts("two"); sleep(99); }',
    "c#": 'using System; class P { static void Main() { Console.WriteLine("one"); Console.WriteLine("two"); System.Threading.Thread.Sleep(99000); } }',
    "c++": '#include <iostream>\n#include <unistd.h>\nint main() { std::cout << "one\\n"; std::cout << "two\\n"; sleep(99); }',
    "clojure": '(println "one") (println "two") (Thread/sleep 99000)',
    "cobol": 'identification division.\nprogram-id. p.\nprocedure division.\ndisplay "one".\ndisplay "two".\ncall "C$SLEEP" using 99.\nstop run.\n',
    "d": 'import std.stdio, core.thread; void main() { writeln("one"); writeln("two"); Thread.sleep(99.seconds); }',
    "elixir": 'IO.puts("one")\nIO.puts("two")\nProcess.sleep(99000)',
    "erlang": '-module(main).\n-export([main/1]).\nmain(_) -> io:format("one~ntwo~n"), timer:sleep(99000).',
    "fortran": 'program a\nprint "(a)", "one"\nprint "(a)", "two"\ncall sleep(99)\nend program',
    "go": 'package main\nimport ("fmt"; "time")\nfunc main() { fmt.Println("one"); fmt.Println("two"); time.Sleep(99*time.Second) }',
    "haskell": 'import Control.Concurrent\nmain = do { putStrLn "one"; putStrLn "two"; threadDelay 99000000 }',
    "java": 'public class Main { public static void main(String[] a) throws Exception { System.out.println("one"); System.out.println("two"); Thread.sleep(99000); } }',
    "lisp": '(write-line "one") (write-line "two") (sleep 99)',
    "lua": 'print("one") print("two") os.execute("sleep 99")',
    "nodejs": 'console.log("one"); console.log("two"); setTimeout(() => 0, 99000);',
    "ocaml": 'let () = print_endline "one"; Printf.printf "two\\n"; Unix.sleep 99',
    "pascal": "program a;\nuses sysutils;\nbegin writeln('one'); writeln('two'); sleep(99000); end.",
    "perl": 'print "one\\n"; print "two\\n"; sleep 99;',
    "php": '<?php echo "one\\n"; echo "two\\n"; sleep(99);',
    "prolog": ":- writeln(one), writeln(two), sleep(99).",
    "python3": "import time\nprint('one')\nprint('two')\ntime.sleep(99)",
    "r": 'cat("one\\n")\ncat("two\\n")\nSys.sleep(99)',
    "raku": 'say "one"; say "two"; sleep 99',
    "ruby": "puts 'one'\nputs 'two'\nsleep 99",
    "rust": 'fn main() { println!("one"); println!("two"); std::thread::sleep(std::time::Duration::from_secs(99)); }',
    "scheme": '(display "one") (newline) (display "two") (newline) (sleep 99)',
    "sqlite": "SELECT 'one';\nSELECT 'two';\n.shell sleep 99\n",
    "tcl": "puts one\nputs two\nafter 99000",
    "typescript": 'console.log("one"); console.log("two"); setTimeout(() => 0, 99000);',
}
"""Programs that print `one` and `two`, a line each, and then wait longer than they may."""

PROMPTS = {
    "ada": 'with Ada.Text_IO; use Ada.Text_IO; procedure Main is begin Put ("name? "); declare S : String := Get_Line; begin Put_Line (S); end; end Main;',
    "awk": 'BEGIN { printf "name? "; getline x < "/dev/stdin"; print x }',
    "bash": "printf 'name? '; read -r x; echo $x",
    "c": '#include <stdio.h>\nint main(void) { char n[9]; printf("name? "); scanf("%8s", n); }',
    "c#": 'using System; class P { static void Main() { Console.Write("name? "); Console.ReadLine(); } }',
    "c++": '#include <iostream>\nint main() { std::string s; std::cout << "name? "; std::cin >> s; }',
    "clojure": '(print "name? ") (read-line)',
    "cobol": 'identification division.\nprogram-id. p.\ndata division.\nworking-storage section.\n01 n pic x(9).\nprocedure division.\ndisplay "name? " with no advancing.\naccept n.\nstop run.\n',
    "d": 'import std.stdio; void main() { write("name? "); readln(); }',
    "elixir": 'IO.gets("name? ")',
    "erlang": '-module(main).\n-export([main/1]).\nmain(_) -> io:get_line("name? ").',
    "fortran": 'program a\ncharacter(9) :: n\nwrite(*, "(a)", advance="no") "name? "\nread (*, *) n\nend program',
    "go": 'package main\nimport "fmt"\nfunc main() { fmt.Print("name? "); var s string; fmt.Scan(&s) }',
    "haskell": 'main = do { putStr "name? "; getLine >>= putStrLn }',
    "java": 'public class Main { public static void main(String[] a) throws Exception { System.out.print("name? "); System.in.read(); } }',
    "lisp": '(write-string "name? ") (read-line)',
    "lua": 'io.write("name? ") io.read()',
    "nodejs": 'const r = require("readline").createInterface({input: process.stdin, output: process.stdout}); r.question("name? ", () => r.close());',
    "ocaml": 'let () = print_string "name? "; ignore (read_line ())',
    "pascal": "program a;\nvar s: string;\nbegin write('name? '); readln(s); end.",
    "perl": 'print "name? "; <STDIN>;',
    "php": '<?php echo "name? "; fgets(STDIN);',
    "prolog": ":- write('name? '), read_line_to_string(user_input, _).",
    "python3": "input('name? ')",
    "r": 'cat("name? "); readLines(file("stdin"), 1)',
    "raku": 'my $n = prompt "name? ";',
    "ruby": "print 'name? '\ngets",
    "rust": 'fn main() { print!("name? "); let mut s = String::new(); std::io::stdin().read_line(&mut s).unwrap(); }',
    "scheme": '(use-modules (ice-9 rdelim)) (display "name? ") (read-line)',
    "tcl": 'puts -nonewline "name? "\ngets stdin',
    "typescript": 'import * as lines from "node:readline";\nconst r = lines.createInterface({input: process.stdin, output: process.stdout}); r.question("name? ", () => r.close());',
}
"""Programs that print `name? ` without a line's end, and read a line."""

LATE = {
    "haskell": "",
    "ocaml": "one\n",
    "raku": "one\n",
}
"""Languages whose buffers nothing from outside can empty, and what is seen of those lines."""

UNASKED = {"awk", "clojure", "haskell", "lisp", "prolog", "rust", "scheme", "tcl"}
"""Languages where a prompt is seen when it was flushed."""
