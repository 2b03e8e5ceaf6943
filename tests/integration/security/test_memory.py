"""Programs that want more memory than is theirs, in every place where memory can lie."""

from typing import Any

import pytest

from tests.holds import HOLDS

_MAPPED = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {{ for (;;) {{ {step} }} }}
"""

_EATERS = {
    "malloc": ("c", _MAPPED.format(step="memset(malloc(1 << 20), 1, 1 << 20);")),
    "brk": ("c", _MAPPED.format(step="char *p = sbrk(1 << 20); if (p == (void *)-1) return 9; memset(p, 1, 1 << 20);")),
    "private map": (
        "c",
        _MAPPED.format(
            step="""char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (p != MAP_FAILED) memset(p, 1, 1 << 20);"""
        ),
    ),
    "shared map": (
        "c",
        _MAPPED.format(
            step="""char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
            if (p != MAP_FAILED) memset(p, 1, 1 << 20);"""
        ),
    ),
    "shared map, no longer mapped by its maker": (
        "c",
        _MAPPED.format(
            step="""char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
            if (fork() == 0) { if (p != MAP_FAILED) memset(p, 1, 1 << 20); _exit(0); } wait(0);"""
        ),
    ),
    "one burst": ("c", _MAPPED.format(step="char *p = malloc(900u << 20); if (p) memset(p, 1, 900u << 20);")),
    "python": ("python3", "kept = []\nwhile True: kept.append(bytearray(1 << 20))"),
    "one string": ("python3", "s = 'x'\nwhile True: s += s"),
    "bash": ("bash", "s=x; while :; do s=$s$s; done"),
    "javascript": ("nodejs", "const kept = []; for (;;) kept.push(Buffer.alloc(1 << 20, 1));"),
    "javascript objects": ("nodejs", "const kept = []; for (;;) kept.push({ kept: new Array(1000).fill(1.5) });"),
    "go": ("go", "package main\nvar kept [][]byte\nfunc main() {\n\tfor {\n\t\tb := make([]byte, 1<<20)\n"
           "\t\tfor i := range b {\n\t\t\tb[i] = 1\n\t\t}\n\t\tkept = append(kept, b)\n\t}\n}\n"),
    "rust": ("rust", "fn main() { let mut kept = Vec::new(); loop { kept.push(vec![1u8; 1 << 20]); "
             "if kept.len() == 1 << 30 { println!(\"{}\", kept[0][0]); } } }"),
}  # fmt: skip


@pytest.mark.parametrize("eater", _EATERS)
def test_memory_is_limited_wherever_it_comes_from(attack: Any, eater: str) -> None:
    language, source = _EATERS[eater]
    result = attack(language, source, limits={"timeout": 8, "memory_kb": 131_072})
    assert result["status"] == "memory_limit"
    assert result["error"].endswith("used more than 131072 KiB of memory")


def test_memory_of_many_processes_is_one_memory(attack: Any) -> None:
    source = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        kept = bytearray(os.urandom(1 << 20) * 20)
        break
time.sleep(6)
"""
    assert attack("python3", source, limits={"memory_kb": 90_000, "timeout": 5})["status"] == "memory_limit"


def test_memory_of_orphans_is_the_programs(attack: Any) -> None:
    source = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        os.setsid()
        if os.fork(): os._exit(0)
        kept = bytearray(os.urandom(1 << 20) * 20)
        break
time.sleep(6)
"""
    assert attack("python3", source, limits={"memory_kb": 90_000, "timeout": 5})["status"] == "memory_limit"


def test_memory_that_is_given_back_is_not_counted_twice(attack: Any) -> None:
    source = "for _ in range(40): block = bytearray(30 << 20); del block\nprint('end')"
    result = attack("python3", source, limits={"memory_kb": 81_920, "timeout": 5})
    assert (result["status"], result["stdout"]) == ("ok", "end\n")


_HIDDEN = {
    "memory file": "os.write(os.memfd_create('hidden'), block)",
    "sealed memory file": "f = os.memfd_create('h', 2); os.write(f, block); kept.append(f)",
    "SysV shared memory": """
id = libc.shmget(0, len(block), 0o1600)
if id < 0: raise OSError
libc.shmat.restype = ctypes.c_void_p
at = libc.shmat(id, None, 0)
if at in (None, ctypes.c_void_p(-1).value): raise OSError
ctypes.memset(at, 1, len(block)); libc.shmdt(ctypes.c_void_p(at))""",
    "POSIX shared memory": "open(f'/dev/shm/{number}', 'wb', 0).write(block)",
    "files of the work directory": "open(f'/work/{number}', 'wb', 0).write(block)",
    "files without a name": "f = os.open('/work', os.O_TMPFILE | os.O_WRONLY); os.write(f, block); kept.append(f)",
    "files that are deleted": "f = os.open('x', os.O_CREAT | os.O_WRONLY); os.unlink('x'); os.write(f, block); kept.append(f)",
    "message queue": """
id = libc.msgget(0, 0o1600)
if id < 0: raise OSError
for _ in range(400):
    if libc.msgsnd(id, ctypes.create_string_buffer(b'x' * 8008), 8000, 0o4000) < 0: break""",
    "pipes": """
r, w = os.pipe(); os.set_blocking(w, False); kept.append((r, w))
fcntl.fcntl(w, 1031, 1 << 20)
try:
    while True: os.write(w, block)
except BlockingIOError: pass""",
    "sockets": """
a, b = socket.socketpair(); a.setblocking(False); kept.append((a, b))
a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)
try:
    while True: a.send(block)
except BlockingIOError: pass""",
    "extended attributes": "open(f'{number}', 'w'); os.setxattr(f'{number}', 'user.x', block[:60000])",
    "long names": "os.symlink('x' * 4000, f'{number}')",
}


@pytest.mark.parametrize("place", _HIDDEN)
def test_memory_that_no_process_maps_is_refused_or_counted(attack: Any, place: str) -> None:
    """Either the program is ended, or the kernel refuses it: it never gets ten times what it may have."""
    step = _HIDDEN[place].strip().replace("\n", "\n        ")
    source = f"""
import ctypes, fcntl, os, socket
libc = ctypes.CDLL(None, use_errno=True)
block, kept, had = b'x' * (1 << 20), [], 0
for number in range(1000):
    try:
        {step}
    except (OSError, AttributeError):
        break
    had += 1
print(had < 1000)
"""
    result = attack("python3", source, limits={"timeout": 5, "memory_kb": 102_400, "disk_kb": 65536})
    if result["status"] == "ok":
        assert result["stdout"] == "True\n" or place in {"extended attributes", "long names"}
    else:
        assert result["status"] in {"memory_limit", "disk_limit"}


@pytest.mark.parametrize("what", HOLDS)
def test_what_the_kernel_holds_for_a_program_is_memory(attack: Any, what: str) -> None:
    names = ("fcntl.h", "stdio.h", "unistd.h", "sys/epoll.h", "sys/eventfd.h", "sys/mman.h")
    head = "#define _GNU_SOURCE\n" + "".join(f"#include <{name}>\n" for name in names)
    body = f"for (int k = 0; k < 12; k++) if (fork() == 0) {{ {HOLDS[what]} pause(); }}"
    source = f"{head}int main(void) {{ {body} sleep(8); return 0; }}"
    result = attack("c", source, limits={"timeout": 10, "memory_kb": 32_768})
    assert result["status"] == "memory_limit"


def test_files_that_are_read_are_no_memory_of_the_program(attack: Any) -> None:
    source = "find /usr/lib -type f -size +1M 2>/dev/null | head -100 | xargs cat 2>/dev/null | wc -c"
    result = attack("bash", source, limits={"timeout": 10, "memory_kb": 65_536})
    assert result["status"] == "ok"
    assert int(result["stdout"]) > 20_000_000


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("c", "int f(int n) { volatile int a[1000]; a[0] = n; return f(n + 1) + a[0]; } int main(void) { return f(0); }"),
        ("c", "int main(void) { volatile char a[1l << 32]; a[0] = 1; return a[0]; }"),
        ("c++", "struct S { S() { S s; other(&s); } static void other(S *); }; "
                "void S::other(S *s) { new (s) S; } int main() { S s; }"),
    ],
    ids=["recursion", "one frame", "constructors"],
)  # fmt: skip
def test_a_bottomless_stack_is_the_programs_own_end(attack: Any, language: str, source: str) -> None:
    head = "#include <new>\n" if language == "c++" else ""
    result = attack(language, head + source, limits={"timeout": 5})
    assert (result["status"], result["signal"]) == ("runtime_error", "SIGSEGV")


@pytest.mark.parametrize(
    ("language", "source", "said"),
    [
        ("python3", "def f(): f()\nf()", "RecursionError"),
        ("nodejs", "const f = () => f(); f();", "RangeError"),
        ("go", "package main\nfunc f(n int) int { return f(n+1) + 1 }\nfunc main() { println(f(0)) }", "overflow"),
        ("rust", "#[allow(unconditional_recursion)] fn f(n: u64) -> u64 { let s = n.to_string(); "
                 "f(n + 1) + s.len() as u64 } fn main() { println!(\"{}\", f(0)); }", "overflow"),
    ],
    ids=["python3", "nodejs", "go", "rust"],
)  # fmt: skip
def test_endless_recursion_is_told(attack: Any, language: str, source: str, said: str) -> None:
    result = attack(language, source, limits={"timeout": 8, "memory_kb": 400_000})
    assert result["status"] in {"runtime_error", "memory_limit"}
    assert said in result["stderr"] or result["status"] == "memory_limit"


def test_addresses_are_not_memory(attack: Any) -> None:
    source = """
#include <stdio.h>
#include <sys/mman.h>
int main(void) {
    void *p = mmap(0, 8ul << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    puts(p == MAP_FAILED ? "refused" : "reserved");
}"""
    result = attack("c", source, limits={"memory_kb": 65_536})
    assert (result["status"], result["stdout"]) == ("ok", "reserved\n")  # what Go, Java and sanitizers do at start


def test_odd_maps_are_refused_or_harmless(attack: Any) -> None:
    source = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
int main(void) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    if (mmap(0, 4096, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0) == 0) puts("page zero");
    if (mmap(0, 2 << 20, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0) != MAP_FAILED) puts("huge page");
    void *p = 0;
    if (posix_memalign(&p, 1ul << 44, 1) == 0 && p) puts("aligned");
    p = mmap(0, 64 << 20, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (p != MAP_FAILED && mlock(p, 64 << 20) == 0) puts("locked");
    if (mlockall(MCL_CURRENT | MCL_FUTURE) == 0) puts("all locked");
    long made = 0;
    while (made < 200000 && mmap(0, 4096, made & 1 ? PROT_READ : PROT_NONE, flags, -1, 0) != MAP_FAILED) made++;
    puts("end");
}"""
    result = attack("c", source, limits={"timeout": 5})
    assert (result["status"], result["stdout"]) == ("ok", "end\n")


def test_what_a_run_used_is_told(attack: Any) -> None:
    source = "import time\nblock = bytearray(b'x' * (50 << 20))\ntime.sleep(0.2)"
    used = attack("python3", source, limits={"memory_kb": 200_000})["memory_kb"]
    assert 50 * 1024 <= used < 150 * 1024


def test_a_raised_oom_score_saves_nobody(attack: Any) -> None:
    source = """
for value in ("-1000", "-17", "1000"):
    try: open("/proc/self/oom_score_adj", "w").write(value)
    except OSError: pass
kept = []
while True: kept.append(bytearray(1 << 20))"""
    assert attack("python3", source, limits={"timeout": 5, "memory_kb": 80_000})["status"] == "memory_limit"
