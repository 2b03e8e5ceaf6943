from pathlib import Path

from backend.runner.sandbox.command import Step, arguments
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import DISK_BYTES, Limits

HOST = Host("/usr/bin/bwrap", True, ("--ro-bind", "/usr", "/usr"), (Path("/tools"),), False)


def _arguments(step: Step, host: Host = HOST) -> list[str]:
    return arguments(
        host, step, accounts=Path("/state/accounts"), program=Path("/state/slot"), status=7, seccomp=8,
        files=[(9, "main.py")],
    )  # fmt: skip


def _follows(argv: list[str], *words: str) -> bool:
    return any(tuple(argv[start : start + len(words)]) == words for start in range(len(argv)))


def test_every_namespace_is_left_and_every_privilege_dropped() -> None:
    argv = _arguments(Step(command=("true",), limits=Limits()))
    for name in ("user", "pid", "ipc", "uts", "net", "cgroup-try"):
        assert f"--unshare-{name}" in argv
    assert {"--disable-userns", "--new-session", "--die-with-parent", "--clearenv"} <= set(argv)
    assert _follows(argv, "--cap-drop", "ALL")
    assert _follows(argv, "--json-status-fd", "7")
    assert _follows(argv, "--seccomp", "8")


def test_the_root_is_made_read_only_after_all_else_is_mounted() -> None:
    argv = _arguments(Step(command=("true",), limits=Limits()))
    last = argv.index("--remount-ro")
    assert argv[last : last + 4] == ["--remount-ro", "/dev", "--remount-ro", "/"]
    assert {"--bind", "--tmpfs", "--proc"}.isdisjoint(argv[last:])
    assert _follows(argv, "--size", str(DISK_BYTES), "--tmpfs", "/work")


def test_only_a_compile_writes_the_program_and_only_a_warm_up_the_cache() -> None:
    run = _arguments(Step(command=("true",), limits=Limits(), cache=Path("/cache/go")))
    assert _follows(run, "--ro-bind", "/state/slot", "/program")
    assert _follows(run, "--ro-bind", "/cache/go", "/cache")
    assert "--bind" not in run
    warm = Step(command=("true",), limits=Limits(), compiles=True, cache=Path("/cache/go"), cache_writable=True)
    assert _follows(_arguments(warm), "--bind", "/state/slot", "/program")
    assert _follows(_arguments(warm), "--bind", "/cache/go", "/cache")


def test_limits_are_set_inside_before_the_command() -> None:
    argv = _arguments(Step(command=("program", "--flag"), limits=Limits(timeout=1.5, processes=9)))
    inside = argv[argv.index("--") + 1 :]
    assert inside[0] == "/usr/bin/prlimit"
    assert {"--nproc=9", "--cpu=3:4", "--core=0", f"--fsize={DISK_BYTES}"} <= set(inside)
    assert inside[-3:] == ["--", "program", "--flag"]


def test_files_go_in_by_descriptor() -> None:
    argv = _arguments(Step(command=("true",), limits=Limits()))
    assert _follows(argv, "--file", "9", "/work/main.py")


def test_a_toolchain_is_bound_read_only_and_found() -> None:
    argv = _arguments(Step(command=("true",), limits=Limits()))
    assert _follows(argv, "--ro-bind", "/tools", "/opt/toolchains/0")
    assert _follows(argv, "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin:/opt/toolchains/0/bin")


def test_an_old_bubblewrap_is_not_given_what_it_does_not_know() -> None:
    old = Host("/usr/bin/bwrap", False, (), (), False)
    assert "--size" not in _arguments(Step(command=("true",), limits=Limits()), old)
