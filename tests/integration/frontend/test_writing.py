"""What people write, and that the page keeps it, shares it and brings it back, in each engine."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.integration.frontend.canvas import Canvas, Seen
from tests.integration.frontend.engines import PlaywrightWindow

pytestmark = pytest.mark.browser
KEPT = "codecanvas:program:python3"


def test_reload_keeps_text_input_and_options(canvas: Canvas) -> None:
    canvas.language("c")
    canvas.write("int mine;")
    for name, text in (("Standard input", "typed"), ("Arguments", "one two"), ("Compiler options", "-Wall")):
        canvas.fill(name, text)
    canvas.reload()
    canvas.program.becomes("int mine;")
    for name, text in (("Language", "c"), ("Standard input", "typed"), ("Arguments", "one two")):
        canvas.value(name).becomes(text)
    canvas.value("Compiler options").becomes("-Wall")


def test_programs_are_remembered_by_language(canvas: Canvas) -> None:
    canvas.write("print('mine')")
    canvas.language("bash")
    canvas.program.contains("Hello")
    canvas.reload()
    canvas.value("Language").becomes("bash")
    canvas.language("python3")
    canvas.program.becomes("print('mine')")


def test_a_closed_file_can_be_reopened(canvas: Canvas) -> None:
    canvas.add_file("file.py")
    canvas.write("precious = 1")
    canvas.click("Close file.py")
    canvas.program.contains("Hello")
    assert not canvas.there("file.py")
    canvas.click("Reopen")
    canvas.program.becomes("precious = 1")
    canvas.reload()
    canvas.click("file.py")
    canvas.program.becomes("precious = 1")


@pytest.mark.deployed
def test_a_link_brings_the_program_and_loses_nothing(canvas: Canvas) -> None:
    canvas.write("print('shared', input())")
    canvas.fill("Standard input", "typed")
    canvas.click("Share")
    canvas.value("Link").matches("#1=")
    link = canvas.value("Link").now
    assert link
    canvas.close_dialog()
    canvas.write("print('mine')")
    canvas.window.goto("about:blank")
    canvas.window.goto(link)
    canvas.program.becomes("print('shared', input())")
    assert canvas.window.evaluate("return location.href") == canvas.root
    canvas.run()
    canvas.stdout.becomes("shared typed\n")
    canvas.click("Back to mine")
    canvas.program.becomes("print('mine')")


def test_a_program_that_another_window_kept_can_be_shown(canvas: Canvas) -> None:
    canvas.write("print('mine')")
    Seen(canvas.window, "what is kept", "return localStorage.getItem(arguments[0])", (KEPT,)).contains("mine")
    theirs = json.dumps({"files": [{"name": "", "text": "print('theirs')"}]})
    canvas.window.evaluate("localStorage.setItem(...arguments)", KEPT, theirs)
    canvas.write("print('mine, changed')")
    canvas.notice.contains("Another window had changed this program too")
    canvas.click("Show the other")
    canvas.program.becomes("print('theirs')")


def test_a_damaged_link_is_told(unopened: Canvas) -> None:
    unopened.open("#1=nonsense")
    unopened.notice.contains("This link is damaged")
    unopened.program.contains("Hello")


@pytest.mark.parametrize("engine", ["chromium"])  # the others' drivers know no downloads
def test_several_files_are_downloaded_as_an_archive(canvas: Canvas, window: PlaywrightWindow, tmp_path: Path) -> None:
    canvas.add_file("file.py")
    canvas.write("x = 1")
    with window.page.expect_download() as download:
        canvas.more("Download")
    download.value.save_as(tmp_path / "all.zip")
    archive = zipfile.ZipFile(io.BytesIO((tmp_path / "all.zip").read_bytes()))
    assert archive.testzip() is None
    assert archive.read("file.py") == b"x = 1"
    assert "main.py" in archive.namelist()


def test_settings_act_and_are_kept(canvas: Canvas) -> None:
    canvas.more("Settings")
    canvas.choose("Colours", "dark")
    canvas.choose("Size of code", "20")
    canvas.close_dialog()
    canvas.reload()
    assert canvas.style("body", "colorScheme") == "dark"
    assert canvas.style(".cm-content", "fontSize") == "20px"


def test_vim_keys(canvas: Canvas) -> None:
    canvas.more("Settings")
    canvas.choose("Keys in the editor", "vim")
    canvas.inside("Vim's own line", ".cm-vim-panel").appears()
    canvas.close_dialog()
    canvas.focus()
    canvas.type("ggdGiprint(1)")
    canvas.press("Escape")
    canvas.type("yyp")
    canvas.program.becomes("print(1)\nprint(1)")


def test_emacs_keys(canvas: Canvas) -> None:
    canvas.write("one two")
    canvas.more("Settings")
    canvas.choose("Keys in the editor", "emacs")
    canvas.inside("an editor with Emacs keys", ".cm-emacsMode").appears()
    canvas.close_dialog()
    canvas.focus()
    canvas.press("Control+a")
    canvas.type("zero ")
    canvas.program.becomes("zero one two")


def test_find_opens_its_panel(canvas: Canvas) -> None:
    canvas.focus()
    canvas.press("Control+f")
    canvas.inside("the search panel", ".cm-search").appears()


def test_indentation_is_set_anew(canvas: Canvas) -> None:
    canvas.language("nodejs")
    canvas.write("if (1) {\nf(`\n  kept`);\n}")
    canvas.more("Set indentation anew")
    canvas.program.becomes("if (1) {\n  f(`\n  kept`);\n}")


def test_embedded_it_shows_the_program_and_keeps_nothing(unopened: Canvas) -> None:
    unopened.open("?embed=1")
    assert unopened.there("Open in codecanvas")
    assert not unopened.there("Share")
    unopened.write("print('inside')")
    unopened.run()
    unopened.stdout.becomes("inside\n")
    unopened.open("?embed=1")  # what was to be kept has been, by now
    assert unopened.window.evaluate("return localStorage.length") == 0
