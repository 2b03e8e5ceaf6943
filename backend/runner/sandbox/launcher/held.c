/* What the kernel holds for a program: mappings, sets of epoll, locks and watches, which lie in the kernel's own memory, and
 * what may lie in pipes. No process shows it as memory, and control groups count not all of it (no locks).
 *
 * To count it takes a look at each mapping and descriptor, and so it is done seldom: once the kernel's memory on this host
 * has grown since the run began, or the cell has many descriptors. Neither says whose doing that is; what counts is only
 * what the cell's own processes are found to have. That is done by a process of its own, and nobody waits for it: it tells
 * what it has found so far, and so a program cannot gain by being slow to look at. */

#define _GNU_SOURCE
#include "launcher.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Bytes: what there may be of it that is not looked for; of a mapping, and for each process beyond two that handed it
 * down; of an entry of a set or a lock; of a pipe. */
enum { LITTLE = 16 << 20, MAPPING = 200, HANDED = 64, ENTRY = 200, PIPE = 64 << 10 };
enum { FEW_DESCRIPTORS = 2 * LITTLE / PIPE, MOST_PIPES = 1 << 15, MOST_LARGE = 512, MOST_LIVING = 1024, LARGE = 2048 /* entries */ };
/* ns: between two counts of what does not grow, at least, and else as long as the last took; at most, of descriptors. */
enum { REST = 100000000, LONG = 1000000000 };

/* ── in a process of its own ──────────────────────────────────────────────────────────────────────────────── */

struct large {
    int pid, fd; /* -1 for the process's address space */
};

struct living {
    int pid;
    size_t forebears; /* that live */
};

struct counted {
    const struct cell *cell;
    struct living living[MOST_LIVING];
    size_t count_living;
    int to;
    struct held held;
    unsigned long pipes[MOST_PIPES]; /* inode numbers: a table of which each has one place to begin with; 0 for none */
    struct large large[MOST_LARGE];  /* of which there may be another name */
    size_t count_large;
};

static size_t count_lines(const char *path)
{
    static char text[65536];
    size_t lines = 0;
    int fd = openat(outer_proc, path, O_RDONLY | O_CLOEXEC);
    for (ssize_t got; fd >= 0 && (got = read(fd, text, sizeof text)) > 0;)
        for (const char *at = text; (at = memchr(at, '\n', (size_t)(text + got - at))); at++)
            lines++;
    if (fd >= 0)
        close(fd);
    return lines;
}

/* Whether what has so many entries was counted before, under the name of another process or descriptor. */
static bool is_known(struct counted *counted, size_t entries, int pid, int fd)
{
    if (entries < LARGE)
        return false;
    for (size_t i = 0; i < counted->count_large; i++) {
        const struct large *one = &counted->large[i];
        if ((fd < 0) == (one->fd < 0) &&
            syscall(SYS_kcmp, pid, one->pid, fd < 0 ? KCMP_VM : KCMP_FILE, fd < 0 ? 0 : fd, one->fd < 0 ? 0 : one->fd) == 0)
            return true;
    }
    if (counted->count_large < MOST_LARGE)
        counted->large[counted->count_large++] = (struct large){pid, fd};
    return false;
}

static void note_pipe(struct counted *counted, unsigned long inode)
{
    size_t at = inode % MOST_PIPES;
    for (size_t tried = 0; tried < MOST_PIPES; tried++, at = (at + 1) % MOST_PIPES) {
        if (counted->pipes[at] == inode)
            return;
        if (counted->pipes[at] == 0) {
            counted->pipes[at] = inode;
            counted->held.pipes++;
            return;
        }
    }
}

static bool tell_so_far(struct counted *counted)
{
    return write(counted->to, &counted->held, sizeof counted->held) == sizeof counted->held;
}

static void count_descriptor(struct counted *counted, const char *pid, const char *fd)
{
    char path[64], target[64];
    enum { ALWAYS = 4 }; /* lines of every descriptor */
    snprintf(path, sizeof path, "%.16s/fd/%.16s", pid, fd);
    ssize_t size = readlinkat(outer_proc, path, target, sizeof target - 1);
    target[size < 0 ? 0 : size] = 0;
    if (strncmp(target, "pipe:[", 6) == 0) {
        note_pipe(counted, strtoul(target + 6, NULL, 10));
        return;
    }
    snprintf(path, sizeof path, "%.16s/fdinfo/%.16s", pid, fd);
    size_t lines = count_lines(path);
    if (lines <= ALWAYS || is_known(counted, lines, atoi(pid), atoi(fd)))
        return;
    counted->held.bytes += (lines - ALWAYS) * ENTRY;
    if (lines >= LARGE)
        (void)tell_so_far(counted);
}

struct descriptors {
    struct counted *counted;
    const char *pid;
};

static bool count_each(const char *fd, void *context)
{
    const struct descriptors *of = context;
    count_descriptor(of->counted, of->pid, fd);
    return true;
}

/* How many processes of the cell one descends from: of a mapping that a fork has, the kernel remembers each. */
static size_t count_forebears(struct counted *counted, const char *pid)
{
    char path[64], text[1024];
    size_t forebears = 0;
    int parent = 0;
    snprintf(path, sizeof path, "%.16s/stat", pid);
    const char *rest = read_file(outer_proc, path, text, sizeof text) ? strrchr(text, ')') : NULL;
    if (rest && sscanf(rest + 1, " %*c %d", &parent) == 1)
        for (size_t i = 0; i < counted->count_living; i++)
            if (counted->living[i].pid == parent)
                forebears = counted->living[i].forebears + 1;
    if (counted->count_living < MOST_LIVING)
        counted->living[counted->count_living++] = (struct living){atoi(pid), forebears};
    return forebears;
}

static bool count_program(const char *pid, void *context)
{
    struct counted *counted = context;
    char path[64];
    size_t forebears = count_forebears(counted, pid);
    snprintf(path, sizeof path, "%.16s/maps", pid);
    size_t mappings = count_lines(path);
    if (!is_known(counted, mappings, atoi(pid), -1))
        counted->held.bytes += mappings * (MAPPING + (forebears > 2 ? forebears - 2 : 0) * HANDED);
    snprintf(path, sizeof path, "%.16s/fd", pid);
    struct descriptors all = {counted, pid};
    for_each_number(outer_proc, path, count_each, &all);
    return tell_so_far(counted);
}

/* Nothing of the keeper's stays open: a program's input would not end before this does. */
static void keep_only(int one, int other)
{
    int low = one < other ? one : other, high = one < other ? other : one;
    (void)syscall(SYS_close_range, high + 1, ~0U, 0);
    if (high > low + 1)
        (void)syscall(SYS_close_range, low + 1, high - 1, 0);
    if (low > 3)
        (void)syscall(SYS_close_range, 3, low - 1, 0);
}

_Noreturn static void tell_held(const struct cell *cell, int to)
{
    static struct counted counted;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    keep_only(outer_proc, to);
    counted.cell = cell;
    counted.to = to;
    for_each_outer_program(cell, count_program, &counted);
    counted.held.whole = true;
    _exit(tell_so_far(&counted) ? 0 : 1);
}

/* ── in the keeper ────────────────────────────────────────────────────────────────────────────────────────── */

/* The one that counts, and what was found of a cell. */
static struct {
    pid_t init;
    int process, from; /* its pidfd, and where it tells; -1 without */
    uint64_t begun, next;
    uint64_t kernels, descriptors; /* what there was when it began: of the host's, and of the cell's */
    struct held now, whole;        /* what it found so far; what the last found in all */
} counting = {.process = -1, .from = -1};

static void end_counting(void)
{
    if (counting.from >= 0)
        close(counting.from);
    counting.from = -1;
    end_helper(&counting.process);
}

static void begin_counting(const struct cell *cell, uint64_t kernels)
{
    int ends[2];
    if (!is_over(&counting.process) || pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        return;
    counting.begun = now_ns();
    counting.kernels = kernels;
    counting.now = (struct held){0};
    pid_t pid = fork();
    if (pid == 0) {
        (void)fcntl(ends[1], F_SETFL, 0);
        tell_held(cell, ends[1]);
    }
    close(ends[1]);
    counting.process = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    counting.from = ends[0];
    if (counting.process < 0)
        end_counting(); /* where it is alive, it ends as soon as it tells */
}

static void hear_counting(struct since *since)
{
    struct held told;
    ssize_t got;
    while ((got = read(counting.from, &told, sizeof told)) == sizeof told)
        counting.now = told;
    if (got < 0)
        return; /* more is to come */
    if (counting.now.whole) {
        counting.whole = counting.now;
        since->kernels = counting.kernels; /* what is not known is what comes from here */
    }
    uint64_t now = now_ns(), rest = now - counting.begun;
    counting.next = now + (rest > REST ? rest : REST);
    end_counting();
}

struct sum {
    uint64_t descriptors;
};

static bool add_descriptors(const char *pid, void *context)
{
    struct sum *sum = context;
    struct stat found;
    char path[64];
    snprintf(path, sizeof path, "%.16s/fd", pid);
    if (fstatat(outer_proc, path, &found, 0) == 0)
        sum->descriptors += (uint64_t)found.st_size;
    return true;
}

/* Whether the cell has many descriptors, and others than when it was counted, as far as their number tells. What tables have
 * room for is known already; what is in them is asked where there is room for many. */
static bool has_many_descriptors(const struct cell *cell, const struct usage *usage)
{
    struct sum sum = {0};
    if (usage->descriptors <= FEW_DESCRIPTORS)
        return false;
    for_each_outer_program(cell, add_descriptors, &sum);
    bool others = sum.descriptors != counting.descriptors || now_ns() >= counting.begun + LONG;
    if (sum.descriptors <= FEW_DESCRIPTORS || !others)
        return false;
    counting.descriptors = sum.descriptors;
    return true;
}

static uint64_t bytes_of(const struct held *held)
{
    uint64_t bytes = held->bytes + held->pipes * PIPE;
    return bytes > LITTLE ? bytes - LITTLE : 0;
}

void forget_held(void)
{
    end_counting();
    counting.init = 0;
}

void look_for_held(const struct cell *cell, const struct limits *limits, const struct host *host, struct since *since,
                   struct usage *usage)
{
    if (counting.init != cell->init) {
        end_counting();
        counting.init = cell->init;
        counting.begun = counting.next = counting.descriptors = 0;
        counting.now = counting.whole = (struct held){0};
    }
    if (since->kernels == 0 || host->kernels < since->kernels)
        since->kernels = host->kernels;
    if (counting.from >= 0)
        hear_counting(since);
    else if (host->kernels - since->kernels > LITTLE ||
             (now_ns() >= counting.next && (bytes_of(&counting.whole) || has_many_descriptors(cell, usage))))
        begin_counting(cell, host->kernels);
    const struct held *held = bytes_of(&counting.now) > bytes_of(&counting.whole) ? &counting.now : &counting.whole;
    usage->held = bytes_of(held);
    /* The room of pipes is one user's: one slot's programs must not have that of all. */
    if (held->pipes > FEW_DESCRIPTORS / 2 && held->pipes > 64 + 3 * limits->processes && usage->held <= limits->memory)
        usage->held = limits->memory + 1;
    usage->memory += usage->held;
}
