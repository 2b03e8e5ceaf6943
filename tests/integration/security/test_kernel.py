"""Programs that ask the kernel for more than a program needs."""

from typing import Any

import pytest

_TRY = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* Each in a child of its own: a filter may answer with a signal, and a success may change the caller. */
#define TRY(what, ...) do { int child = fork(), status = 0; \
    if (child == 0) _exit((long)(__VA_ARGS__) >= 0 ? 42 : 0); \
    waitpid(child, &status, 0); \
    if (WIFEXITED(status) && WEXITSTATUS(status) == 42) puts(what); } while (0)
#define CALL(name, ...) TRY(#name, syscall(SYS_##name, __VA_ARGS__))
static char page[65536];
int main(void) { %s puts("end"); }
"""

_GROUPS = {
    "tracing": """
        CALL(ptrace, 16, 1, 0, 0); CALL(ptrace, 16, getppid(), 0, 0); CALL(ptrace, 0x4206, getppid(), 0, 0);
        struct { void *at; unsigned long size; } own = {page, 8}, theirs = {(void *)0x400000, 8};
        CALL(process_vm_readv, 1, &own, 1ul, &theirs, 1ul, 0ul); CALL(process_vm_writev, 1, &own, 1ul, &theirs, 1ul, 0ul);
        CALL(kcmp, 1, getpid(), 0, 0, 0); CALL(perf_event_open, page, 0, -1, -1, 0);
        int other = syscall(SYS_pidfd_open, 1, 0); CALL(pidfd_getfd, other, 0, 0); CALL(pidfd_getfd, other, 1, 0);
        CALL(process_madvise, other, &theirs, 1ul, 4, 0);""",
    "unshare": """
        CALL(unshare, CLONE_NEWUSER); CALL(unshare, CLONE_NEWNS); CALL(unshare, CLONE_NEWPID); CALL(unshare, CLONE_NEWNET);
        CALL(unshare, CLONE_NEWIPC); CALL(unshare, CLONE_NEWUTS); CALL(unshare, CLONE_NEWCGROUP); CALL(unshare, 0x80);
        CALL(unshare, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC);""",
    "clone": """
        CALL(clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); CALL(clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
        CALL(clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0); CALL(clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0);
        CALL(clone, CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0); CALL(clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0);
        CALL(clone, CLONE_NEWCGROUP | SIGCHLD, 0, 0, 0, 0);
        struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
        CALL(clone3, &args, sizeof args); args.flags = 0x80; CALL(clone3, &args, sizeof args); CALL(clone3, 0, 0);
        args.flags = 0x200000000ull; args.cgroup = 0; CALL(clone3, &args, sizeof args);""",
    "namespaces": """
        const char *names[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time", "pid_for_children"};
        for (int i = 0; i < 9; i++) for (int own = 0; own < 3; own++) {
            sprintf(page, own == 0 ? "/proc/self/ns/%%s" : own == 1 ? "/proc/1/ns/%%s" : "/proc/%%2$d/ns/%%1$s",
                    names[i], getppid());
            int fd = open(page, O_RDONLY); if (fd >= 0) TRY(page, syscall(SYS_setns, fd, 0)); }
        TRY("setns of a process", syscall(SYS_setns, (int)syscall(SYS_pidfd_open, 1, 0), CLONE_NEWNS));
        int fd = open("/proc/self/ns/user", O_RDONLY); TRY("NS_GET_USERNS", ioctl(fd, 0xb701)); TRY("NS_GET_PARENT",
        ioctl(fd, 0xb702));""",
    "mounts": """
        CALL(mount, "none", "/work", "tmpfs", 0, 0); CALL(mount, "/", "/work", 0, MS_BIND_, 0);
        CALL(mount, 0, "/", 0, MS_REMOUNT_, 0); CALL(mount, "proc", "/work", "proc", 0, 0);
        CALL(umount2, "/proc", 2); CALL(umount2, "/work", 2); CALL(pivot_root, ".", "."); CALL(chroot, "/work");
        CALL(chroot, "."); CALL(fsopen, "tmpfs", 0); CALL(open_tree, -100, "/", 1); CALL(fspick, -100, "/", 0);
        CALL(move_mount, -100, "/usr", -100, "/work", 0); CALL(mount_setattr, -100, "/", 0, page, 32);
        CALL(swapon, "/work/x", 0); CALL(swapoff, "/work/x"); CALL(quotactl, 0x800002, 0, 0, page);
        CALL(open_by_handle_at, -100, page, 0); CALL(fanotify_init, 0, 0);""",
    "machine": """
        CALL(init_module, page, 10, ""); CALL(finit_module, 0, "", 0); CALL(delete_module, "loop", 0);
        CALL(kexec_load, 0, 0, 0, 0); CALL(kexec_file_load, 0, 0, 0, "", 0); CALL(reboot, 0xfee1dead, 672274793, 0, 0);
        CALL(sethostname, "x", 1); CALL(setdomainname, "x", 1); CALL(syslog, 3, page, 100); CALL(syslog, 10, 0, 0);
        CALL(acct, "/work/x"); CALL(vhangup, 0);
    #ifdef SYS_iopl
        CALL(iopl, 3); CALL(ioperm, 0x70, 1, 1); CALL(modify_ldt, 1, page, 16); CALL(uselib, "/bin/true");
    #endif
        struct timespec now; clock_gettime(CLOCK_REALTIME, &now); struct timeval then = {now.tv_sec, 0};
        CALL(clock_settime, CLOCK_REALTIME, &now); CALL(settimeofday, &then, 0); page[0] = 1; CALL(adjtimex, page);
        CALL(clock_adjtime, CLOCK_REALTIME, page);""",
    "surfaces": """
        CALL(bpf, 0, page, 120); CALL(bpf, 5, page, 120); CALL(io_uring_setup, 1, page); CALL(io_uring_enter, 0, 0, 0, 0, 0);
        CALL(io_uring_register, 0, 0, 0, 0); CALL(userfaultfd, 0); CALL(userfaultfd, 1);
        CALL(add_key, "user", "x", "y", 1, -3); CALL(request_key, "user", "x", 0, -3); CALL(keyctl, 0, -3, 1);
        CALL(keyctl, 1, "session"); CALL(keyctl, 11, -3, page, 100); CALL(move_pages, 1, 0, 0, 0, 0, 0);
        CALL(migrate_pages, 1, 0, 0, 0); CALL(lookup_dcookie, 0, page, 100);
    #ifdef SYS_memfd_secret
        CALL(memfd_secret, 0);
    #endif
        page[0] = 0; CALL(personality, 0x0040000); CALL(personality, 0x0400000);""",
    "identity": """
        CALL(setuid, 0); CALL(setgid, 0); CALL(setresuid, 0, 0, 0); CALL(setresgid, 0, 0, 0); CALL(setreuid, 0, 0);
        unsigned none[1] = {0}; CALL(setgroups, 1, none); if (setfsuid_(0) == 0) puts("fsuid");
        struct { unsigned version; int pid; } head = {0x20080522, 0}; struct { unsigned e, p, i; } all[2] = {{~0u, ~0u, ~0u}};
        CALL(capset, &head, all); TRY("ambient", prctl(47, 2, 21, 0, 0)); TRY("privileges", prctl(38, 0, 0, 0, 0));
        TRY("keep capabilities", prctl(PR_SET_KEEPCAPS, 1) == 0 && syscall(SYS_setuid, 0) == 0 ? 0 : -1);
        TRY("securebits", prctl(PR_SET_SECUREBITS, 0)); TRY("no seccomp", prctl(PR_SET_SECCOMP, 0, 0));
        TRY("memory map", prctl(35, 9, 0, 0, 0));""",
    "terminal": """
        for (int fd = 0; fd < 3; fd++) { char c = 'x'; TRY("TIOCSTI", ioctl(fd, 0x5412, &c)); c = 2;
            TRY("TIOCLINUX", ioctl(fd, 0x541c, &c)); TRY("TIOCSCTTY", ioctl(fd, 0x540e, 1));
            TRY("TIOCCONS", ioctl(fd, 0x541d, 0)); }
        TRY("/dev/tty", open("/dev/tty", O_RDWR)); TRY("/dev/console", open("/dev/console", O_RDWR));
        TRY("/dev/tty0", open("/dev/tty0", O_RDWR));""",
}  # fmt: skip


@pytest.mark.parametrize("group", _GROUPS)
def test_calls_that_no_program_needs_are_refused(attack: Any, group: str) -> None:
    body = _GROUPS[group].replace("%%", "%").replace("MS_BIND_", "4096ul").replace("MS_REMOUNT_", "32ul")
    body = body.replace("setfsuid_(0)", "syscall(SYS_setfsuid, -1)")
    result = attack("c", _TRY.replace("%s", body), limits={"timeout": 5})
    assert (result["status"], result["stdout"]) == ("ok", "end\n"), result["stderr"]


def test_calls_that_nobody_knows_are_answered(attack: Any) -> None:
    source = r"""
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
    for (long number = 470; number < 2000; number += 17)
        if (syscall(number, 0, 0, 0) != -1 || (errno != ENOSYS && errno != EPERM)) printf("%ld\n", number);
    puts("end");
}"""
    assert attack("c", source)["stdout"] == "end\n"


def test_no_privilege_is_held(attack: Any) -> None:
    source = "id -u; grep -E '^(Cap...|NoNewPrivs|Seccomp|Groups):' /proc/self/status | tr -d '\\t'"
    uid, *lines = attack("bash", source)["stdout"].split("\n")
    facts = dict(line.split(":") for line in lines if line)
    assert uid.isdecimal()
    assert uid != "0"
    assert {facts[f"Cap{name}"] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    assert "0" not in facts["Groups"].split()


@pytest.mark.parametrize("language", ["bash", "python3", "nodejs", "c", "go", "rust"])
def test_every_language_is_as_unprivileged(attack: Any, language: str) -> None:
    sources = {
        "bash": "cat /proc/self/status",
        "python3": "print(open('/proc/self/status').read())",
        "nodejs": "console.log(require('fs').readFileSync('/proc/self/status', 'utf8'))",
        "c": '#include <stdio.h>\nint main(void) { FILE *f = fopen("/proc/self/status", "r"); int c; '
        "while ((c = getc(f)) != EOF) putchar(c); }",
        "go": 'package main\nimport ("fmt"; "os")\nfunc main() { b, _ := os.ReadFile("/proc/self/status"); '
        "fmt.Print(string(b)) }",
        "rust": 'fn main() { println!("{}", std::fs::read_to_string("/proc/self/status").unwrap()); }',
    }
    lines = attack(language, sources[language])["stdout"].splitlines()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    assert {facts[name].strip() for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (facts["NoNewPrivs"].strip(), facts["Seccomp"].strip()) == ("1", "2")
    assert "0" not in facts["Uid"].split()
    assert "0" not in facts["Gid"].split()
    assert (facts["SigBlk"].strip(), facts["TracerPid"].strip()) == ("0" * 16, "0")


@pytest.mark.parametrize(
    "path",
    ["/etc/shadow", "/root", "/home", "/sys/kernel", "/opt/codecanvas", "/var/lib", "/boot", "/dev/mem", "/dev/kmem",
     "/dev/port", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/loop-control", "/dev/fuse", "/dev/kvm", "/dev/net/tun",
     "/var/run/docker.sock", "/run/codecanvas", "/run/secrets", "/.dockerenv", "/etc/ssh", "/etc/machine-id",
     "/etc/hostname", "/etc/resolv.conf", "/proc/kmsg", "/proc/kcore", "/proc/kpagecount", "/proc/vmallocinfo",
     "/proc/1/mem", "/proc/sysrq-trigger"],
)  # fmt: skip
def test_what_is_not_a_programs_business_cannot_be_read(attack: Any, path: str) -> None:
    reading = f"timeout 1 head -c 64 {path} 2>/dev/null || ls {path}/ 2>/dev/null"
    assert attack("bash", f"{reading}; true")["stdout"] == ""


@pytest.mark.parametrize("of", ["environ", "maps", "mem", "fd/", "exe", "root/root", "cwd/.ssh", "stack", "map_files/"])
def test_pid_1_and_the_parent_keep_their_secrets(attack: Any, of: str) -> None:
    source = (
        f"for p in 1 $PPID; do cat /proc/$p/{of} | head -c 2000 | tr '\\0' '\\n'; ls -l /proc/$p/{of}; done 2>/dev/null"
    )
    seen = attack("bash", source)["stdout"]
    for secret in ("RUNNER_", "PYTHONPATH", "TOKEN", "FLY_", "socket:", "codecanvas/backend", "/site-packages", ".pem"):
        assert secret not in seen


def test_the_services_environment_and_processes_are_not_visible(attack: Any) -> None:
    source = """
cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep -E '^(RUNNER_|NUM_RUNNERS|PYTHONPATH|FLY_|TOKEN)' && echo seen
cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o '[b]ackend.runner' && echo seen
cat /proc/[0-9]*/comm | grep -E 'uvicorn|dockerd|systemd' && echo seen
ls /proc/self/fd | wc -l
ls -d /proc/[0-9]* | wc -l"""
    descriptors, processes = map(int, attack("bash", source)["stdout"].split())
    assert descriptors <= 4  # three standard ones and the directory itself
    assert processes <= 6


@pytest.mark.parametrize("language", ["bash", "python3", "nodejs", "c"])
def test_a_run_gets_a_clean_environment(attack: Any, language: str) -> None:
    sources = {
        "bash": "cat /proc/self/environ",
        "python3": "print(open('/proc/self/environ').read()); import os; print(os.environ)",
        "nodejs": "console.log(require('fs').readFileSync('/proc/self/environ', 'utf8'), process.env)",
        "c": "#include <stdio.h>\nint main(int c, char **v, char **e) { while (*e) puts(*e++); }",
    }
    seen = attack(language, sources[language])["stdout"]
    for name in (
        "RUNNER_",
        "NUM_RUNNERS",
        "PYTHONPATH",
        "PYTHONSAFEPATH",
        "FLY_",
        "TOKEN",
        "CODECANVAS",
        "NODE_",
        "SSH_",
    ):
        assert name not in seen


def test_kernel_settings_cannot_be_written(attack: Any) -> None:
    source = """
for file in /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sys/kernel/modprobe /proc/sys/vm/overcommit_memory \\
    /proc/sys/net/ipv4/ip_forward /proc/sys/fs/binfmt_misc/register /proc/sysrq-trigger /proc/self/uid_map \\
    /proc/self/gid_map /proc/self/setgroups /proc/self/oom_adj /proc/self/attr/current /proc/self/loginuid \\
    /proc/irq/0/smp_affinity /proc/acpi/wakeup /sys/power/state; do
    (echo 1 >$file) 2>/dev/null && [ "$file" != /proc/self/loginuid ] && echo $file
done
(echo -1000 >/proc/self/oom_score_adj) 2>/dev/null && echo oom
find /proc/sys /sys -type f -writable 2>/dev/null | grep -vE '/fs/mqueue/|/kernel/(auto_msgmni|msg|ns_last_pid|sem|shm)' | head -3  # their own
echo end"""
    assert attack("bash", source, limits={"timeout": 5})["stdout"] == "end\n"


def test_no_cgroup_can_be_reached(attack: Any) -> None:
    source = """
find / -xdev -name 'cgroup.procs' 2>/dev/null | head -3
grep -E ' - cgroup2? ' /proc/self/mountinfo
for place in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $place/mine 2>/dev/null && echo $place; done
echo end"""
    assert attack("bash", source)["stdout"] == "end\n"


def test_devices_are_the_harmless_ones(attack: Any) -> None:
    source = "find /dev -xdev \\( -type b -o -type c \\) -exec stat -c '%n %t' {} + ; find /dev -type b"
    allowed = {"1", "5", "88"}  # memory devices but mem and port, terminals: of the caller, and pseudo
    for line in attack("bash", source)["stdout"].splitlines():
        name, major = line.split()
        assert major in allowed, line
        assert name.rpartition("/")[2] in {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}, line


def test_only_memory_is_mounted_to_be_written(attack: Any) -> None:
    lines = attack("bash", "cat /proc/self/mountinfo")["stdout"].splitlines()
    assert lines
    for line in lines:
        before, _, after = line.partition(" - ")
        place, options = before.split()[4:6]
        if "rw" in options.split(","):
            assert after.split()[0] in {"tmpfs", "proc", "devpts", "mqueue"} or place.startswith("/dev/"), line
        if place != "/dev" and not place.startswith("/dev/"):  # where devices may be
            assert "nodev" in options, line
            assert "nosuid" in options, line


def test_the_program_that_runs_cannot_be_overwritten(attack: Any) -> None:
    source = """
import os, subprocess
for path in ("/proc/self/exe", "/proc/1/exe", f"/proc/{os.getppid()}/exe", "/usr/bin/python3", "/usr/bin/bash"):
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_TRUNC):
        try: os.close(os.open(path, flags)); print(path)
        except OSError: pass
open("x", "w").write("#!/proc/self/exe\\n"); os.chmod("x", 0o755)
try: subprocess.run(["./x"], timeout=1, stdout=-1, stderr=-1)
except (OSError, subprocess.SubprocessError): pass
print("end")"""
    assert attack("python3", source)["stdout"] == "end\n"


def test_memory_of_others_cannot_be_written(attack: Any) -> None:
    source = """
import os
for pid in {1, os.getppid()} - {0, os.getpid()}:
    for flags in (os.O_RDONLY, os.O_RDWR):
        try: fd = os.open(f"/proc/{pid}/mem", flags)
        except OSError: continue
        print("opened", pid)
print("end")"""
    assert attack("python3", source)["stdout"] == "end\n"


def test_kernel_addresses_are_hidden(attack: Any) -> None:
    source = "grep -vE '^(0+|\\(null\\)) ' /proc/kallsyms | head -2; cat /proc/modules 2>/dev/null | grep -oE '0x[1-9a-f]\\w+'; true"
    assert attack("bash", source)["stdout"] == ""


def test_a_filter_of_ones_own_widens_nothing(attack: Any) -> None:
    source = r"""
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    struct sock_filter allow[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    struct sock_fprog program = {1, allow};
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    if (syscall(SYS_unshare, 0x10000000) == 0) puts("unshared");
    if (syscall(SYS_bpf, 5, 0, 0) >= 0) puts("bpf");
    puts("end");
}"""
    assert attack("c", source)["stdout"] == "end\n"
