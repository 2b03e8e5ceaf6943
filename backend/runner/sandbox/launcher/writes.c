/* An allowance of lines, as in lines.c, for interpreters that were told to write each print at once: preloaded.
 *
 * When it is used up, writes to descriptor 1 are kept here for some milliseconds, until a thread writes them; so are
 * they before a process is started, another descriptor is written, or the program ends itself. */

#define _GNU_SOURCE
#include "allowance.h"
#include "later.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ROOM = 1 << 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char held[ROOM];
static volatile size_t size;
static int left = MOST;
static bool keeping;

static void write_held(void)
{
    for (size_t done = 0; done < size;) {
        ssize_t now = syscall(SYS_write, 1, held + done, size - done);
        if (now <= 0)
            break;
        done += (size_t)now;
    }
    size = 0;
}

/* Called in signal handlers too: if the interrupted thread holds the lock, waiting for it would never end. Then the output
 * stays here, and the next write or the thread that writes later takes it. */
static void flush_held(void)
{
    if (size == 0 || pthread_mutex_trylock(&lock))
        return;
    write_held();
    (void)pthread_mutex_unlock(&lock);
}

static void *write_later(void *nothing)
{
    usleep(INTERVAL * 1000);
    (void)pthread_mutex_lock(&lock);
    write_held();
    keeping = false;
    left = PER_INTERVAL;
    (void)pthread_mutex_unlock(&lock);
    return nothing;
}

/* Whether `parts` are kept; else they are to be written now. */
static bool keep(const struct iovec *parts, int count)
{
    size_t all = 0;
    if ((!keeping && --left > 0) || pthread_mutex_trylock(&lock))
        return false;
    if (!keeping && !(keeping = do_later(write_later)))
        left = MOST;
    for (int i = 0; i < count; i++)
        all += parts[i].iov_len;
    if (keeping && all > ROOM - size)
        write_held();
    bool kept = keeping && all <= ROOM;
    for (int i = 0; kept && i < count; i++) {
        memcpy(held + size, parts[i].iov_base, parts[i].iov_len);
        size += parts[i].iov_len;
    }
    (void)pthread_mutex_unlock(&lock);
    return kept;
}

#define WRAPPED __attribute__((visibility("default")))
#define REAL(name) \
    static __typeof__(&name) real; \
    if (real == NULL) \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

WRAPPED ssize_t write(int file, const void *data, size_t length)
{
    struct iovec part = {(void *)(uintptr_t)data, length};
    if (file == 1 && keep(&part, 1))
        return (ssize_t)length;
    flush_held();
    REAL(write);
    return real(file, data, length);
}

WRAPPED ssize_t writev(int file, const struct iovec *parts, int count)
{
    if (file == 1 && keep(parts, count)) {
        ssize_t all = 0;
        for (int i = 0; i < count; i++)
            all += (ssize_t)parts[i].iov_len;
        return all;
    }
    flush_held();
    REAL(writev);
    return real(file, parts, count);
}

WRAPPED int pipe(int ends[2])
{
    flush_held();
    REAL(pipe);
    return real(ends);
}

WRAPPED int pipe2(int ends[2], int flags)
{
    flush_held();
    REAL(pipe2);
    return real(ends, flags);
}

WRAPPED int dup2(int from, int to)
{
    flush_held();
    REAL(dup2);
    return real(from, to);
}

WRAPPED int close(int file)
{
    if (file == 1)
        flush_held();
    REAL(close);
    return real(file);
}

WRAPPED int kill(pid_t process, int number)
{
    flush_held();
    REAL(kill);
    return real(process, number);
}

WRAPPED int execvp(const char *file, char *const arguments[])
{
    flush_held();
    REAL(execvp);
    return real(file, arguments);
}

WRAPPED int execve(const char *file, char *const arguments[], char *const environment[])
{
    flush_held();
    REAL(execve);
    return real(file, arguments, environment);
}

WRAPPED void _exit(int status)
{
    flush_held();
    syscall(SYS_exit_group, status);
    __builtin_unreachable();
}

static void before_fork(void)
{
    (void)pthread_mutex_lock(&lock);
    write_held();
}

static void in_parent(void) { (void)pthread_mutex_unlock(&lock); }

static void in_child(void)
{
    keeping = false; /* the thread stayed behind */
    left = PER_INTERVAL;
    (void)pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void begin(void)
{
    (void)unsetenv("LD_PRELOAD"); /* it is for this program alone */
    (void)pthread_atfork(before_fork, in_parent, in_child);
}

__attribute__((destructor)) static void end(void) { flush_held(); }
