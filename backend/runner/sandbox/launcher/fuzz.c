/* A fuzzer of all in the launcher that reads bytes from outside: frames, orders, requests, packs of files.
 *
 * One file with what it tests, so that `clang -fsanitize=fuzzer,address,undefined fuzz.c` makes it; `make fuzz` does.
 * With -DDRIVER it has a main of its own that replays files and directories, for compilers without libFuzzer.
 * The first byte of an input chooses what reads the rest. */

#define _GNU_SOURCE
#include "pack.c"
#include "program.c"
#include "request.c"
#include "wire.c"

#include <ftw.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_INPUT = 65536 }; /* fits a socket */

static void expect(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "not so: %s (%s)\n", what, strerror(errno));
        abort();
    }
}

/* ── wire.c ───────────────────────────────────────────────────────────────────────────────────────────────── */

/* Frames that come in pieces, with descriptors among them. The first byte is the size of a piece. */
static void fuzz_frames(const uint8_t *data, size_t size)
{
    int ends[2], fds[] = {0, 0, 0};
    expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "a socket");
    size_t piece = size ? *data : 0;
    struct inbox in = {0};
    enum arrival arrived = PARTLY;
    for (size_t at = 1; at < size && arrived != OVER; at += piece + 1) {
        struct buffer part = {(uint8_t *)(uintptr_t)data + at, at + piece + 1 > size ? size - at : piece + 1, 0};
        expect(send_frame(ends[0], &part, fds, part.data[0] % 4), "it is sent");
        while ((arrived = receive_some(ends[1], &in, false)) == WHOLE) {
            expect(in.frame.size > 0 && in.frame.size <= MOST_FRAME && in.count <= MOST_FDS, "a frame has a kind");
            close_all(in.fds, in.count);
        }
    }
    close(ends[0]);
    while (arrived != OVER)
        if ((arrived = receive_some(ends[1], &in, true)) == WHOLE)
            close_all(in.fds, in.count);
    close_all(in.fds, in.count);
    close(ends[1]);
    free(in.frame.data);
}

/* Each byte is a field to read. */
static void fuzz_fields(const uint8_t *data, size_t size)
{
    struct reader in = read_block(data, size);
    while (in.at < in.end && !in.bad) {
        uint8_t kind = read_u8(&in) % 6;
        if (kind == 0)
            (void)read_u32(&in);
        else if (kind == 1)
            (void)read_u64(&in);
        else if (kind == 2) {
            struct bytes found = read_bytes(&in);
            expect(found.size == 0 || (found.data >= data && found.data + found.size <= data + size), "it lies within");
        } else if (kind == 3)
            free(read_string(&in));
        else if (kind == 4)
            free_strings(read_strings(&in));
    }
    expect(in.at >= data && in.at <= data + size, "a reader stays within");
    if (in.bad)
        expect(read_u64(&in) == 0 && read_bytes(&in).size == 0, "what is past the end is empty");
}

/* ── program.c and request.c ──────────────────────────────────────────────────────────────────────────────── */

static void fuzz_order(const uint8_t *data, size_t size)
{
    static const int fds[MOST_FDS] = {10, 11, 12, 13, 14, 15, 16, 17};
    struct order order, again;
    if (size == 0)
        return;
    struct reader in = read_block(data + 1, size - 1);
    if (!read_order(&in, fds, *data % (MOST_FDS + 1), &order))
        return;
    struct buffer out = {0};
    write_order(&out, &order);
    struct reader written = read_block(out.data, out.size);
    expect(read_order(&written, fds, 6, &again), "an order that was read is written so that it is read again");
    expect(!order.argv[0] == !again.argv[0] && order.filter.size == again.filter.size, "as it was");
    expect(!order.argv[0] || strcmp(order.argv[0], again.argv[0]) == 0, "as it was");
    free_order(&order);
    free_order(&again);
    free(out.data);
}

static void fuzz_request(const uint8_t *data, size_t size)
{
    struct reader in = read_block(data, size);
    struct request request;
    if (read_request(&in, &request))
        expect(request.key && request.order.argv[0] && request.order.limits.memory, "a request is whole");
    free_request(&request);
}

/* ── pack.c ───────────────────────────────────────────────────────────────────────────────────────────────── */

static char place[] = "/tmp/codecanvas-fuzz-XXXXXX";

static int remove_entry(const char *path, const struct stat *found, int kind, struct FTW *where)
{
    (void)found;
    (void)kind;
    return where->level == 0 ? 0 : remove(path);
}

static void remove_place(void)
{
    nftw(place, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    rmdir(place);
}

static int open_place(void)
{
    static bool made;
    if (!made) {
        expect(mkdtemp(place) != NULL, "a directory");
        atexit(remove_place);
    }
    made = true;
    int root = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    expect(root >= 0, "it can be opened");
    return root;
}

/* What was unpacked can be packed, and that unpacked again to the same. */
static void fuzz_pack(const uint8_t *data, size_t size)
{
    int root = open_place();
    struct reader in = read_block(data, size);
    struct buffer first = {0}, second = {0};
    int failed = unpack(&in, root);
    expect(failed == 0 || in.bad || in.at > data, "a failure has a cause");
    if (pack(&first, -1, root, NULL, MOST_INPUT * 2) == 0) {
        nftw(place, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        struct reader packed = read_block(first.data, first.size);
        expect(unpack(&packed, root) == 0, "a pack that was made is unpacked");
        expect(pack(&second, -1, root, NULL, MOST_INPUT * 2) == 0 && second.size == first.size, "it is the same again");
    }
    nftw(place, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    close(root);
    free(first.data);
    free(second.data);
}

/* A pattern and a name, with a NUL between them. */
static void fuzz_matches(const uint8_t *data, size_t size)
{
    char *pattern = malloc(size + 1);
    expect(pattern != NULL, "memory");
    memcpy(pattern, data, size);
    pattern[size] = 0;
    size_t end = strlen(pattern);
    const char *name = end < size ? pattern + end + 1 : "";
    bool found = matches(pattern, name);
    expect(!found || *name, "nothing matches no name");
    expect(strpbrk(name, "*?/.") || *name == 0 || matches("*", name), "`*` matches what does not begin with a dot");
    free(pattern);
}

static int lowest_free(void)
{
    int fd = dup(0);
    expect(fd >= 0, "a descriptor");
    close(fd);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(const uint8_t *, size_t) = {
        fuzz_frames, fuzz_fields, fuzz_order, fuzz_request, fuzz_pack, fuzz_matches};
    if (size == 0 || size > MOST_INPUT)
        return 0;
    int before = lowest_free();
    parts[*data % (sizeof parts / sizeof *parts)](data + 1, size - 1);
    expect(lowest_free() == before, "no descriptor is lost");
    return 0;
}

#ifdef DRIVER
static int replay(const char *path, const struct stat *found, int kind, struct FTW *where)
{
    static uint8_t data[MOST_INPUT];
    (void)found;
    (void)where;
    if (kind != FTW_F)
        return 0;
    FILE *file = fopen(path, "re");
    expect(file != NULL, path);
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    uint8_t *exact = malloc(size ? size : 1); /* so that a read past its end is seen */
    expect(exact != NULL, "memory");
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    printf("%s: %zu bytes\n", path, size);
    return 0;
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++)
        expect(nftw(arguments[i], replay, 16, FTW_PHYS) == 0, arguments[i]);
    return 0;
}
#endif
