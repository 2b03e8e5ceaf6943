"""Programs in real sandboxes, compiled and run by this host's toolchains."""

from __future__ import annotations

from tests.unit.backend.runner.conftest import RunProgram


def test_a_terminal_says_what_it_is_and_pipes_do_not(run_program: RunProgram) -> None:
    source = "env | grep ^TERM= || echo none; tput colors 2>&1"
    inside = run_program("bash", source, terminal=(25, 80))
    assert inside.stdout.split() == [b"TERM=xterm-256color", b"256"]
    assert run_program("bash", source).stdout.split()[0] == b"none"
