"""Every language, spoken to as a client does."""

from typing import Any

import httpx
import pytest

HELLO = {
    "bash": 'echo "Hello, world!"',
    "c": '#include <stdio.h>\nint main(void) { puts("Hello, world!"); return 0; }',
    "c++": '#include <iostream>\nint main() { std::cout << "Hello, world!\\n"; }',
    "go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("Hello, world!") }',
    "nodejs": 'console.log("Hello, world!")',
    "python3": 'print("Hello, world!")',
    "rust": 'fn main() { println!("Hello, world!"); }',
}

# Each prints its standard input, its first argument and the file data/note.txt, one after the other.
ECHO = {
    "bash": 'cat; printf %s "$1"; cat data/note.txt',
    "c": r"""
#include <stdio.h>
int main(int argc, char **argv) {
    int c;
    while ((c = getchar()) != EOF) putchar(c);
    fputs(argv[1], stdout);
    FILE *f = fopen("data/note.txt", "r");
    while ((c = getc(f)) != EOF) putchar(c);
    return 0;
}""",
    "c++": r"""
#include <fstream>
#include <iostream>
int main(int argc, char **argv) {
    std::cout << std::cin.rdbuf() << argv[1] << std::ifstream("data/note.txt").rdbuf();
}""",
    "go": r"""
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
}""",
    "nodejs": """
const fs = require("fs");
process.stdout.write(fs.readFileSync(0) + process.argv[2] + fs.readFileSync("data/note.txt"));""",
    "python3": """
import sys
print(sys.stdin.read() + sys.argv[1] + open("data/note.txt").read(), end="")""",
    "rust": r"""
use std::io::Read;
fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    print!("{}{}{}", text, std::env::args().nth(1).unwrap(), std::fs::read_to_string("data/note.txt").unwrap());
}""",
}

BROKEN = {"c": "int main( {", "c++": "int main( {", "go": "package main\nfunc main() {", "rust": "fn main( {"}


@pytest.mark.smoke
def test_the_languages_are_named_and_sorted(api: httpx.Client) -> None:
    answer = api.get("languages").raise_for_status().json()
    assert answer["languages"] == sorted(answer["details"]) == sorted(HELLO)


@pytest.mark.smoke
@pytest.mark.parametrize("language", sorted(HELLO))
def test_hello(run: Any, language: str) -> None:
    result = run(language, HELLO[language])
    assert (result["status"], result["stdout"], result["stderr"]) == ("ok", "Hello, world!\n", "")
    assert (result["error"], result["exit_code"], result["signal"], result["truncated"]) == ("", 0, None, False)
    assert result["time_ms"] > 0


@pytest.mark.parametrize("language", sorted(ECHO))
def test_stdin_arguments_and_files(run: Any, language: str) -> None:
    more = {"stdin": "über\n", "args": ["one two", "--three"], "files": {"data/note.txt": "\nnote ✓"}}
    result = run(language, ECHO[language], **more)
    assert (result["status"], result["stderr"]) == ("ok", "")
    assert result["stdout"] == "über\none two\nnote ✓"


@pytest.mark.parametrize("language", sorted(BROKEN))
def test_what_does_not_compile_is_a_compile_error(run: Any, language: str) -> None:
    result = run(language, BROKEN[language])
    assert result["status"] == "compile_error"
    assert result["stdout"] == ""
    assert "main." in result["stderr"]
    assert result["error"].startswith("compilation failed")


def test_a_module_of_ones_own_is_imported(run: Any) -> None:
    result = run("python3", "import helper\nprint(helper.answer)", files={"helper.py": "answer = 42"})
    assert (result["status"], result["stdout"]) == ("ok", "42\n")
