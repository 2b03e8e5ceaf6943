/* Processor time of children that nobody waits for.
 *
 * A process's time passes on to who waits for it, the init for orphans. Where a parent ignores SIGCHLD or asks for no
 * zombies, the kernel forgets its children and their time with them. Once that was seen in a run, its processes are looked at
 * closely, and what one had used when it was last seen, and half of what it can have used since, is kept. Whether it was
 * waited for tells its parent's count of its children's page faults. A child that lived between two looks is missed. */

#define _GNU_SOURCE
#include "launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The clock of another process, to the nanosecond: as clock_getcpuclockid() has it. */
static uint64_t cpu_of_process(pid_t pid)
{
    struct timespec now;
    clockid_t clock = (clockid_t)(~(unsigned)pid << 3 | 2);
    return clock_gettime(clock, &now) ? 0 : (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool see(const char *pid, struct seen *seen)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "%.16s/stat", pid);
    if (read_file(outer_proc, path, text, sizeof text) == 0)
        return false;
    const char *rest = strrchr(text, ')');
    long long waited;
    int parent;
    if (!rest || sscanf(rest + 1, " %*c %d %*d %*d %*d %*d %*u %*u %lld", &parent, &waited) != 2)
        return false;
    pid_t number = (pid_t)strtol(pid, NULL, 10);
    *seen = (struct seen){number, parent, cpu_of_process(number), (uint64_t)waited};
    return true;
}

static bool see_number(pid_t pid, struct seen *seen)
{
    char text[16];
    snprintf(text, sizeof text, "%d", pid);
    return see(text, seen);
}

static const struct seen *find(const struct unwaited *in, pid_t pid)
{
    for (size_t i = 0; i < in->count; i++)
        if (in->each[i].pid == pid)
            return &in->each[i];
    return NULL;
}

static bool see_program(const char *pid, void *context)
{
    struct unwaited *now = context;
    now->count += see(pid, &now->each[now->count]);
    return now->count < MOST_SEEN;
}

void count_unwaited(const struct cell *cell, struct unwaited *unwaited)
{
    static struct unwaited now;
    now.count = 0;
    now.at = now_ns();
    now.count += see_number(cell->init, &now.each[now.count]);
    for_each_outer_program(cell, see_program, &now);
    now.lost_ns = unwaited->lost_ns;
    for (size_t i = 0; i < unwaited->count; i++) {
        const struct seen *gone = &unwaited->each[i];
        const struct seen *before = find(unwaited, gone->parent);
        struct seen parent;
        /* The parent is looked at after its child was missed: had it waited, it would show. */
        if (before && find(&now, gone->pid) == NULL && see_number(gone->parent, &parent) && before->waited == parent.waited)
            now.lost_ns += gone->cpu_ns + (now.at - unwaited->at) / 2;
    }
    *unwaited = now;
}
