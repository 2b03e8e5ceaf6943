/* From a forked child to a program: into the cell, then without any right. Each step's failure ends the child. */

#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WAIT_KILLABLE_RECV = 1 << 5 }; /* SECCOMP_FILTER_FLAG_, which older headers lack */

void write_limits(struct buffer *out, const struct limits *limits) { put(out, limits, sizeof *limits); }

void read_limits(struct reader *in, struct limits *limits)
{
    uint64_t *each = (uint64_t *)limits;
    for (size_t i = 0; i < sizeof *limits / sizeof *each; i++)
        if ((each[i] = read_u64(in)) == 0)
            in->bad = true; /* nothing is unlimited */
}

void write_order(struct buffer *out, const struct order *order)
{
    write_limits(out, &order->limits);
    put_u8(out, order->terminal);
    put_strings(out, order->argv);
    put_strings(out, order->envp);
    put_bytes(out, order->filter.data, order->filter.size);
}

bool read_order(struct reader *in, const int *fds, size_t count, struct order *order)
{
    *order = (struct order){.go = -1};
    read_limits(in, &order->limits);
    order->terminal = read_u8(in);
    order->argv = read_strings(in);
    order->envp = in->bad ? NULL : read_strings(in);
    order->filter = read_bytes(in);
    bool waits = count == 6; /* then it may be told only later what to run */
    if (in->bad || (order->argv[0] == NULL && !waits) || order->filter.size == 0 || count < 5 || count > 6 ||
        order->filter.size % sizeof(struct sock_filter) || order->filter.size / sizeof(struct sock_filter) > BPF_MAXINSNS) {
        free_order(order);
        return false;
    }
    order->cell = fds[0];
    memcpy(order->standard, fds + 1, sizeof order->standard);
    order->status = fds[4];
    order->go = count == 6 ? fds[5] : -1;
    return true;
}

void free_order(struct order *order)
{
    free_strings(order->argv);
    free_strings(order->envp);
    order->argv = order->envp = NULL;
}

_Noreturn static void fail(int status, const char *what, int code)
{
    char text[256];
    int size = snprintf(text, sizeof text, "%s: %s", what, strerror(errno));
    if (write(status, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1) < 0)
        _exit(125);
    _exit(code);
}

void program_failed(int status, const char *what) { fail(status, what, 126); }
void program_missing(int status, const char *what) { fail(status, what, 127); }

const char *limit_process(pid_t pid, const struct limits *limits)
{
    uint64_t seconds = limits->cpu_ns / 1000000000 + 2; /* a backstop for each process; the keeper strikes first */
    const struct {
        int resource;
        const char *name;
        uint64_t soft, hard;
    } each[] = {
        {RLIMIT_CPU, "limit of processor time", seconds, seconds + 1},
        {RLIMIT_FSIZE, "limit of file size", limits->file, limits->file},
        {RLIMIT_NPROC, "limit of processes", limits->processes + 1, limits->processes + 1}, /* and the init */
        {RLIMIT_STACK, "limit of the stack", limits->stack, limits->stack},
        {RLIMIT_CORE, "limit of core files", 1, 1}, /* with 0 the host's handler of crashes would be run */
        {RLIMIT_MEMLOCK, "limit of locked memory", 0, 0},
        {RLIMIT_MSGQUEUE, "limit of message queues", 0, 0},
        {RLIMIT_NICE, "limit of priority", 0, 0},
        {RLIMIT_RTPRIO, "limit of real-time priority", 0, 0},
        {RLIMIT_SIGPENDING, "limit of queued signals", 256, 256},
    };
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        struct rlimit64 value = {each[i].soft, each[i].hard};
        if (syscall(SYS_prlimit64, pid, each[i].resource, &value, NULL))
            return each[i].name;
    }
    return NULL;
}

bool limit_files(pid_t pid, const struct limits *limits)
{
    struct rlimit64 value = {limits->open_files, limits->open_files};
    return syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, &value, NULL) == 0;
}

/* Descriptors 0, 1 and 2, `go` as 3, the status pipe above them (closed at exec), and nothing else. */
static void arrange_descriptors(struct order *order)
{
    int status = fcntl(order->status, F_DUPFD_CLOEXEC, 64);
    if (status < 0)
        program_failed(order->status, "descriptors");
    order->status = status;
    int held[3], go = order->go < 0 ? -1 : fcntl(order->go, F_DUPFD_CLOEXEC, 64);
    for (int i = 0; i < 3; i++)
        held[i] = fcntl(order->standard[i], F_DUPFD_CLOEXEC, 64);
    for (int i = 0; i < 3; i++)
        if (held[i] < 0 || dup2(held[i], i) < 0)
            program_failed(status, "standard streams");
    if (order->go >= 0 && dup2(go, 3) < 0)
        program_failed(status, "descriptor 3");
    unsigned first = order->go < 0 ? 3 : 4;
    if (syscall(SYS_close_range, first, (unsigned)status - 1, 0) || syscall(SYS_close_range, (unsigned)status + 1, ~0U, 0))
        program_failed(status, "closing descriptors");
}

void reset_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void drop_rights(const struct order *order)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}};
    for (int number = 0; number <= 63; number++)
        if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) && errno != EINVAL)
            program_failed(order->status, "dropping a capability");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) || syscall(SYS_capset, &header, none))
        program_failed(order->status, "dropping capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        program_failed(order->status, "no new privileges");
}

/* Load the filter, and give the keeper the descriptor on which new tasks are told. */
static void load_filter(const struct order *order)
{
    struct sock_fprog filter = {
        (unsigned short)(order->filter.size / sizeof(struct sock_filter)), (struct sock_filter *)(uintptr_t)order->filter.data};
    /* What the keeper has taken up is not interrupted by signals: it would be told again and again. */
    unsigned patient = SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE_RECV;
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, patient, &filter);
    if (listener < 0 && errno == EINVAL) /* before Linux 5.19 */
        listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    if (listener < 0)
        program_failed(order->status, "the system-call filter");
    union {
        char space[CMSG_SPACE(sizeof listener)];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec part = {"", 1}; /* a NUL, which no failure begins with */
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof listener);
    memcpy(CMSG_DATA(header), &listener, sizeof listener);
    if (sendmsg(order->status, &message, MSG_NOSIGNAL) != 1)
        program_failed(order->status, "the listener of the system-call filter");
    close(listener);
}

void confine(struct order *order, bool executes)
{
    arrange_descriptors(order); /* closes all others, the cell's among them: it was entered before */
    if (executes)
        reset_signals(); /* an interpreter has set its own */
    umask(022);
    if (setsid() < 0 && errno != EPERM)
        program_failed(order->status, "a new session");
    if (order->terminal && ioctl(0, TIOCSCTTY, 0))
        program_failed(order->status, "the controlling terminal");
    const char *wrong = order->argv[0] ? limit_process(0, &order->limits) : NULL; /* else the keeper does, later */
    if (wrong)
        program_failed(order->status, wrong);
    drop_rights(order);
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)) /* the watcher tells by faults how fast a program grows */
        program_failed(order->status, "huge pages");
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
        program_failed(order->status, "dumpable");
    load_filter(order);
    /* Only now: what came before needs a few. */
    if (order->argv[0] && !limit_files(0, &order->limits))
        program_failed(order->status, "limit of open files");
}
