/* Forks programs into cells. With an interpreter around it (template.c) its children are that interpreter; without,
 * they execute a program. A child's parent is the keeper, not the forker: the keeper waits for it. */

#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SMALL = 1 << 16 };

static void *thread_id_address(void)
{
    /* Where the C library keeps the thread's id: the kernel writes a child's own there, as its own fork() has it. */
    void *address = NULL;
    return prctl(PR_GET_TID_ADDRESS, &address, 0, 0, 0) ? NULL : address;
}

static pid_t fork_sibling(void *thread_id)
{
    unsigned long flags = CLONE_PARENT | SIGCHLD;
    if (thread_id)
        flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
#ifdef __aarch64__
    return (pid_t)syscall(SYS_clone, flags, 0, 0, 0, thread_id);
#else
    return (pid_t)syscall(SYS_clone, flags, 0, 0, thread_id, 0);
#endif
}

/* Nothing here allocates: what a template's children start with is to be the same after each of them. */
static bool answer(int socket, uint8_t kind, uint64_t first, uint32_t second)
{
    uint8_t space[64];
    struct buffer out = {space, 0, sizeof space};
    size_t begun = begin_frame(&out, kind);
    put_u64(&out, first);
    put_u32(&out, second);
    end_frame(&out, begun);
    return send_frame(socket, &out, NULL, 0);
}

/* In the child: into the cell's namespaces, whose root and mounts become its own. */
static void enter_cell(const struct order *order)
{
    /* When memory runs out, programs go first. */
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "1000", 4) != 4)
        program_failed(order->status, "being the first to go");
    close(fd);
    if (setns(order->cell, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWCGROUP))
        program_failed(order->status, "entering the cell");
    if (chdir("/work"))
        program_failed(order->status, "entering /work");
}

/* Where orders are read to: as large as the largest, and empty again before the next. What one program was told is
 * nothing that another, a copy of this process, may find in its memory. */
static struct buffer in;

static bool make_room(void)
{
    void *space = mmap(NULL, MOST_FRAME, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED)
        return false;
    in = (struct buffer){space, 0, MOST_FRAME};
    return true;
}

static void wipe(void)
{
    if (in.size > SMALL)
        (void)madvise(in.data, MOST_FRAME, MADV_DONTNEED);
    else
        explicit_bzero(in.data, in.size);
    in.size = 0;
}

/* In a parked child: wait until it is told what to run. It ends where it is not needed any more. */
static void await(struct order *order)
{
    struct buffer told = {0};
    int none[MOST_FDS];
    size_t nothing = 0;
    uint8_t kind = receive_frame(3, &told, none, &nothing);
    struct reader fields = read_frame(&told);
    free_order(order);
    order->argv = read_strings(&fields);
    order->envp = fields.bad ? NULL : read_strings(&fields);
    close_all(none, nothing);
    if (kind != 'G' || fields.bad || order->argv[0] == NULL)
        _exit(126);
    free(told.data);
    close(3);
}

/* In the child, which is to be the program. */
static void become(struct order *order, const int *fds, size_t count, const struct hooks *hooks)
{
    struct reader fields = read_frame(&in);
    if (hooks)
        hooks->in_child();
    if (!read_order(&fields, fds, count, order))
        _exit(126);
    enter_cell(order);
    confine(order, hooks == NULL);
    if (order->argv[0] == NULL)
        await(order);
}

/* What a child is to become, for an interpreter that has a way of its own to fork. */
static struct {
    struct order *order;
    const int *fds;
    size_t count;
    const struct hooks *hooks;
    void *thread_id;
} asked;

static pid_t fork_program(void)
{
    pid_t pid = fork_sibling(asked.thread_id);
    if (pid == 0)
        become(asked.order, asked.fds, asked.count, asked.hooks);
    return pid;
}

bool serve_orders(int socket, struct order *order, const struct hooks *hooks)
{
    if (!make_room())
        return false;
    asked.thread_id = thread_id_address();
    for (;;) {
        int fds[MOST_FDS], error = 0;
        size_t count;
        pid_t pid = 0;
        uint8_t kind = receive_frame(socket, &in, fds, &count);
        if (kind == 'P' && count == 0) {
            if (!answer(socket, 'p', fingerprint(), 0))
                return false;
            continue;
        }
        if (kind != 'O' || count < 5) {
            close_all(fds, count);
            return false;
        }
        if (setns(fds[0], CLONE_NEWPID)) /* of the children to come */
            error = errno;
        else {
            if (hooks)
                hooks->before();
            asked.order = order, asked.fds = fds, asked.count = count, asked.hooks = hooks;
            pid = hooks && hooks->fork ? hooks->fork(fork_program) : fork_program();
            if (pid == 0)
                return true;
            error = errno;
            asked.count = 0; /* which differs */
            if (hooks)
                hooks->in_parent();
        }
        close_all(fds, count);
        wipe();
        if (!answer(socket, 'P', (uint64_t)(pid > 0 ? pid : 0), pid > 0 ? 0 : (uint32_t)error))
            return false;
    }
}

void spawn_orders(int socket)
{
    struct order order;
    if (!serve_orders(socket, &order, NULL))
        _exit(0);
    environ = order.envp; /* whose PATH is searched */
    execvp(order.argv[0], order.argv);
    program_missing(order.status, order.argv[0]);
}

struct hole {
    unsigned long from, to;
};

static uint64_t hash_words(uint64_t hash, unsigned long from, unsigned long to, const struct hole holes[2])
{
    for (unsigned long at = from; at < to; at += sizeof(uint64_t))
        if ((at < holes[0].from || at >= holes[0].to) && (at < holes[1].from || at >= holes[1].to))
            hash = (hash ^ *(const uint64_t *)at) * 0x100000001b3;
    return hash;
}

uint64_t fingerprint(void)
{
    static char text[1 << 20];
    /* What changes and is nobody's: this text, the room for orders, and where the kernel notes the processor. */
    unsigned long notes = (unsigned long)__builtin_thread_pointer() + (unsigned long)__rseq_offset;
    const struct hole holes[2] = {{(unsigned long)text & ~7UL, (unsigned long)text + sizeof text}, {notes, notes + 32}};
    uint64_t hash = 0xcbf29ce484222325;
    size_t size = 0;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    for (ssize_t got = 1; fd >= 0 && got > 0 && size < sizeof text - 1; size += got > 0 ? (size_t)got : 0)
        got = read(fd, text + size, sizeof text - 1 - size);
    close(fd);
    text[size] = 0;
    for (char *line = text; *line; line = strchr(line, '\n') + 1) {
        unsigned long from = strtoul(line, NULL, 16), to = strtoul(strchr(line, '-') + 1, NULL, 16);
        const char *rights = strchr(line, ' ');
        char *end = strchr(line, '\n');
        bool counted = rights && rights[1] == 'r' && rights[2] == 'w' && from != (unsigned long)in.data;
        *end = 0;
        counted = counted && strstr(line, "[stack]") == NULL;
        *end = '\n';
        if (counted)
            hash = hash_words(hash, from, to, holes);
    }
    return hash;
}
