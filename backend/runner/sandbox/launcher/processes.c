/* Single processes, as /proc tells of them, and which of them belong to a cell. */

#define _GNU_SOURCE
#include "launcher.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

size_t read_file(int root, const char *path, char *into, size_t room)
{
    int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, into, room - 1);
    close(fd);
    into[got < 0 ? 0 : got] = 0;
    return got < 0 ? 0 : (size_t)got;
}

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void for_each_number(int root, const char *path, bool (*of)(const char *name, void *context), void *context)
{
    int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (isdigit((unsigned char)entry->d_name[0]) && !of(entry->d_name, context))
            break;
    if (directory)
        closedir(directory);
    else if (fd >= 0)
        close(fd);
}

uint64_t cpu_of(const struct rusage *usage)
{
    return ((uint64_t)usage->ru_utime.tv_sec + (uint64_t)usage->ru_stime.tv_sec) * 1000000000 +
           ((uint64_t)usage->ru_utime.tv_usec + (uint64_t)usage->ru_stime.tv_usec) * 1000;
}

enum { MOST_FOREIGN = 8192, FOREIGN_FOR = 100000000 /* ns */ };

bool read_times(int proc, const char *pid, struct times *times)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "%.16s/stat", pid);
    if (read_file(proc, path, text, sizeof text) == 0)
        return false;
    const char *rest = strrchr(text, ')'); /* the name before it may hold anything */
    long long t[4], count, faults[2];
    if (!rest || sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %*u %lld %lld %*u %*u %lld %lld %lld %lld %*d %*d %lld",
                        &times->state, &faults[0], &faults[1], &t[0], &t[1], &t[2], &t[3], &count) != 8)
        return false;
    uint64_t tick = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
    times->threads = count > 0 ? (uint64_t)count : 1;
    times->own_ns = (uint64_t)(t[0] + t[1]) * tick;
    times->reaped_ns = (uint64_t)(t[2] + t[3]) * tick;
    times->faults = (uint64_t)(faults[0] + faults[1]);
    times->reaped_faults = (uint64_t)faults[1];
    return true;
}

uint64_t kilobytes(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    return found ? strtoull(found + strlen(name), NULL, 10) * 1024 : 0;
}

/* What the status of a task says of its memory. False where it has none any more. */
static bool read_memory(int proc, const char *task, struct process *process)
{
    char path[80], text[4096];
    snprintf(path, sizeof path, "%.64s/status", task);
    if (read_file(proc, path, text, sizeof text) == 0)
        return false;
    const char *ignored = strstr(text, "\nSigIgn:");
    process->deaf = ignored && (strtoull(ignored + strlen("\nSigIgn:"), NULL, 16) >> 16 & 1); /* SIGCHLD */
    if (strstr(text, "\nRssAnon:") == NULL)
        return false;
    process->own = kilobytes(text, "\nRssAnon:");
    process->shared = kilobytes(text, "\nRssShmem:");
    process->on_disk = kilobytes(text, "\nRssFile:");
    process->tables = kilobytes(text, "\nVmPTE:");
    process->descriptors = kilobytes(text, "\nFDSize:") / 1024;
    return true;
}

struct living {
    int proc;
    const char *pid;
    struct process *process;
};

static bool read_other(const char *name, void *context)
{
    struct living *living = context;
    char task[64];
    snprintf(task, sizeof task, "%.16s/task/%.16s", living->pid, name);
    if (strcmp(name, living->pid) == 0 || !read_memory(living->proc, task, living->process))
        return true;
    snprintf(living->process->task, sizeof living->process->task, "%.16s", name);
    return false;
}

/* The main thread may be gone and others go on: then one of those is looked at. */
static void read_living(int proc, const char *pid, struct process *process)
{
    char path[64];
    struct living living = {proc, pid, process};
    snprintf(path, sizeof path, "%.16s/task", pid);
    for_each_number(proc, path, read_other, &living);
}

bool read_process(int proc, const char *pid, struct process *process)
{
    struct times times;
    *process = (struct process){0};
    if (!read_times(proc, pid, &times))
        return false;
    snprintf(process->task, sizeof process->task, "%.16s", pid);
    process->threads = times.threads;
    process->cpu_ns = times.own_ns + times.reaped_ns;
    process->faults = times.faults;
    process->reaped_faults = times.reaped_faults;
    if (!read_memory(proc, pid, process) && times.threads > 1)
        read_living(proc, pid, process);
    return true;
}

bool is_outer_program(const struct cell *cell, const char *pid)
{
    char path[64];
    struct stat found;
    snprintf(path, sizeof path, "%.16s/ns/pid", pid);
    return strtol(pid, NULL, 10) != cell->init && fstatat(outer_proc, path, &found, 0) == 0 &&
           found.st_ino == cell->pid_namespace;
}

/* Processes of others, by number, as they were found a moment ago: with hundreds of them, to ask each whose it is takes
 * milliseconds, in which a program goes on. */
static struct {
    pid_t init; /* of the cell that they are no part of */
    uint64_t until;
    size_t count;
    int pids[MOST_FOREIGN];
} foreign;

struct asking {
    const struct cell *cell;
    bool learns;
    bool (*of)(const char *pid, void *context);
    void *context;
};

static int by_number(const void *one, const void *other) { return *(const int *)one - *(const int *)other; }

static bool ask_one(const char *pid, void *context)
{
    struct asking *asking = context;
    int number = atoi(pid);
    if (!asking->learns && bsearch(&number, foreign.pids, foreign.count, sizeof number, by_number))
        return true;
    if (is_outer_program(asking->cell, pid))
        return asking->of(pid, asking->context);
    if (asking->learns && foreign.count < MOST_FOREIGN)
        foreign.pids[foreign.count++] = number; /* the kernel lists them in order */
    return true;
}

void for_each_outer_program(const struct cell *cell, bool (*of)(const char *pid, void *context), void *context)
{
    uint64_t now = now_ns();
    struct asking asking = {cell, foreign.init != cell->init || now >= foreign.until, of, context};
    if (asking.learns) {
        foreign.init = cell->init;
        foreign.until = now + FOREIGN_FOR;
        foreign.count = 0;
    }
    for_each_number(outer_proc, ".", ask_one, &asking);
}
