/* An interpreter that has started, and is held at its program: preloaded into what runs it.
 *
 * It is started as ever, before there is a program. Where it asks for the program's file it is held, until there is one;
 * then it goes on, and nothing of what it does afterwards is ours. What it is held at is in a variable,
 * CODECANVAS_HELD=<how><name of the file>, with how
 *
 *     t  where it touches the file first,
 *     r  where it reads it first; until then the file is there and cannot be read,
 *     o  where it opens OUTPUT's lines.rb: Ruby reads a first part of the program before all that takes it time, to see
 *        whether it begins with "#!". That is told one letter, which is taken out of what it has read before it goes on.
 *
 * Descriptor 3 says for what: a pipe brings a line when there is a program, and this process runs it, in whose cell it
 * is. A socket brings orders: a template, whose forked children (hold_forks.c) are the programs. It is moved out of the
 * way, so that descriptors have the numbers that they have without it.
 *
 * The variable and LD_PRELOAD are out of the environment before the interpreter looks, and put back where this process
 * becomes another one before it was held: some interpreters are started by scripts. */

#define _GNU_SOURCE
#include "hold.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char *held_variable; /* whole, to be put back */
static char preload_variable[] = "LD_PRELOAD=" PRELOAD;
static const char *program;                    /* name of its file; NULL where nothing is held */
static char how;
static bool serves, begun;
static atomic_bool held;
static int file = -1; /* what stands for the program's file until it is there */
static int file_flags;
static char temporary[256]; /* directory that the interpreter was told it had made */

/* ── what is held ─────────────────────────────────────────────────────────────────────────────────────────── */

static bool is_program(const char *path)
{
    if (program == NULL || held || path == NULL)
        return false;
    if (strncmp(path, "/work/", 6) == 0)
        path += 6;
    else if (strncmp(path, "./", 2) == 0)
        path += 2;
    return strcmp(path, program) == 0;
}

/* Until a line has come. Its words are for processes that read them. */
static void wait_for_word(void)
{
    char text[4096];
    ssize_t got;
    do {
        got = read(WORD, text, sizeof text);
        if (got == 0 || (got < 0 && errno != EINTR))
            _exit(0);
    } while (got < 0 || text[got - 1] != '\n');
    close(WORD);
}

/* Perl keeps the time of its start where only $^T reaches it. The variable is made for that, and unmade: a program that
 * does not use it has none, and what it makes of it has no value before it is read. */
static void begin_clock_of_perl(void)
{
    static const char name[] = "\024";
    const pthread_key_t *key = dlsym(RTLD_DEFAULT, "PL_thr_key");
    void *(*variable)(void *, const char *, int32_t), *(*package)(void *, const char *, uint32_t, int32_t);
    void *(*entry)(void *, void *, const char *, int32_t, int, void *, uint32_t);
    void (*set)(void *, void *, ssize_t);
    *(void **)&variable = dlsym(RTLD_DEFAULT, "Perl_get_sv");
    *(void **)&package = dlsym(RTLD_DEFAULT, "Perl_gv_stashpvn");
    *(void **)&entry = dlsym(RTLD_DEFAULT, "Perl_hv_common_key_len");
    *(void **)&set = dlsym(RTLD_DEFAULT, "Perl_sv_setiv_mg");
    if (!key || !variable || !package || !entry || !set)
        return;
    void *perl = pthread_getspecific(*key);
    bool known = variable(perl, name, 0) != NULL;
    set(perl, variable(perl, name, 1), time(NULL));
    if (!known)
        (void)entry(perl, package(perl, "main", 4, 0), name, 1, 0x44, NULL, 0); /* HV_DELETE | G_DISCARD */
}

/* Bash counts SECONDS from its start, and Perl has it in $^T: for a program that is now. */
static void begin_clock(void)
{
    time_t *bash = dlsym(RTLD_DEFAULT, "shell_start_time");
    if (bash)
        *bash = time(NULL);
    begin_clock_of_perl();
}

static void hold(void)
{
    if (atomic_exchange(&held, true))
        return;
    if (serves)
        serve_programs(file);
    else
        wait_for_word();
    begin_clock();
    if (*temporary)
        (void)mkdir(temporary, 0700);
}

static int open_now(const char *path, int flags, mode_t mode)
{
    static int (*real)(int, const char *, int, ...);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "openat");
    return real(AT_FDCWD, path, flags, mode);
}

/* Open the program's file. */
static int open_program(const char *path, int flags, mode_t mode)
{
    if (how == 't') {
        hold();
        return open_now(path, flags, mode);
    }
    file_flags = flags & ~O_NONBLOCK; /* which Ruby takes away at once */
    return file = open_now(PRELOAD, flags, mode); /* any file of its kind */
}

/* There is a program: have it be what `file` is, which was closed meanwhile where programs are forked. */
static bool open_held(void)
{
    int now = file, opened = open_now(program, file_flags, 0);
    file = -1;
    if (opened < 0)
        return false;
    if (opened == now)
        return true;
    bool done = dup3(opened, now, file_flags & O_CLOEXEC) == now;
    close(opened);
    return done;
}

static ssize_t read_cookie(void *cookie, char *into, size_t size)
{
    int *opened = cookie;
    if (*opened < 0) {
        hold();
        *opened = open_now(program, O_RDONLY, 0);
    }
    return *opened < 0 ? -1 : read(*opened, into, size);
}

static int close_cookie(void *cookie)
{
    const int *opened = cookie;
    return *opened < 0 ? 0 : close(*opened);
}

/* ── what asks for it ─────────────────────────────────────────────────────────────────────────────────────── */

#define WRAPPED __attribute__((visibility("default")))
#define REAL(name) \
    static __typeof__(&name) real; \
    if (real == NULL) \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

/* The mode is there only where a file may be made; else what is read is no use, and no harm. */
#define MODE(flags) \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = (flags) & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest)

/* Ruby opens it twice, and all that is left then is its program. */
static void pass_lines(const char *path)
{
    if (how != 'o' || held || !begun || strcmp(path, OUTPUT "lines.rb"))
        return;
    hold();
    if (!open_held())
        _exit(126);
}

WRAPPED int open(const char *path, int flags, ...)
{
    MODE(flags);
    REAL(open);
    pass_lines(path);
    return is_program(path) ? open_program(path, flags, mode) : real(path, flags, mode);
}

WRAPPED int open64(const char *path, int flags, ...)
{
    MODE(flags);
    REAL(open64);
    return is_program(path) ? open_program(path, flags, mode) : real(path, flags, mode);
}

WRAPPED int openat(int at, const char *path, int flags, ...)
{
    MODE(flags);
    REAL(openat);
    return is_program(path) ? open_program(path, flags, mode) : real(at, path, flags, mode);
}

WRAPPED int openat64(int at, const char *path, int flags, ...)
{
    MODE(flags);
    REAL(openat64);
    return is_program(path) ? open_program(path, flags, mode) : real(at, path, flags, mode);
}

static FILE *open_stream(void)
{
    static int opened = -1;
    return fopencookie(&opened, "r", (cookie_io_functions_t){.read = read_cookie, .close = close_cookie});
}

WRAPPED FILE *fopen(const char *path, const char *mode)
{
    REAL(fopen);
    if (is_program(path)) {
        if (how == 'r')
            return open_stream();
        hold();
    }
    return real(path, mode);
}

WRAPPED FILE *fopen64(const char *path, const char *mode)
{
    REAL(fopen64);
    if (is_program(path)) {
        if (how == 'r')
            return open_stream();
        hold();
    }
    return real(path, mode);
}

WRAPPED ssize_t read(int from, void *into, size_t size)
{
    REAL(read);
    if (from == file && from >= 0) {
        if (how == 'o' && !begun) {
            begun = true;
            return size ? (*(char *)into = 'x', 1) : 0;
        }
        hold();
        if (!open_held())
            return -1;
    }
    return real(from, into, size);
}

static void touch(const char *path)
{
    if (how == 't' && is_program(path))
        hold();
}

WRAPPED int stat(const char *path, struct stat *told)
{
    REAL(stat);
    touch(path);
    return real(path, told);
}

WRAPPED int stat64(const char *path, struct stat64 *told)
{
    REAL(stat64);
    touch(path);
    return real(path, told);
}

WRAPPED int lstat(const char *path, struct stat *told)
{
    REAL(lstat);
    touch(path);
    return real(path, told);
}

WRAPPED int lstat64(const char *path, struct stat64 *told)
{
    REAL(lstat64);
    touch(path);
    return real(path, told);
}

WRAPPED int fstatat(int at, const char *path, struct stat *told, int flags)
{
    REAL(fstatat);
    touch(path);
    return real(at, path, told, flags);
}

WRAPPED int statx(int at, const char *path, int flags, unsigned mask, struct statx *told)
{
    REAL(statx);
    touch(path);
    return real(at, path, flags, mask, told);
}

WRAPPED int access(const char *path, int rights)
{
    REAL(access);
    touch(path);
    return real(path, rights);
}

/* ── what else a process does before it is held ───────────────────────────────────────────────────────────── */

/* A template has no place for files: it is told that the directory is there, and its children make it. */
WRAPPED char *mkdtemp(char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    REAL(mkdtemp);
    size_t length = strlen(name);
    uint8_t dice[6];
    if (program == NULL || held || !serves || *temporary || length < sizeof dice || length >= sizeof temporary ||
        getrandom(dice, sizeof dice, 0) != sizeof dice)
        return real(name);
    for (size_t i = 0; i < sizeof dice; i++)
        name[length - sizeof dice + i] = letters[dice[i] % (sizeof letters - 1)];
    return strcpy(temporary, name);
}

/* `environment` with what holds this process in it; the same where it was held already, or never is. What a script has
 * its interpreter preload is preloaded as well: of two variables of the name, one would be read. */
static char *const *put_back(char *const *environment)
{
    static const char name[] = "LD_PRELOAD=";
    size_t count = 0;
    bool over = false; /* a script sets the variable where nothing waits any more */
    for (; environment && environment[count]; count++)
        over = over || strncmp(environment[count], HELD "=", sizeof HELD) == 0;
    char **all = program && !held && !over ? calloc(count + 3, sizeof *all) : NULL;
    if (all == NULL)
        return environment;
    if (count)
        memcpy(all, environment, count * sizeof *all);
    all[count] = held_variable;
    for (size_t i = 0; i < count; i++)
        if (strncmp(all[i], name, sizeof name - 1) == 0 && all[i][sizeof name - 1])
            return asprintf(&all[i], "%s:%s", environment[i], PRELOAD) < 0 ? environment : all;
    all[count + 1] = preload_variable;
    return all;
}

WRAPPED int execve(const char *path, char *const arguments[], char *const environment[])
{
    REAL(execve);
    return real(path, arguments, put_back(environment));
}

WRAPPED int execv(const char *path, char *const arguments[])
{
    return execve(path, arguments, environ);
}

WRAPPED int execvp(const char *path, char *const arguments[])
{
    static int (*real)(const char *, char *const[], char *const[]);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "execvpe");
    return real(path, arguments, put_back(environ));
}

/* Take a variable out of the environment: as "name=value", NULL where there is none. Bash has a getenv of its own. */
static char *take_variable(const char *name)
{
    size_t length = strlen(name);
    for (char **each = environ; each && *each; each++)
        if (strncmp(*each, name, length) == 0 && (*each)[length] == '=') {
            char *taken = *each;
            for (char **rest = each; *rest; rest++)
                *rest = rest[1];
            return taken;
        }
    return NULL;
}

/* Where a word comes from, to WORD; false where it comes from nowhere. */
static bool move_word(void)
{
    struct stat told;
    if (fstat(WORD, &told) == 0 && (S_ISFIFO(told.st_mode) || S_ISSOCK(told.st_mode))) {
        serves = S_ISSOCK(told.st_mode); /* this process was another one before */
        return true;
    }
    if (fstat(3, &told) || !(S_ISFIFO(told.st_mode) || S_ISSOCK(told.st_mode)) || dup2(3, WORD) < 0)
        return false;
    close(3);
    serves = S_ISSOCK(told.st_mode);
    return true;
}

__attribute__((constructor)) static void begin(void)
{
    char *told = take_variable(HELD);
    (void)take_variable("LD_PRELOAD");
    if (told == NULL || (held_variable = strdup(told)) == NULL)
        return;
    hide_variables();
    hide_mappings();
    how = held_variable[sizeof HELD];
    if (strchr("tro", how) == NULL || !move_word())
        return;
    program = held_variable + sizeof HELD + 1;
    if (serves) /* what programs share with it is as small as theirs */
        (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    if (serves) { /* interpreters ask early how deep they may go, and a program's own limits come later */
        struct rlimit stack;
        if (getrlimit(RLIMIT_STACK, &stack) == 0) {
            stack.rlim_cur = stack.rlim_max < PROGRAM_STACK ? stack.rlim_max : PROGRAM_STACK;
            (void)setrlimit(RLIMIT_STACK, &stack);
        }
    }
}
