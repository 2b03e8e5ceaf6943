/* The keeper's state: one slot, at most one run at a time. */

#ifndef KEEPER_H
#define KEEPER_H

#include "launcher.h"

#include <sys/ioctl.h>

enum ending { EXITED, TIMEOUT, CPU, MEMORY, OUTPUT, STOPPED, FAILED, MISSING };

enum run_flags { COMPILES = 1, STREAMS = 2, INTERACTIVE = 4, TERMINAL = 8 };

/* A program in its cell, from the order to fork it until it is reaped. */
struct program {
    struct cell cell;
    pid_t pid;
    int pidfd;
    int in, out[2];  /* our ends of its standard streams; -1 once closed. On a terminal: out[0] is its other side */
    int status;      /* closes when it starts */
    bool confined;   /* its filter is loaded: from here on each new task is told, but for plain forks */
    int listener;    /* where; -1 until then, and when all that have the filter have begun to end */
    uint64_t told;   /* how many of them were */
    bool sent_xfsz;  /* SIGXFSZ was sent by a program, which else is the kernel's, for a file that grows too large */
    int go;          /* of a warm process that waits; else -1 */
};

#define NO_PROGRAM                                                                                                     \
    ((struct program){                                                                                                 \
        .cell = NO_CELL, .pidfd = -1, .in = -1, .out = {-1, -1}, .status = -1, .listener = -1, .go = -1})

struct warm {
    char *key; /* NULL for an empty place */
    struct program program;
    uint64_t since; /* when it was started; ns, monotonic */
};

struct forker {
    uint32_t id;
    pid_t pid; /* 0 for an empty place */
    int socket;
    bool ready; /* of a template: it has said so */
    bool next;  /* of a template: the next run of its language is forked from it */
    struct program parked; /* forked ahead, in a cell of its own, to be told what to run; no pid where there is none */
};

struct run {
    struct program program;
    struct limits limits;
    uint32_t flags;
    struct buffer input;            /* what is still to be written to stdin */
    size_t written;
    bool input_ends;
    struct buffer output[2];
    struct buffer both;             /* what both streams said, in its order; empty while one is silent */
    uint64_t room;                  /* bytes of output that may still come */
    bool truncated, disk_full;
    uint64_t processes;             /* at the last look */
    uint64_t memory;                /* bytes, at the last look */
    bool grows;                     /* so quickly that it may pass its limit within two more */
    bool processes_met;             /* as many as may be, at any look */
    uint64_t started, deadline, next_look, interval; /* ns, monotonic */
    char failure[256];              /* what was told instead of a start */
    struct since since;
    struct unwaited unwaited;
    uint64_t peak, on_disk; /* most memory in use; most pages of the host's files, which are not counted */
    uint64_t cpu_before;
    unsigned long long oom_before;
};

struct keeper {
    int service;
    struct inbox inbox;     /* what the service says */
    struct buffer outgoing; /* frames for the service that its socket did not take yet */
    size_t sent;
    struct bytes filter;
    char **environment;
    struct cell spare;
    uint64_t spare_after;   /* when it may be made; ns, monotonic */
    struct forker spawner, templates[MOST_TEMPLATES];
    struct warm warm[MOST_WARM];
    int memory_limit, memory_usage, memory_events, memory_stat; /* files of the programs' cgroup; -1 without */
    int programs;           /* where a process enters it */
    int terminals;          /* directory of the slot's own terminals; -1 without */
    struct buffer deferred; /* frames that came during a run and are not for it */
};

/* keeper.c */
const char *start_keeper(struct keeper *keeper, struct reader *setup, const int *fds, size_t count);
_Noreturn void keep(struct keeper *keeper);

/* post.c: what the service is told. `flush_outgoing` sends what the socket takes, or all; false when the service is gone. */
void tell_text(struct keeper *keeper, uint8_t kind, const char *text);
void tell_failure(struct keeper *keeper, const char *message);
bool flush_outgoing(struct keeper *keeper, bool wait);

/* waiting.c: forkers and warm processes. Each start reads the frame that asks for it; the service is told what came of it. */
pid_t fork_forker(const struct keeper *keeper, int *socket, char **argv, char **environment); /* -1 where that failed */
struct forker *find_forker(struct keeper *keeper, uint32_t id);                               /* NULL where none has it */
void start_template(struct keeper *keeper, struct reader *in);
void hear_template(struct keeper *keeper, struct forker *forker);
void tell_fingerprint(struct keeper *keeper, struct forker *forker);
void retire(struct keeper *keeper, struct forker *forker);
void start_warm(struct keeper *keeper, struct reader *in);
struct warm *find_warm(struct keeper *keeper, const char *key); /* NULL where none has it */
void hear_warm(struct program *program, short events);
void end_warm(struct keeper *keeper, struct warm *warm);

/* start.c: from a frame to a running program, on a terminal of that size or, for NULL, on pipes. NULL, or what failed. */
enum waiting { NOT, WARM, PARKED }; /* a warm process waits on a pipe, a parked one on a socket, until it may go on */
const char *start_program(struct keeper *keeper, struct forker *forker, struct order *order, struct program *program,
                          const struct winsize *terminal, enum waiting waiting);
void close_program(struct program *program);

/* Learn from the status socket what the program's listener is, or why it did not start. Its size. */
size_t read_status(struct program *program, char *into, size_t room);

/* Stop hearing of new tasks: none will come. */
void close_listener(struct program *program);

/* What a program is about to do, and waits to be let: make a task, send a signal, write to stdout or stderr. */
struct call {
    uint64_t id;
    int number; /* of the system call */
};

/* Learn of one. False where none waits any more. */
bool hear_call(struct program *program, struct call *call);

/* Let it go on. */
void pass_call(struct program *program, const struct call *call);

/* parked.c: programs that were forked before they are known, in cells that were made before they are needed */

/* The cell that was made ahead, or a new one. False where none can be made. */
bool take_spare(struct keeper *keeper, struct cell *cell);

/* Fork one, in the cell that was made ahead or a new one. False where that failed. */
bool park(struct keeper *keeper, struct forker *forker);

/* Have it be the program that \`order\` names, in \`run\`, whose cell is furnished. False where that failed: it is ended. */
bool unpark(struct program *program, const struct order *order);

/* End it; nothing where there is none. */
void end_parked(struct forker *forker);

/* request.c: what the frame of a run says. Its blocks lie in the frame; the strings are its own, to be freed. */
struct request {
    struct order order; /* without descriptors; the filter is empty for the slot's own */
    uint32_t flags, forker;
    char *key;
    struct bytes files, input, go;
    unsigned rows, columns;
    char **patterns;    /* which files of the work directory are collected at the end; mostly none */
    uint64_t collected; /* bytes that they may have together */
};
bool read_request(struct reader *in, struct request *request); /* false where it is malformed */
void free_request(struct request *request);

/* streams.c */
void pump(struct keeper *keeper, struct run *run, int stream); /* read what is there; the stream is closed at its end */
void drain(struct keeper *keeper, struct run *run);            /* read both, until nothing is there */
void feed(struct run *run);                                    /* write what stdin takes */
bool hear(struct keeper *keeper, struct run *run);             /* the service; false when the run is to end */

/* verdict.c */
struct verdict {
    enum ending ending;
    int exit_code, signal;
    uint64_t wall_ns, cpu_ns;
    char detail[256];
};
void notice(struct run *run, const struct usage *usage);       /* keep of a look what the verdict tells */
void notice_rough(struct run *run, const struct usage *usage); /* the same of one without a limit, which counts roughly */
bool has_all_processes(const struct run *run);
void finish(struct keeper *keeper, struct run *run, struct verdict *verdict);
void tell_verdict(struct keeper *keeper, struct run *run, const struct verdict *verdict, int program);

/* run.c */
bool do_run(struct keeper *keeper, struct reader *fields, const int *fds, size_t count);

/* memory.c: the programs' cgroup */
void bound_memory(const struct keeper *keeper, uint64_t bytes); /* beyond what is in use now; 0 for no bound */
unsigned long long count_oom_kills(const struct keeper *keeper);

#endif
