"""What one run leaves must not reach another, neither the next nor one at the same time."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest


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


_LEFT = {
    "SysV shared memory": ("libc.shmget(0x1234, 4096, 0o1666)", "libc.shmget(0x1234, 4096, 0o666)"),
    "SysV semaphores": ("libc.semget(0x1234, 1, 0o1666)", "libc.semget(0x1234, 1, 0o666)"),
    "SysV messages": ("libc.msgget(0x1234, 0o1666)", "libc.msgget(0x1234, 0o666)"),
    "POSIX message queue": ("libc.mq_open(b'/left', 0o102, 0o666, None)", "libc.mq_open(b'/left', 2, 0, None)"),
    "POSIX semaphore": ("0 if libc.sem_open(b'/left', 0o100, 0o666, 1) else -1",
                        "0 if os.path.exists('/dev/shm/sem.left') else -1"),
    "shared memory": ("os.open('/dev/shm/left', os.O_CREAT | os.O_RDWR)", "os.open('/dev/shm/left', os.O_RDONLY)"),
    "file in /tmp": ("os.open('/tmp/left', os.O_CREAT | os.O_RDWR)", "os.open('/tmp/left', os.O_RDONLY)"),
    "file in /var/tmp": ("os.open('/var/tmp/left', os.O_CREAT | os.O_RDWR)", "os.open('/var/tmp/left', os.O_RDONLY)"),
    "file in the home directory": ("os.open(os.path.expanduser('~/left'), os.O_CREAT)", "os.open(os.path.expanduser('~/left'), 0)"),
    "key of the session": ("libc.syscall(248, b'user', b'left', b'x', 1, -3)", "libc.syscall(250, 10, -3, b'user', b'left', 0)"),
    "key of the user": ("libc.syscall(248, b'user', b'left', b'x', 1, -4)", "libc.syscall(250, 10, -4, b'user', b'left', 0)"),
    "key of the user's session": ("libc.syscall(248, b'user', b'left', b'x', 1, -5)", "libc.syscall(250, 10, -5, b'user', b'left', 0)"),
    "host name": ("libc.sethostname(b'left', 4)", "0 if os.uname().nodename == 'left' else -1"),
    "lock": ("fcntl.flock(os.open('/usr/bin/python3', 0), 2 | 4) or 0", "-1"),
    "process group": ("os.setpgid(0, 0) or 0", "-1"),
}  # fmt: skip


@pytest.mark.parametrize("left", _LEFT)
def test_nothing_of_the_kernels_outlives_its_run(run: Any, attack: Any, left: str) -> None:
    source = """
import ctypes, fcntl, os
libc = ctypes.CDLL(None, use_errno=True)
try: found = {call}
except (OSError, AttributeError): found = -1
print("found" if found >= 0 else "nothing")"""
    make, find = _LEFT[left]
    assert attack("python3", source.replace("{call}", make))["status"] == "ok"
    for _ in range(4):  # each slot in turn
        assert run("python3", source.replace("{call}", find))["stdout"] == "nothing\n"


_SENDS = """
import socket
s = socket.socket(type=socket.SOCK_DGRAM)
for _ in range(777): s.sendto(b"x", ("127.0.0.1", 9))
l = socket.create_server(("127.0.0.1", 0)); c = socket.create_connection(l.getsockname()); c.close()
try: socket.socket().connect(("1.1.1.1", 53))
except OSError: pass"""

_COUNTS = {
    "python3": """
found = [open("/proc/net/dev").readlines()[2].split()[2], len(open("/proc/net/tcp").readlines()) - 1]
print(*found, [line.split()[13] for line in open("/proc/net/snmp") if line.startswith("Ip:")][1])""",
    "bash": r"""
dev=$(grep lo: /proc/net/dev | tr -s ' ' | cut -d' ' -f4); tcp=$(tail -n +2 /proc/net/tcp | wc -l)
echo $dev $tcp $(grep '^Ip:' /proc/net/snmp | tail -1 | cut -d' ' -f14)""",
    "nodejs": r"""
const words = (name, line) => require('fs').readFileSync('/proc/net/' + name, 'utf8').split('\n')[line].trim().split(/ +/)
console.log(words('dev', 2)[2], words('tcp', 1).length - 1, words('snmp', 1)[13])""",
    "c": r"""
#include <stdio.h>
#include <string.h>
int main(void) {
    char line[1024]; long packets = -1, lines = -1, unreachable = -1;
    FILE *dev = fopen("/proc/net/dev", "r"), *tcp = fopen("/proc/net/tcp", "r"), *ip = fopen("/proc/net/snmp", "r");
    while (dev && fgets(line, sizeof line, dev)) (void)sscanf(line, " lo: %*d %ld", &packets);
    while (tcp && fgets(line, sizeof line, tcp)) lines++;
    if (ip && fgets(line, sizeof line, ip) && fgets(line, sizeof line, ip))
        (void)sscanf(line, "Ip: %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %ld", &unreachable);
    printf("%ld %ld %ld\n", packets, lines, unreachable);
    return 0;
}""",
}


@pytest.mark.parametrize("language", _COUNTS)
def test_what_was_sent_on_loopback_is_seen_by_nobody(run: Any, attack: Any, language: str) -> None:
    for _ in range(6):  # each slot, and what waits in it
        assert attack("python3", _SENDS)["status"] == "ok"
    for _ in range(8):
        assert run(language, _COUNTS[language])["stdout"] == "0 0 0\n"


def test_no_ipc_object_is_listed(attack: Any) -> None:
    source = "tail -qn +2 /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg 2>/dev/null; ls /dev/mqueue 2>/dev/null; true"
    assert attack("bash", source)["stdout"] == ""


_SAME = {
    "limits": "cat /proc/self/limits",
    "signals": "grep -E '^Sig|^Shd' /proc/self/status | grep -v SigQ",
    "umask": "umask",
    "directory": "pwd; echo $0 $#; ls -A; stat -c '%a %U %F' . main.sh",
    "environment": "env | sort | grep -v '^_='",
    "descriptors": "ls /proc/self/fd",
    "priority": "nice; cut -d' ' -f18,19,41 /proc/self/stat",
    "affinity": "grep allowed /proc/self/status",
    "identity": "id; cat /proc/self/loginuid /proc/self/oom_score_adj; hostname",
    "mounts": "cut -d' ' -f4- /proc/self/mountinfo | sed 's/[0-9]\\+//g' | sort",
    "timer slack": "cat /proc/self/timerslack_ns; cat /proc/self/coredump_filter /proc/self/personality",
    "disk": "df -k /work | tail -1 | tr -s ' ' | cut -d' ' -f2-4; df -i /work | tail -1 | tr -s ' ' | cut -d' ' -f2-4",
}


@pytest.mark.parametrize("aspect", _SAME)
def test_every_run_begins_alike(run: Any, attack: Any, aspect: str) -> None:
    spoil = """
umask 0777; ulimit -c 0; ulimit -n 50; cd /; export LD_PRELOAD=/work/x PATH=/work; trap '' INT TERM USR1 PIPE
exec 5</ 6<&0 7>&1
/usr/bin/renice 19 $$ >/dev/null 2>&1; /usr/bin/taskset -p 1 $$ >/dev/null 2>&1
echo 1000 >/proc/self/oom_score_adj; /usr/bin/head -c 9000000 /dev/zero >/work/left; echo 33 >/proc/self/coredump_filter
kill -9 -1; kill -9 $$"""
    before = {run("bash", _SAME[aspect])["stdout"] for _ in range(2)}
    for _ in range(2):
        attack("bash", spoil)
    after = {run("bash", _SAME[aspect])["stdout"] for _ in range(2)}
    assert len(before) == 1
    assert after == before


_ENDINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "ok": ("echo x", {}),
    "runtime_error": ("exit 3", {}),
    "timeout": ("sleep 9", {"timeout": 0.3}),
    "cpu_limit": ("while :; do :; done", {"cpu_seconds": 1, "timeout": 9}),
    "memory_limit": ("s=x; while :; do s=$s$s; done", {"memory_kb": 65536, "timeout": 9}),
    "output_limit": ("yes", {"output_bytes": 1000}),
    "process_limit": (
        "python3 -c 'import os, time\nfor _ in range(99):\n    if os.fork() == 0: time.sleep(9)' 2>/dev/null",
        {"processes": 8, "timeout": 9},
    ),
    "disk_limit": ("head -c 9000000 /dev/zero >x || exit 1", {"disk_kb": 1024, "timeout": 5}),
}


@pytest.mark.parametrize("ending", _ENDINGS)
def test_after_each_ending_the_next_runs_are_right(run: Any, ending: str) -> None:
    source, limits = _ENDINGS[ending]
    for _ in range(3):
        assert run("bash", source, limits=limits)["status"] == ending
        after = run("bash", "ls -A; cat; echo $#", stdin="typed\n", args=["a", "b"])
        assert (after["status"], after["stdout"]) == ("ok", "main.sh\ntyped\n2\n")


_VICTIM = """
import os, time
block, marks = bytearray(b"x" * (60 << 20)), []
for _ in range(10):
    if os.fork() == 0: time.sleep(20)
with open("kept", "wb") as file: file.write(b"y" * (20 << 20))
end = time.monotonic() + 2.5
while time.monotonic() < end: time.sleep(0.05)
with open("kept", "rb") as file: assert file.read() == b"y" * (20 << 20)
for _ in range(10): os._exit(0) if os.fork() == 0 else os.wait()
print("unharmed", block.count(b"x") == 60 << 20)"""

_NEIGHBOURS = {
    "kills everybody": ("bash", "for p in $(seq 2 20000); do kill -9 $p; kill -STOP -$p; done 2>/dev/null; kill -9 -1"),
    "bombs memory": ("python3", "kept = []\nwhile True: kept.append(bytearray(1 << 20))"),
    "forks": ("python3", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"),
    "fills the disk": ("bash", "i=0; while :; do head -c 5000000 /dev/zero >$i; i=$((i + 1)); done"),
    "floods": ("bash", "yes & yes >&2 & yes"),
    "burns": ("bash", "for i in 1 2 3 4 5 6; do while :; do :; done & done; wait"),
    "locks": ("bash", "exec 9</usr/bin/python3.11 8</usr/bin/bash; flock 9; flock 8; sleep 3"),
    "opens": ("python3", "import os\nwhile True:\n    try: os.dup(0)\n    except OSError: pass"),
    "syncs": ("bash", "while :; do sync; done"),
}


@pytest.mark.parametrize("neighbour", _NEIGHBOURS)
def test_a_neighbour_harms_nobody(run: Any, neighbour: str) -> None:
    language, source = _NEIGHBOURS[neighbour]
    with ThreadPoolExecutor(2) as both:
        victim = both.submit(run, "python3", _VICTIM, limits={"timeout": 9})
        hostile = both.submit(run, language, source, limits={"timeout": 2})
        assert hostile.result()["status"] != "internal_error"
        result = victim.result()
    assert (result["status"], result["stdout"]) == ("ok", "unharmed True\n"), result


def test_two_runs_at_once_do_not_see_each_other(run: Any) -> None:
    mark = uuid.uuid4().hex
    with ThreadPoolExecutor(2) as both:
        other = both.submit(run, "bash", f"echo {mark} >/tmp/{mark}; exec -a {mark} sleep 1.5")
        looking = f"""
for i in 1 2 3 4 5 6 7 8 9 10; do
    cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -ac {mark}$
    find / -xdev -name '{mark}' 2>/dev/null
    ls /work/../work /tmp /dev/shm | grep -c ^{mark}
    sleep 0.1
done | sort -u"""
        seen = run("bash", looking, limits={"timeout": 9})["stdout"]
        other.result()
    assert seen == "0\n"


def test_results_of_runs_at_once_do_not_mix(run: Any) -> None:
    def one(number: int) -> bool:
        result = run("python3", f"import sys\nfor _ in range(200): print('{number}' * 50)\nsys.exit({number % 5})")
        return bool(result["stdout"] == (str(number) * 50 + "\n") * 200 and result["exit_code"] == number % 5)

    with ThreadPoolExecutor(8) as clients:
        assert all(clients.map(one, range(60)))
