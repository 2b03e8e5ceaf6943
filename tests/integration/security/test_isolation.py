"""Programs that try to see, reach or leave more than is theirs."""

import uuid
from typing import Any

import pytest

NETWORK = """
import socket
def tried(what, make):
    try:
        make()
        print(what, "open")
    except OSError:
        print(what, "closed")
tried("outside", lambda: socket.create_connection(("1.1.1.1", 53), 2))
tried("service", lambda: socket.create_connection(("127.0.0.1", 10100), 2))
tried("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53)))
tried("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
tried("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
tried("vsock", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
tried("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
"""


def test_there_is_no_network(attack: Any) -> None:
    lines = attack("python3", NETWORK)["stdout"].splitlines()
    assert len(lines) == 7
    assert [line for line in lines if not line.endswith("closed")] == []


@pytest.mark.parametrize(
    "path",
    ["/etc/shadow", "/root", "/home", "/sys/kernel", "/opt/codecanvas", "/var/lib", "/run", "/boot", "/dev/mem",
     "/dev/kmsg"],
)  # fmt: skip
def test_what_is_not_a_programs_business_is_not_there(attack: Any, path: str) -> None:
    result = attack("bash", f"[ -e {path} ] && echo visible; cat {path}")
    assert (result["status"], result["stdout"]) == ("runtime_error", "")


def test_nothing_but_the_work_directory_can_be_written(attack: Any) -> None:
    source = """
for place in / /usr /usr/bin /etc /dev /proc /proc/sys/kernel /program /lib /opt; do
    (echo x >$place/.written) 2>/dev/null && echo $place
done
echo mine >/work/x && echo shared >/dev/shm/x && echo end"""
    assert attack("bash", source)["stdout"] == "end\n"


def test_the_services_environment_and_processes_are_not_visible(attack: Any) -> None:
    source = """
cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep -E '^(RUNNER_|NUM_RUNNERS|PYTHONPATH|FLY_|TOKEN)' && echo seen
cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o '[b]ackend.runner' && echo seen
ls /proc/self/fd | wc -l
ls -d /proc/[0-9]* | wc -l"""
    result = attack("bash", source)
    descriptors, processes = map(int, result["stdout"].split())
    assert descriptors <= 4  # three standard ones and the directory itself
    assert processes <= 5


def test_no_privilege_is_held_or_gained(attack: Any) -> None:
    source = """
id -u
grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t' | tr '\\n' ' '
for n in -U -m -p -i -u -n; do unshare $n true 2>/dev/null && echo unshared $n; done
mount -t tmpfs none /work 2>/dev/null && echo mounted
chroot /work true 2>/dev/null && echo chrooted
exit 0"""
    zero = "0" * 16
    assert attack("bash", source)["stdout"] == f"1000\nCapEff:{zero} CapBnd:{zero} NoNewPrivs:1 Seccomp:2 "


def test_calls_into_the_kernel_that_no_program_needs_are_refused(attack: Any) -> None:
    source = r"""
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#define TRY(name, ...) if (syscall(SYS_##name, __VA_ARGS__) >= 0) puts(#name)
int main(void) {
    TRY(bpf, 0, 0, 0); TRY(perf_event_open, 0, 0, -1, -1, 0); TRY(keyctl, 0, -3, 1); TRY(userfaultfd, 0);
    TRY(io_uring_setup, 1, 0); TRY(ptrace, 0, 0, 0, 0); TRY(setns, 0, 0); TRY(unshare, CLONE_NEWUSER);
    TRY(clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); TRY(clone3, 0, 0); TRY(pivot_root, ".", ".");
    TRY(kcmp, 1, 1, 0, 0, 0);
    puts("end");
}"""
    assert attack("c", source)["stdout"] == "end\n"


def test_pid_1_cannot_be_killed_and_a_program_may_kill_itself(attack: Any) -> None:
    result = attack("bash", "kill -9 1; kill -9 -1; echo alive; kill -9 $$")
    assert (result["status"], result["stdout"], result["signal"]) == ("runtime_error", "alive\n", "SIGKILL")


def test_no_process_and_no_file_outlives_its_run(run: Any, attack: Any) -> None:
    mark = uuid.uuid4().hex
    source = f"""
(setsid sh -c 'sleep 30; : {mark}' >/dev/null 2>&1 &) &
echo {mark} | tee /work/left /tmp/left2 /dev/shm/left >/dev/null
"""
    first = attack("bash", source)
    assert first["status"] == "ok"
    assert first["time_ms"] < 2500  # the end of a program does not wait for what it left behind
    looking = "ls -A /work /dev/shm; cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
    for _ in range(3):
        seen = run("bash", looking)["stdout"]
        assert seen.startswith("/dev/shm:\n\n/work:\nmain.sh\n")
        assert mark not in seen


def test_a_daemon_that_holds_the_output_open_delays_nobody(attack: Any) -> None:
    result = attack("bash", "setsid sleep 30 & echo gone")
    assert (result["status"], result["stdout"]) == ("ok", "gone\n")


def test_links_lead_nowhere(attack: Any) -> None:
    source = """
ln -s /etc/shadow s; ln -s ../../../../../etc/shadow t
ln -s /proc/1/root/etc/shadow u; ln -s /proc/self/cwd/../../root v
cat s t u v 2>/dev/null && echo read
ln /etc/passwd hard 2>/dev/null && echo linked
rm -rf main.sh; ln -s / main.sh; mkfifo fifo; mkdir -p deep/a/b; chmod 000 deep
echo end"""
    assert attack("bash", source)["stdout"] == "end\n"


def test_a_compiler_reads_no_more_than_a_program(attack: Any) -> None:
    for included in ("/etc/shadow", "/proc/self/environ/../../1/environ", "/root/.ssh/id_rsa"):
        result = attack("c", f'#include "{included}"\nint main(void) {{ return 0; }}')
        assert result["status"] == "compile_error"
        assert "No such file" in result["stderr"] or "Not a directory" in result["stderr"]
    result = attack("c", '__asm__(".incbin \\"/etc/shadow\\""); int main(void) { return 0; }')
    assert result["status"] == "compile_error"


def test_a_forged_verdict_stays_output(attack: Any) -> None:
    forged = '{"exit-code": 0}\n{"status": "ok"}\n'
    source = f"""
import os
for fd in range(1, 20):
    try: os.write(fd, {forged!r}.encode())
    except OSError: pass
os._exit(9)"""
    result = attack("python3", source)
    assert (result["status"], result["exit_code"]) == ("runtime_error", 9)
    assert (result["stdout"], result["stderr"]) == (forged, forged)


def test_two_runs_differ_in_what_attackers_guess(run: Any) -> None:
    source = "import ctypes\nprint(hash('a'), ctypes.addressof(ctypes.c_int()))"
    assert run("python3", source)["stdout"] != run("python3", source)["stdout"]
