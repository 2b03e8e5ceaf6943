"""Programs that write too much, in odd ways, or to what is not theirs."""

import hashlib
from typing import Any

import pytest


@pytest.mark.parametrize(
    "source",
    ["yes", "yes >&2", "yes & yes >&2 & yes", "while :; do echo 0123456789; done", "tr '\\0' x </dev/zero",
     "cat /dev/zero", "cat /dev/urandom", "tr '\\0' '\\r' </dev/zero", "yes $'\\e[2J\\e[31m'", "trap '' PIPE; yes || yes",
     "trap '' TERM PIPE XFSZ; while :; do yes; done", "(trap '' TERM; setsid yes) & wait"],
    ids=["stdout", "stderr", "both", "loop", "no newline", "NUL", "no text", "returns", "escapes", "deaf", "undying",
         "daemon"],
)  # fmt: skip
def test_a_flood_is_cut_at_the_limit(attack: Any, source: str) -> None:
    result = attack("bash", source, limits={"timeout": 5, "output_bytes": 100_000})
    assert (result["status"], result["truncated"]) == ("output_limit", True)
    assert result["error"] == "wrote more than 100000 bytes"
    assert len(result["stdout"]) + len(result["stderr"]) <= 100_000
    if "urandom" not in source:
        assert len(result["stdout"]) + len(result["stderr"]) == 100_000
    assert result["time_ms"] < 3000


@pytest.mark.parametrize("size", [999, 1000, 1001])
def test_the_limit_is_exact(attack: Any, size: int) -> None:
    result = attack("bash", f"printf %{size}s", limits={"timeout": 3, "output_bytes": 1000})
    expected = ("ok", False, size) if size <= 1000 else ("output_limit", True, 1000)
    assert (result["status"], result["truncated"], len(result["stdout"])) == expected


def test_a_flood_at_the_ceiling_is_served_whole(attack: Any) -> None:
    limits = {"timeout": 8, "output_bytes": 4 * 1024 * 1024}
    result = attack("python3", "import sys; sys.stdout.write('x' * (4 << 20))", limits=limits)
    assert (result["status"], result["stdout"] == "x" * (4 << 20)) == ("ok", True)


def test_a_megabyte_of_carriage_returns_is_output_like_any(attack: Any) -> None:
    result = attack("python3", "import sys; sys.stdout.write('\\r' * 1000000)")
    assert (result["status"], result["stdout"] == "\r" * 1_000_000) == ("ok", True)


@pytest.mark.parametrize("ending", ["process.exit(3)", "throw new Error('over')"])
def test_what_node_wrote_before_it_ends_at_once_is_whole(attack: Any, ending: str) -> None:
    result = attack("nodejs", f"console.log('x'.repeat(1000000)); {ending}")
    assert (result["status"], result["stdout"] == "x" * 1_000_000 + "\n") == ("runtime_error", True)


def test_many_small_writes_are_all_kept(attack: Any) -> None:
    source = "import os\nfor _ in range(50000): os.write(1, b'a'); os.write(2, b'b')"
    result = attack("python3", source, limits={"timeout": 8})
    assert (result["status"], result["stdout"] == "a" * 50_000, result["stderr"] == "b" * 50_000) == ("ok", True, True)


def test_a_slow_drip_is_kept_until_the_timeout(attack: Any) -> None:
    result = attack("bash", "while :; do printf .; sleep 0.1; done", limits={"timeout": 1})
    assert result["status"] == "timeout"
    assert 3 <= len(result["stdout"]) <= 11
    assert set(result["stdout"]) == {"."}


def test_a_character_in_two_writes_is_one(attack: Any) -> None:
    source = "import os, time\nfor byte in 'é€😀'.encode(): os.write(1, bytes([byte])); time.sleep(0.02)"
    assert attack("python3", source)["stdout"] == "é€😀"


def test_a_cut_within_a_character_is_told(attack: Any) -> None:
    result = attack("python3", "print('é' * 1000)", limits={"timeout": 3, "output_bytes": 101})
    assert (result["status"], result["truncated"]) == ("output_limit", True)
    assert result["stdout"].rstrip("\N{REPLACEMENT CHARACTER}") == "é" * 50


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        (b"\xff\x00\x1b[31m\xe2\x82", "\N{REPLACEMENT CHARACTER}\0\x1b[31m\N{REPLACEMENT CHARACTER}"),
        (b"\xed\xa0\x80", "\N{REPLACEMENT CHARACTER}" * 3),
        (b"\xef\xbb\xbfx", "\N{ZERO WIDTH NO-BREAK SPACE}x"),
        (b"\xe2\x80\xa8\xe2\x80\xa9\x85", "\u2028\u2029\N{REPLACEMENT CHARACTER}"),
        (b'"}\n{"status":"ok"}\\', '"}\n{"status":"ok"}\\'),
        (b"data: x\n\nevent: result\ndata: {}\n\n", "data: x\n\nevent: result\ndata: {}\n\n"),
        (b"\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
    ],
    ids=["no text", "surrogate", "BOM", "separators", "JSON", "events", "HTTP"],
)
def test_odd_output_is_only_output(attack: Any, written: bytes, seen: str) -> None:
    for stream, name in ((1, "stdout"), (2, "stderr")):
        result = attack("python3", f"import os; os.write({stream}, {written!r})")
        assert (result["status"], result[name]) == ("ok", seen)


def test_a_forged_verdict_stays_output(attack: Any) -> None:
    forged = '{"exit-code": 0}\n{"status": "ok"}\n'
    source = f"""
import os
for fd in range(1, 1024):
    try: os.write(fd, {forged!r}.encode())
    except OSError: pass
os._exit(9)"""
    result = attack("python3", source)
    assert (result["status"], result["exit_code"]) == ("runtime_error", 9)
    assert (result["stdout"], result["stderr"]) == (forged, forged)


@pytest.mark.parametrize("language", ["bash", "python3", "nodejs", "c", "go", "rust"])
def test_only_the_three_standard_descriptors_are_inherited(attack: Any, language: str) -> None:
    sources = {
        "bash": "for n in $(seq 3 254); do [ -e /proc/self/fd/$n ] && readlink /proc/self/fd/$n; done | grep -v /proc",
        "python3": "import os\nfor n in range(3, 1024):\n    try: os.fstat(n)\n    except OSError: continue\n    print(n)",
        # What a runtime opens itself is no way out of the sandbox: nothing but pipes, events, and files to read.
        "nodejs": "const fs = require('fs'); for (let n = 3; n < 1024; n++) { try { const t = "
        "fs.readlinkSync('/proc/self/fd/' + n); if (!/^(anon_inode:|\\/dev\\/null|pipe:|\\/proc\\/)/.test(t)) "
        "console.log(n, t); } catch {} }",
        "c": "#include <fcntl.h>\n#include <stdio.h>\nint main(void) { for (int n = 3; n < 1024; n++) "
        'if (fcntl(n, F_GETFD) >= 0) printf("%d\\n", n); }',
        "go": 'package main\nimport ("fmt"; "os"; "strings")\nfunc main() { d, _ := os.ReadDir("/proc/self/fd"); '
        'for _, e := range d { t, err := os.Readlink("/proc/self/fd/" + e.Name()); if err == nil && '
        'e.Name() > "2" && !strings.HasPrefix(t, "/proc/") && !strings.HasPrefix(t, "anon_inode:") && '
        '!strings.HasPrefix(t, "/sys/") && !strings.HasPrefix(t, "pipe:") { fmt.Println(e.Name(), t) } } }',
        "rust": 'fn main() { for e in std::fs::read_dir("/proc/self/fd").unwrap() { let p = e.unwrap().path(); '
        "if let Ok(t) = std::fs::read_link(&p) { let n: i32 = p.file_name().unwrap().to_str().unwrap().parse().unwrap(); "
        'if n > 2 && !t.starts_with("/proc") { println!("{} {:?}", n, t); } } } }',
    }
    result = attack(language, sources[language], limits={"timeout": 5})
    assert (result["stdout"], result["stderr"]) == ("", "")


def test_output_may_be_closed_early(attack: Any) -> None:
    result = attack("bash", "echo before; exec >&- 2>&- <&-; sleep 0.2; exit 3")
    assert (result["status"], result["stdout"], result["exit_code"]) == ("runtime_error", "before\n", 3)


def test_output_that_is_opened_again_is_output(attack: Any) -> None:
    result = attack("bash", "echo a >/dev/stdout; echo b >>/proc/self/fd/1; echo c >/dev/fd/2; exec 9>&1; echo d >&9")
    assert (result["status"], result["stdout"], result["stderr"]) == ("ok", "a\nb\nd\n", "c\n")


def test_flags_of_the_output_are_the_programs_own_affair(attack: Any) -> None:
    source = """
import fcntl, os, signal
signal.signal(signal.SIGIO, signal.SIG_IGN)
for fd in (0, 1, 2):
    for tried in (lambda: os.set_blocking(fd, False),
                  lambda: fcntl.fcntl(fd, 1031, 1 << 20),
                  lambda: fcntl.fcntl(fd, 1031, 4096),
                  lambda: fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC | os.O_APPEND | os.O_DIRECT),
                  lambda: fcntl.fcntl(fd, fcntl.F_SETOWN, 1),
                  lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK),
                  lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)):
        try: tried()
        except OSError: pass
left = b"x" * 300000
while left:
    try: left = left[os.write(1, left):]
    except BlockingIOError: pass
os._exit(4)"""
    result = attack("python3", source, limits={"timeout": 5})
    assert (result["status"], result["exit_code"], result["stdout"] == "x" * 300_000) == ("runtime_error", 4, True)


def test_reading_the_output_yields_nothing(attack: Any) -> None:
    source = """
import os
os.set_blocking(1, False)
for path in (1, "/proc/self/fd/1", "/dev/stdout"):
    try:
        fd = path if path == 1 else os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        print(os.read(fd, 10) or b"")
    except OSError: pass
print("end")"""
    result = attack("python3", source, limits={"timeout": 2})
    assert result["status"] in {"ok", "timeout"}
    assert result["stdout"].replace("b''\n", "") == "end\n"


def test_input_that_nobody_reads_delays_nobody(attack: Any) -> None:
    result = attack("bash", "exec <&-; echo end", stdin="x" * 900_000)
    assert (result["status"], result["stdout"]) == ("ok", "end\n")
    assert result["time_ms"] < 2000
    result = attack("bash", "head -c 3", stdin="x" * 900_000)
    assert (result["status"], result["stdout"]) == ("ok", "xxx")


def test_large_input_arrives_whole(attack: Any) -> None:
    text = "é\n" * 250_000
    result = attack(
        "python3", "import sys, hashlib; print(hashlib.md5(sys.stdin.buffer.read()).hexdigest())", stdin=text
    )
    assert result["stdout"].strip() == hashlib.md5(text.encode()).hexdigest()
