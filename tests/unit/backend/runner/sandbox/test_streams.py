"""What a program writes arrives, whole, however it ends and whatever it makes of its streams."""

from pathlib import Path

import pytest

from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.verdict import Ending
from tests.unit.backend.runner.conftest import Place, RunProgram, compile_c

MEGABYTE = 1 << 20

SETS = {
    "ioctl": "int on = 1; ioctl(1, FIONBIO, &on); ioctl(2, FIONBIO, &on);",
    "fcntl": "fcntl(1, F_SETFL, O_NONBLOCK); fcntl(2, F_SETFL, fcntl(2, F_GETFL) | O_NONBLOCK);",
}


@pytest.mark.parametrize("way", SETS)
def test_one_write_that_is_not_to_wait_is_whole(place: Place, tmp_path: Path, way: str) -> None:
    program = compile_c(
        "#include <fcntl.h>\n#include <sys/ioctl.h>\n#include <unistd.h>\n"
        f"static char block[1 << 21]; int main(void) {{ {SETS[way]}\n"
        "_exit(write(1, block, sizeof block) != sizeof block || write(2, block, 1 << 20) != 1 << 20); }",
        tmp_path,
    )
    verdict = place.run(
        ("/work/main",), files={"main": program}, executables=("main",),
        limits=Limits(timeout=10, output_bytes=4 * MEGABYTE),
    )  # fmt: skip
    assert (verdict.ending, verdict.exit_code) == (Ending.EXITED, 0)
    assert (len(verdict.stdout), len(verdict.stderr)) == (2 * MEGABYTE, MEGABYTE)


ENDS = {
    "process.exit": "process.exit(3)",
    "throw": "throw new Error('over')",
    "rejection": "Promise.reject(new Error('over'))",
    "abort": "process.abort()",
    "kill": "process.kill(process.pid, 'SIGKILL')",
}


@pytest.mark.parametrize("ending", ENDS)
def test_node_loses_nothing_at_its_end(run_program: RunProgram, ending: str) -> None:
    outcome = run_program("nodejs", f"console.log('x'.repeat(1000000)); {ENDS[ending]}")
    assert outcome.stdout == b"x" * 1_000_000 + b"\n"


def test_node_loses_none_of_many_lines_nor_of_stderr(run_program: RunProgram) -> None:
    source = "for (let i = 0; i < 20000; i++) { console.log('line ' + i); console.error('e' + i); }\nprocess.exit(0)"
    outcome = run_program("nodejs", source)
    assert outcome.stdout == "".join(f"line {i}\n" for i in range(20000)).encode()
    assert outcome.stderr == "".join(f"e{i}\n" for i in range(20000)).encode()


def test_a_child_of_node_loses_nothing_either(run_program: RunProgram) -> None:
    source = """
const ends = "console.log('x'.repeat(500000)); process.exit(0)";
const child = require("child_process").spawn(process.execPath, ["-e", ends]);
let got = 0;
child.stdout.on("data", (data) => { got += data.length; });
child.on("close", (code) => console.log(got, code));"""
    outcome = run_program("nodejs", source)
    assert outcome.stdout == b"500001 0\n"
