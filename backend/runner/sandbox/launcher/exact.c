/* The exact figure of a cell's memory: what several processes have is counted once.
 *
 * Processes that share one address space (threads made by hand, children of vfork and posix_spawn until they become
 * another program) are one; the kernel is asked which do (kcmp). Of different address spaces, pages that they share are
 * divided among them (smaps_rollup). That takes the longer the more is mapped, and may wait for the program itself. So it
 * is done by a process that is not waited for longer than BOUND, nor while the cell grows: late, what is found without it
 * decides. A program cannot gain memory by being slow to look at. On a busy machine that process waits for a processor: this
 * time does not count, or a correct program would be ended for what others do. */

#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_SPACES = 512, SMALL = 256 << 10, GROWTH = 16 << 20 /* bytes */, BOUND = 400000000 /* ns */, MOST_DELAY = 1000000000 /* ns */, AGAIN = 2 /* ms */ };
enum { PART = 4, MOST_DELAYS = 4 }; /* of a limit, by which a cell may grow while it is measured */

/* The address spaces that were found, in the kernel's order, and the sum of what was too small to be compared. */
struct spaces {
    struct process each[MOST_SPACES];
    size_t count;
    struct exact rest;
};

static uint64_t cheap(const struct process *process) { return process->own + process->shared + process->tables; }

/* Note the address space of a process where none of those noted is the same; the search is binary, as the kernel orders
 * them. Where the kernel does not tell, each process counts. */
static void note_space(struct spaces *spaces, const struct process *process)
{
    size_t from = 0, to = spaces->count;
    if (cheap(process) < SMALL || spaces->count == MOST_SPACES) {
        spaces->rest.own += process->own + process->tables;
        spaces->rest.shared += process->shared;
        return;
    }
    while (from < to) {
        size_t middle = (from + to) / 2;
        long order = syscall(SYS_kcmp, atoi(process->task), atoi(spaces->each[middle].task), KCMP_VM, 0, 0);
        if (order == 0)
            return;
        if (order == 1)
            to = middle;
        else
            from = middle + 1; /* greater, unordered, or not told */
    }
    memmove(spaces->each + from + 1, spaces->each + from, (spaces->count - from) * sizeof *spaces->each);
    spaces->each[from] = *process;
    spaces->count++;
}

static bool note_program(const char *pid, void *context)
{
    struct process process;
    if (read_process(outer_proc, pid, &process))
        note_space(context, &process);
    return true;
}

/* Processes are listed, then compared, then measured: one that becomes another program meanwhile is at most missed once. */
static void find_spaces(const struct cell *cell, struct spaces *spaces)
{
    spaces->count = 0;
    spaces->rest = (struct exact){0, 0};
    for_each_outer_program(cell, note_program, spaces);
}

/* Replace its figures by its share of them. */
static void divide(struct process *process)
{
    char path[64], text[2048];
    snprintf(path, sizeof path, "%.16s/smaps_rollup", process->task);
    if (read_file(outer_proc, path, text, sizeof text) == 0 || strstr(text, "\nPss_Anon:") == NULL)
        return; /* gone, or a kernel that does not tell: then the cheap figure */
    process->own = kilobytes(text, "\nPss_Anon:");
    process->shared = kilobytes(text, "\nPss_Shmem:");
}

static struct exact sum(const struct spaces *spaces)
{
    struct exact exact = spaces->rest;
    for (size_t i = 0; i < spaces->count; i++) {
        exact.own += spaces->each[i].own + spaces->each[i].tables;
        exact.shared += spaces->each[i].shared;
    }
    return exact;
}

static uint64_t total(const struct exact *exact) { return exact->own + exact->shared; }

/* The shares of the spaces that were found, until they are known to be no more than `limit`. */
static struct exact divide_all(struct spaces *spaces, uint64_t limit)
{
    struct exact found = sum(spaces);
    for (size_t i = 0; i < spaces->count && total(&found) > limit; i++) {
        divide(&spaces->each[i]);
        found = sum(spaces);
    }
    return found;
}

/* In a process of its own: tell the exact figure. What moved from one process to another between their looks was counted
 * in both, so what is too much must be so twice. */
_Noreturn static void tell_exact(const struct cell *cell, struct spaces *spaces, uint64_t limit, int to)
{
    struct exact found = divide_all(spaces, limit);
    if (total(&found) > limit) {
        find_spaces(cell, spaces);
        struct exact again = divide_all(spaces, limit);
        if (total(&again) < total(&found))
            found = again;
    }
    _exit(write(to, &found, sizeof found) == sizeof found ? 0 : 1);
}

/* By how much a cell has grown. A fork has all of its parent's pages at once, and not one of its own: what a process has
 * more is new as far as it took faults for it (huge pages, of which one fault gives many, are off: program.c). Shared memory
 * is one process's. */
static uint64_t growth(const struct spaces *before, const struct spaces *now)
{
    static const struct process none;
    uint64_t all = 0, shared = 0, page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < now->count; i++) {
        const struct process *one = &now->each[i], *was = &none;
        for (size_t j = 0; j < before->count && was == &none; j++)
            if (strcmp(before->each[j].task, one->task) == 0)
                was = &before->each[j];
        uint64_t more = one->own > was->own ? one->own - was->own : 0;
        uint64_t faulted = one->faults > was->faults ? (one->faults - was->faults) * page : 0;
        all += more < faulted ? more : faulted;
        if (one->shared > was->shared && one->shared - was->shared > shared)
            shared = one->shared - was->shared;
    }
    return all + shared;
}

/* What was found of a cell the last time, and what its processes had before that. */
static struct {
    pid_t init;
    uint64_t found;
    struct spaces spaces;
} last;

/* The most that a cell can have: what it had, and by how much it grew since; it may have given memory back. */
static uint64_t most(const struct cell *cell, const struct spaces *now)
{
    return last.init == cell->init ? last.found + growth(&last.spaces, now) : UINT64_MAX;
}

/* Nanoseconds for which a process was ready to run and had no processor, MOST_DELAYS of MOST_DELAY at most; 0 where the
 * kernel does not tell. */
static uint64_t delay(pid_t pid)
{
    char path[32], text[128];
    unsigned long long ran, waited = 0;
    snprintf(path, sizeof path, "%d/schedstat", pid);
    if (read_file(outer_proc, path, text, sizeof text) == 0 || sscanf(text, "%llu %llu", &ran, &waited) != 2)
        return 0;
    return waited < (uint64_t)MOST_DELAYS * MOST_DELAY ? waited : (uint64_t)MOST_DELAYS * MOST_DELAY;
}

/* Wait for what the process `pid` tells; false where that takes too long, or the cell grows by a part of `limit` meanwhile. */
static bool hear_exact(const struct cell *cell, pid_t pid, int from, const struct spaces *before, uint64_t limit,
                       struct exact *found)
{
    static struct spaces spaces;
    struct pollfd told = {from, POLLIN, 0};
    for (uint64_t begun = now_ns(); now_ns() - begun < BOUND + delay(pid);) {
        if (poll(&told, 1, AGAIN) > 0)
            return read(from, found, sizeof *found) == sizeof *found;
        find_spaces(cell, &spaces);
        *found = sum(&spaces);
        if (growth(before, &spaces) > (limit / PART > GROWTH ? limit / PART : GROWTH))
            return false;
    }
    return false;
}

bool is_over(int *helper)
{
    siginfo_t ended = {0};
    if (*helper >= 0 && waitid(P_PIDFD, (id_t)*helper, &ended, WEXITED | WNOHANG) == 0 && ended.si_pid == 0)
        return false;
    if (*helper >= 0)
        close(*helper);
    *helper = -1;
    return true;
}

void end_helper(int *helper)
{
    if (*helper >= 0)
        (void)syscall(SYS_pidfd_send_signal, *helper, SIGKILL, NULL, 0);
    (void)is_over(helper);
}

/* Ask a process for the exact figure; the rough one where that does not come. */
static struct exact ask(const struct cell *cell, const struct spaces *spaces, uint64_t limit)
{
    static int asked = -1; /* one that was killed and has not ended */
    int ends[2];
    struct exact rough = sum(spaces), found = rough;
    if (!is_over(&asked) || pipe2(ends, O_CLOEXEC))
        return rough;
    pid_t pid = fork();
    if (pid == 0) {
        static struct spaces own;
        own = *spaces;
        tell_exact(cell, &own, limit, ends[1]);
    }
    close(ends[1]);
    asked = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pid > 0) {
        if (hear_exact(cell, pid, ends[0], spaces, limit, &found)) {
            last.init = cell->init;
            last.found = total(&found);
            last.spaces = *spaces;
        } else if (total(&found) < total(&rough))
            found = rough;
        end_helper(&asked);
    }
    close(ends[0]);
    return found;
}

struct exact measure(const struct cell *cell, uint64_t limit)
{
    static struct spaces spaces;
    find_spaces(cell, &spaces);
    struct exact rough = sum(&spaces);
    if (total(&rough) <= limit)
        return rough;
    uint64_t bound = most(cell, &spaces);
    return bound <= limit ? (struct exact){bound, 0} : ask(cell, &spaces, limit);
}
