/* What a cell uses, as its own /proc and file systems say. */

#define _GNU_SOURCE
#include "launcher.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static size_t read_file(int root, const char *path, char *into, size_t room)
{
    int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, into, room - 1);
    close(fd);
    into[got < 0 ? 0 : got] = 0;
    return got < 0 ? 0 : (size_t)got;
}

/* Fields 14 to 17 (clock ticks of itself and of children it waited for) and 20 (threads) of a process's stat. */
static bool read_stat(int proc, const char *pid, uint64_t *ticks, uint64_t *threads)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "%.16s/stat", pid);
    if (read_file(proc, path, text, sizeof text) == 0)
        return false;
    const char *rest = strrchr(text, ')'); /* the name before it may hold anything */
    long long t[4], count;
    char state;
    if (!rest || sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld %lld %*d %*d %lld",
                        &state, &t[0], &t[1], &t[2], &t[3], &count) != 6)
        return false;
    *ticks = (uint64_t)(t[0] + t[1] + t[2] + t[3]);
    *threads = state == 'Z' || state == 'X' ? 1 : (uint64_t)count;
    return true;
}

static uint64_t resident(int proc, const char *pid)
{
    char path[64], text[256];
    unsigned long long size, pages;
    snprintf(path, sizeof path, "%.16s/statm", pid);
    if (read_file(proc, path, text, sizeof text) == 0 || sscanf(text, "%llu %llu", &size, &pages) != 2)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t kilobytes(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    return found ? strtoull(found + strlen(name), NULL, 10) * 1024 : 0;
}

struct resident read_proportional(int proc, const char *pid)
{
    char path[64], text[2048];
    snprintf(path, sizeof path, "%.16s/smaps_rollup", pid);
    if (read_file(proc, path, text, sizeof text) == 0 || strstr(text, "\nPss:") == NULL)
        return (struct resident){resident(proc, pid), 0};
    return (struct resident){kilobytes(text, "\nPss:"), kilobytes(text, "\nPss_Shmem:")};
}

static uint64_t files(int directory, bool *full)
{
    struct statfs found;
    if (fstatfs(directory, &found))
        return 0;
    if (full && found.f_blocks && (found.f_bfree == 0 || found.f_ffree == 0))
        *full = true;
    return (uint64_t)(found.f_blocks - found.f_bfree) * (uint64_t)found.f_bsize;
}

/* Whether a process of the directory `proc` is a program of the cell, and not its init. */
static bool is_program(const struct cell *cell, const char *pid)
{
    char path[64];
    struct stat found;
    if (!isdigit((unsigned char)pid[0]))
        return false;
    if (cell->proc >= 0)
        return strcmp(pid, "1") != 0;
    /* Without a /proc of the cell's own, its processes are found among all by their PID namespace. */
    snprintf(path, sizeof path, "%.16s/ns/pid", pid);
    return strtol(pid, NULL, 10) != cell->init && fstatat(outer_proc, path, &found, 0) == 0 &&
           found.st_ino == cell->pid_namespace;
}

uint64_t for_each_process(const struct cell *cell, uint64_t (*of)(int, const char *, void *), void *context)
{
    uint64_t sum = 0;
    int proc = cell->proc >= 0 ? cell->proc : outer_proc;
    int fd = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(directory));)
        if (is_program(cell, entry->d_name))
            sum += of(proc, entry->d_name, context);
    closedir(directory);
    return sum;
}

static uint64_t count_process(int proc, const char *pid, void *context)
{
    struct usage *usage = context;
    uint64_t ticks, threads;
    if (read_stat(proc, pid, &ticks, &threads)) {
        usage->cpu_ns += ticks * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
        usage->processes += threads;
    }
    return resident(proc, pid);
}

static uint64_t count_proportional(int proc, const char *pid, void *context)
{
    (void)context;
    return read_proportional(proc, pid).all;
}

struct usage look(const struct cell *cell, uint64_t limit)
{
    struct usage usage = {0};
    usage.files = files(cell->work, &usage.disk_full) + files(cell->shared, NULL);
    usage.memory = usage.files + for_each_process(cell, count_process, &usage);
    if (usage.memory > limit)
        usage.memory = usage.files + for_each_process(cell, count_proportional, NULL);
    return usage;
}
