"""What a TypeScript program finds that modules do not have, compiled and run by the tools themselves."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from backend.runner.languages.language import arguments
from backend.runner.languages.typescript import LANGUAGE

pytestmark = pytest.mark.any_python


def _output(place: Path, files: dict[str, str]) -> str:
    """What main.ts of `files` prints, compiled as a compile step does it with /program elsewhere."""
    if not (shutil.which("esbuild") and shutil.which("node")):
        pytest.skip("no esbuild or node")
    work, program = place / "work", place / "program"
    program.mkdir()
    for name, text in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    assert LANGUAGE.compile is not None
    command = [word.replace("/program/", f"{program}/") for word in arguments(LANGUAGE.compile)]
    subprocess.run(command, cwd=work, env={"PATH": os.environ["PATH"]}, check=True)
    assert [path.name for path in program.iterdir()] == ["main.mjs"]
    run = [word.replace("/program/", f"{program}/") for word in arguments(LANGUAGE.run)]
    return subprocess.run(run, cwd=work, capture_output=True, text=True, check=True).stdout


def test_a_module_finds_what_other_files_find(tmp_path: Path) -> None:
    source = 'import "node:fs";\nconsole.log(__dirname, __filename, typeof module, require.main === module);\n'
    assert _output(tmp_path, {"main.ts": source}) == "/work /work/main.ts object true\n"


def test_a_file_that_is_no_module_starts_itself(tmp_path: Path) -> None:
    source = 'if (require.main === module) console.log("started");\nmodule.exports = {};\n'
    assert _output(tmp_path, {"main.ts": source}) == "started\n"


def test_what_a_program_declares_itself_is_its_own(tmp_path: Path) -> None:
    source = (
        'import { createRequire } from "node:module";\n'
        'const __dirname = "a", __filename = "b", module = "c", require = createRequire(import.meta.url);\n'
        'console.log(__dirname, __filename, module, typeof require("os").cpus);\n'
    )
    assert _output(tmp_path, {"main.ts": source}) == "a b c function\n"


def test_an_imported_file_that_asks_is_not_the_first(tmp_path: Path) -> None:
    other = 'if (require.main === module) console.log("no");\nmodule.exports = { n: 1 };\n'
    assert _output(tmp_path, {"main.ts": 'import o from "./o";\nconsole.log(o.n);\n', "o.ts": other}) == "1\n"
