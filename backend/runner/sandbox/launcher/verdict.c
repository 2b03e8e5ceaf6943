/* What is known of a run from looks at it, and its end: its processes are taken down, what ended it is found, and the
 * service is told. */

#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

bool has_all_processes(const struct run *run) { return run->processes >= run->limits.processes; }

void notice(struct run *run, const struct usage *usage)
{
    if (usage->memory > run->peak)
        run->peak = usage->memory;
    run->grows = usage->memory > run->memory && usage->memory + 2 * (usage->memory - run->memory) > run->limits.memory;
    run->memory = usage->memory;
    if (usage->on_disk > run->on_disk)
        run->on_disk = usage->on_disk;
    run->processes = usage->processes;
    run->processes_met = run->processes_met || has_all_processes(run);
    run->disk_full = run->disk_full || usage->disk_full;
}

void notice_rough(struct run *run, const struct usage *usage)
{
    struct usage held = *usage;
    if (held.memory > run->limits.memory)
        held.memory = run->limits.memory; /* shared pages were counted for each process: that it kept its limit is known */
    notice(run, &held);
}

static void reap(pid_t pid, int *status, struct rusage *usage)
{
    while (wait4(pid, status, 0, usage) < 0 && errno == EINTR)
        ;
}

/* Whether the kernel's own limit ended it, before the keeper had looked. A program may send itself the same signals: its
 * processor time, which is then far beyond what it may use (set_limits), tells. */
static bool ended_by_clock(const struct run *run, const struct verdict *verdict)
{
    return (verdict->signal == SIGXCPU || verdict->signal == SIGKILL) && verdict->cpu_ns > run->limits.cpu_ns;
}

/* What was in use between two looks, the kernel knows of its largest process: all that was resident, with the pages of the
 * host's files that the limit does not count. As many of them as were seen are taken off, and of a program that kept its limit
 * no more is told than that. */
static void raise_peak(struct run *run, const struct verdict *verdict, uint64_t resident)
{
    uint64_t counted = resident > run->on_disk ? resident - run->on_disk : 0;
    if (verdict->ending != MEMORY && counted > run->limits.memory)
        counted = run->limits.memory;
    if (counted > run->peak)
        run->peak = counted;
}

/* Take the cell's processes down and learn how the program ended. Mostly none is left. */
void finish(struct keeper *keeper, struct run *run, struct verdict *verdict)
{
    int status = 0;
    struct rusage usage = {0};
    bool reaped = verdict->ending == EXITED;
    verdict->wall_ns = now_ns() - run->started;
    if (reaped)
        reap(run->program.pid, &status, &usage);
    bool empty = reaped && is_empty(&run->program.cell);
    /* One that takes memory or room for output takes more while it is looked at once more. */
    if (verdict->ending != OUTPUT && verdict->ending != MEMORY && (!empty || status != 0)) {
        struct usage last = look(&run->program.cell, UINT64_MAX);
        last.processes += reaped ? 2 : 0; /* it was one of them, and so may have been a child that was refused and ended */
        notice_rough(run, &last);
        verdict->cpu_ns = last.cpu_ns;
    }
    if (!empty)
        empty_cell(&run->program.cell);
    bound_memory(keeper, 0); /* what the keeper needs to tell the rest is no program's */
    if (!reaped)
        reap(run->program.pid, &status, &usage);
    drain(keeper, run);
    if (run->truncated && verdict->ending == EXITED)
        verdict->ending = OUTPUT;
    uint64_t waited = cpu_of(&usage) + run->program.cell.reaped_ns;
    verdict->cpu_ns = (verdict->cpu_ns > waited ? verdict->cpu_ns : waited) + run->unwaited.lost_ns;
    verdict->cpu_ns -= verdict->cpu_ns > run->cpu_before ? run->cpu_before : 0;
    raise_peak(run, verdict, (uint64_t)usage.ru_maxrss * 1024);
    verdict->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    verdict->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    size_t told = strlen(run->failure);
    if (told == 0)
        told = read_status(&run->program, run->failure, sizeof run->failure);
    if (told == 0 && run->program.status >= 0) /* what comes after the listener */
        told = read_status(&run->program, run->failure, sizeof run->failure);
    memcpy(verdict->detail, run->failure, sizeof verdict->detail);
    if (verdict->signal == SIGXFSZ && !run->program.sent_xfsz)
        run->disk_full = true;
    if (told)
        verdict->ending = verdict->exit_code == 127 ? MISSING : FAILED;
    else if (verdict->ending == EXITED && count_oom_kills(keeper) > run->oom_before)
        verdict->ending = MEMORY;
    else if (verdict->ending == EXITED && ended_by_clock(run, verdict))
        verdict->ending = CPU;
}

void tell_verdict(struct keeper *keeper, struct run *run, const struct verdict *verdict, int program)
{
    struct buffer *out = &keeper->outgoing;
    size_t begun = begin_frame(out, 'd');
    put_u8(out, (uint8_t)verdict->ending);
    put_u32(out, (uint32_t)verdict->exit_code);
    put_u32(out, (uint32_t)verdict->signal);
    bool processes = verdict->ending == TIMEOUT ? has_all_processes(run) : run->processes_met;
    put_u8(out, (uint8_t)(run->truncated | processes << 1 | run->disk_full << 2 | (program >= 0) << 3));
    put_u64(out, verdict->wall_ns);
    put_u64(out, verdict->cpu_ns);
    put_u64(out, run->peak);
    for (int stream = 0; stream < 2; stream++)
        put_bytes(out, run->output[stream].data, run->output[stream].size);
    put_bytes(out, run->both.data, run->both.size);
    put_bytes(out, verdict->detail, strlen(verdict->detail));
    end_frame(out, begun);
    if (program < 0)
        return;
    /* What was kept goes with a frame of its own, after the verdict. */
    struct buffer frame = {0};
    begun = begin_frame(&frame, 'a');
    end_frame(&frame, begun);
    if (!flush_outgoing(keeper, true) || !send_frame(keeper->service, &frame, &program, 1))
        exit(0);
    free(frame.data);
    close(program);
}
