/* The slot's memory cgroup, of either version, through files that the service opened. */

#define _GNU_SOURCE
#include "keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLACK = 16 << 20 }; /* page tables, pipes and the like, which a program's limit does not count */

static bool read_text(int fd, char *into, size_t room)
{
    ssize_t got = fd < 0 ? -1 : pread(fd, into, room - 1, 0);
    into[got < 0 ? 0 : got] = 0;
    return got > 0;
}

void bound_memory(const struct keeper *keeper, uint64_t bytes)
{
    char text[64] = "-1"; /* version 1 knows -1; version 2 takes "max" */
    if (keeper->memory_limit < 0)
        return;
    if (bytes) {
        if (!read_text(keeper->memory_usage, text, sizeof text))
            return;
        snprintf(text, sizeof text, "%llu", strtoull(text, NULL, 10) + (unsigned long long)bytes + SLACK);
    }
    if (pwrite(keeper->memory_limit, text, strlen(text), 0) < 0 && bytes == 0 &&
        pwrite(keeper->memory_limit, "max", 3, 0) < 0)
        return; /* a bound that stays is a bound all the same */
}

unsigned long long count_oom_kills(const struct keeper *keeper)
{
    char text[512];
    const char *found = read_text(keeper->memory_events, text, sizeof text) ? strstr(text, "oom_kill ") : NULL;
    return found ? strtoull(found + strlen("oom_kill "), NULL, 10) : 0;
}
