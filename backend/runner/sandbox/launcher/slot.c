/* What is made once for a slot: its user namespace, its own empty network, its read-only root. In security order. */

#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int outer_proc = -1;
int slot_terminals = -1;
bool proc_mountable;

static char failure[512];

static const char *failed(const char *what, const char *detail)
{
    snprintf(failure, sizeof failure, "%s%s%s: %s", what, *detail ? " " : "", detail, strerror(errno));
    return failure;
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t done = write(fd, text, strlen(text));
    close(fd);
    return done == (ssize_t)strlen(text);
}

static const char *enter_namespaces(void)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER))
        return failed("user namespaces are not to be had here", "");
    if (!write_file("/proc/self/setgroups", "deny"))
        return failed("cannot write", "/proc/self/setgroups");
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (!write_file("/proc/self/uid_map", map))
        return failed("cannot write", "/proc/self/uid_map");
    snprintf(map, sizeof map, "0 %u 1", gid);
    if (!write_file("/proc/self/gid_map", map))
        return failed("cannot write", "/proc/self/gid_map");
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP))
        return failed("cannot make namespaces", "");
    return NULL;
}

/* Where slots have one uid outside, they share what the kernel gives it: each has a part. */
static void take_shares(void)
{
    (void)write_file("/proc/sys/user/max_inotify_instances", "16");
    (void)write_file("/proc/sys/user/max_inotify_watches", "4096");
}

static int set_read_only(const char *path, uint64_t more)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | more};
    return (int)syscall(SYS_mount_setattr, AT_FDCWD, path, AT_RECURSIVE, &attributes, sizeof attributes);
}

/* Make `path` as a directory, or as an empty file where `model` is none, and what it lies in. */
static bool make_place(char *path, const char *model)
{
    struct stat found;
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int done = mkdir(path, 0755);
        *slash = '/';
        if (done && errno != EEXIST)
            return false;
    }
    if (model && stat(model, &found))
        return false;
    if (model == NULL || S_ISDIR(found.st_mode))
        return mkdir(path, 0755) == 0 || errno == EEXIST;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* One entry of the root: r bind read-only, w bind writable, d device, s symlink from `to`, D directory, f file. */
static const char *add_entry(char kind, const char *from, const char *to)
{
    char place[4096], source[4096];
    if (snprintf(place, sizeof place, "%s", to) >= (int)sizeof place || *to != '/' ||
        snprintf(source, sizeof source, "/.outside%s", from) >= (int)sizeof source)
        return failed("not a path:", to);
    bool binds = kind == 'r' || kind == 'w' || kind == 'd';
    if (kind == 's') {
        char *end = strrchr(place, '/');
        *end = 0;
        bool made = end == place || make_place(place, NULL);
        *end = '/';
        return made && symlink(from, place) == 0 ? NULL : failed("cannot link", to);
    }
    if (!make_place(place, binds ? source : kind == 'f' ? "/.outside/dev/null" : NULL))
        return failed("cannot make", to);
    if (kind == 'f')
        return truncate(place, 0) == 0 && write_file(place, from) ? NULL : failed("cannot write", to);
    if (binds && mount(source, place, NULL, MS_BIND | MS_REC, NULL))
        return failed("cannot bind", from);
    if ((kind == 'r' && set_read_only(place, MOUNT_ATTR_NODEV)) ||
        (kind == 'd' && set_read_only(place, MOUNT_ATTR_NOEXEC)))
        return failed("cannot make read-only:", to);
    return NULL;
}

static const char *build_root(struct reader *in)
{
    /* The new root starts empty on /tmp; the old one stays beneath it while things are bound from there. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return failed("cannot make mounts private", "");
    if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=4m"))
        return failed("cannot mount", "a root");
    if (mkdir("/tmp/.outside", 0700))
        return failed("cannot make", "the old root's place");
    if (syscall(SYS_pivot_root, "/tmp", "/tmp/.outside"))
        return failed("cannot change the root", "");
    if (chdir("/"))
        return failed("cannot enter", "the root");
    for (uint32_t count = read_u32(in); count && !in->bad; count--) {
        char kind = (char)read_u8(in);
        char *from = read_string(in), *to = read_string(in);
        const char *wrong = in->bad ? "malformed" : add_entry(kind, from, to);
        free(from);
        free(to);
        if (wrong)
            return wrong;
    }
    return in->bad ? "the description of the root is malformed" : NULL;
}

static const char *seal_root(void)
{
    struct mount_attr proc = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    if (mount("/.outside/proc", "/proc", NULL, MS_BIND | MS_REC, NULL) == 0 &&
        syscall(SYS_mount_setattr, AT_FDCWD, "/proc", 0, &proc, sizeof proc) == 0)
        outer_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    /* Terminals are made by the keeper alone, which reaches them through a descriptor: programs see no /dev/pts. */
    if (mount("devpts", "/dev/shm", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,max=16") == 0) {
        slot_terminals = open("/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC);
        (void)umount2("/dev/shm", MNT_DETACH);
    }
    if (umount2("/.outside", MNT_DETACH) || rmdir("/.outside"))
        return failed("cannot leave", "the old root");
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof attributes))
        return failed("cannot make read-only:", "/");
    return outer_proc < 0 ? failed("cannot reach", "/proc") : NULL;
}

const char *set_up_slot(struct reader *in)
{
    char *hostname = read_string(in);
    if (in->bad)
        return "the setup is malformed";
    const char *wrong = enter_namespaces();
    if (wrong)
        return wrong;
    if (sethostname(hostname, strlen(hostname)))
        return failed("cannot set", "the host name");
    free(hostname);
    take_shares();
    if ((wrong = build_root(in)) || (wrong = seal_root()))
        return wrong;
    return chdir("/work") ? failed("cannot enter", "/work") : NULL;
}
