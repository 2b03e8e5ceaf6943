/* What a cell uses, as its own /proc and file systems say.
 *
 * The measure of memory is one, for what ends a program and for what is told of it: anonymous and shared memory, page
 * tables, and the files of its own file systems, its program's among them. Pages of files that lie on the host's disk are
 * not counted: the kernel takes them back when it likes, and they are every run's. The cheap figure counts pages that
 * processes share once for each; where that passes the limit, the exact one decides (exact.c). */

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

enum { INODE = 1024 }; /* bytes of a file that lies in memory, without what is in it */

static uint64_t files(int directory, bool *full)
{
    struct statfs found;
    if (directory < 0 || fstatfs(directory, &found))
        return 0;
    if (full && found.f_blocks && (found.f_bfree == 0 || found.f_ffree == 0))
        *full = true;
    return (uint64_t)(found.f_blocks - found.f_bfree) * (uint64_t)found.f_bsize + (uint64_t)(found.f_files - found.f_ffree) * INODE;
}

/* Whether a process of the directory `proc` is a program of the cell, and not its init. */
static bool is_program(const struct cell *cell, const char *pid)
{
    /* Without a /proc of the cell's own, its processes are found among all by their PID namespace. */
    return cell->proc >= 0 ? strcmp(pid, "1") != 0 : is_outer_program(cell, pid);
}

/* What the init inherited and reaped: times of orphans that have ended. */
static void count_reaped(const struct cell *cell, struct usage *usage)
{
    struct times times;
    char pid[16] = "1";
    if (cell->proc < 0)
        snprintf(pid, sizeof pid, "%d", cell->init);
    if (read_times(cell->proc >= 0 ? cell->proc : outer_proc, pid, &times)) {
        usage->cpu_ns += times.reaped_ns;
        usage->faults += times.faults;
        usage->reaped_faults += times.reaped_faults;
    }
}

static void count_process(struct usage *usage, const struct process *process)
{
    usage->memory += process->own + process->shared + process->tables;
    usage->on_disk += process->on_disk;
    usage->cpu_ns += process->cpu_ns;
    usage->faults += process->faults;
    usage->reaped_faults += process->reaped_faults;
    usage->processes += process->threads;
    usage->descriptors += process->descriptors;
    usage->groups++;
    usage->deaf = usage->deaf || process->deaf;
}

struct counting {
    const struct cell *cell;
    int proc;
    struct usage usage;
};

static bool count_program(const char *pid, void *context)
{
    struct counting *counting = context;
    struct process process;
    if (is_program(counting->cell, pid) && read_process(counting->proc, pid, &process))
        count_process(&counting->usage, &process);
    return true;
}

struct usage look(const struct cell *cell, uint64_t limit)
{
    struct counting counting = {cell, cell->proc >= 0 ? cell->proc : outer_proc, {0}};
    struct usage usage;
    counting.usage.files =
        files(cell->work, &counting.usage.disk_full) + files(cell->shared, NULL) + files(cell->program, NULL);
    counting.usage.memory = counting.usage.files;
    for_each_number(counting.proc, ".", count_program, &counting);
    usage = counting.usage;
    count_reaped(cell, &usage);
    if (usage.memory > limit) {
        struct exact exact = measure(cell, limit > usage.files ? limit - usage.files : 0);
        usage.memory = usage.files + exact.own + exact.shared;
    }
    return usage;
}
