/* From an order to a running program: its streams, the forker's answer, and the handle to wait for it. */

#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char failure[320];

static const char *failed(const char *what, int error)
{
    snprintf(failure, sizeof failure, "%s: %s", what, strerror(error));
    return failure;
}

static void close_if(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A pipe whose end that is ours does not block. */
static bool make_pipe(int *ours, int *theirs, bool we_write)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return false;
    *ours = ends[we_write];
    *theirs = ends[!we_write];
    return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

static bool make_socket(int *ours, int *theirs)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return false;
    *ours = ends[0];
    *theirs = ends[1];
    return true;
}

static bool make_streams(const struct keeper *keeper, struct program *program, int theirs[3],
                         const struct winsize *terminal)
{
    if (!terminal)
        return make_pipe(&program->in, &theirs[0], true) && make_pipe(&program->out[0], &theirs[1], false) &&
               make_pipe(&program->out[1], &theirs[2], false);
    int unlocked = 0;
    program->out[0] = openat(keeper->terminals, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (program->out[0] < 0 || ioctl(program->out[0], TIOCSPTLCK, &unlocked) || ioctl(program->out[0], TIOCSWINSZ, terminal))
        return false;
    theirs[0] = ioctl(program->out[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (theirs[0] < 0)
        return false;
    program->in = fcntl(program->out[0], F_DUPFD_CLOEXEC, 3);
    theirs[1] = fcntl(theirs[0], F_DUPFD_CLOEXEC, 3);
    theirs[2] = fcntl(theirs[0], F_DUPFD_CLOEXEC, 3);
    return program->in >= 0 && theirs[1] >= 0 && theirs[2] >= 0;
}

/* Have `forker` fork a program by `order` into the program's cell; its pid, or 0 with `*error`. */
static pid_t have_forked(struct forker *forker, const struct order *order, const int *fds, size_t count, int *error)
{
    struct buffer out = {0}, in = {0};
    int none[MOST_FDS];
    size_t nothing = 0;
    size_t begun = begin_frame(&out, 'O');
    write_order(&out, order);
    end_frame(&out, begun);
    bool sent = send_frame(forker->socket, &out, fds, count);
    uint8_t kind = sent ? receive_frame(forker->socket, &in, none, &nothing) : 0;
    struct reader fields = read_frame(&in);
    pid_t pid = kind == 'P' ? (pid_t)read_u64(&fields) : 0;
    *error = kind == 'P' ? (int)read_u32(&fields) : EPIPE;
    close_all(none, nothing);
    if (kind != 'P')
        (void)shutdown(forker->socket, SHUT_RDWR); /* lost: its socket says so, and it is ended */
    free(out.data);
    free(in.data);
    return pid;
}

const char *start_program(struct keeper *keeper, struct forker *forker, struct order *order, struct program *program,
                          const struct winsize *terminal, enum waiting waiting)
{
    int theirs[3] = {-1, -1, -1}, status = -1, go = -1, error = 0;
    struct cell cell = program->cell;
    *program = NO_PROGRAM;
    program->cell = cell;
    bool made = make_streams(keeper, program, theirs, terminal) && make_socket(&program->status, &status) &&
                (waiting == NOT || (waiting == WARM ? make_pipe(&program->go, &go, true) : make_socket(&program->go, &go)));
    error = errno;
    if (made) {
        int fds[6] = {program->cell.pidfd, theirs[0], theirs[1], theirs[2], status, go};
        order->terminal = terminal != NULL;
        program->pid = have_forked(forker, order, fds, waiting == NOT ? 5 : 6, &error);
    }
    for (int i = 0; i < 3; i++)
        close_if(&theirs[i]);
    close_if(&status);
    close_if(&go);
    if (program->pid)
        program->pidfd = (int)syscall(SYS_pidfd_open, program->pid, 0);
    if (program->pidfd < 0)
        return failed(made ? "the program could not be forked" : "no pipes are to be had", error);
    return NULL;
}

size_t read_status(struct program *program, char *into, size_t room)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {into, room - 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    ssize_t got = recvmsg(program->status, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    into[got < 0 ? 0 : got] = 0;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        close_if(&program->status);
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        memcpy(&program->listener, CMSG_DATA(header), sizeof program->listener);
        program->confined = true;
        memmove(into, into + 1, (size_t)got); /* what follows it, if anything */
        got--;
    }
    return got < 0 ? 0 : (size_t)got;
}

void close_listener(struct program *program) { close_if(&program->listener); }

bool hear_call(struct program *program, struct call *call)
{
    struct seccomp_notif told = {0};
    if (ioctl(program->listener, SECCOMP_IOCTL_NOTIF_RECV, &told))
        return false; /* it was killed meanwhile */
    *call = (struct call){told.id, told.data.nr};
    return true;
}

void pass_call(struct program *program, const struct call *call)
{
    struct seccomp_notif_resp go = {.id = call->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    int number = call->number;
    (void)ioctl(program->listener, SECCOMP_IOCTL_NOTIF_SEND, &go);
    if (number == SYS_kill || number == SYS_tkill || number == SYS_tgkill || number == SYS_rt_sigqueueinfo ||
        number == SYS_rt_tgsigqueueinfo)
        program->sent_xfsz = true;
    else if (number != SYS_write && number != SYS_writev)
        program->told++;
}

void close_program(struct program *program)
{
    close_if(&program->pidfd);
    close_if(&program->in);
    close_if(&program->out[0]);
    close_if(&program->out[1]);
    close_if(&program->status);
    close_if(&program->go);
    close_if(&program->listener);
    end_cell(&program->cell);
}
