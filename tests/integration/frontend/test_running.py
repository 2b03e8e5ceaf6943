"""Programs that people run, and what they see of them, in each engine."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.frontend.canvas import Canvas
from tests.integration.frontend.engines import eventually

pytestmark = pytest.mark.browser

HTML = '<img src=x onerror="document.title=1"><b>bold</b>'
GREETED = ("bash", "c", "c++", "go", "nodejs", "python3", "rust")


def test_every_language_runs_its_sample(canvas: Canvas, api: httpx.Client) -> None:
    details = api.get("languages").raise_for_status().json()["details"]
    ended = {language: _sample(canvas, language, about["sample"]) for language, about in details.items()}
    assert {language: status for language, status in ended.items() if not status.startswith("Finished · exit 0")} == {}


def _sample(canvas: Canvas, language: str, sample: str) -> str:
    """How the sample of `language` ended, and that it wrote something."""
    canvas.open()  # so that nothing is seen of the run before
    canvas.language(language)
    canvas.choose("Example", "Sample")
    canvas.program.contains(sample.strip().splitlines()[0])
    canvas.run()
    canvas.finished()
    canvas.stdout.matches(r"\S")
    return canvas.status.now or ""


@pytest.mark.parametrize("language", GREETED)
@pytest.mark.parametrize("engine", ["chromium"])  # engines differ in no greeting
def test_the_first_program_of_a_language_greets(canvas: Canvas, language: str) -> None:
    """It runs to its end, and reads what is typed."""
    canvas.language(language)
    canvas.fill("Standard input", "Ada\n")
    canvas.click("Run")
    canvas.stdout.matches(r"^Hello, Ada!\n[^$]*5 squared is 25\n$")
    canvas.status.contains("Finished · exit 0")


@pytest.mark.deployed
def test_output_comes_while_the_program_runs_and_stays_when_it_is_stopped(canvas: Canvas) -> None:
    canvas.write("import time\nprint('first', flush=True)\ntime.sleep(8)\nprint('last')")
    canvas.run()
    canvas.stdout.becomes("first\n")
    assert canvas.status.now == "Running…"
    canvas.click("Stop")
    canvas.status.contains("Stopped after")
    assert canvas.stdout.now == "first\n"
    assert canvas.enabled("Run")


@pytest.mark.deployed
def test_c_with_the_mouse(canvas: Canvas) -> None:
    canvas.language("c")
    canvas.write('#include <stdio.h>\nint main(void) { puts("from C"); return 3; }\n')
    canvas.click("Run")
    canvas.stdout.becomes("from C\n")
    canvas.status.contains("exit 3")


def test_compile_error_is_shown(canvas: Canvas) -> None:
    canvas.language("c")
    canvas.write("int main(void) { return nothing; }\n")
    canvas.run()
    canvas.status.contains("Did not compile")
    canvas.compiler.contains("nothing")


def test_both_streams_and_exit_status_of_a_failing_program(canvas: Canvas) -> None:
    canvas.write("import sys; print('out'); print('err', file=sys.stderr); sys.exit(4)")
    canvas.run()
    canvas.stdout.becomes("out\n")
    canvas.stderr.becomes("err\n")
    canvas.status.contains("Failed while running · exit 4")


def test_output_is_text_never_markup(canvas: Canvas) -> None:
    title = canvas.window.evaluate("return document.title")
    canvas.write(f"print({HTML!r})")
    canvas.run()
    canvas.stdout.becomes(f"{HTML}\n")
    assert canvas.count("#output img, #output b") == 0
    assert canvas.window.evaluate("return document.title") == title


def test_colours_are_shown(canvas: Canvas) -> None:
    canvas.write(r"print('\033[1;31mred\033[0m plain')")
    canvas.run()
    canvas.stdout.becomes("red plain\n")
    assert canvas.window.evaluate("return document.querySelector('#output pre span').textContent") == "red"
    assert canvas.style("#output pre span", "color") != canvas.style("body", "color")


@pytest.mark.parametrize(
    ("language", "source", "place", "line"),
    [
        ("c", "int a;\nint main(void) { return nothing; }\n", "main.c:2:25", 2),
        ("go", "package main\n\nfunc main() {\n\tnothing()\n}\n", "./main.go:4:2", 4),
        ("rust", "fn main() {\n    nothing();\n}\n", "main.rs:2:5", 2),
        ("python3", "def f():\n    nothing\nf()\n", 'main.py", line 2', 2),
    ],
)
def test_messages_lead_to_their_lines(canvas: Canvas, language: str, source: str, place: str, line: int) -> None:
    canvas.language(language)
    canvas.write(source)
    canvas.run()
    canvas.follow(place)
    canvas.focused.matches("^Program in ")
    canvas.line.becomes(str(line))


def test_several_files_arguments_and_options(canvas: Canvas) -> None:
    canvas.language("c")
    main = 'int main(int n, char **v) { printf("%s %s %d\\n", GREETING, v[1], N); }'
    canvas.write(f'#include <stdio.h>\n#include "greeting.h"\n{main}')
    canvas.add_file("file.c", "greeting.h")
    canvas.write('#define GREETING "hello"\n')
    canvas.fill("Arguments", "'two words'")
    canvas.fill("Compiler options", "-DN=7")
    canvas.run()
    canvas.stdout.becomes("hello two words 7\n")


def test_an_option_that_is_not_taken_is_told_before_running(canvas: Canvas) -> None:
    canvas.language("c")
    canvas.fill("Compiler options", "-fplugin=x")
    canvas.run()
    canvas.alert.contains("does not take the option -fplugin=x")


def test_options_can_be_chosen(canvas: Canvas) -> None:
    canvas.language("c")
    canvas.focus("Add an option")
    canvas.choose("Add an option", "-O3")
    canvas.value("Compiler options").becomes("-O3")


@pytest.mark.deployed
def test_pictures_are_shown_and_other_files_offered(canvas: Canvas) -> None:
    picture = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='30'></svg>"
    canvas.write(f"open('a.svg', 'w').write({picture!r})\nopen('table.csv', 'w').write('1,2')\n")
    canvas.run()
    canvas.finished()
    widths = "return [...document.querySelectorAll('#output img')].map((one) => [one.alt, one.naturalWidth])"
    eventually(lambda: canvas.window.evaluate(widths), lambda shown: shown == [["a.svg", 40]], "the picture")
    links = "return [...document.querySelectorAll('#output a[download]')].map((one) => one.download)"
    assert canvas.window.evaluate(links) == ["a.svg", "table.csv"]


def test_tests_are_listed(canvas: Canvas) -> None:
    canvas.language("go")
    canvas.write('package main\n\nimport "testing"\n\nfunc TestA(t *testing.T) { t.Error("no") }\n')
    canvas.more("Run tests")
    canvas.status.contains("1 of 1 tests failed")
    items = "return [...document.querySelectorAll('#output section[aria-label=Tests] li')].map((one) => one.textContent)"
    (item,) = canvas.window.evaluate(items)
    assert "TestA" in item
    assert "no" in item


def test_the_divider_moves_by_keys_and_stays_where_it_was_put(canvas: Canvas) -> None:
    canvas.focus()
    canvas.press("ArrowDown")
    width = "return document.querySelector('.divider')?.getAttribute('aria-valuenow') ?? null"
    eventually(lambda: canvas.window.evaluate(width), lambda now: now == "60", "the divider")
    canvas.window.evaluate("document.querySelector('.divider').focus()")
    for _ in range(5):
        canvas.press("ArrowLeft")
    eventually(lambda: canvas.window.evaluate(width), lambda now: now == "50", "the divider to move")
    canvas.reload()
    canvas.focus()
    canvas.press("ArrowDown")
    eventually(lambda: canvas.window.evaluate(width), lambda now: now == "50", "the divider to be where it was")


def test_options_are_called_by_what_takes_them(canvas: Canvas) -> None:
    label = "return document.querySelector('#options').labels[0].textContent"
    for language, name in (("python3", "Interpreter options"), ("c", "Compiler options")):
        canvas.language(language)
        eventually(lambda: canvas.window.evaluate(label), name.__eq__, name)
