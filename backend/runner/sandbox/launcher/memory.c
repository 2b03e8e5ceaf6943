/* The memory cgroup of the slot's programs, of either version, through files that the service opened. */

#define _GNU_SOURCE
#include "keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLACK = 16 << 20 }; /* page tables, pipes and the like, which a program's limit does not count */
enum { START = 96 << 20 }; /* the most that an interpreter takes on its way to where it waits */
static const uint64_t START_NS = 5000000000;

static bool read_text(int fd, char *into, size_t room)
{
    ssize_t got = fd < 0 ? -1 : pread(fd, into, room - 1, 0);
    into[got < 0 ? 0 : got] = 0;
    return got > 0;
}

static uint64_t number_after(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    return found ? strtoull(found + strlen(name), NULL, 10) : 0;
}

/* Bytes that the kernel takes back when it likes: pages of files that earlier runs have read. */
static uint64_t reclaimable(const struct keeper *keeper)
{
    char text[8192];
    if (!read_text(keeper->memory_stat, text, sizeof text))
        return 0;
    return number_after(text, "\ninactive_file ") + number_after(text, "\nactive_file ");
}

/* What may still come to those that start: they are in the programs' group, and not what a program is charged for. */
static uint64_t starting(const struct keeper *keeper)
{
    uint64_t count = 0, now = now_ns();
    for (int i = 0; i < MOST_TEMPLATES; i++)
        count += keeper->templates[i].pid && !keeper->templates[i].ready;
    for (int i = 0; i < MOST_WARM; i++)
        count += keeper->warm[i].key && now - keeper->warm[i].since < START_NS;
    return count * START;
}

static bool write_bound(const struct keeper *keeper, uint64_t bytes)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
    return pwrite(keeper->memory_limit, text, strlen(text), 0) > 0;
}

void bound_memory(const struct keeper *keeper, uint64_t bytes)
{
    char text[64];
    if (keeper->memory_limit < 0)
        return;
    if (bytes == 0) { /* version 1 knows -1, version 2 takes "max"; a bound that stays is a bound all the same */
        if (pwrite(keeper->memory_limit, "-1", 2, 0) < 0 && pwrite(keeper->memory_limit, "max", 3, 0) < 0)
            return;
    } else if (read_text(keeper->memory_usage, text, sizeof text)) {
        uint64_t used = strtoull(text, NULL, 10), back = reclaimable(keeper), more = starting(keeper) + bytes + SLACK;
        /* What earlier runs left in the cache is no room for this one. Where it cannot be taken back at once, it is. */
        if (!write_bound(keeper, (used > back ? used - back : 0) + more))
            (void)write_bound(keeper, used + more);
    }
}

unsigned long long count_oom_kills(const struct keeper *keeper)
{
    char text[512];
    const char *found = read_text(keeper->memory_events, text, sizeof text) ? strstr(text, "oom_kill ") : NULL;
    return found ? strtoull(found + strlen("oom_kill "), NULL, 10) : 0;
}
