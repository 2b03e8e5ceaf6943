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

enum { FIRST_LOOK = 2000000, LOOK_EVERY = 15000000, LOOK_SOON = 1000000, FORK = 250000, BLOCK = 65536 };

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ── output and input ─────────────────────────────────────────────────────────────────────────────────────── */

static void take(struct keeper *keeper, struct run *run, int stream, const uint8_t *data, size_t size)
{
    if (size > run->room) {
        size = run->room;
        run->truncated = true;
    }
    run->room -= size;
    if (!(run->flags & STREAMS)) {
        const struct buffer *other = &run->output[!stream];
        if (run->both.size == 0 && other->size && size)
            put(&run->both, other->data, other->size);
        if (other->size)
            put(&run->both, data, size);
        put(&run->output[stream], data, size);
        return;
    }
    if (size == 0)
        return;
    size_t begun = begin_frame(&keeper->outgoing, 'o');
    put_u8(&keeper->outgoing, (uint8_t)stream);
    put_bytes(&keeper->outgoing, data, size);
    end_frame(&keeper->outgoing, begun);
}

/* Read what is there. The stream is closed at its end. */
static void pump(struct keeper *keeper, struct run *run, int stream)
{
    uint8_t block[BLOCK];
    int *fd = &run->program.out[stream];
    ssize_t got = read(*fd, block, sizeof block);
    if (got > 0)
        take(keeper, run, stream, block, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(*fd);
        *fd = -1;
    }
}

static void drain(struct keeper *keeper, struct run *run)
{
    for (int stream = 0; stream < 2; stream++) {
        struct pollfd ready = {run->program.out[stream], POLLIN, 0};
        while (run->program.out[stream] >= 0 && !run->truncated && poll(&ready, 1, 0) == 1) {
            pump(keeper, run, stream);
            ready.fd = run->program.out[stream];
        }
    }
}

static void close_input(struct run *run)
{
    if (run->program.in >= 0)
        close(run->program.in);
    run->program.in = -1;
}

static void feed(struct run *run)
{
    if (run->written < run->input.size) {
        ssize_t done = write(run->program.in, run->input.data + run->written, run->input.size - run->written);
        if (done > 0)
            run->written += (size_t)done;
        else if (done < 0 && errno != EAGAIN && errno != EINTR) {
            close_input(run); /* nobody reads it any more */
            return;
        }
    }
    if (run->written < run->input.size || !run->input_ends)
        return;
    if (!(run->flags & TERMINAL))
        close_input(run);
    else {
        static const uint8_t end = 4; /* what a person types: the terminal's end-of-file character */
        put(&run->input, &end, 1);
        run->input_ends = false;
    }
}

/* ── what the service says meanwhile ──────────────────────────────────────────────────────────────────────── */

static void send_signal(struct run *run, int number)
{
    pid_t group = run->program.pid;
    if ((run->flags & TERMINAL) && run->program.out[0] >= 0) {
        pid_t foreground;
        if (ioctl(run->program.out[0], TIOCGPGRP, &foreground) == 0 && foreground > 0)
            group = foreground;
    }
    if (number > 0 && number < NSIG)
        (void)kill(-group, number);
}

static void resize(struct run *run, unsigned rows, unsigned columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    if ((run->flags & TERMINAL) && run->program.out[0] >= 0)
        (void)ioctl(run->program.out[0], TIOCSWINSZ, &size);
}

static void obey_typed(struct run *run, struct reader *fields)
{
    struct bytes typed = read_bytes(fields);
    if (run->program.in < 0)
        return; /* nobody reads it any more */
    if (run->written == run->input.size)
        run->written = run->input.size = 0;
    put(&run->input, typed.data, typed.size);
}

/* False when the run is to end. A frame that comes in pieces is not waited for. */
static bool hear(struct keeper *keeper, struct run *run)
{
    struct inbox *in = &keeper->inbox;
    enum arrival arrived = receive_some(keeper->service, in, false);
    if (arrived == OVER)
        exit(0); /* the service is gone, and everything here goes with the keeper */
    if (arrived == PARTLY)
        return true;
    struct reader fields = read_frame(&in->frame);
    uint8_t kind = in->frame.data[0];
    close_all(in->fds, in->count);
    if (kind == 'T' || kind == 'U' || kind == 'W' || kind == 'V' || kind == 'P')
        put_bytes(&keeper->deferred, in->frame.data, in->frame.size);
    else if (kind == 'I')
        obey_typed(run, &fields);
    else if (kind == 'E')
        run->input_ends = true;
    else if (kind == 'G')
        send_signal(run, (int)read_u32(&fields));
    else if (kind == 'Z') {
        unsigned rows = read_u32(&fields), columns = read_u32(&fields);
        resize(run, rows, columns);
    }
    return kind != 'X';
}

/* ── supervision ──────────────────────────────────────────────────────────────────────────────────────────── */

static bool has_all_processes(const struct run *run) { return run->processes >= run->limits.processes; }

static void notice(struct run *run, const struct usage *usage)
{
    if (usage->memory > run->peak)
        run->peak = usage->memory;
    run->processes = usage->processes;
    run->processes_met = run->processes_met || has_all_processes(run);
    run->disk_full = run->disk_full || usage->disk_full;
}

/* Nanoseconds until a cell is looked at again. Forks are not told: one that may soon have all its processes, and be
 * refused another, is watched closely. FORK is what a fork and its program take at least, mostly. */
static uint64_t next_interval(const struct run *run)
{
    uint64_t longer = run->interval * 3 / 2, most = run->limits.processes * FORK;
    if (most > LOOK_EVERY)
        most = LOOK_EVERY;
    if (most < LOOK_SOON || run->processes * 2 >= run->limits.processes)
        return LOOK_SOON;
    return longer < most ? longer : most;
}

/* Look at the cell; the ending that what it uses brings about, or EXITED. */
static enum ending inspect(const struct keeper *keeper, struct run *run, uint64_t now)
{
    struct usage usage = look(&run->program.cell, run->limits.memory);
    if (keeper->memory_limit < 0) /* else its control group counts it */
        look_for_hidden(&run->program.cell, run->limits.memory, &run->since, &usage);
    notice(run, &usage);
    run->interval = next_interval(run);
    uint64_t end = now_ns(); /* a program that makes looking slow is looked at less often: half of the time at most */
    run->next_look = end + (end - now > run->interval ? end - now : run->interval);
    if (usage.memory > run->limits.memory || count_oom_kills(keeper) > run->oom_before)
        return MEMORY; /* a child that the kernel killed ends all, as where no control group counts */
    return usage.cpu_ns > run->limits.cpu_ns + run->cpu_before ? CPU : EXITED;
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
        notice(run, &usage);
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

struct verdict {
    enum ending ending;
    int exit_code, signal;
    uint64_t wall_ns, cpu_ns;
    char detail[256];
};

static uint64_t cpu_of(const struct rusage *usage)
{
    return ((uint64_t)usage->ru_utime.tv_sec + (uint64_t)usage->ru_stime.tv_sec) * 1000000000 +
           ((uint64_t)usage->ru_utime.tv_usec + (uint64_t)usage->ru_stime.tv_usec) * 1000;
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

/* Take the cell's processes down and learn how the program ended. Mostly none is left. */
static void finish(struct keeper *keeper, struct run *run, struct verdict *verdict)
{
    int status = 0;
    struct rusage usage = {0};
    bool reaped = verdict->ending == EXITED;
    verdict->wall_ns = now_ns() - run->started;
    if (reaped)
        reap(run->program.pid, &status, &usage);
    bool empty = reaped && is_empty(&run->program.cell);
    if (verdict->ending != OUTPUT && (!empty || status != 0)) {
        struct usage last = look(&run->program.cell, UINT64_MAX);
        last.processes += reaped ? 2 : 0; /* it was one of them, and so may have been a child that was refused and ended */
        notice(run, &last);
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
    uint64_t own = cpu_of(&usage);
    verdict->cpu_ns = verdict->cpu_ns > own ? verdict->cpu_ns : own;
    verdict->cpu_ns -= verdict->cpu_ns > run->cpu_before ? run->cpu_before : 0;
    if ((uint64_t)usage.ru_maxrss * 1024 > run->peak)
        run->peak = (uint64_t)usage.ru_maxrss * 1024;
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

static void tell_verdict(struct keeper *keeper, struct run *run, const struct verdict *verdict, int program)
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

/* ── starting ─────────────────────────────────────────────────────────────────────────────────────────────── */

static struct warm *find_warm(struct keeper *keeper, const char *key)
{
    for (int i = 0; *key && i < MOST_WARM; i++)
        if (keeper->warm[i].key && strcmp(keeper->warm[i].key, key) == 0)
            return &keeper->warm[i];
    return NULL;
}

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
    run->since.sockets = keeper->memory_limit < 0 ? count_sockets() : 0;
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
    wrong = start_program(keeper, forker, &request->order, &run->program, run->flags & TERMINAL ? &size : NULL, false);
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
    const char *wrong = start_new(keeper, request, program, forker ? forker : &keeper->spawner, run, &lost);
    return lost ? start_new(keeper, request, program, &keeper->spawner, run, &lost) : wrong;
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
    close_program(&run.program);
    free(run.input.data);
    free(run.output[0].data);
    free(run.output[1].data);
    free(run.both.data);
    free_request(&request);
    return sent;
}
