/* Files in one block of bytes: how sources enter a cell, and how a compiled program leaves one. */

#include "launcher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEEPEST = 64, MOST_ENTRIES = 20000, PIECE = 1 << 18 };

static int open_beneath(int root, const char *name, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, name, &how, sizeof how);
}

static bool is_plain(const char *name)
{
    if (*name == 0 || strlen(name) >= PATH_MAX)
        return false;
    for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        size_t size = strcspn(part, "/");
        if (size == 0 || (size == 1 && part[0] == '.') || (size == 2 && part[0] == '.' && part[1] == '.'))
            return false;
    }
    return true;
}

/* Make the directories that `name` lies in. */
static int make_parents(int root, char *name)
{
    for (char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int failed = mkdirat(root, name, 0755) && errno != EEXIST ? errno : 0;
        *slash = '/';
        if (failed)
            return failed;
    }
    return 0;
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size) {
        ssize_t done = write(fd, data, size);
        if (done < 0)
            return errno;
        data += done;
        size -= (size_t)done;
    }
    return 0;
}

static int unpack_file(int root, char *name, uint32_t mode, struct bytes content)
{
    int failed = make_parents(root, name);
    if (failed)
        return failed;
    int fd = open_beneath(root, name, O_WRONLY | O_CREAT | O_EXCL, mode & 0755);
    if (fd < 0)
        return errno;
    failed = write_all(fd, content.data, content.size);
    close(fd);
    return failed;
}

int unpack(struct reader *in, int root)
{
    while (in->at < in->end) {
        uint32_t mode = read_u32(in);
        char *name = read_string(in);
        struct bytes content = read_bytes(in);
        int failed = in->bad || !is_plain(name) ? EINVAL : unpack_file(root, name, mode, content);
        free(name);
        if (failed)
            return failed;
    }
    return in->bad ? EINVAL : 0;
}

struct walk {
    struct buffer *out;
    int file;      /* where what was packed goes, piece by piece; -1: it stays in `out` */
    size_t before; /* bytes that went */
    size_t most;
    unsigned entries;
    int root;
    char *const *patterns; /* NULL: every file */
    unsigned collected;
};

/* Whether `part`, up to its end or a slash, is one that `pattern` up to there stands for. Steps back to the last `*` alone:
 * what it costs is the product of both lengths, whatever a stranger asks for. */
static bool matches_part(const char *pattern, size_t pattern_size, const char *part, size_t size)
{
    size_t p = 0, at = 0, star = SIZE_MAX, resumed = 0;
    if (size && part[0] == '.' && !(pattern_size && pattern[0] == '.'))
        return false;
    while (at < size) {
        if (p < pattern_size && pattern[p] == '*') {
            star = p++;
            resumed = at;
        } else if (p < pattern_size && (pattern[p] == '?' || pattern[p] == part[at])) {
            p++;
            at++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            at = ++resumed;
        } else
            return false;
    }
    while (p < pattern_size && pattern[p] == '*')
        p++;
    return p == pattern_size;
}

/* Whether a part of it, before its last `but` bytes, begins with a dot. */
static bool is_hidden(const char *name, size_t but)
{
    const char *end = name + strlen(name) - but;
    for (const char *part = name; part && part < end; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        if (*part == '.')
            return true;
    return false;
}

/* Part by part, in the same way: back to the last `**` alone. */
static bool matches_path(const char *pattern, const char *name)
{
    const char *star = NULL, *resumed = NULL; /* what follows the last `**`, and where in the name it was tried */
    for (;;) {
        size_t wanted = strcspn(pattern, "/"), size = strcspn(name, "/");
        bool last = pattern[wanted] == 0;
        if (wanted == 2 && memcmp(pattern, "**", 2) == 0) {
            if (last)
                return !is_hidden(name, 0);
            star = pattern += 3;
            resumed = name;
        } else if (last == (name[size] == 0) && matches_part(pattern, wanted, name, size)) {
            if (last)
                return true;
            pattern += wanted + 1;
            name += size + 1;
        } else if (star && *resumed != '.' && strchr(resumed, '/')) {
            pattern = star;
            name = resumed = strchr(resumed, '/') + 1;
        } else
            return false;
    }
}

bool matches(const char *pattern, const char *name)
{
    if (*name == 0)
        return false;
    if (strchr(pattern, '/'))
        return matches_path(pattern, name);
    const char *last = strrchr(name, '/');
    last = last ? last + 1 : name;
    return !is_hidden(name, strlen(last)) && matches_part(pattern, strlen(pattern), last, strlen(last));
}

/* Whether a file is one to pack; it counts then. */
static bool is_wanted(struct walk *walk, const char *name)
{
    if (walk->patterns == NULL)
        return true;
    for (char *const *pattern = walk->patterns; *pattern; pattern++)
        if (matches(*pattern, name))
            return walk->collected++ < MOST_COLLECTED;
    return false;
}

/* Note a file that matches and does not fit, so that its owner is told. */
static void omit(struct walk *walk, const char *name, uint64_t size)
{
    put_u32(walk->out, OMITTED);
    put_bytes(walk->out, name, strlen(name));
    put_bytes(walk->out, &size, sizeof size);
}

/* Let go of what was packed, once it is more than a piece, or `all`. 0 or an errno. */
static int spill(struct walk *walk, bool all)
{
    if (walk->file < 0 || (!all && walk->out->size < PIECE))
        return 0;
    int failed = write_all(walk->file, walk->out->data, walk->out->size);
    walk->before += walk->out->size;
    walk->out->size = 0;
    return failed;
}

static int pack_file(struct walk *walk, const char *name)
{
    int fd = open_beneath(walk->root, name, O_RDONLY, 0);
    if (fd < 0)
        return errno == ELOOP || errno == ENXIO ? 0 : errno;
    struct stat found;
    int failed = 0;
    if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) {
        size_t size = (size_t)found.st_size;
        if (size > walk->most || walk->before + walk->out->size > walk->most - size) {
            close(fd);
            if (walk->patterns == NULL)
                return EFBIG;
            omit(walk, name, size);
            return 0;
        }
        put_u32(walk->out, found.st_mode & 0755);
        put_bytes(walk->out, name, strlen(name));
        put_u32(walk->out, (uint32_t)size);
        while (size && !failed) {
            uint8_t block[65536];
            ssize_t got = read(fd, block, size < sizeof block ? size : sizeof block);
            if (got <= 0)
                failed = got < 0 ? errno : EIO; /* nobody is left who could shorten it */
            else {
                put(walk->out, block, (size_t)got);
                size -= (size_t)got;
                failed = spill(walk, false);
            }
        }
    }
    close(fd);
    return failed;
}

static int pack_directory(struct walk *walk, const char *name, int depth)
{
    int fd = *name ? open_beneath(walk->root, name, O_RDONLY | O_DIRECTORY, 0) : dup(walk->root);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL)
        return fd < 0 && errno != EMFILE ? 0 : errno;
    rewinddir(directory);
    int failed = depth > DEEPEST ? EFBIG : 0; /* EFBIG: what was left is the compile's doing, and no fault of ours */
    struct dirent *entry;
    while (!failed && (entry = readdir(directory))) {
        char path[PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (++walk->entries > MOST_ENTRIES)
            failed = EFBIG;
        else if (snprintf(path, sizeof path, "%s%s%s", name, *name ? "/" : "", entry->d_name) >= (int)sizeof path)
            failed = EFBIG;
        else if (entry->d_type == DT_DIR)
            failed = pack_directory(walk, path, depth + 1);
        else if (entry->d_type == DT_REG && is_wanted(walk, path))
            failed = pack_file(walk, path);
    }
    closedir(directory);
    return failed;
}

int pack(struct buffer *out, int file, int root, char *const *patterns, size_t most)
{
    struct walk walk = {.out = out, .file = file, .most = most, .root = root, .patterns = patterns};
    int failed = pack_directory(&walk, "", 0);
    if (failed == EFBIG && patterns)
        failed = 0; /* as far as it went */
    return failed ? failed : spill(&walk, true);
}
