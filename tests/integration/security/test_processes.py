"""Programs that multiply, hide, linger, or turn on other processes."""

from typing import Any

import pytest

_BOMBS = {
    "fork": "int p = fork(); if (p < 0) _exit(7); if (p == 0) for (;;) pause();",
    "vfork": "static volatile int full; if (full) _exit(7); if (vfork() < 0) { full = 1; _exit(7); }",
    "clone with shared memory": """
        char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (clone(rest, stack + 65536, CLONE_VM | CLONE_FILES | CLONE_FS | SIGCHLD, 0) < 0) _exit(7);""",
    "threads": """
        char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int flags = CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
        if (clone(rest, stack + 65536, flags, 0) < 0) _exit(7);""",
    "sessions": "int p = fork(); if (p < 0) _exit(7); if (p == 0) { setsid(); for (;;) pause(); }",
    "deaf": """
        int p = fork(); if (p < 0) _exit(7);
        if (p == 0) { sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, 0); for (;;) pause(); }""",
}

_HEAD = """
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
static int rest(void *nothing) { for (;;) pause(); }
"""


@pytest.mark.parametrize("bomb", _BOMBS)
def test_a_bomb_that_gives_up_meets_the_limit_of_processes(attack: Any, bomb: str) -> None:
    source = f"{_HEAD} int main(void) {{ (void)rest; for (;;) {{ {_BOMBS[bomb]} }} }}"
    result = attack("c", source, limits={"timeout": 5, "processes": 32})
    assert (result["status"], result["exit_code"]) == ("process_limit", 7)


def test_a_signal_never_makes_a_fork_fail(attack: Any) -> None:
    source = f"""{_HEAD}
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
static void nothing(int number) {{ (void)number; }}
int main(void) {{
    struct sigaction action = {{.sa_handler = nothing}}; /* without SA_RESTART */
    struct itimerval often = {{{{0, 500}}, {{0, 500}}}};
    int failed = 0;
    sigaction(SIGALRM, &action, 0);
    sigaction(SIGCHLD, &action, 0);
    setitimer(ITIMER_REAL, &often, 0);
    for (int i = 0; i < 300; i++) {{
        int p = fork();
        if (p == 0) _exit(0);
        if (p < 0) failed++;
        while (p > 0 && waitpid(p, 0, 0) < 0) ;
    }}
    printf("%d\\n", failed);
}}"""
    result = attack("c", source)
    assert (result["status"], result["stdout"]) == ("ok", "0\n")


def test_a_program_can_give_its_parent_no_children(attack: Any) -> None:
    source = f"""{_HEAD}
#include <errno.h>
#include <stdio.h>
int main(void) {{
    static char stack[65536];
    if (clone(rest, stack + 65536, CLONE_PARENT | SIGCHLD, 0) < 0) puts(errno == EPERM ? "refused" : "failed");
}}"""
    result = attack("c", source)
    assert (result["status"], result["stdout"]) == ("ok", "refused\n")


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("bash", ":(){ :|:& }; :; sleep 20"),
        ("bash", "while :; do bash main.sh & done"),
        ("python3", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"),
        ("c", "#include <unistd.h>\nint main(void) { for (;;) fork(); }"),
        ("c", "#include <unistd.h>\nint main(void) { for (;;) { fork(); setsid(); } }"),
    ],
    ids=["bash", "reruns itself", "python3", "c", "sessions"],
)
def test_a_bomb_that_never_gives_up_is_ended(attack: Any, language: str, source: str) -> None:
    result = attack(language, source, limits={"timeout": 1, "processes": 32})
    assert result["status"] in {"process_limit", "timeout", "output_limit"}
    assert result["time_ms"] < 5000


def test_a_program_that_bears_the_limit_goes_on(attack: Any) -> None:
    source = """
import threading, time
n = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
        n += 1
except RuntimeError:
    print(n < 64)
"""
    result = attack("python3", source, limits={"timeout": 3, "processes": 64})
    assert (result["status"], result["stdout"]) == ("ok", "True\n")


def test_a_program_that_threads_fail_has_met_its_limit(attack: Any) -> None:
    source = "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
    result = attack("python3", source, limits={"timeout": 3, "processes": 16})
    assert result["status"] == "process_limit"
    assert "can't start new thread" in result["stderr"]


def test_a_limit_that_was_not_met_is_not_blamed(attack: Any) -> None:
    result = attack("bash", "for i in 1 2 3; do sleep 0.1 & done; wait; exit 3", limits={"processes": 16})
    assert (result["status"], result["exit_code"]) == ("runtime_error", 3)


def test_a_program_that_becomes_itself_forever_is_ended(attack: Any) -> None:
    assert attack("bash", "exec bash main.sh", limits={"timeout": 1})["status"] == "timeout"


_LINGERERS = {
    "daemon": "(setsid sleep 30 >/dev/null 2>&1 &) &",
    "daemon that holds the output": "setsid sleep 30 &",
    "stopped": "(sleep 30 & kill -STOP $!; kill -STOP $BASHPID) &",
    "deaf": "(trap '' TERM HUP INT QUIT; setsid sleep 30 >/dev/null) &",
    "busy": "for i in 1 2 3 4; do (setsid sh -c 'while :; do :; done' &) & done",
    "sessions": "for i in 1 2 3 4 5 6 7 8 9 10; do setsid sh -c 'sleep 30 & sleep 30' & done",
    "breeding": "(while :; do sleep 0.01 & done) >/dev/null 2>&1 &",
}


@pytest.mark.parametrize("lingerer", _LINGERERS)
def test_the_end_of_a_program_is_the_end_of_what_it_started(attack: Any, run: Any, lingerer: str) -> None:
    result = attack("bash", f"{_LINGERERS[lingerer]}\necho gone", limits={"timeout": 5})
    assert (result["status"], result["stdout"]) == ("ok", "gone\n")
    assert result["time_ms"] < 2500
    for _ in range(2):
        seen = run("bash", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")["stdout"]
        assert "sleep" not in seen
        assert "while" not in seen


def test_a_timeout_ends_all_descendants(attack: Any, run: Any) -> None:
    source = "for i in 1 2 3 4 5; do (trap '' TERM; setsid sh -c 'sleep 77 & sleep 77' &) & done; sleep 60"
    assert attack("bash", source, limits={"timeout": 0.5})["status"] == "timeout"
    assert "sleep" not in run("bash", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")["stdout"]


def test_what_a_daemon_writes_after_the_end_is_nobodys_output(attack: Any, run: Any) -> None:
    result = attack("bash", "(sleep 0.4; echo late; echo late >&2) & echo now")
    assert (result["stdout"], result["stderr"]) == ("now\n", "")
    assert run("bash", "sleep 0.6; echo mine")["stdout"] == "mine\n"


def test_thousands_of_orphans_are_reaped(attack: Any) -> None:
    source = """
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    for (int i = 0; i < 1000; i++) {
        int p = fork();
        if (p < 0) { perror("fork"); return 1; }
        if (p == 0) { if (fork() >= 0) _exit(0); _exit(1); }
        int status;
        while (waitpid(p, &status, 0) == p && status) if ((p = fork()) == 0) _exit(0);
    }
    puts("reaped");
}"""
    result = attack("c", source, limits={"timeout": 10, "processes": 64})
    assert (result["status"], result["stdout"]) == ("ok", "reaped\n")


def test_zombies_count_and_go(attack: Any) -> None:
    source = """
import os
made = 0
try:
    while True:
        if os.fork() == 0: os._exit(0)
        made += 1
except OSError:
    print(made < 32)
"""
    result = attack("python3", source, limits={"timeout": 3, "processes": 32})
    assert (result["status"], result["stdout"]) == ("ok", "True\n")


@pytest.mark.parametrize("signal", ["STOP", "KILL", "TERM", "SEGV", "HUP", "USR1", "CHLD", "CONT", "RTMAX"])
@pytest.mark.parametrize("target", ["os.getppid()", "1", "-1"], ids=["parent", "pid 1", "everyone"])
def test_a_signal_reaches_nobody_else(attack: Any, target: str, signal: str) -> None:
    source = f"""
import os, signal
try:
    if {target}: os.kill({target}, signal.SIG{signal})
except (ProcessLookupError, PermissionError):
    pass
print("alive")"""
    result = attack("python3", source)
    assert (result["status"], result["stdout"]) == ("ok", "alive\n")


def test_a_program_may_kill_itself(attack: Any) -> None:
    result = attack("bash", "kill -9 1; kill -9 -1; echo alive; kill -9 $$")
    assert (result["status"], result["stdout"], result["signal"]) == ("runtime_error", "alive\n", "SIGKILL")


def test_killing_every_number_kills_nobody_else(attack: Any) -> None:
    source = """
import os
mine = {0, os.getpid()}
for pid in range(2, 40000):
    for target in {pid, -pid} - mine - {-os.getpgid(0)}:
        try: os.kill(target, 9)
        except OSError: pass
print("alive")"""
    result = attack("python3", source, limits={"timeout": 5})
    assert (result["status"], result["stdout"]) == ("ok", "alive\n")


def test_a_flood_of_signals_drowns_nobody(attack: Any) -> None:
    source = """
import os, signal, time
signal.signal(signal.SIGRTMIN, signal.SIG_IGN)
end = time.monotonic() + 1
while time.monotonic() < end:
    for target in {1, os.getppid()} - {0}:
        for number in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGRTMIN + 1):
            try: os.kill(target, number)
            except OSError: pass
print("alive")"""
    result = attack("python3", source, limits={"timeout": 5})
    assert (result["status"], result["stdout"]) == ("ok", "alive\n")


def test_calls_of_another_convention_kill_nobody_else(attack: Any) -> None:
    source = r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    for (int way = 0; way < 3; way++)
        if (fork() == 0) {
#ifdef __x86_64__
            long result;
            if (way == 0) __asm__ volatile("int $0x80" : "=a"(result) : "a"(37), "b"(-1), "c"(9));        /* i386 kill */
            if (way == 1) __asm__ volatile("int $0x80" : "=a"(result) : "a"(37), "b"(1), "c"(9));
            if (way == 2) __asm__ volatile("syscall" : "=a"(result) : "a"(0x40000000 | 62), "D"(-1L), "S"(9L)
                                           : "rcx", "r11", "memory");                                      /* x32 kill */
#endif
            _exit(0);
        }
    while (wait(0) > 0);
    puts("alive");
}"""
    result = attack("c", source)
    assert (result["status"], result["stdout"]) == ("ok", "alive\n")


def test_a_program_that_stops_itself_is_timed_out(attack: Any) -> None:
    assert attack("bash", "echo begun; kill -STOP $$", limits={"timeout": 0.5})["status"] == "timeout"


def test_priorities_can_only_fall(attack: Any) -> None:
    source = """
import os
def refused(what, call):
    try: call()
    except (PermissionError, OSError): return
    print(what)
for policy in (os.SCHED_FIFO, os.SCHED_RR):
    refused(f"realtime {policy}", lambda: os.sched_setscheduler(0, policy, os.sched_param(1)))
refused("nice", lambda: os.nice(-5))
refused("priority of all", lambda: os.setpriority(os.PRIO_USER, 0, -20))
refused("priority of pid 1", lambda: os.setpriority(os.PRIO_PROCESS, 1, -20))
print("end")"""
    assert attack("python3", source)["stdout"] == "end\n"


def test_limits_can_only_fall(attack: Any) -> None:
    source = """
import resource
for name in ("CORE", "CPU", "FSIZE", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC", "RTPRIO", "STACK"):
    number = getattr(resource, f"RLIMIT_{name}")
    soft, hard = resource.getrlimit(number)
    if hard == resource.RLIM_INFINITY:
        print(name, "unlimited")
        continue
    try: resource.setrlimit(number, (hard + 1, hard + 1))
    except (OSError, ValueError): continue
    print(name, "raised")
print("end")"""
    assert attack("python3", source)["stdout"] == "end\n"


@pytest.mark.parametrize("target", ["1", "os.getppid()"], ids=["pid 1", "parent"])
def test_limits_of_others_change_no_verdict(attack: Any, target: str) -> None:
    source = f"""
import os, resource, sys, time
others = {target}
# Where the parent has no number, 0 means ourselves; a processor limit of 0 then kills at whatever tick comes first.
for name in ("FSIZE", "NOFILE", "NPROC", "STACK", "AS", "DATA", *(["CPU"] if others else [])):
    try: resource.prlimit(others, getattr(resource, f"RLIMIT_{{name}}"), (0, 0))
    except (OSError, ValueError): pass
time.sleep(0.2)
os.write(1, b"end")
os._exit(5)"""
    result = attack("python3", source)
    if result["exit_code"] is not None or result["stdout"]:
        assert (result["status"], result["stdout"], result["exit_code"]) == ("runtime_error", "end", 5)


@pytest.mark.parametrize("name", [") R 1 1", "x) S 0 0 0", "\\n\\n", "(((("], ids=["forged", "orphan", "lines", "open"])
def test_a_forged_process_name_hides_no_memory(attack: Any, name: str) -> None:
    source = f"""
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
int main(void) {{ prctl(PR_SET_NAME, "{name}"); for (;;) memset(malloc(1 << 20), 1, 1 << 20); }}"""
    assert attack("c", source, limits={"timeout": 5, "memory_kb": 65536})["status"] == "memory_limit"


@pytest.mark.parametrize(
    "hiding",
    ["prctl(PR_SET_DUMPABLE, 0);", "prctl(PR_SET_CHILD_SUBREAPER, 1); if (fork()) pause(); setsid();",
     "if (fork()) pause(); if (fork()) _exit(0); setsid();", "prctl(PR_SET_PDEATHSIG, 0); if (fork()) pause();"],
    ids=["not dumpable", "subreaper", "orphan", "child"],
)  # fmt: skip
def test_a_process_cannot_hide_its_memory(attack: Any, hiding: str) -> None:
    source = f"""
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void) {{ {hiding} for (;;) memset(malloc(1 << 20), 1, 1 << 20); }}"""
    assert attack("c", source, limits={"timeout": 5, "memory_kb": 65536})["status"] == "memory_limit"
