"""Programs that fill the disk, or put what is no file where a file is expected."""

from typing import Any

import pytest


def test_a_file_beyond_its_limit_ends_the_program(attack: Any) -> None:
    source = '#include <stdio.h>\nint main(void) { FILE *f = fopen("big", "w"); for (;;) fputs("0123456789", f); }'
    result = attack("c", source, limits={"timeout": 5, "file_kb": 1024, "disk_kb": 16_384})
    assert (result["status"], result["signal"]) == ("disk_limit", "SIGXFSZ")


def test_a_file_beyond_its_limit_may_be_borne(attack: Any) -> None:
    source = """
import errno, os
try:
    with open("big", "wb", 0) as file:
        while True: file.write(b"x" * 100_000)
except OSError as error:
    print(errno.errorcode[error.errno], os.path.getsize("big") <= 1 << 20)"""
    result = attack("python3", source, limits={"timeout": 5, "file_kb": 1024, "disk_kb": 16_384})
    assert (result["status"], result["stdout"]) == ("ok", "EFBIG True\n")


@pytest.mark.parametrize("place", [".", "/tmp", "deep/er"])
def test_a_full_disk_that_ends_the_program_is_the_limit(attack: Any, place: str) -> None:
    source = f"mkdir -p deep/er; i=0; while head -c 500000 /dev/zero >{place}/$i; do i=$((i + 1)); done; exit 7"
    result = attack("bash", source, limits={"timeout": 5, "file_kb": 1024, "disk_kb": 4096})
    assert (result["status"], result["exit_code"]) == ("disk_limit", 7)
    assert "No space left on device" in result["stderr"]


def test_a_full_disk_may_be_borne(attack: Any) -> None:
    source = (
        "i=0; while head -c 500000 /dev/zero >$i 2>/dev/null; do i=$((i + 1)); done; rm *; echo ok >a; cat a; echo $i"
    )
    result = attack("bash", source, limits={"timeout": 5, "disk_kb": 4096})
    assert result["status"] == "ok"
    assert result["stdout"].startswith("ok\n")
    assert int(result["stdout"].split()[1]) <= 8


def test_a_device_that_is_always_full_is_not_the_disk(attack: Any) -> None:
    result = attack("bash", "echo x >/dev/full || exit 3")
    assert (result["status"], result["exit_code"]) == ("runtime_error", 3)


def test_a_sparse_file_is_as_large_as_it_says(attack: Any) -> None:
    source = "import os\nos.truncate(os.open('sparse', os.O_CREAT | os.O_WRONLY), 1 << 40)"
    assert attack("python3", source)["status"] in {"runtime_error", "disk_limit"}
    source = "import os\nos.posix_fallocate(os.open('sparse', os.O_CREAT | os.O_WRONLY), 0, 1 << 40)"
    assert attack("python3", source)["status"] in {"runtime_error", "disk_limit"}


@pytest.mark.parametrize(
    "make",
    ["open(f'{n}', 'w').close()", "os.mkdir(f'{n}')", "os.symlink('x', f'{n}')", "os.mkfifo(f'{n}')",
     "os.mkdir('d'); os.chdir('d')", "open('a', 'a').close(); os.link('a', f'{n}')"],
    ids=["files", "directories", "links", "pipes", "depth", "hard links"],
)  # fmt: skip
def test_inodes_are_limited(attack: Any, make: str) -> None:
    source = f"import os\nfor n in range(100_000):\n    {make}"
    result = attack("python3", source, limits={"timeout": 8, "inodes": 256})
    assert result["status"] == "disk_limit"
    assert "No space left on device" in result["stderr"]


def test_many_files_are_gone_for_the_next_run(attack: Any, run: Any) -> None:
    source = "import os\nfor n in range(6000): open(f'{n:0200}', 'w').close()\nprint(len(os.listdir()))"
    for _ in range(3):
        result = attack("python3", source, limits={"timeout": 10})
        assert (result["status"], result["stdout"]) == ("ok", "6001\n")
    assert run("bash", "ls -A | wc -l")["stdout"] == "1\n"


def test_a_disk_that_was_filled_is_empty_for_the_next_run(attack: Any) -> None:
    source = "head -c 30000000 /dev/zero >big && head -c 20000000 /dev/zero >/tmp/big2 && echo filled"
    for _ in range(4):
        result = attack("bash", source, limits={"timeout": 8, "memory_kb": 400_000})
        assert (result["status"], result["stdout"]) == ("ok", "filled\n")


@pytest.mark.parametrize("count", [10, 64, 200])
def test_descriptors_are_limited(attack: Any, count: int) -> None:
    source = """
import os
try:
    while True: last = os.dup(0)
except OSError as error:
    print(last + 1, error.strerror)"""
    result = attack("python3", source, limits={"timeout": 3, "open_files": count})
    assert (result["status"], result["stdout"]) == ("ok", f"{count} Too many open files\n")


def test_descriptors_in_flight_exhaust_nobody(attack: Any) -> None:
    source = """
import socket
made = 0
try:
    while made < 100_000:
        a, b = socket.socketpair()
        socket.send_fds(a, [b"x"], [a.fileno(), b.fileno()] * 100)
        b2 = b.dup()
        made += 1
        a.detach(); b.detach(); b2.detach()
except OSError:
    print("refused")"""
    assert attack("python3", source, limits={"timeout": 5})["stdout"] == "refused\n"


def test_deep_directories_can_be_made_and_are_gone(attack: Any, run: Any) -> None:
    source = "import os\nfor _ in range(3000): os.mkdir('d' * 200); os.chdir('d' * 200)\nprint('deep')"
    result = attack("python3", source, limits={"timeout": 8})
    assert (result["status"], result["stdout"]) == ("ok", "deep\n")
    assert run("bash", "ls -A")["stdout"] == "main.sh\n"


def test_odd_names_are_gone(attack: Any, run: Any) -> None:
    source = r"""
import os
for name in (b"-rf", b"\n", b" ", b"\xff\xfe", b"*", b"a\rb", b"$(reboot)", b"x" * 255, "\u202e".encode(), b"..."):
    os.mkdir(name); open(name + b"/" + name, "w").close(); os.chmod(name, 0)
try: open(b"x" * 256, "w")
except OSError: print("too long")"""
    assert attack("python3", source)["stdout"] == "too long\n"
    assert run("bash", "ls -A")["stdout"] == "main.sh\n"


@pytest.mark.parametrize(
    "trick",
    ["ln -s /etc/shadow s; ln -s ../../../../../etc/shadow t; ln -s /proc/1/root/etc/shadow u; cat s t u",
     "ln -s /proc/self/cwd/../../root v; ls v/", "ln /etc/passwd hard && echo linked >>hard",
     "ln /usr/bin/bash b && echo linked", "mknod null c 1 3 && echo made", "mknod disk b 8 0 && echo made",
     "mknod kmsg c 1 11 && cat kmsg", "chattr +i main.sh && echo immutable", "chown 0:0 main.sh && echo given",
     "rmdir /work && echo gone", "mv /work /work2 && echo moved", "mount --bind / /work && echo mounted",
     "cat /proc/self/root/etc/shadow", "cat /proc/1/root/etc/shadow", "cat /proc/1/cwd/../etc/shadow",
     "exec 9</; cat /proc/self/fd/9/../etc/shadow", "cd /proc/self/fd && cat ../root/etc/shadow"],
)  # fmt: skip
def test_a_trick_with_names_leads_nowhere(attack: Any, trick: str) -> None:
    assert attack("bash", trick)["stdout"] == ""


@pytest.mark.parametrize(
    "left",
    ["rm -rf main.sh; ln -s / main.sh", "rm main.sh; ln -s /etc main.sh", "rm main.sh; mkfifo main.sh; mkfifo fifo",
     "rm main.sh; mkdir main.sh; chmod 0 main.sh", "mkdir -p a/b/c; chmod 0 a/b a", "chmod 0 /work", "chmod 0 /tmp",
     "umask 777; mkdir x; echo >y", "ln -s . loop; ln -s loop/loop/loop loop2", "ln -s a b; ln -s b a",
     "exec 9<>file; flock 9; sleep 9 & disown", "cd /; rm -rf /work/* /work/.* /tmp/* 2>/dev/null; true"],
)  # fmt: skip
def test_what_is_no_plain_file_is_gone_for_the_next_run(attack: Any, run: Any, left: str) -> None:
    assert attack("bash", left)["status"] in {"ok", "runtime_error"}
    for _ in range(2):
        assert run("bash", "stat -c '%F %a' .; ls -A; cat main.sh | wc -l")["stdout"].endswith("main.sh\n0\n")


def test_a_program_that_removes_itself_has_run(attack: Any) -> None:
    result = attack("bash", "rm main.sh; echo a; echo b")
    assert (result["status"], result["stdout"]) == ("ok", "a\nb\n")


@pytest.mark.parametrize("language", ["c", "go", "rust"])
def test_a_compiled_program_cannot_be_replaced(attack: Any, language: str) -> None:
    rewrite = {
        "c": '#include <fcntl.h>\n#include <stdio.h>\n#include <unistd.h>\nint main(void) { if (open("/program/main", '
        'O_WRONLY) >= 0 || open("/proc/self/exe", O_WRONLY) >= 0 || unlink("/program/main") == 0 || '
        'symlink("/etc/shadow", "/program/x") == 0) puts("written"); puts("end"); }',
        "go": 'package main\nimport ("fmt"; "os")\nfunc main() { if os.Remove("/program/main") == nil || '
        'os.Symlink("/etc/shadow", "/program/x") == nil { fmt.Println("written") }; fmt.Println("end") }',
        "rust": 'fn main() { if std::fs::remove_file("/program/main").is_ok() || '
        'std::os::unix::fs::symlink("/etc/shadow", "/program/x").is_ok() { println!("written"); } println!("end"); }',
    }
    assert attack(language, rewrite[language])["stdout"] == "end\n"


def test_nothing_but_the_work_directory_can_be_written(attack: Any) -> None:
    source = """
for place in / /usr /usr/bin /etc /dev /proc /proc/sys/kernel /program /lib /opt /var /run /cache /srv /mnt; do
    (echo x >$place/.written) 2>/dev/null && echo $place
    mkdir $place/.made 2>/dev/null && echo $place
done
find / -xdev \\( -path /proc -o -path /work -o -path /tmp -o -path /dev/shm -o -path /dev/pts \\) -prune -o -type d -writable -print 2>/dev/null
echo mine >/work/x && echo mine >/tmp/y && echo end"""
    assert attack("bash", source, limits={"timeout": 8})["stdout"] == "end\n"


def test_set_user_id_means_nothing(attack: Any) -> None:
    source = """
cp /usr/bin/bash b; cp /usr/bin/id i; chmod 6755 b i
./b -p -c 'id -u; id -g' | sort -u >theirs; (id -u; id -g) | sort -u >mine; cmp mine theirs && echo same
find / -xdev -perm /6000 -type f 2>/dev/null | while read -r program; do
    timeout 1 "$program" -c 'id -u' </dev/null 2>/dev/null | grep -x 0
done"""
    result = attack("bash", source, limits={"timeout": 10})
    assert result["stdout"] == "same\n"


def test_a_crash_leaves_no_core(attack: Any) -> None:
    result = attack("bash", "bash -c 'kill -SEGV $$'; bash -c 'kill -ABRT $$'; ls -A")
    assert result["stdout"] == "main.sh\n"
