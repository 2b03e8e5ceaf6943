/* What is made for each run: fresh PID, mount, IPC and user namespaces, a work directory, and an init as pid 1.
 *
 * The init is a fork of the keeper. It never runs a program: programs are forked into its namespaces from outside.
 * It mounts, writes and reads files on the inside, inherits and reaps orphans, and takes everything down with it. */

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
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHARED_MEMORY_MB = 16, PROGRAM_MB = 256 };

/* ── the init's side ──────────────────────────────────────────────────────────────────────────────────────── */

/* Every answer says what was used by those whom the init has reaped so far. */
static bool tell(int control, uint8_t kind, int error, const int *fds, size_t count)
{
    struct buffer out = {0};
    struct rusage reaped = {0};
    (void)getrusage(RUSAGE_CHILDREN, &reaped);
    size_t begun = begin_frame(&out, kind);
    put_u32(&out, (uint32_t)error);
    put_u64(&out, cpu_of(&reaped));
    end_frame(&out, begun);
    bool sent = send_frame(control, &out, fds, count);
    free(out.data);
    return sent;
}

static int mount_own(void)
{
    char options[64];
    if (proc_mountable && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible"))
        return errno;
    /* Nothing in it is written by programs: kernel settings, nor how soon they are ended when memory runs out. */
    if (proc_mountable &&
        mount(NULL, "/proc", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
        return errno;
    if (!proc_mountable && mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY, "size=4k,nr_inodes=1"))
        return errno;
    snprintf(options, sizeof options, "mode=1777,size=%dm,nr_inodes=1024", SHARED_MEMORY_MB);
    if (mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options))
        return errno;
    if (mount("tmpfs", "/work", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=4m,nr_inodes=64"))
        return errno;
    return chdir("/work") ? errno : 0;
}

static int mount_program(bool compiles, int pack)
{
    char options[64];
    snprintf(options, sizeof options, "mode=755,size=%dm,nr_inodes=32768", PROGRAM_MB);
    if (mount("tmpfs", "/program", "tmpfs", MS_NOSUID | MS_NODEV, options))
        return errno;
    if (pack >= 0) {
        struct stat found;
        if (fstat(pack, &found))
            return errno;
        size_t size = (size_t)found.st_size;
        void *data = mmap(NULL, size ? size : 1, PROT_READ, MAP_PRIVATE, pack, 0);
        int root = open("/program", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (data == MAP_FAILED || root < 0)
            return errno;
        struct reader in = read_block(data, size);
        int failed = unpack(&in, root);
        munmap(data, size ? size : 1);
        close(root);
        if (failed)
            return failed;
    }
    if (!compiles && mount(NULL, "/program", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL))
        return errno;
    return 0;
}

/* `*mounted` becomes the directory /program, where there is one. */
static int furnish(struct reader *in, int program, int *mounted)
{
    struct limits limits;
    char options[128];
    bool compiles = read_u8(in);
    read_limits(in, &limits);
    struct bytes files = read_bytes(in);
    if (in->bad)
        return EINVAL;
    snprintf(options, sizeof options, "mode=755,size=%llu,nr_inodes=%llu", (unsigned long long)limits.disk,
             (unsigned long long)limits.inodes);
    if (mount("tmpfs", "/work", "tmpfs", MS_REMOUNT | MS_NOSUID | MS_NODEV, options))
        return errno;
    if (compiles || program >= 0) {
        int failed = mount_program(compiles, program);
        if (failed)
            return failed;
        *mounted = open("/program", O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    int work = open("/work", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (work < 0)
        return errno;
    struct reader pack = read_block(files.data, files.size);
    int failed = unpack(&pack, work);
    close(work);
    return failed;
}

static bool tell_furnished(int control, struct reader *fields, int program)
{
    int mounted = -1;
    int failed = furnish(fields, program, &mounted);
    bool told = tell(control, 'F', failed, &mounted, mounted < 0 ? 0 : 1);
    if (mounted >= 0)
        close(mounted);
    return told;
}

static int kill_all(void)
{
    if (kill(-1, SIGKILL) && errno != ESRCH)
        return errno;
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
        ;
    return errno == ECHILD ? 0 : errno;
}

/* What orphans have used is theirs who left them: they are waited for, where the kernel would forget it. */
static void reap_orphans(int number)
{
    int error = errno;
    (void)number;
    while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
        ;
    errno = error;
}

/* Whether a process is left besides the init. */
static bool anyone(void)
{
    reap_orphans(SIGCHLD);
    return kill(-1, 0) == 0 || errno != ESRCH;
}

/* Pack what a compile left or, where `wanted` says which, files that a run wrote. */
static int collect(int control, struct reader *wanted)
{
    struct buffer out = {0};
    (void)kill_all(); /* the program is reaped: whom it left are children of the init, and are waited for */
    int root = open(wanted ? "/work" : "/program", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t most = wanted ? read_u64(wanted) : (uint64_t)PROGRAM_MB << 20;
    char **patterns = wanted ? read_strings(wanted) : NULL;
    int failed = root < 0 ? errno : wanted && patterns == NULL ? EINVAL : 0;
    int file = failed ? -1 : memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (!failed && file < 0)
        failed = errno;
    if (!failed)
        failed = pack(&out, file, root, patterns, (size_t)most);
    free_strings(patterns);
    if (!failed && fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
        failed = errno;
    free(out.data);
    bool told = tell(control, 'A', failed, &file, failed ? 0 : 1);
    if (file >= 0)
        close(file);
    return told ? 0 : EPIPE;
}

_Noreturn static void be_init(int control)
{
    struct buffer in = {0};
    int fds[MOST_FDS];
    size_t count;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    prctl(PR_SET_NAME, "init", 0, 0, 0);
    struct sigaction reaps = {.sa_handler = reap_orphans, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    (void)sigaction(SIGCHLD, &reaps, NULL);
    setsid();
    uint8_t mapped;
    if (read(control, &mapped, 1) != 1)
        _exit(1);
    /* Nothing inside may trace it or look into it: it has capabilities that programs lack, and so /proc hides it. */
    int failed = mount_own();
    int given[3] = {open("/work", O_PATH | O_DIRECTORY | O_CLOEXEC), open("/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC),
                    proc_mountable ? open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1};
    if (!tell(control, 'M', failed, given, failed ? 0 : proc_mountable ? 3 : 2))
        _exit(1);
    for (int i = 0; i < 3; i++)
        close(given[i]);
    for (uint8_t kind; (kind = receive_frame(control, &in, fds, &count));) {
        struct reader fields = read_frame(&in);
        bool alive = true;
        if (kind == 'F')
            alive = tell_furnished(control, &fields, count ? fds[0] : -1);
        else if (kind == 'K')
            alive = tell(control, 'K', kill_all(), NULL, 0);
        else if (kind == 'L')
            alive = tell(control, 'L', anyone() ? EBUSY : 0, NULL, 0);
        else if (kind == 'A')
            alive = collect(control, NULL) == 0;
        else if (kind == 'C')
            alive = collect(control, &fields) == 0;
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
        if (!alive)
            break;
    }
    _exit(0);
}

/* ── the keeper's side ────────────────────────────────────────────────────────────────────────────────────── */

static bool write_proc(pid_t pid, const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "%d/%s", pid, name);
    int fd = openat(outer_proc, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t done = write(fd, text, strlen(text));
    close(fd);
    return done == (ssize_t)strlen(text);
}

static bool map_user(pid_t pid)
{
    char map[32];
    snprintf(map, sizeof map, "%d 0 1", USER);
    return write_proc(pid, "setgroups", "deny") && write_proc(pid, "uid_map", map) && write_proc(pid, "gid_map", map);
}

/* The init's answer to a frame of `kind`: 0 or an errno; EPIPE where there is none. */
static int answered(struct cell *cell, uint8_t kind, int fds[MOST_FDS], size_t *count)
{
    struct buffer in = {0};
    uint8_t got = receive_frame(cell->control, &in, fds, count);
    struct reader fields = read_frame(&in);
    int error = got == kind ? (int)read_u32(&fields) : EPIPE;
    if (got == kind)
        cell->reaped_ns = read_u64(&fields);
    free(in.data);
    if (error)
        for (; *count; --*count)
            close(fds[*count - 1]);
    return error;
}

bool make_cell(struct cell *cell)
{
    int ends[2], fds[MOST_FDS], pidfd = -1;
    size_t count;
    *cell = NO_CELL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return false;
    struct network *network = enter_network();
    if (network == NULL) {
        int error = errno;
        close_all(ends, 2);
        errno = error;
        return false;
    }
    unsigned long flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_PIDFD | SIGCHLD;
#ifdef __aarch64__
    pid_t pid = (pid_t)syscall(SYS_clone, flags, 0, &pidfd, 0, 0);
#else
    pid_t pid = (pid_t)syscall(SYS_clone, flags, 0, &pidfd, 0, 0);
#endif
    if (pid == 0) {
        /* Nothing of the keeper's: no pipe of another run, no socket to the service. */
        if (dup2(ends[1], 3) < 0 || syscall(SYS_close_range, 4, ~0U, 0))
            _exit(1);
        (void)fcntl(3, F_SETFD, FD_CLOEXEC);
        be_init(3);
    }
    int error = errno;
    leave_network();
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return_network(network, true);
        errno = error;
        return false;
    }
    *cell = (struct cell){pid, pidfd, ends[0], -1, -1, -1, -1, 0, 0, network, false};
    be_patient(cell->control);
    error = map_user(pid) && write(cell->control, "m", 1) == 1 ? answered(cell, 'M', fds, &count) : errno;
    if (error) {
        end_cell(cell);
        errno = error;
        return false;
    }
    char path[64];
    struct stat found;
    snprintf(path, sizeof path, "%d/ns/pid", pid);
    cell->pid_namespace = fstatat(outer_proc, path, &found, 0) ? 0 : found.st_ino;
    cell->work = fds[0];
    cell->shared = fds[1];
    cell->proc = count == 3 ? fds[2] : -1;
    return true;
}

/* Send a frame of `kind` with `fields` and, where there is one, a descriptor; 0 or an errno, of an answer of the kind
 * `answer`. */
static int ask(struct cell *cell, uint8_t kind, const struct buffer *fields, int given, uint8_t answer, int fds[MOST_FDS],
               size_t *count)
{
    struct buffer out = {0};
    size_t begun = begin_frame(&out, kind);
    if (fields)
        put(&out, fields->data, fields->size);
    end_frame(&out, begun);
    bool sent = send_frame(cell->control, &out, &given, given < 0 ? 0 : 1);
    free(out.data);
    return sent ? answered(cell, answer, fds, count) : EPIPE;
}

int furnish_cell(struct cell *cell, const struct limits *limits, struct bytes files, int program, bool compiles)
{
    struct buffer fields = {0};
    int fds[MOST_FDS];
    size_t count;
    put_u8(&fields, compiles);
    write_limits(&fields, limits);
    put_bytes(&fields, files.data, files.size);
    int error = ask(cell, 'F', &fields, program, 'F', fds, &count);
    free(fields.data);
    if (error == 0 && count)
        cell->program = fds[0];
    return error;
}

void empty_cell(struct cell *cell)
{
    int fds[MOST_FDS];
    size_t count;
    cell->left = ask(cell, 'K', NULL, -1, 'K', fds, &count) == 0;
    if (cell->left)
        return;
    /* With an init its namespace ends. It is not waited for: it waits until the program is reaped, by the keeper. */
    (void)syscall(SYS_pidfd_send_signal, cell->pidfd, SIGKILL, NULL, 0);
}

bool is_empty(struct cell *cell)
{
    int fds[MOST_FDS];
    size_t count;
    cell->left = ask(cell, 'L', NULL, -1, 'L', fds, &count) == 0;
    return cell->left;
}

/* The sealed memory file that the init answers with; -1 with errno. */
static int ask_for_file(struct cell *cell, uint8_t kind, const struct buffer *fields)
{
    int fds[MOST_FDS];
    size_t count = 0;
    int error = ask(cell, kind, fields, -1, 'A', fds, &count);
    if (error == 0 && count == 1)
        return fds[0];
    errno = error ? error : EPROTO;
    return -1;
}

int collect_program(struct cell *cell) { return ask_for_file(cell, 'A', NULL); }

int collect_files(struct cell *cell, char *const *patterns, uint64_t most)
{
    struct buffer fields = {0};
    put_u64(&fields, most);
    put_strings(&fields, patterns);
    int file = ask_for_file(cell, 'C', &fields);
    free(fields.data);
    return file;
}

void end_cell(struct cell *cell)
{
    if (cell->pidfd >= 0) {
        (void)syscall(SYS_pidfd_send_signal, cell->pidfd, SIGKILL, NULL, 0);
        close(cell->pidfd);
    }
    if (cell->control >= 0)
        close(cell->control);
    const int directories[] = {cell->proc, cell->work, cell->shared, cell->program};
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
        if (directories[i] >= 0)
            close(directories[i]);
    if (cell->network)
        return_network(cell->network, cell->left);
    *cell = NO_CELL;
}
