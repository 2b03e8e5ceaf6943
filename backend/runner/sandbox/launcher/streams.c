/* A run's streams: what its program says and is given, and what the service says to it meanwhile. */

#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { BLOCK = 65536 };

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
void pump(struct keeper *keeper, struct run *run, int stream)
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

void drain(struct keeper *keeper, struct run *run)
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

void feed(struct run *run)
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
bool hear(struct keeper *keeper, struct run *run)
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
