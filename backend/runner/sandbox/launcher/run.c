/* One run, from its frame to its verdict. */

#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_LOOK = 2000000, LOOK_EVERY = 15000000, LOOK_SOON = 1000000, FORK = 250000, MOMENT = 400000, BLOCK = 65536 };

/* ── supervision ──────────────────────────────────────────────────────────────────────────────────────────── */

/* Nanoseconds until a cell is looked at again: soon where it may then have more memory than its limit. Forks are not told:
 * one that may soon have all its processes, and be refused another, is watched closely. FORK is what a fork and its program take at least, mostly. */
static uint64_t next_interval(const struct run *run)
{
    uint64_t longer = run->interval * 3 / 2, most = run->limits.processes * FORK;
    if (most > LOOK_EVERY)
        most = LOOK_EVERY;
    if (most < LOOK_SOON || run->since.lost || run->grows || run->processes * 2 >= run->limits.processes)
        return LOOK_SOON;
    return longer < most ? longer : most;
}

/* Look at the cell; the ending that what it uses brings about, or EXITED. */
static enum ending inspect(const struct keeper *keeper, struct run *run, uint64_t now)
{
    struct usage usage = look(&run->program.cell, run->limits.memory);
    look_for_lost(&run->since, &usage);
    if (run->since.lost)
        count_unwaited(&run->program.cell, &run->unwaited);
    struct host host = look_at_host();
    look_for_held(&run->program.cell, &run->limits, &host, &run->since, &usage);
    if (keeper->memory_limit < 0) /* else its control group counts it */
        look_for_hidden(&run->program.cell, run->limits.memory, &host, &run->since, &usage);
    notice(run, &usage);
    run->interval = next_interval(run);
    /* A program that makes looking slow is looked at less often, but for no longer than any other. */
    uint64_t end = now_ns(), pause = end - now < LOOK_EVERY ? end - now : LOOK_EVERY;
    run->next_look = end + (pause > run->interval ? pause : run->interval);
    if (usage.memory > run->limits.memory || count_oom_kills(keeper) > run->oom_before)
        return MEMORY; /* a child that the kernel killed ends all, as where no control group counts */
    return usage.cpu_ns + run->unwaited.lost_ns > run->limits.cpu_ns + run->cpu_before ? CPU : EXITED;
}

/* Let a program do what it is about to do. What it wrote before is read before it writes again, where the order of both
 * streams was asked for. Before a new task is noted when the kernel is about to refuse it: counting is for those that may
 * have enough. */
static void hear_told(struct keeper *keeper, struct run *run)
{
    struct call call;
    if (!hear_call(&run->program, &call))
        return;
    if (call.number == SYS_write || call.number == SYS_writev)
        drain(keeper, run);
    else if (run->program.told + run->processes + 1 >= run->limits.processes) {
        struct usage usage = look(&run->program.cell, UINT64_MAX);
        notice_rough(run, &usage);
    }
    pass_call(&run->program, &call);
}

static enum ending supervise(struct keeper *keeper, struct run *run)
{
    for (;;) {
        uint64_t now = now_ns();
        if (now >= run->deadline)
            return TIMEOUT;
        if (run->truncated)
            return OUTPUT;
        if (now >= run->next_look) {
            enum ending found = inspect(keeper, run, now);
            if (found != EXITED)
                return found;
            now = now_ns();
        }
        uint64_t until = run->deadline < run->next_look ? run->deadline : run->next_look;
        struct timespec wait = {0, until > now ? (long)(until - now) : 0};
        if (wait.tv_nsec >= 1000000000)
            wait = (struct timespec){wait.tv_nsec / 1000000000, wait.tv_nsec % 1000000000};
        bool feeds = run->written < run->input.size || run->input_ends;
        bool held = keeper->outgoing.size - keeper->sent > BLOCK; /* a slow reader slows the program */
        struct pollfd fds[] = {
            {run->program.pidfd, POLLIN, 0},
            {held ? -1 : run->program.out[0], POLLIN, 0},
            {held ? -1 : run->program.out[1], POLLIN, 0},
            {feeds ? run->program.in : -1, POLLOUT, 0},
            {keeper->service, (short)(POLLIN | (keeper->outgoing.size ? POLLOUT : 0)), 0},
            {run->program.confined ? -1 : run->program.status, POLLIN, 0},
            {run->program.listener, POLLIN, 0},
        };
        if (ppoll(fds, sizeof fds / sizeof *fds, &wait, NULL) < 0)
            continue;
        for (int stream = 0; stream < 2; stream++)
            if (fds[1 + stream].revents)
                pump(keeper, run, stream);
        if (fds[3].revents)
            feed(run);
        if ((fds[4].revents & POLLOUT) && !flush_outgoing(keeper, false))
            exit(0);
        if ((fds[4].revents & (POLLIN | POLLHUP)) && !hear(keeper, run))
            return STOPPED;
        if (fds[0].revents)
            return EXITED;
        if (fds[5].revents && read_status(&run->program, run->failure, sizeof run->failure))
            return EXITED; /* it did not start, and ends */
        if (fds[6].revents & POLLIN)
            hear_told(keeper, run);
        else if (fds[6].revents)
            close_listener(&run->program); /* or it would be told again and again while memory is given back */
    }
}

/* ── starting ─────────────────────────────────────────────────────────────────────────────────────────────── */

/* Write the request's files into the cell and start the clock. NULL, or what failed. */
static const char *lay_out(struct keeper *keeper, const struct request *request, int program, struct run *run)
{
    static char text[128];
    int error = furnish_cell(&run->program.cell, &run->limits, request->files, program, run->flags & COMPILES);
    if (error) {
        run->disk_full = error == ENOSPC;
        snprintf(text, sizeof text, "the files could not be written: %s", strerror(error));
        return text;
    }
    bound_memory(keeper, run->limits.memory);
    run->oom_before = count_oom_kills(keeper);
    run->started = now_ns();
    return NULL;
}

/* Have the warm process be the run's program. False where there is none, or it ended while it waited. */
static bool wake(struct keeper *keeper, const struct request *request, int program, struct run *run)
{
    struct warm *warm = find_warm(keeper, request->key);
    if (warm == NULL)
        return false;
    struct pollfd ended = {warm->program.pidfd, POLLIN, 0};
    if (poll(&ended, 1, 0) != 0) {
        end_warm(keeper, warm);
        return false;
    }
    run->program = warm->program;
    free(warm->key);
    *warm = (struct warm){0};
    run->cpu_before = look(&run->program.cell, UINT64_MAX).cpu_ns;
    if (lay_out(keeper, request, program, run) ||
        write(run->program.go, request->go.data, request->go.size) != (ssize_t)request->go.size)
        return false;
    close(run->program.go);
    run->program.go = -1;
    return true;
}

/* Have the program that was forked ahead be the run's. False where there is none that fits, or it ended. */
static bool wake_parked(struct keeper *keeper, const struct request *request, int program, struct forker *forker,
                        struct run *run)
{
    struct pollfd ended = {forker->parked.pidfd, POLLIN, 0};
    if (forker->parked.pid == 0 || run->flags & TERMINAL || request->order.filter.data != keeper->filter.data)
        return false;
    if (poll(&ended, 1, 0) != 0) {
        end_parked(forker);
        return false;
    }
    run->program = forker->parked;
    forker->parked = NO_PROGRAM;
    return lay_out(keeper, request, program, run) == NULL && unpark(&run->program, &request->order);
}

/* Start a new program in a new cell. NULL, or what failed; `*lost` where another forker may do better. */
static const char *start_new(struct keeper *keeper, struct request *request, int program, struct forker *forker,
                             struct run *run, bool *lost)
{
    close_program(&run->program); /* where one was begun that came to nothing */
    run->program = NO_PROGRAM;
    run->cpu_before = 0;
    if (!take_spare(keeper, &run->program.cell))
        return "a cell could not be made";
    const char *wrong = lay_out(keeper, request, program, run);
    if (wrong)
        return wrong;
    struct winsize size = {.ws_row = (unsigned short)request->rows, .ws_col = (unsigned short)request->columns};
    wrong = start_program(keeper, forker, &request->order, &run->program, run->flags & TERMINAL ? &size : NULL, NOT);
    *lost = wrong && forker != &keeper->spawner;
    return wrong;
}

/* Put a program into `run`: the warm one that waits, one that the template forks, or, where those are lost, one that
 * starts as any other. NULL, or what failed. */
static const char *begin(struct keeper *keeper, struct request *request, int program, struct run *run)
{
    bool lost = false;
    if (wake(keeper, request, program, run))
        return NULL;
    struct forker *forker = find_forker(keeper, request->forker);
    if (wake_parked(keeper, request, program, forker ? forker : &keeper->spawner, run))
        return NULL;
    const char *wrong = start_new(keeper, request, program, forker ? forker : &keeper->spawner, run, &lost);
    return lost ? start_new(keeper, request, program, &keeper->spawner, run, &lost) : wrong;
}

/* Let the service answer before the cell is taken down and the next is made: that takes a processor from it. A moment, or
 * until it wants something. */
static void leave_to_service(const struct keeper *keeper)
{
    struct pollfd next = {keeper->service, POLLIN, 0};
    const struct timespec moment = {0, MOMENT};
    (void)ppoll(&next, 1, &moment, NULL);
}

bool do_run(struct keeper *keeper, struct reader *fields, const int *fds, size_t count)
{
    struct request request;
    struct verdict verdict = {.ending = FAILED};
    struct run run = {.program = NO_PROGRAM};
    if (!read_request(fields, &request)) {
        free_request(&request);
        return false;
    }
    if (request.order.filter.size == 0)
        request.order.filter = keeper->filter;
    run.limits = request.order.limits;
    run.flags = request.flags;
    run.room = run.limits.output;
    put(&run.input, request.input.data, request.input.size);
    run.input_ends = !(run.flags & INTERACTIVE);
    run.interval = FIRST_LOOK;
    const char *wrong = begin(keeper, &request, count ? fds[0] : -1, &run);
    if (wrong)
        snprintf(verdict.detail, sizeof verdict.detail, "%s", wrong);
    else {
        if (run.flags & STREAMS) {
            size_t begun = begin_frame(&keeper->outgoing, 'b');
            end_frame(&keeper->outgoing, begun);
        }
        run.next_look = run.started + run.interval;
        run.deadline = run.started + run.limits.wall_ns;
        verdict.ending = supervise(keeper, &run);
        finish(keeper, &run, &verdict);
    }
    bound_memory(keeper, 0);
    forget_held();
    int program = -1;
    if (*request.patterns && verdict.ending < FAILED) /* where that fails, nothing is told of files */
        program = collect_files(&run.program.cell, request.patterns, request.collected);
    else if ((run.flags & COMPILES) && verdict.ending == EXITED && verdict.exit_code == 0 &&
        (program = collect_program(&run.program.cell)) < 0) {
        verdict.ending = errno == EFBIG ? OUTPUT : FAILED;
        run.disk_full = errno == EFBIG;
        snprintf(verdict.detail, sizeof verdict.detail, "the program could not be kept: %s", strerror(errno));
    }
    tell_verdict(keeper, &run, &verdict, program);
    bool sent = flush_outgoing(keeper, true);
    leave_to_service(keeper);
    close_program(&run.program);
    free(run.input.data);
    free(run.output[0].data);
    free(run.output[1].data);
    free(run.both.data);
    free_request(&request);
    return sent;
}
