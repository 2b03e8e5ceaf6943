"""What people do with the page beyond running one program, in Chromium."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.integration.frontend.conftest import axe_violations

pytestmark = pytest.mark.browser


def program(page: Page) -> Locator:
    """The editor's text field, whichever file is open."""
    return page.locator("#editor .cm-content")


def write(page: Page, source: str) -> None:
    """Replace the open file by `source`."""
    program(page).focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(source)


def run(page: Page) -> None:
    page.keyboard.press("Control+Enter")


def stream(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True).locator("pre")


def finished(page: Page) -> None:
    expect(page.locator("#status")).to_contain_text(re.compile("exit|signal|Ran out|Wrote"))


def test_output_comes_while_the_program_runs(page: Page) -> None:
    write(page, "import time\nprint('first', flush=True)\ntime.sleep(2)\nprint('last')")
    run(page)
    expect(stream(page, "Standard output")).to_have_text("first\n")
    expect(page.locator("#status")).to_have_text("Running…")
    expect(stream(page, "Standard output")).to_have_text("first\nlast\n")


def test_colours_are_shown(page: Page) -> None:
    write(page, r"print('\033[1;31mred\033[0m plain')")
    run(page)
    expect(stream(page, "Standard output")).to_have_text("red plain\n")
    red = stream(page, "Standard output").locator("span")
    expect(red).to_have_text("red")
    assert red.evaluate("one => getComputedStyle(one).color") != page.evaluate("getComputedStyle(document.body).color")


@pytest.mark.parametrize(
    ("language", "source", "place", "line"),
    [
        ("c", "int a;\nint main(void) { return nothing; }\n", "main.c:2:25", 2),
        ("go", "package main\n\nfunc main() {\n\tnothing()\n}\n", "./main.go:4:2", 4),
        ("rust", "fn main() {\n    nothing();\n}\n", "main.rs:2:5", 2),
        ("python3", "def f():\n    nothing\nf()\n", 'main.py", line 2', 2),
    ],
)
def test_messages_lead_to_their_lines(page: Page, language: str, source: str, place: str, line: int) -> None:
    page.get_by_label("Language").select_option(language)
    write(page, source)
    run(page)
    page.locator("#output button.place").filter(has_text=place).first.click()
    expect(program(page)).to_be_focused()
    expect(page.locator("#editor .cm-activeLineGutter")).to_have_text(str(line))


def test_several_files_arguments_and_options(page: Page) -> None:
    page.get_by_label("Language").select_option("c")
    main = 'int main(int n, char **v) { printf("%s %s %d\\n", GREETING, v[1], N); }'
    write(page, f'#include <stdio.h>\n#include "greeting.h"\n{main}')
    page.get_by_role("button", name="New file").click()
    page.get_by_label("New name of file.c").fill("greeting.h")
    page.keyboard.press("Enter")
    write(page, '#define GREETING "hello"\n')
    page.get_by_label("Arguments").fill("'two words'")
    page.get_by_label("Compiler options").fill("-DN=7")
    run(page)
    expect(stream(page, "Standard output")).to_have_text("hello two words 7\n")


def test_an_option_that_is_not_taken_is_told_before_running(page: Page) -> None:
    page.get_by_label("Language").select_option("c")
    page.get_by_label("Compiler options").fill("-fplugin=x")
    run(page)
    expect(page.get_by_role("alert")).to_contain_text("does not take the option -fplugin=x")


def test_options_can_be_chosen(page: Page) -> None:
    page.get_by_label("Language").select_option("c")
    page.get_by_label("Add an option").focus()
    expect(page.locator("#option-list option[value='-O3'], #option-list option:text-is('-O3')")).to_have_count(1)
    page.get_by_label("Add an option").select_option("-O3")
    expect(page.get_by_label("Compiler options")).to_have_value("-O3")


def test_a_closed_file_can_be_reopened(page: Page) -> None:
    page.get_by_role("button", name="New file").click()
    page.get_by_label("New name of file.py").press("Enter")
    write(page, "precious = 1")
    page.get_by_role("button", name="Close file.py").click()
    expect(page.get_by_role("button", name="file.py", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Reopen", exact=True).click()
    expect(program(page)).to_have_text("precious = 1")
    page.reload()
    page.get_by_role("button", name="file.py", exact=True).click()
    expect(program(page)).to_have_text("precious = 1")


def test_a_link_brings_the_program_and_loses_nothing(page: Page) -> None:
    write(page, "print('shared', input())")
    page.get_by_label("Standard input").fill("typed")
    page.get_by_role("button", name="Share").click()
    link = page.get_by_role("dialog").get_by_label("Link", exact=True).input_value()
    assert "#1=" in link
    page.keyboard.press("Escape")
    write(page, "print('mine')")
    page.wait_for_timeout(600)  # longer than the page takes to keep it
    page.goto("about:blank")
    page.goto(link)
    expect(program(page)).to_have_text("print('shared', input())")
    expect(page).to_have_url(re.compile(r"/$"))
    run(page)
    expect(stream(page, "Standard output")).to_have_text("shared typed\n")
    page.get_by_role("button", name="Back to mine").click()
    expect(program(page)).to_have_text("print('mine')")


def test_a_damaged_link_is_told(page: Page) -> None:
    page.goto("/#1=nonsense")
    expect(page.get_by_text("This link is damaged")).to_be_visible()
    expect(program(page)).to_contain_text("Hello")


def test_several_files_are_downloaded_as_an_archive(page: Page, tmp_path: Path) -> None:
    page.get_by_role("button", name="New file").click()
    page.get_by_label("New name of file.py").press("Enter")
    write(page, "x = 1")
    page.get_by_role("button", name="More").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    download.value.save_as(tmp_path / "all.zip")
    archive = zipfile.ZipFile(io.BytesIO((tmp_path / "all.zip").read_bytes()))
    assert archive.testzip() is None
    assert archive.read("file.py") == b"x = 1"
    assert "main.py" in archive.namelist()


def test_settings_act_and_are_kept(page: Page) -> None:
    def open_settings() -> Locator:
        page.get_by_role("button", name="More").click()
        page.get_by_role("button", name="Settings").click()
        return page.get_by_role("dialog")

    dialog = open_settings()
    dialog.get_by_label("Colours").select_option("dark")
    dialog.get_by_label("Size of code").select_option("20")
    page.keyboard.press("Escape")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    assert program(page).evaluate("one => getComputedStyle(one).fontSize") == "20px"


def test_vim_keys(page: Page) -> None:
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("dialog").get_by_label("Keys in the editor").select_option("vim")
    expect(page.locator("#editor .cm-vim-panel")).to_be_visible()
    page.keyboard.press("Escape")
    program(page).focus()
    page.keyboard.type("ggdGiprint(1)")
    page.keyboard.press("Escape")
    page.keyboard.type("yyp")
    expect(program(page)).to_contain_text("print(1)print(1)")


def test_emacs_keys(page: Page) -> None:
    write(page, "one two")
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("dialog").get_by_label("Keys in the editor").select_option("emacs")
    expect(page.locator("#editor .cm-emacsMode")).to_have_count(1)
    page.keyboard.press("Escape")
    program(page).focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("zero ")
    expect(program(page)).to_have_text("zero one two")


def test_find_opens_its_panel(page: Page) -> None:
    program(page).focus()
    page.keyboard.press("Control+f")
    expect(page.locator("#editor .cm-search")).to_be_visible()


def test_terminal_takes_input_and_control_c(page: Page) -> None:
    write(page, "name = input('name? ')\nprint('hello', name)\nimport time\ntime.sleep(60)")
    page.get_by_role("button", name="Terminal").click()
    screen = page.locator("#terminal .xterm-rows")
    expect(screen).to_contain_text("name?")
    page.keyboard.type("Ada\n")
    expect(screen).to_contain_text("hello Ada")
    page.keyboard.press("Control+c")
    expect(screen).to_contain_text("KeyboardInterrupt")
    finished(page)
    run(page)
    expect(page.locator("#terminal")).to_be_hidden()


def test_terminal_can_be_left_and_stopped(page: Page) -> None:
    write(page, "import time\nprint('up', flush=True)\ntime.sleep(60)")
    page.keyboard.press("Control+Shift+Enter")
    expect(page.locator("#terminal .xterm-rows")).to_contain_text("up")
    page.keyboard.press("Shift+Escape")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Stopped after")


def test_the_page_of_another_environment_runs_nothing(blank: Page) -> None:
    blank.route("**/version", lambda route: route.fulfill(json={"environment": "elsewhere"}))
    blank.goto("/")
    expect(blank.get_by_role("alert")).to_contain_text("but the service says that it is elsewhere")
    expect(blank.get_by_role("button", name="Run", exact=True)).to_be_disabled()
    blank.keyboard.press("Control+Enter")
    blank.wait_for_timeout(300)
    expect(blank.locator("#status")).to_be_empty()


def test_an_answer_that_is_no_json_is_told(page: Page, api_url: str) -> None:
    page.route(f"{api_url}run", lambda route: route.fulfill(body="<html>", content_type="text/html"))
    run(page)
    expect(page.get_by_role("alert")).to_contain_text("not your program: its answer was not JSON")


def test_embedded_it_shows_the_program_and_keeps_nothing(page: Page) -> None:
    page.goto("/?embed=1")
    expect(page.get_by_role("button", name="Open in codecanvas")).to_be_visible()
    expect(page.get_by_role("button", name="Share")).to_be_hidden()
    write(page, "print('inside')")
    run(page)
    expect(stream(page, "Standard output")).to_have_text("inside\n")
    page.wait_for_timeout(600)
    assert json.loads(page.evaluate("JSON.stringify(Object.keys(localStorage))")) == []


def test_indentation_is_set_anew(page: Page) -> None:
    page.get_by_label("Language").select_option("nodejs")
    write(page, "if (1) {\nf(`\n  kept`);\n}")
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Set indentation anew").click()
    assert program(page).evaluate("one => [...one.querySelectorAll('.cm-line')].map(line => line.textContent)") == [
        "if (1) {", "  f(`", "  kept`);", "}",
    ]  # fmt: skip


PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 800}


@pytest.mark.parametrize(
    ("theme", "viewport"),
    [("light", PHONE), ("dark", PHONE), ("light", DESK), ("contrast-light", DESK), ("contrast-dark", DESK)],
)
def test_nothing_serious_for_axe(page: Page, theme: str) -> None:
    page.goto(f"/?theme={theme}")
    expect(page.locator("#language")).to_have_attribute("data-source", "service")
    assert axe_violations(page) == []
    page.get_by_label("Language").select_option("c")
    write(page, '#include <stdio.h>\nint main(void) { int x; puts("\\033[33myellow\\033[0m"); fputs("e", stderr); }')
    page.get_by_label("Compiler options").fill("-Wall")
    run(page)
    finished(page)
    assert axe_violations(page) == []
    page.get_by_label("Compiler options").fill("-bad")
    run(page)
    expect(page.get_by_role("alert")).to_be_visible()
    for opened in ("Settings", "Keyboard shortcuts"):
        page.get_by_role("button", name="More").click()
        page.get_by_role("button", name=opened).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert axe_violations(page) == []
        page.keyboard.press("Escape")
