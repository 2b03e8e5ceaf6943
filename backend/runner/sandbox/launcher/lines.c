/* Output in time, for programs that print by C's stdio: linked into them, or preloaded by what runs them.
 *
 * Where there is no terminal, the C library keeps output until 4 KiB have come: a program that is killed loses it,
 * streams are not live, and a prompt comes after its answer. So stdout has its lines written as they end, and reading
 * stdin writes what waits, both as with a terminal.
 *
 * A system call for each line is what a terminal costs too, but would make a program that prints a million lines ten
 * times slower. So there is an allowance of lines, which grows again with time; when it is used up, output is kept as
 * usual until some of it has come back. The functions that print are wrapped to count; they are weak, so that a
 * program may have a function of such a name. */

#define _GNU_SOURCE
#include "allowance.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int left = MOST;
static bool ours, kept; /* whether stdout is as we made it; whether its lines are kept for now */
static long since;

static long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* After something was printed on `stream`. */
static inline void count(FILE *stream)
{
    if (stream != stdout || !ours)
        return;
    if (!kept) {
        if (stream->_IO_write_ptr != stream->_IO_write_base || --left > 0)
            return; /* no line has ended */
        since = now();
        kept = true;
        (void)setvbuf(stream, NULL, _IOFBF, 0);
        return;
    }
    long passed = now() - since;
    if (passed < INTERVAL)
        return;
    left = (int)(passed / INTERVAL >= MOST / PER_INTERVAL ? MOST : passed / INTERVAL * PER_INTERVAL);
    kept = false;
    (void)fflush(stream);
    (void)setvbuf(stream, NULL, _IOLBF, 0);
}

#define WRAPPED __attribute__((weak, visibility("default")))
#define REAL(name) \
    static __typeof__(&name) real; \
    if (real == NULL) \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

WRAPPED int puts(const char *text)
{
    REAL(puts);
    int done = real(text);
    count(stdout);
    return done;
}

#undef putchar
WRAPPED int putchar(int byte)
{
    REAL(putchar);
    int done = real(byte);
    if (byte == '\n')
        count(stdout);
    return done;
}

#undef putc
WRAPPED int putc(int byte, FILE *stream)
{
    REAL(putc);
    int done = real(byte, stream);
    if (byte == '\n')
        count(stream);
    return done;
}

WRAPPED int fputc(int byte, FILE *stream)
{
    REAL(fputc);
    int done = real(byte, stream);
    if (byte == '\n')
        count(stream);
    return done;
}

WRAPPED int fputs(const char *text, FILE *stream)
{
    REAL(fputs);
    int done = real(text, stream);
    count(stream);
    return done;
}

WRAPPED size_t fwrite(const void *data, size_t size, size_t number, FILE *stream)
{
    REAL(fwrite);
    size_t done = real(data, size, number, stream);
    count(stream);
    return done;
}

static int print(FILE *stream, const char *format, va_list arguments)
{
    REAL(vfprintf);
    int done = real(stream, format, arguments);
    count(stream);
    return done;
}

WRAPPED int vprintf(const char *format, va_list arguments) { return print(stdout, format, arguments); }

WRAPPED int vfprintf(FILE *stream, const char *format, va_list arguments) { return print(stream, format, arguments); }

WRAPPED int printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int done = print(stdout, format, arguments);
    va_end(arguments);
    return done;
}

WRAPPED int fprintf(FILE *stream, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int done = print(stream, format, arguments);
    va_end(arguments);
    return done;
}

#ifdef PRELOADED
/* Put a file with all that a pipe still brings in the place of stdin, and of `fd`, which is the same pipe. It has no name, and
 * takes of the work directory what it holds. */
static bool keep_input(int fd)
{
    static char block[1 << 16];
    struct stat asked, input;
    if (fstat(fd, &asked) || fstat(STDIN_FILENO, &input) || !S_ISFIFO(asked.st_mode) || asked.st_ino != input.st_ino)
        return false;
    int file = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    ssize_t got = file < 0 ? -1 : 1;
    while (got > 0 && (got = read(fd, block, sizeof block)) > 0)
        if (write(file, block, (size_t)got) != got)
            got = -1;
    bool done = got == 0 && dup2(file, STDIN_FILENO) >= 0 && dup2(file, fd) >= 0;
    if (file >= 0)
        (void)close(file);
    return done;
}

/* SQLite's `readfile` asks for a file's size by going to its end: its input has one. */
WRAPPED int fseek(FILE *stream, long offset, int whence)
{
    REAL(fseek);
    int done = real(stream, offset, whence);
    bool whole = done && errno == ESPIPE && whence == SEEK_END && strcmp(program_invocation_short_name, "sqlite3") == 0;
    return whole && keep_input(fileno(stream)) ? real(stream, offset, whence) : done;
}
#endif

__attribute__((constructor)) static void begin(void)
{
#ifdef PRELOADED
    (void)unsetenv("LD_PRELOAD"); /* it is for this program alone */
#endif
    if (isatty(STDOUT_FILENO))
        return;
    ours = setvbuf(stdout, NULL, _IOLBF, 0) == 0;
    (void)setvbuf(stdin, NULL, _IOLBF, 0); /* reading writes out what waits */
}
