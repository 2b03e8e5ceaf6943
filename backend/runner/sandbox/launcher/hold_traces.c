/* That an interpreter was held is not seen in /proc: neither in its environment as it was given, nor in its mappings.
 *
 * What the kernel or the host refuses is left: a program can then tell, and does what it does. */

#define _GNU_SOURCE
#include "hold.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { TEXT = 64 << 10 };

static char text[TEXT]; /* of the file that was read last */

/* Read a file of /proc/self into `text`; false where it is not there or longer. */
static bool read_text(const char *path)
{
    int from = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t got = -1;
    while (from >= 0 && size < TEXT - 1 && (got = read(from, text + size, TEXT - 1 - size)) > 0)
        size += (size_t)got;
    if (from >= 0)
        close(from);
    text[size] = 0;
    return got == 0;
}

/* ── the environment ──────────────────────────────────────────────────────────────────────────────────────── */

/* What the kernel knows of where this process has what; false where it does not tell. */
static bool find_places(struct prctl_mm_map *places)
{
    uint64_t field[52] = {0};
    char *each = read_text("/proc/self/stat") ? strrchr(text, ')') : NULL;
    if (each == NULL || strlen(each) < 4)
        return false;
    each += 3; /* past the state, which is a letter; fields are counted as in proc(5) */
    for (int i = 4; i <= 51; i++)
        field[i] = strtoull(each, &each, 10);
    *places = (struct prctl_mm_map){
        .start_code = field[26], .end_code = field[27], .start_stack = field[28], .start_data = field[45],
        .end_data = field[46], .start_brk = field[47], .brk = (uintptr_t)sbrk(0), .arg_start = field[48],
        .arg_end = field[49], .env_start = field[50], .env_end = field[51], .exe_fd = UINT32_MAX,
    };
    return field[50] && field[51] > field[50];
}

/* Whether a variable is ours; what others preload is kept of it. */
static bool drop(char *variable)
{
    if (strncmp(variable, HELD "=", sizeof HELD) == 0)
        return true;
    if (strncmp(variable, "LD_PRELOAD=", sizeof "LD_PRELOAD=" - 1))
        return false;
    char *ours = strstr(variable, PRELOAD);
    if (ours && ours[-1] == ':')
        ours[-1] = 0;
    return ours && ours[-1] == '=';
}

/* Have `environ` say `to` where it says `from`. */
static void point(const char *from, char *to)
{
    for (char **each = environ; each && *each; each++)
        if (*each == from)
            *each = to;
}

void hide_variables(void)
{
    struct prctl_mm_map places;
    if (!find_places(&places))
        return;
    char *to = (char *)(uintptr_t)places.env_start, *end = (char *)(uintptr_t)places.env_end;
    for (char *each = to, *next; each < end; each = next) {
        next = each + strlen(each) + 1;
        if (drop(each))
            continue;
        size_t size = strlen(each) + 1;
        if (to != each) {
            memmove(to, each, size);
            point(each, to);
        }
        to += size;
    }
    explicit_bzero(to, (size_t)(end - to));
    places.env_end = (uintptr_t)to;
    (void)prctl(PR_SET_MM, PR_SET_MM_MAP, &places, sizeof places, 0);
}

/* ── mappings ─────────────────────────────────────────────────────────────────────────────────────────────── */

/* Have what is at `start` be there, and be of no file. */
static void unname(char *start, size_t size, int rights)
{
    char *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        return;
    if (rights & PROT_READ)
        memcpy(copy, start, size);
    if (mprotect(copy, size, rights) || mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, start) == MAP_FAILED)
        (void)munmap(copy, size);
}

void hide_mappings(void)
{
    if (!read_text("/proc/self/maps"))
        return;
    for (char *line = text, *next; (next = strchr(line, '\n')); line = next + 1) {
        char *rest = NULL;
        *next = 0;
        uintptr_t start = strtoull(line, &rest, 16), end = strtoull(rest + 1, &rest, 16);
        if (next - line <= (ptrdiff_t)sizeof PRELOAD || strcmp(next - (sizeof PRELOAD - 1), PRELOAD))
            continue;
        int rights = (rest[1] == 'r' ? PROT_READ : 0) | (rest[2] == 'w' ? PROT_WRITE : 0) | (rest[3] == 'x' ? PROT_EXEC : 0);
        unname((char *)start, end - start, rights);
    }
}
