/* What waits until a run needs it: forkers, which are the spawner and the templates, and warm processes. */

#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ── forkers ──────────────────────────────────────────────────────────────────────────────────────────────── */

struct forker *find_forker(struct keeper *keeper, uint32_t id)
{
    if (id == 0)
        return &keeper->spawner;
    for (int i = 0; i < MOST_TEMPLATES; i++)
        if (keeper->templates[i].pid && keeper->templates[i].id == id)
            return &keeper->templates[i];
    return NULL;
}

/* A process that forks programs. It lives in their control group, as they then do. */
pid_t fork_forker(const struct keeper *keeper, int *socket, char **argv, char **environment)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        if (keeper->programs >= 0 && write(keeper->programs, "0", 1) != 1)
            _exit(1); /* programs without their limit are none */
        if (dup2(ends[1], 3) < 0 || syscall(SYS_close_range, 4, ~0U, 0))
            _exit(1);
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        reset_signals();
        if (argv == NULL) {
            prctl(PR_SET_NAME, "spawner", 0, 0, 0);
            (void)fcntl(3, F_SETFD, FD_CLOEXEC);
            spawn_orders(3);
        }
        (void)fcntl(3, F_SETFD, 0);
        execvpe(argv[0], argv, environment);
        _exit(127);
    }
    close(ends[1]);
    if (pid < 0)
        close(ends[0]);
    else
        be_patient(ends[0]);
    *socket = ends[0];
    return pid;
}

static void tell_forker(struct keeper *keeper, uint8_t kind, uint32_t id)
{
    size_t begun = begin_frame(&keeper->outgoing, kind);
    put_u32(&keeper->outgoing, id);
    end_frame(&keeper->outgoing, begun);
}

void retire(struct keeper *keeper, struct forker *forker)
{
    tell_forker(keeper, 'u', forker->id);
    end_parked(forker);
    close(forker->socket);
    (void)kill(forker->pid, SIGKILL);
    while (waitpid(forker->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *forker = (struct forker){0};
}

/* Start a template; the service hears of it when its first word comes, or of its end. */
void start_template(struct keeper *keeper, struct reader *in)
{
    uint32_t id = read_u32(in);
    char **argv = read_strings(in);
    char **environment = in->bad ? NULL : read_strings(in);
    struct forker *place = NULL;
    for (int i = 0; i < MOST_TEMPLATES; i++)
        if (keeper->templates[i].pid == 0)
            place = &keeper->templates[i];
    int socket;
    pid_t pid = in->bad || !argv[0] || !id || !place ? -1 : fork_forker(keeper, &socket, argv, environment);
    if (pid > 0)
        *place = (struct forker){.id = id, .pid = pid, .socket = socket};
    else
        tell_forker(keeper, 'u', id);
    free_strings(argv);
    free_strings(environment);
}

/* A template said something unasked: that it is ready, or, at its end, nothing. */
void hear_template(struct keeper *keeper, struct forker *forker)
{
    struct buffer in = {0};
    int fds[MOST_FDS];
    size_t count;
    uint8_t kind = receive_frame(forker->socket, &in, fds, &count);
    close_all(fds, count);
    forker->ready = kind == 't';
    if (forker->ready)
        tell_forker(keeper, 't', forker->id);
    else
        retire(keeper, forker);
    free(in.data);
}

void tell_fingerprint(struct keeper *keeper, struct forker *forker)
{
    struct buffer out = {0}, in = {0};
    int fds[MOST_FDS];
    size_t count;
    size_t begun = begin_frame(&out, 'P');
    end_frame(&out, begun);
    bool told = send_frame(forker->socket, &out, NULL, 0) && receive_frame(forker->socket, &in, fds, &count) == 'p';
    struct reader fields = read_frame(&in);
    begun = begin_frame(&keeper->outgoing, 'p');
    put_u32(&keeper->outgoing, forker->id);
    put_u64(&keeper->outgoing, told ? read_u64(&fields) : 0);
    end_frame(&keeper->outgoing, begun);
    free(out.data);
    free(in.data);
}

/* ── warm cells ───────────────────────────────────────────────────────────────────────────────────────────── */

void end_warm(struct keeper *keeper, struct warm *warm)
{
    tell_text(keeper, 'v', warm->key);
    empty_cell(&warm->program.cell);
    while (waitpid(warm->program.pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close_program(&warm->program);
    free(warm->key);
    *warm = (struct warm){0};
}

struct warm *find_warm(struct keeper *keeper, const char *key)
{
    for (int i = 0; *key && i < MOST_WARM; i++)
        if (keeper->warm[i].key && strcmp(keeper->warm[i].key, key) == 0)
            return &keeper->warm[i];
    return NULL;
}

static struct warm *free_place(struct keeper *keeper)
{
    for (int i = 0; i < MOST_WARM; i++)
        if (keeper->warm[i].key == NULL)
            return &keeper->warm[i];
    return NULL;
}

void start_warm(struct keeper *keeper, struct reader *in)
{
    struct order order = {.go = -1};
    struct program program = NO_PROGRAM;
    char *key = read_string(in);
    read_limits(in, &order.limits);
    order.argv = in->bad ? NULL : read_strings(in);
    order.envp = in->bad ? NULL : read_strings(in);
    order.filter = read_bytes(in);
    if (order.filter.size == 0)
        order.filter = keeper->filter;
    struct warm *place = free_place(keeper);
    const char *wrong = in->bad || !place ? "no room for a warm process" : NULL;
    if (!wrong && !make_cell(&program.cell))
        wrong = "a cell could not be made";
    if (!wrong) {
        struct bytes none = {NULL, 0};
        int error = furnish_cell(&program.cell, &order.limits, none, -1, false);
        wrong = error ? "a warm cell could not be furnished"
                      : start_program(keeper, &keeper->spawner, &order, &program, NULL, WARM);
    }
    if (wrong) {
        close_program(&program);
        tell_text(keeper, 'v', key ? key : "");
    } else {
        *place = (struct warm){key, program, now_ns()};
        tell_text(keeper, 'w', key);
        key = NULL;
    }
    free(key);
    free_order(&order);
}

/* Warm processes start threads while they wait. */
void hear_warm(struct program *program, short events)
{
    char text[256];
    struct call call;
    if (program->listener < 0)
        (void)read_status(program, text, sizeof text);
    else if ((events & POLLIN) && hear_call(program, &call)) /* else it ended, and before Linux 6.11 asking would block */
        pass_call(program, &call);
}
