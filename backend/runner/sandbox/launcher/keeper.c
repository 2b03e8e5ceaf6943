/* The keeper between runs: it makes ahead what runs start from, obeys the service, and reaps what has ended. */

#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ── what is made ahead ────────────────────────────────────────────────────────────────────────────────────────────────── */

/* A forker from which a program is to be parked; NULL where all have one that are to. */
static struct forker *find_unparked(struct keeper *keeper)
{
    if (keeper->spawner.parked.pid == 0)
        return &keeper->spawner;
    for (int i = 0; i < MOST_TEMPLATES; i++)
        if (keeper->templates[i].ready && keeper->templates[i].next && keeper->templates[i].parked.pid == 0)
            return &keeper->templates[i];
    return NULL;
}

/* Whether something that runs start from is to be made ahead. */
static bool lacks(struct keeper *keeper)
{
    return now_ns() >= keeper->spare_after && (keeper->spare.init <= 0 || find_unparked(keeper) || !has_unused_network());
}

/* Make one thing ahead: a program, then a cell, then a network for the one after it. Where it fails it is tried again in a
 * second, and when a run needs it, which is told. */
static void prepare(struct keeper *keeper)
{
    struct forker *forker = find_unparked(keeper);
    if (!(forker ? park(keeper, forker) : keeper->spare.init > 0 ? prepare_network() : make_cell(&keeper->spare)))
        keeper->spare_after = now_ns() + 1000000000;
}

/* ── the loop ─────────────────────────────────────────────────────────────────────────────────────────────── */

const char *start_keeper(struct keeper *keeper, struct reader *setup, const int *fds, size_t count)
{
    keeper->spare = NO_CELL;
    int *const files[] = {&keeper->memory_limit, &keeper->memory_usage, &keeper->memory_events, &keeper->memory_stat,
                          &keeper->programs};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        *files[i] = count == sizeof files / sizeof *files ? fds[i] : -1;
    struct bytes filter = read_bytes(setup);
    uint8_t *kept = malloc(filter.size ? filter.size : 1);
    if (filter.size == 0 || kept == NULL)
        return "the setup has no system-call filter";
    memcpy(kept, filter.data, filter.size);
    keeper->filter = (struct bytes){kept, filter.size};
    const char *wrong = set_up_slot(setup);
    if (wrong)
        return wrong;
    proc_mountable = true;
    if (!make_cell(&keeper->spare)) {
        proc_mountable = false;
        if (!make_cell(&keeper->spare))
            return "a cell could not be made: user, PID, mount or IPC namespaces are not to be had here";
    }
    keeper->terminals = slot_terminals;
    keeper->spawner.pid = fork_forker(keeper, &keeper->spawner.socket, NULL, NULL);
    if (keeper->spawner.pid < 0)
        return "the spawner could not be started";
    size_t begun = begin_frame(&keeper->outgoing, 's');
    put_u8(&keeper->outgoing, proc_mountable);
    put_u8(&keeper->outgoing, keeper->terminals >= 0);
    end_frame(&keeper->outgoing, begun);
    return flush_outgoing(keeper, true) ? NULL : "the service is gone";
}

/* Reap what has ended; forkers are waited for where they are retired, programs in their run. */
static void reap_inits(struct keeper *keeper)
{
    siginfo_t info;
    for (;;) {
        info.si_pid = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid == 0)
            return;
        pid_t pid = info.si_pid;
        if (pid == keeper->spawner.pid) {
            tell_failure(keeper, "the spawner ended");
            exit(1);
        }
        struct forker *ended = NULL, *of = keeper->spawner.parked.pid == pid ? &keeper->spawner : NULL;
        for (int i = 0; i < MOST_TEMPLATES; i++) {
            if (keeper->templates[i].pid == pid)
                ended = &keeper->templates[i];
            if (keeper->templates[i].parked.pid == pid)
                of = &keeper->templates[i];
        }
        struct warm *warm = NULL;
        for (int i = 0; i < MOST_WARM; i++)
            if (keeper->warm[i].key && keeper->warm[i].program.pid == pid)
                warm = &keeper->warm[i];
        if (ended)
            retire(keeper, ended);
        else if (of) {
            end_parked(of);
            keeper->spare_after = now_ns() + 1000000000;
        }
        else if (warm)
            end_warm(keeper, warm);
        else
            (void)waitpid(pid, NULL, 0);
        if (keeper->spare.init == pid)
            end_cell(&keeper->spare);
    }
}

/* What is meant for a run that is over is ignored. */
static void obey_frame(struct keeper *keeper, uint8_t kind, struct reader *fields)
{
    struct forker *forker;
    if (kind == 'T')
        start_template(keeper, fields);
    else if (kind == 'U' && (forker = find_forker(keeper, read_u32(fields))) && forker != &keeper->spawner)
        retire(keeper, forker);
    else if (kind == 'P' && (forker = find_forker(keeper, read_u32(fields))))
        tell_fingerprint(keeper, forker);
    else if (kind == 'N') { /* which template was the next for its language until now, and which one is */
        if ((forker = find_forker(keeper, read_u32(fields))))
            forker->next = false;
        if ((forker = find_forker(keeper, read_u32(fields))))
            forker->next = true;
    } else if (kind == 'W')
        start_warm(keeper, fields);
    else if (kind == 'V') {
        char *key = read_string(fields);
        for (int i = 0; key && i < MOST_WARM; i++)
            if (keeper->warm[i].key && strcmp(keeper->warm[i].key, key) == 0) {
                end_warm(keeper, &keeper->warm[i]);
                break;
            }
        free(key);
    }
}

static void obey_deferred(struct keeper *keeper)
{
    struct reader in = read_block(keeper->deferred.data, keeper->deferred.size);
    while (in.at < in.end) {
        struct bytes frame = read_bytes(&in);
        if (frame.size == 0)
            break;
        struct reader fields = read_block(frame.data + 1, frame.size - 1);
        obey_frame(keeper, frame.data[0], &fields);
    }
    keeper->deferred.size = 0;
}

static void obey(struct keeper *keeper)
{
    struct inbox *in = &keeper->inbox;
    enum arrival arrived = receive_some(keeper->service, in, false);
    if (arrived == OVER)
        exit(0);
    if (arrived == PARTLY)
        return;
    struct inbox taken = *in; /* the next may come in while this is done */
    *in = (struct inbox){0};
    struct reader fields = read_frame(&taken.frame);
    bool good = true;
    if (taken.frame.data[0] == 'R')
        good = do_run(keeper, &fields, taken.fds, taken.count);
    else
        obey_frame(keeper, taken.frame.data[0], &fields);
    close_all(taken.fds, taken.count);
    free(taken.frame.data);
    if (!good)
        exit(0);
    obey_deferred(keeper);
}

void keep(struct keeper *keeper)
{
    for (;;) {
        struct pollfd fds[1 + MOST_TEMPLATES + MOST_WARM];
        for (int i = 0; i < 1 + MOST_TEMPLATES + MOST_WARM; i++)
            fds[i] = (struct pollfd){-1, POLLIN, 0};
        struct pollfd *templates = fds + 1, *warm = fds + 1 + MOST_TEMPLATES;
        fds[0].fd = keeper->service;
        for (int i = 0; i < MOST_TEMPLATES; i++)
            if (keeper->templates[i].pid)
                templates[i].fd = keeper->templates[i].socket;
        for (int i = 0; i < MOST_WARM; i++)
            if (keeper->warm[i].key) {
                struct program *program = &keeper->warm[i].program;
                warm[i].fd = program->confined ? program->listener : program->status;
            }
        if (poll(fds, sizeof fds / sizeof *fds, lacks(keeper) ? 0 : 1000) < 0 && errno != EINTR)
            exit(1);
        for (int i = 0; i < MOST_TEMPLATES; i++)
            if (templates[i].revents && keeper->templates[i].pid)
                hear_template(keeper, &keeper->templates[i]);
        for (int i = 0; i < MOST_WARM; i++)
            if (warm[i].revents && keeper->warm[i].key)
                hear_warm(&keeper->warm[i].program, warm[i].revents);
        if (fds[0].revents)
            obey(keeper);
        else if (lacks(keeper))
            prepare(keeper);
        reap_inits(keeper);
        if (!flush_outgoing(keeper, true))
            exit(0);
    }
}
