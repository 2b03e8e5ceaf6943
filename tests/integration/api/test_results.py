"""Each way a run may end, and the limits that bring it about."""

from typing import Any

import pytest


def test_an_exit_status_is_a_runtime_error(run: Any) -> None:
    result = run("bash", "echo out; echo err >&2; exit 3")
    assert (result["status"], result["exit_code"], result["signal"]) == ("runtime_error", 3, None)
    assert (result["stdout"], result["stderr"], result["error"]) == ("out\n", "err\n", "exit status 3")


def test_a_signal_is_named(run: Any) -> None:
    result = run("c", "int main(void) { *(volatile int *)0 = 1; }")
    assert (result["status"], result["exit_code"], result["signal"]) == ("runtime_error", 139, "SIGSEGV")
    assert result["error"] == "killed by SIGSEGV"
    for name, number in (("XCPU", 24), ("XFSZ", 25), ("TERM", 15)):  # sent by the program, and no limit that it met
        result = run("bash", f"kill -{name} $$; sleep 5")
        assert (result["status"], result["exit_code"], result["signal"]) == (
            "runtime_error",
            128 + number,
            f"SIG{name}",
        )
    for language, source in (
        ("bash", "exit 139"),
        ("python3", "raise SystemExit(139)"),
        ("bash", "(kill -SEGV $BASHPID)"),
    ):
        result = run(language, source)
        assert (result["exit_code"], result["signal"], result["error"]) == (139, None, "exit status 139")


@pytest.mark.parametrize(
    "source",
    ["while :; do :; done", "sleep 60", "trap '' TERM XCPU INT; while :; do :; done", "kill -STOP $$"],
    ids=["busy", "asleep", "deaf", "stopped"],
)
def test_a_timeout_ends_what_does_not_end(run: Any, source: str) -> None:
    result = run("bash", f"echo begun\n{source}", limits={"timeout": 0.5})
    assert (result["status"], result["stdout"], result["error"]) == ("timeout", "begun\n", "took longer than 0.5 s")
    assert result["exit_code"] is None
    assert result["time_ms"] >= 500


def test_memory_is_limited(run: Any) -> None:
    source = "kept = []\nwhile True: kept.append(bytearray(1 << 20))"
    result = run("python3", source, limits={"memory_kb": 65536})
    assert (result["status"], result["error"]) == ("memory_limit", "used more than 65536 KiB of memory")
    assert result["memory_kb"] > 65536


def test_memory_of_many_processes_is_counted_together(run: Any) -> None:
    source = """
import os
for _ in range(4):
    if os.fork() == 0:
        kept = bytearray(os.urandom(1 << 20) * 30)
        break
import time
time.sleep(5)
"""
    assert run("python3", source, limits={"memory_kb": 90_000, "timeout": 5})["status"] == "memory_limit"


def test_files_in_the_work_directory_count_as_memory(run: Any) -> None:
    source = "head -c 40000000 /dev/zero >big; sleep 5"
    assert run("bash", source, limits={"memory_kb": 20_000, "timeout": 5})["status"] == "memory_limit"


@pytest.mark.parametrize("where", ["", " >&2"], ids=["stdout", "stderr"])
def test_output_is_cut_at_its_limit(run: Any, where: str) -> None:
    result = run("bash", f"while :; do echo 0123456789{where}; done", limits={"output_bytes": 1000})
    assert (result["status"], result["truncated"]) == ("output_limit", True)
    assert len(result["stdout"] + result["stderr"]) == 1000


def test_output_of_just_the_limit_is_whole(run: Any) -> None:
    result = run("bash", "printf %1000s", limits={"output_bytes": 1000})
    assert (result["status"], result["truncated"], len(result["stdout"])) == ("ok", False, 1000)


def test_output_over_the_limit_at_once_is_cut_too(run: Any) -> None:
    result = run("bash", "printf %1001s", limits={"output_bytes": 1000})
    assert (result["status"], result["truncated"], len(result["stdout"])) == ("output_limit", True, 1000)


def test_output_that_is_no_text_is_answered_all_the_same(run: Any) -> None:
    result = run("bash", r"printf '\xff\x00\x1b[31m\xe2\x82'")
    assert (result["status"], result["stdout"]) == ("ok", "�\0\x1b[31m�")


def test_processes_are_limited(run: Any) -> None:
    source = "for i in $(seq 40); do sleep 5 & done 2>/dev/null; echo done"
    result = run("bash", source, limits={"processes": 8, "timeout": 2})
    assert result["status"] in {"process_limit", "runtime_error", "timeout"}


def test_a_compile_that_does_not_end_is_ended(run: Any) -> None:
    result = run("c", '#include "/dev/zero"\nint main(void) { return 0; }')
    assert result["status"] in {"compile_error", "memory_limit", "timeout", "output_limit"}
    assert result["error"].startswith("compilation")
