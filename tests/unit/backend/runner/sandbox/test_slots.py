from pathlib import Path

import pytest

from backend.runner.sandbox.command import Step
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Slot, make_slots
from backend.runner.sandbox.supervise import run_step
from backend.runner.sandbox.verdict import Ending


def _compile(host: Host, slot: Slot, line: str) -> None:
    verdict = run_step(host, slot, Step(command=("bash", "-c", line), limits=Limits(), compiles=True))
    assert (verdict.ending, verdict.status) == (Ending.EXITED, 0), verdict


def test_a_compile_hands_its_program_to_the_run(host: Host, slot: Slot) -> None:
    _compile(host, slot, "printf '#!/bin/sh\\necho made' >/program/main; chmod +x /program/main")
    run = run_step(host, slot, Step(command=("/program/main",), limits=Limits()))
    assert (run.stdout, run.stderr) == (b"made\n", b"")
    again = run_step(host, slot, Step(command=("bash", "-c", "echo x >/program/main"), limits=Limits()))
    assert again.status == 1


@pytest.mark.parametrize(
    "line",
    [
        "touch /program/-rf /program/.hidden '/program/a b'",
        "mkdir -p /program/a/b/c; chmod 000 /program/a/b; chmod 000 /program/a",
        "cd /program; for i in $(seq 300); do mkdir d; cd d; done",
        "touch /program/x; chmod 000 /program",
        "mkfifo /program/fifo; ln -s fifo /program/main",
    ],
    ids=["names", "modes", "depth", "sealed", "fifo"],
)
def test_whatever_was_left_is_removed(host: Host, slot: Slot, line: str) -> None:
    _compile(host, slot, line)
    slot.empty()
    assert list(slot.program.iterdir()) == []


def test_links_are_removed_and_not_followed(host: Host, slot: Slot, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("text", encoding="utf-8")
    tmp_path.chmod(0o777)
    _compile(host, slot, f"ln -s {tmp_path} /program/main; ln -s {kept} /program/file")
    slot.empty()
    assert list(slot.program.iterdir()) == []
    assert kept.read_text(encoding="utf-8") == "text"


def test_slots_share_no_directory_and_leave_none(host: Host) -> None:
    with make_slots(host, 3) as slots:
        places = [slot.program for slot in slots]
        assert len(set(places)) == 3
        assert all(place.stat().st_mode & 0o777 == 0o700 for place in places)
        if host.choose_uid:
            assert len({place.stat().st_uid for place in places}) == 3
    assert not places[0].parent.exists()
