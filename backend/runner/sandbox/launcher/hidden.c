/* What a cell uses though none of its processes shows it, where no control group counts.
 *
 * What lies in sockets: each holds about as much as its buffer, which a program cannot enlarge (slot.c, the filter).
 * Beyond a few, that is counted for each that is open, as there is no telling how full they are.
 *
 * Shared memory that was touched and let go, kept by a mapping that nobody touches. No process has it resident, and
 * the mapping may have been larger. How much shared memory there is on this host is known, and how much it grew since
 * the run began bounds what the cell can hide. So does how much its processes have touched: what neighbours write
 * meanwhile is not laid to one that sleeps. Where that would pass the limit, the shared objects that its processes map
 * are looked up: no more is laid to a cell than its objects can hold, and to one that has none nothing. */

#define _GNU_SOURCE
#include "launcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_OBJECTS = 256, MOST_TEXT = 4 << 20 };

/* What an object may hold though a page of it is all that is still mapped: as much as is touched between two looks. */
#define LEAST_HELD ((uint64_t)32 << 20)

/* A socket's buffer, and how many there are of which nothing is counted. */
#define BUFFER ((uint64_t)256 << 10)
enum { FEW_SOCKETS = 64 };

struct objects {
    unsigned long inodes[MOST_OBJECTS];
    uint64_t sizes[MOST_OBJECTS]; /* up to the end of what is mapped */
    size_t count, text;
    bool too_many;
};

struct host look_at_host(void)
{
    static int fd = -1;
    char text[4096];
    if (fd < 0)
        fd = openat(outer_proc, "meminfo", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
    text[got < 0 ? 0 : got] = 0;
    return (struct host){kilobytes(text, "\nShmem:"), kilobytes(text, "\nShmemHugePages:"), kilobytes(text, "\nSUnreclaim:")};
}

static void note_mapping(struct objects *objects, const char *line)
{
    unsigned long from, to, offset, inode;
    if (!strstr(line, "/dev/zero (deleted)") && !strstr(line, "/memfd:") && !strstr(line, "/SYSV"))
        return;
    if (sscanf(line, "%lx-%lx %*s %lx %*s %lu", &from, &to, &offset, &inode) != 4)
        return;
    size_t i = 0;
    while (i < objects->count && objects->inodes[i] != inode)
        i++;
    if (i == MOST_OBJECTS) {
        objects->too_many = true;
        return;
    }
    if (i == objects->count) {
        objects->inodes[i] = inode;
        objects->sizes[i] = LEAST_HELD;
        objects->count++;
    }
    uint64_t size = (uint64_t)offset + (to - from);
    if (size > objects->sizes[i])
        objects->sizes[i] = size;
}

/* Note the shared objects that a process maps; no more text is read, of all processes, than MOST_TEXT. */
static void note_mappings(struct objects *objects, int proc, const char *pid)
{
    static char text[65536];
    char path[64];
    size_t left = 0;
    snprintf(path, sizeof path, "%.16s/maps", pid);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    for (ssize_t got; fd >= 0 && (got = read(fd, text + left, sizeof text - 1 - left)) > 0;) {
        char *line = text, *end;
        text[left + (size_t)got] = 0;
        for (; (end = strchr(line, '\n')); line = end + 1) {
            *end = 0;
            note_mapping(objects, line);
        }
        left = strlen(line);
        memmove(text, line, left);
        objects->text += (size_t)got;
        if (objects->text > MOST_TEXT)
            objects->too_many = true;
        if (objects->too_many || left == sizeof text - 1)
            break;
    }
    if (fd >= 0)
        close(fd);
}

static bool note_program(const char *pid, void *context)
{
    struct objects *found = context;
    note_mappings(found, outer_proc, pid);
    return !found->too_many;
}

static uint64_t most_held(const struct objects *objects)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < objects->count; i++)
        sum += objects->sizes[i];
    return objects->too_many ? UINT64_MAX : sum;
}

void look_for_lost(struct since *since, const struct usage *usage)
{
    bool fewer = usage->groups < since->groups && usage->reaped_faults == since->reaped_faults;
    since->lost = since->lost || usage->deaf || usage->faults < since->faults || fewer;
    since->faults = usage->faults;
    since->reaped_faults = usage->reaped_faults;
    since->groups = usage->groups;
}

/* The most that the cell's processes can have touched: a page for each fault, as long as nobody's faults are lost and
 * shared memory comes by pages. */
static uint64_t most_touched(const struct since *since, const struct usage *usage, const struct host *host)
{
    if (since->lost || host->huge)
        return UINT64_MAX;
    return usage->faults * (uint64_t)sysconf(_SC_PAGESIZE);
}

void look_for_hidden(const struct cell *cell, uint64_t limit, const struct host *host, struct since *since,
                     struct usage *usage)
{
    static struct objects objects;
    uint64_t sockets = count_sockets(cell->network);
    if (!since->begun) {
        since->begun = true;
        since->shared = host->shared;
        since->files = usage->files;
    }
    uint64_t touched = most_touched(since, usage, host);
    uint64_t buffers = sockets > FEW_SOCKETS && sockets < UINT64_MAX ? sockets * BUFFER : 0;
    usage->memory += buffers;
    uint64_t before = since->shared + (usage->files > since->files ? usage->files - since->files : 0);
    uint64_t grown = host->shared > before ? host->shared - before : 0;
    grown = grown < touched ? grown : touched;
    if (grown == 0 || usage->memory + grown <= limit)
        return;
    objects = (struct objects){0};
    for_each_outer_program(cell, note_program, &objects);
    uint64_t held = most_held(&objects);
    held = held < grown ? held : grown;
    struct exact found = measure(cell, 0);
    if (held > found.shared)
        usage->memory = usage->files + buffers + usage->held + found.own + held;
}
