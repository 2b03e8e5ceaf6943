"""Programs that do not end, or spend more time than is theirs."""

import time
from typing import Any

import httpx
import pytest

ATTEMPTS = 5

_ENDLESS = {
    "busy": "while :; do :; done",
    "asleep": "sleep 60",
    "deaf": "trap '' TERM XCPU INT HUP QUIT ALRM; while :; do :; done",
    "stopped": "kill -STOP $$",
    "stopped children": "sleep 60 & kill -STOP $!; wait",
    "reading a pipe": "mkfifo p; cat <p",
    "reading its own pipe": "sleep 60 | cat",
    "in the background of nobody": "(setsid sleep 60) ; sleep 60",
    "waiting at the end": "trap 'sleep 60' EXIT; exit 0",
}


@pytest.mark.parametrize("endless", _ENDLESS)
def test_a_timeout_ends_what_does_not_end(attack: Any, endless: str) -> None:
    result = attack("bash", f"echo begun\n{_ENDLESS[endless]}", limits={"timeout": 0.5})
    assert (result["status"], result["stdout"], result["error"]) == ("timeout", "begun\n", "took longer than 0.5 s")
    assert result["exit_code"] is None
    assert 500 <= result["time_ms"] < 2000


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python3", "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
                    "    except (OSError, ValueError): pass\nwhile True: pass"),
        ("python3", "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nsignal.sigwait({10})"),
        ("python3", "import atexit, time\natexit.register(time.sleep, 60)"),
        ("python3", "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()"),
        ("python3", "class A:\n    def __del__(self):\n        while True: pass\na = A()"),
        ("python3", "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')"),
        ("nodejs", "for (;;);"),
        ("nodejs", "setInterval(() => {}, 1000)"),
        ("nodejs", "process.on('exit', () => { for (;;); })"),
        ("nodejs", "for (const s of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(s, () => {}); setInterval(() => {}, 9)"),
        ("c", "#include <unistd.h>\nint main(void) { if (vfork() == 0) for (;;) pause(); }"),
        ("c", "#include <signal.h>\nint main(void) { sigset_t s; sigfillset(&s); sigprocmask(SIG_BLOCK, &s, 0); for (;;); }"),
        ("go", "package main\nfunc main() { for { } }"),
        ("go", "package main\nimport \"time\"\nfunc main() { time.Sleep(time.Hour) }"),
        ("rust", "fn main() { loop { std::thread::park(); } }"),
    ],
    ids=["ignoring", "blocking", "atexit", "thread", "destructor", "regex", "js busy", "js timer", "js exit", "js deaf",
         "vfork", "c blocking", "go busy", "go asleep", "rust parked"],
)  # fmt: skip
def test_every_language_is_timed_out(attack: Any, language: str, source: str) -> None:
    result = attack(language, source, limits={"timeout": 0.7})
    assert (result["status"], result["exit_code"]) == ("timeout", None)
    assert 700 <= result["time_ms"] < 2500


_BURNERS = {
    "busy": "while True: pass",
    "deaf": "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
    "children": "import os\nfor _ in range(3): os.fork()\nwhile True: pass",
    "children one after another": """
import os, time
while True:
    if os.fork() == 0:
        while time.process_time() < 0.15: pass
        os._exit(0)
    os.wait()""",
    "orphans": """
import os, time
while True:
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            while time.process_time() < 0.2: pass
        os._exit(0)
    os.wait(); time.sleep(0.1)""",
    "threads that compute in C": """
import hashlib, threading
for _ in range(4): threading.Thread(target=lambda: hashlib.pbkdf2_hmac("sha256", b"x", b"y", 10**9)).start()""",
    "in the kernel": "import os\nfd = os.open('/dev/zero', 0)\nwhile True: os.read(fd, 1 << 20)",
}


def _given_a_second(attack: Any, language: str, source: str, cpu_seconds: int) -> dict[str, Any]:
    """The result of a program that computes without end, on a machine that gave it a second of processor time for it.

    A service that shares its processors with a dozen others may not, within the ten seconds that a run may take; such
    a result shows nothing.
    """
    for _ in range(ATTEMPTS):
        result: dict[str, Any] = attack(language, source, limits={"timeout": 10, "cpu_seconds": cpu_seconds})
        if result["status"] != "timeout" or result["cpu_ms"] >= 1000:
            break
    return result


@pytest.mark.parametrize("burner", _BURNERS)
def test_processor_time_is_limited(attack: Any, burner: str) -> None:
    result = _given_a_second(attack, "python3", _BURNERS[burner], 1)
    assert result["status"] == "cpu_limit"
    assert result["cpu_ms"] < 4000


def test_sleep_costs_no_processor_time(attack: Any) -> None:
    result = attack("python3", "import time; time.sleep(2); print('woke')", limits={"timeout": 5, "cpu_seconds": 1})
    assert (result["status"], result["stdout"]) == ("ok", "woke\n")


def test_the_smaller_limit_of_time_is_told(attack: Any) -> None:
    result = attack("bash", "while :; do :; done", limits={"timeout": 1, "cpu_seconds": 8})
    assert result["status"] == "timeout"


@pytest.mark.parametrize("timeout", [5e-324, 1e-9, 0.001, 0.01])
def test_no_time_at_all_is_a_timeout(attack: Any, timeout: float) -> None:
    for language in ("bash", "python3"):
        assert attack(language, "sleep 5" if language == "bash" else "import time; time.sleep(5)",
                      limits={"timeout": timeout})["status"] == "timeout"  # fmt: skip


@pytest.mark.parametrize("seconds", [5e-324, 1e-9, 0.001])
def test_no_processor_time_at_all_is_a_limit(attack: Any, seconds: float) -> None:
    for language, source in (("bash", "while :; do :; done"), ("python3", "while True: pass")):
        assert attack(language, source, limits={"timeout": 5, "cpu_seconds": seconds})["status"] == "cpu_limit"


@pytest.mark.parametrize("limit", ["timeout", "cpu_seconds"])
@pytest.mark.parametrize("language", ["bash", "python3", "nodejs", "c"])
def test_no_time_at_all_is_no_fault_when_it_is_streamed(api: httpx.Client, language: str, limit: str) -> None:
    source = {"bash": "sleep 1", "python3": "input()", "nodejs": "for (;;);", "c": "int main(void) { for (;;); }"}
    body = {"language": language, "source": source[language], "limits": {limit: 5e-324}}
    response = api.post("run/stream", json=body)
    assert response.status_code in {200, 400}
    assert "internal_error" not in response.text
    assert "event: error" not in response.text


def test_an_alarm_is_the_programs_own_end(attack: Any) -> None:
    result = attack("python3", "import signal, time\nsignal.setitimer(signal.ITIMER_REAL, 0.1)\ntime.sleep(5)")
    assert (result["status"], result["signal"]) == ("runtime_error", "SIGALRM")


def test_the_programs_own_processor_limit_is_not_the_services(attack: Any) -> None:
    source = "ulimit -t 1; while :; do :; done"
    result = _given_a_second(attack, "bash", source, 6)
    assert result["status"] in {"runtime_error", "cpu_limit"}
    assert result["cpu_ms"] < 4000


def test_timers_without_end_stop_nobody(attack: Any) -> None:
    source = r"""
#include <signal.h>
#include <stdio.h>
#include <time.h>
int main(void) {
    signal(SIGALRM, SIG_IGN);
    struct itimerspec soon = {{0, 1000}, {0, 1000}};
    for (int i = 0; i < 200000; i++) { timer_t t; if (timer_create(CLOCK_MONOTONIC, 0, &t)) break; timer_settime(t, 0, &soon, 0); }
    puts("end");
}"""
    result = attack("c", source, limits={"timeout": 4})
    assert result["status"] in {"ok", "timeout", "memory_limit"}


def test_input_that_does_not_come_has_ended(attack: Any) -> None:
    result = attack("bash", "cat; read line; echo $?")
    assert (result["status"], result["stdout"]) == ("ok", "1\n")


def test_after_many_timeouts_others_are_as_fast(run: Any) -> None:
    for _ in range(5):
        assert run("bash", "for i in 1 2 3 4; do (setsid sh -c 'while :; do :; done' &) & done; sleep 9",
                   limits={"timeout": 0.3})["status"] == "timeout"  # fmt: skip
    begun = time.monotonic()
    assert run("bash", "echo fine")["stdout"] == "fine\n"
    assert time.monotonic() - begun < 5
