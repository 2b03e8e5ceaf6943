/* What the parts of the launcher share. The theory of operation is in main.c. */

#ifndef LAUNCHER_H
#define LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    USER = 1000,            /* uid and gid that every program sees itself as */
    MOST_FRAME = 64 << 20,  /* bytes of the largest frame from the service */
    MOST_TEMPLATES = 64,
    MOST_WARM = 16,
    MOST_FDS = 8,           /* descriptors that one frame carries */
    PATIENCE = 10,          /* seconds */
};

/* ── wire.c: frames and the fields in them ────────────────────────────────────────────────────────────────── */

/* A frame is `u32 length, u8 kind, fields…`, little-endian; `length` counts the kind and the fields. Descriptors
 * travel with its first byte. A string or a block of bytes is `u32 length, bytes`; a list is `u32 count, strings`. */

struct reader {
    const uint8_t *at, *end;
    bool bad; /* a field reached past the end: everything read since is zero or empty */
};

struct bytes {
    const uint8_t *data;
    size_t size;
};

struct buffer {
    uint8_t *data;
    size_t size, room;
};

struct reader read_block(const void *data, size_t size); /* of fields that lie there; NULL for none */
struct reader read_frame(const struct buffer *frame); /* its fields; none where it is empty */
uint8_t read_u8(struct reader *in);
uint32_t read_u32(struct reader *in);
uint64_t read_u64(struct reader *in);
struct bytes read_bytes(struct reader *in);
char *read_string(struct reader *in);   /* allocated; NULL and `bad` where it holds a NUL */
char **read_strings(struct reader *in); /* allocated, ends with NULL */
void free_strings(char **strings);

void put(struct buffer *out, const void *data, size_t size);
void put_u8(struct buffer *out, uint8_t value);
void put_u32(struct buffer *out, uint32_t value);
void put_u64(struct buffer *out, uint64_t value);
void put_bytes(struct buffer *out, const void *data, size_t size);
void put_strings(struct buffer *out, char *const *strings);
size_t begin_frame(struct buffer *out, uint8_t kind);
void end_frame(struct buffer *out, size_t begun);

/* Send all of `out` with `count` descriptors; blocks. False where the peer is gone. */
bool send_frame(int socket, const struct buffer *out, const int *fds, size_t count);

/* A frame that comes in, perhaps in pieces. All zero before the first. */
struct inbox {
    struct buffer frame; /* kind and fields, once WHOLE */
    int fds[MOST_FDS];
    size_t count;
    uint32_t length;
    size_t got; /* bytes of the length and the frame that came so far */
};

enum arrival { OVER, PARTLY, WHOLE };

/* Receive what is there of a frame, or, where it may `wait`, all. OVER at the end and for a malformed frame. */
enum arrival receive_some(int socket, struct inbox *in, bool wait);

void close_all(const int *fds, size_t count);

/* Neither send nor receive longer than PATIENCE seconds at once: who does not answer then is taken for lost. */
void be_patient(int socket);

/* Receive one whole frame; blocks. `*in` is allocated. Returns the kind, or 0 at the end or for a malformed frame. */
uint8_t receive_frame(int socket, struct buffer *in, int fds[MOST_FDS], size_t *count);

/* ── pack.c: files in one block of bytes ──────────────────────────────────────────────────────────────────── */

/* A pack is a sequence of `u32 mode, string name, bytes content`. Names are relative, with no part that is empty,
 * `.` or `..`. */

/* Write the files of a pack beneath the directory `root`. 0, or an errno: EINVAL for a malformed pack. */
int unpack(struct reader *in, int root);

enum {
    OMITTED = 1u << 31,    /* in a mode: the file did not fit; its content is its size, a u64 */
    MOST_COLLECTED = 256,  /* files that match patterns, those that do not fit among them */
};

/* Add every regular file beneath the directory `root` to `out`; links and other things are left out. Returns 0, or
 * an errno: EFBIG past `most` bytes. Where there is a `file`, it goes there piece by piece and `out` is only its room.
 * With `patterns`, only files whose names match one of them, as far as they fit; those that do not are OMITTED. */
int pack(struct buffer *out, int file, int root, char *const *patterns, size_t most);

/* Whether a relative name is one that `pattern` stands for: `*` and `?` match within a part, `**` across parts; without a
 * slash the name's last part is looked at. A part that begins with a dot must be named so. */
bool matches(const char *pattern, const char *name);

/* ── program.c: from a forked child to a program ──────────────────────────────────────────────────────────── */

struct limits {
    uint64_t wall_ns, cpu_ns, memory, output, processes, open_files, file, disk, inodes, stack;
};

/* What a forked child needs to become a program. */
struct order {
    struct limits limits;
    bool terminal;    /* stdin is a terminal: make it the controlling one */
    char **argv, **envp; /* no argv: told later, through \`go\`, with the limits set by the keeper */
    struct bytes filter; /* the whole seccomp filter, an array of struct sock_filter */
    int cell;            /* pidfd of the cell's init */
    int standard[3];
    int go;              /* becomes descriptor 3 of a process that waits; else -1 */
    int status;          /* socket where a failure is told; closed when the program starts */
};

void write_limits(struct buffer *out, const struct limits *limits);
void read_limits(struct reader *in, struct limits *limits);

/* Read the fields and descriptors of an order. False where it is malformed. */
bool read_order(struct reader *in, const int *fds, size_t count, struct order *order);
void write_order(struct buffer *out, const struct order *order);
void free_order(struct order *order);

/* In the child, in its cell: give up every right. On return the process is confined; only stdio (and `go` as 3) and
 * the status socket are open. Where it `executes` another program, signals are as that expects them. Ends the process with a message on `order->status` where a step fails. */
void confine(struct order *order, bool executes);

/* Bound what a process may use (0: this one), and how many files it may open. They can only be lowered. What could not be
 * set, or NULL; whether it was. */
const char *limit_process(pid_t pid, const struct limits *limits);
bool limit_files(pid_t pid, const struct limits *limits);

/* Every signal as a program expects it, none blocked. */
void reset_signals(void);

/* Tell `status` that `what` failed with errno, and end: with 126, our fault. */
_Noreturn void program_failed(int status, const char *what);

/* The same for a command that cannot be executed: with 127, where it was compiled its source's fault. */
_Noreturn void program_missing(int status, const char *what);

/* ── forker.c: forks programs into cells ──────────────────────────────────────────────────────────────────── */

/* Serve orders from `socket` until it closes. Returns in each forked child, confined; the order is the child's. In
 * the parent it returns false at the end. `before`, `in_parent` and `in_child` surround each fork. `fork`, where there is
 * one, calls what it is given, which forks, and returns what that did. */
struct hooks {
    void (*before)(void), (*in_parent)(void), (*in_child)(void);
    pid_t (*fork)(pid_t (*fork_program)(void));
};
bool serve_orders(int socket, struct order *order, const struct hooks *hooks);

/* The forker of programs that are executed: never returns. */
_Noreturn void spawn_orders(int socket);

/* FNV-1a over this process's writable memory, without its stack: what every fork starts with. */
uint64_t fingerprint(void);

/* ── slot.c: what is made once ────────────────────────────────────────────────────────────────────────────── */

extern int outer_proc; /* directory: /proc of the processes around the keeper; -1 where there is none */

extern int slot_terminals; /* directory: the slot's own terminals; -1 where there are none */

/* Enter the slot's namespaces and root as the fields of a setup frame say. NULL, or what failed. */
const char *set_up_slot(struct reader *in);

/* Whether a new /proc can be mounted for a cell; else programs have none. */
extern bool proc_mountable;

/* ── network.c: what a cell has for a network ──────────────────────────────────────────────────────────────── */

struct network;

/* Have the caller be in a network that nobody has used, until it leaves; a process that it forks meanwhile stays there.
 * NULL with errno. */
struct network *enter_network(void);
void leave_network(void);

/* Whether there is one that waits to be entered; make one. */
bool has_unused_network(void);
bool prepare_network(void);

/* Take back the network of a cell, for the next where nothing of a run is to be seen in it; `left`: nobody is in it. */
void return_network(struct network *network, bool left);

/* How many there are in it; UINT64_MAX where that cannot be told. */
uint64_t count_sockets(const struct network *network);

/* ── cell.c: what is made for each run ────────────────────────────────────────────────────────────────────── */

struct cell {
    pid_t init;
    int pidfd;   /* of its init */
    int control; /* the keeper's end of the socket to its init; a stream of frames */
    int proc;    /* directory: its own /proc; -1 where there is none */
    int work;    /* directory: its work directory */
    int shared;  /* directory: its /dev/shm */
    int program; /* directory: its /program; -1 where there is none */
    uint64_t pid_namespace; /* inode number */
    uint64_t reaped_ns;     /* processor time of orphans, as the init said last */
    struct network *network;
    bool left; /* by all its programs; none comes after */
};

#define NO_CELL ((struct cell){-1, -1, -1, -1, -1, -1, -1, 0, 0, NULL, false})

/* Make a cell. False with errno. Its init waits for orders. */
bool make_cell(struct cell *cell);

/* Have the init bound the work directory, write the files in `files`, and unpack `program` (a descriptor, or -1)
 * into /program, which then is writable only where `compiles`. 0 or an errno. */
int furnish_cell(struct cell *cell, const struct limits *limits, struct bytes files, int program, bool compiles);

/* Whether no process but its init is left. */
bool is_empty(struct cell *cell);

/* Kill all processes of the cell but its init, or, where that does not answer, with it. */
void empty_cell(struct cell *cell);

/* A sealed memory file with the pack of /program; -1 with errno. */
int collect_program(struct cell *cell);

/* The same with the files of /work that match one of `patterns`; what is left in the cell is killed first. */
int collect_files(struct cell *cell, char *const *patterns, uint64_t most);

/* Kill the init and forget the cell; its process is reaped later. */
void end_cell(struct cell *cell);

/* ── processes.c: single processes, and which of them belong to a cell ────────────────────────────────────────── */

/* Nanoseconds of processor time. */
struct rusage;
uint64_t cpu_of(const struct rusage *usage);

/* Nanoseconds of a clock that only runs forward. */
uint64_t now_ns(void);

/* Read a small file beneath the directory `root`, ended by a NUL; how much, 0 where it cannot be read. */
size_t read_file(int root, const char *path, char *into, size_t room);

/* The bytes that `text` has as kB after `name`; 0 where it has none. */
uint64_t kilobytes(const char *text, const char *name);

/* Tell `of` of each entry of the directory `path` beneath `root` whose name is a number, until it returns false. */
void for_each_number(int root, const char *path, bool (*of)(const char *name, void *context), void *context);

/* What the cheap figures are made of. */
struct process {
    char task[20];       /* number of a living task of it */
    uint64_t own, shared, tables, on_disk; /* bytes: anonymous memory, shared memory, page tables, files of the host */
    uint64_t threads, cpu_ns, faults, reaped_faults, descriptors;
    bool deaf;
};

/* Look at the process `pid` of the directory `proc`. False where it is gone. */
bool read_process(int proc, const char *pid, struct process *process);

/* Tell `of` of each program of the cell, by its number in `outer_proc`, until it returns false. */
void for_each_outer_program(const struct cell *cell, bool (*of)(const char *pid, void *context), void *context);

/* What a process has used of processor time and faults. */
struct times {
    char state;
    uint64_t threads, own_ns, reaped_ns; /* of itself, and of children that it waited for */
    uint64_t faults, reaped_faults;      /* minor faults of both, and of those children */
};

/* Read that of the process `pid` of the directory `proc`. False where it is gone. */
bool read_times(int proc, const char *pid, struct times *times);

/* Whether the process of that number in `outer_proc` is a program of the cell, and not its init. */
bool is_outer_program(const struct cell *cell, const char *pid);

/* ── watch.c: what a cell uses ────────────────────────────────────────────────────────────────────────────── */

struct usage {
    uint64_t memory;     /* bytes: the measure of memory, see watch.c */
    uint64_t files;      /* bytes of it in files */
    uint64_t held;       /* bytes of it that the kernel holds for programs, see held.c */
    uint64_t on_disk;    /* bytes that are not counted: resident pages of files of the host */
    uint64_t processes;  /* threads of all processes, without the init */
    uint64_t groups;     /* processes, however many threads they have */
    uint64_t cpu_ns;     /* of those that run, and of those that were waited for, by the init too */
    uint64_t faults;     /* minor page faults of the same */
    uint64_t reaped_faults; /* of them, of those that were waited for */
    uint64_t descriptors; /* as many as the tables of its processes have room for */
    bool deaf;           /* one of them ignores SIGCHLD: nobody waits for its children, whose times are lost */
    bool disk_full;      /* no room, or no more files, in the work directory */
};

/* Look once. What processes share is counted once only where counting it twice would pass `limit`. */
struct usage look(const struct cell *cell, uint64_t limit);

/* ── exact.c: the same, each page counted once ────────────────────────────────────────────────────────────── */

struct exact {
    uint64_t own, shared; /* bytes: anonymous memory with page tables, and shared memory */
};

/* Of a process that looks for the keeper, by its pidfd, which becomes -1: whether it is over, and have it end. In the kernel,
 * busy with a program's memory, one takes its time. It may be reaped with the inits: its number may be another's then. */
bool is_over(int *helper);
void end_helper(int *helper);

/* Of all programs of the cell; as soon as it is known to be no more than `limit`, no more exactly than that. */
struct exact measure(const struct cell *cell, uint64_t limit);

/* ── unwaited.c: processor time that nobody's clock shows ─────────────────────────────────────────────────────── */

enum { MOST_SEEN = 128 };

struct seen {
    pid_t pid, parent;
    uint64_t cpu_ns, waited; /* page faults of the children that it waited for */
};

struct unwaited {
    struct seen each[MOST_SEEN];
    size_t count;
    uint64_t at, lost_ns; /* when they were looked at; processor time that was lost so far. All zero before the first */
};

void count_unwaited(const struct cell *cell, struct unwaited *unwaited);

/* ── hidden.c: what is in use though no process shows it ──────────────────────────────────────────────────── */

/* What there was when a run was looked at first. All zero before. */
struct since {
    bool begun;
    uint64_t shared, files; /* bytes */
    uint64_t kernels;       /* the least that the kernel had for itself since; bytes, on this host */
    uint64_t faults, reaped_faults, groups; /* at the last look */
    bool lost;              /* there were more, of processes that nobody waited for */
};

/* Of this host, in bytes: shared memory and files in memory, that in huge pages, and what the kernel has for itself. */
struct host {
    uint64_t shared, huge, kernels;
};

struct host look_at_host(void);

/* Note whether processes have ended that nobody waited for: their faults and their time are in no sum. */
void look_for_lost(struct since *since, const struct usage *usage);

/* Add what lies in sockets to `usage->memory`, and hidden shared memory, where with it that may pass `limit`. */
void look_for_hidden(const struct cell *cell, uint64_t limit, const struct host *host, struct since *since,
                     struct usage *usage);

/* ── held.c: what the kernel holds for programs ───────────────────────────────────────────────────────────────── */

struct held {
    uint64_t bytes, pipes; /* bytes: without what lies in pipes */
    bool whole;            /* all processes were looked at */
};

/* Add what is known of it to `usage->held` and `memory`, and have it counted where there may be much. Where there are more
 * pipes than a cell may have, that is more than its limit. */
void look_for_held(const struct cell *cell, const struct limits *limits, const struct host *host, struct since *since,
                   struct usage *usage);

/* The run is over: nobody counts any more. */
void forget_held(void);

#endif
