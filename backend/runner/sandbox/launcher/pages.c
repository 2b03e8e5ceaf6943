/* Pages that each forked Python touches: made its own before they are needed, all at once.
 *
 * A fork shares its parent's pages. The first write to each copies it, and the first use of each page of a library maps it:
 * some hundred interruptions, which are half of what a short program takes. Which pages those are is learnt from a child
 * that runs such a program. A kernel that cannot do it (before Linux 5.14) leaves them to be taken one by one. */

#define _GNU_SOURCE
#include "ending.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, MOST_RANGES = 640, CHUNK = 512, FETCH_TO_READ = 22, FETCH_TO_WRITE = 23 /* MADV_POPULATE_ */ };

static const uint64_t PRESENT = 1ULL << 63, EXCLUSIVE = 1ULL << 56; /* of an entry of /proc/self/pagemap */

struct ranges {
    size_t count;
    struct range {
        uintptr_t from;
        size_t size;
        int advice;
    } each[MOST_RANGES];
};

static struct ranges learnt;

static void add(struct ranges *ranges, uintptr_t page, int advice)
{
    struct range *last = ranges->count ? &ranges->each[ranges->count - 1] : NULL;
    if (last && last->from + last->size == page && last->advice == advice)
        last->size += PAGE;
    else if (ranges->count < MOST_RANGES)
        ranges->each[ranges->count++] = (struct range){page, PAGE, advice};
}

static void add_mapping(struct ranges *ranges, int pagemap, uintptr_t from, uintptr_t to, int advice)
{
    const uint64_t wanted = advice == FETCH_TO_WRITE ? PRESENT | EXCLUSIVE : PRESENT;
    uint64_t entries[CHUNK];
    for (size_t got; from < to; from += got * PAGE) {
        got = (to - from) / PAGE < CHUNK ? (to - from) / PAGE : CHUNK;
        if (pread(pagemap, entries, got * sizeof *entries, (off_t)(from / PAGE * sizeof *entries)) <= 0)
            return;
        for (size_t i = 0; i < got; i++)
            if ((entries[i] & wanted) == wanted)
                add(ranges, from + i * PAGE, advice);
    }
}

/* The pages that this process, a child, has to itself, and those of files that it has used. */
static void look(struct ranges *ranges)
{
    char line[4352], rights[5];
    unsigned long from, to;
    FILE *maps = fopen("/proc/self/maps", "re");
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    while (maps && pagemap >= 0 && fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && rights[0] == 'r' && rights[3] == 'p' && !strstr(line, "[v"))
            add_mapping(ranges, pagemap, from, to, rights[1] == 'w' ? FETCH_TO_WRITE : FETCH_TO_READ);
    _exit(0);
}

void learn_pages(void (*exercise)(void))
{
    struct ranges *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return;
    PyOS_BeforeFork();
    pid_t pid = fork();
    if (pid == 0) {
        PyOS_AfterFork_Child();
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int standard = 0; standard < 3; standard++)
            if (dup2(nothing, standard) < 0)
                _exit(1);
        exercise();
        look(shared);
    }
    PyOS_AfterFork_Parent();
    if (pid > 0 && waitpid(pid, NULL, 0) == pid)
        learnt = *shared;
    (void)munmap(shared, sizeof *shared);
}

void fetch_pages(void)
{
    for (size_t i = 0; i < learnt.count; i++)
        if (madvise((void *)learnt.each[i].from, learnt.each[i].size, learnt.each[i].advice))
            return;
}
