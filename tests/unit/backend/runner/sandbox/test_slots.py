import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.runner.errors import SandboxError
from backend.runner.sandbox import frames
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.slots import Plan, make_slots
from backend.runner.sandbox.verdict import Ending, Verdict
from tests.unit.backend.runner.conftest import Place


def _compile(place: Place, line: str) -> int:
    verdict = place.run(("bash", "-c", line), compiles=True)
    assert (verdict.ending, verdict.status) == (Ending.EXITED, 0), verdict
    assert verdict.program is not None
    return verdict.program


def test_a_compile_hands_its_program_to_the_run(place: Place) -> None:
    program = _compile(place, "printf '#!/bin/sh\\necho made' >/program/main; chmod +x /program/main")
    run = place.run(("/program/main",), program=program)
    assert (run.stdout, run.stderr) == (b"made\n", b"")
    assert place.run(("bash", "-c", "echo x >/program/main"), program=program).status == 1
    with pytest.raises(OSError, match="not permitted"):
        os.pwrite(program, b"x", 0)
    os.close(program)


def test_only_files_are_kept_of_what_a_compile_leaves(place: Place) -> None:
    line = """cd /program; mkdir -p a/b; echo 1 >a/b/c; echo 2 >.hidden; echo 3 >'x y'; mkfifo fifo
    ln -s /etc/passwd link; ln a/b/c hard; chmod 000 .hidden; mkdir empty"""
    program = _compile(place, line)
    kept = frames.unpack(os.pread(program, 1 << 20, 0))
    os.close(program)
    assert kept == {"a/b/c": b"1\n", ".hidden": b"2\n", "x y": b"3\n", "hard": b"1\n"}


def test_nothing_of_a_compile_is_in_the_next_run_but_its_program(place: Place) -> None:
    os.close(_compile(place, "echo x >/work/left; echo y >/program/main; echo z >/dev/shm/left"))
    assert place.shell("ls -A /work /program /dev/shm").stdout == b"/dev/shm:\n\n/program:\n\n/work:\n"


def test_a_slot_whose_launcher_is_lost_is_made_again(place: Place, shell: Callable[..., Verdict]) -> None:
    assert shell("true").status == 0
    keeper = place.do(place.slot.open())
    os.kill(keeper.pid, 9)
    with pytest.raises(SandboxError):
        shell("true")
    assert shell("echo again").stdout == b"again\n"
    assert place.do(place.slot.open()).pid != keeper.pid


def test_slots_have_uids_of_their_own_where_the_service_may_choose(place: Place, host: Host) -> None:
    async def uids() -> list[int]:
        async with make_slots(Plan(host=host, cgroups=None, caches=None), 2) as slots:
            keepers = [await slot.open() for slot in slots]
            return [os.stat(f"/proc/{keeper.pid}").st_uid for keeper in keepers]  # noqa: PTH116

    found = place.do(uids())
    assert len(found) == 3
    assert len(set(found)) == (3 if host.choose_uid else 1)


def test_a_launcher_that_is_missing_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"launcher is missing\. Build it: make"):
        Host.find(tmp_path)
