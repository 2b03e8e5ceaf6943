/* The networks of a slot's cells: each a namespace with a loopback, which the programs of one cell share with nobody.
 *
 * To make one takes half a millisecond, and another to be rid of it. So one whose run has not used it serves the next:
 * no process of that run is left, no socket, and every counter that a program can read is as it was when the network
 * was made. Whatever else happened, it is given up with all that it knows: counters, closed connections, names.
 *
 * The keeper and its forkers have a namespace of their own: no socket of theirs is ever one of a cell. */

#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_UNUSED = 2, MOST_COUNTERS = 32768 }; /* one, and that of the last cell until the next takes it */

/* Packets on loopback; what protocols have done, without packets too, as where there is no route (what `netstat` tells
 * beyond needs packets or routes); routes that were looked up, and labels of flows, which last. */
static const char *const counters[] = {"self/net/dev",       "self/net/snmp",      "self/net/snmp6",
                                       "self/net/rt6_stats", "self/net/ipv6_route", "self/net/ip6_flowlabel"};
enum { COUNTERS = sizeof counters / sizeof *counters };

struct network {
    int namespace, sockets, files[COUNTERS]; /* -1 where the kernel has no such protocol */
    char *before;                            /* what the files said of it when it was made */
    size_t size;
};

static int home = -1;
static struct network *unused[MOST_UNUSED];
static size_t count_unused;

static void set(const char *path, const char *value)
{
    int fd = openat(outer_proc, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0) {
        /* It is another host's kernel, or its settings are read-only here: what they bound is counted or thrown away. */
    }
    if (fd >= 0)
        close(fd);
}

static bool raise_loopback(void)
{
    struct ifreq request = {.ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    memcpy(request.ifr_name, "lo", 3);
    bool up = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    close(fd);
    set("sys/net/ipv4/tcp_max_tw_buckets", "0");
    /* What lies in sockets is memory that nothing counts but by their number (hidden.c). */
    set("sys/net/ipv4/tcp_rmem", "4096 131072 262144");
    set("sys/net/ipv4/tcp_wmem", "4096 16384 262144");
    return up;
}

/* All counters, as text; its size, 0 where they cannot be read. */
static size_t read_counters(const struct network *network, char into[MOST_COUNTERS])
{
    size_t size = 0;
    for (size_t i = 0; i < COUNTERS; i++) {
        ssize_t got;
        if (network->files[i] < 0)
            continue;
        for (off_t at = 0; (got = pread(network->files[i], into + size, MOST_COUNTERS - size, at)) > 0; at += got)
            size += (size_t)got;
        if (got < 0 || size == MOST_COUNTERS)
            return 0;
    }
    return size;
}

static void give_up(struct network *network)
{
    close_all(network->files, COUNTERS);
    close_all((int[]){network->namespace, network->sockets}, 2);
    free(network->before);
    free(network);
}

uint64_t count_sockets(const struct network *network)
{
    char text[128];
    ssize_t got = pread(network->sockets, text, sizeof text - 1, 0);
    text[got < 0 ? 0 : got] = 0;
    const char *found = strstr(text, "sockets: used ");
    return found ? strtoull(found + strlen("sockets: used "), NULL, 10) : UINT64_MAX;
}

/* The one that the keeper has just entered. */
static struct network *make_network(void)
{
    static char text[MOST_COUNTERS];
    struct network *network = malloc(sizeof *network);
    if (network == NULL)
        return NULL;
    bool up = raise_loopback();
    network->namespace = openat(outer_proc, "self/ns/net", O_RDONLY | O_CLOEXEC);
    network->sockets = openat(outer_proc, "self/net/sockstat", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < COUNTERS; i++) {
        network->files[i] = openat(outer_proc, counters[i], O_RDONLY | O_CLOEXEC);
        up = up && (network->files[i] >= 0 || errno == ENOENT); /* what cannot be read now would not be looked at later */
    }
    network->size = read_counters(network, text);
    network->before = malloc(network->size ? network->size : 1);
    if (!up || network->namespace < 0 || network->before == NULL) {
        give_up(network);
        return NULL;
    }
    memcpy(network->before, text, network->size);
    return network;
}

struct network *enter_network(void)
{
    if (home < 0 && (home = openat(outer_proc, "self/ns/net", O_RDONLY | O_CLOEXEC)) < 0)
        return NULL;
    if (count_unused) {
        struct network *network = unused[--count_unused];
        if (setns(network->namespace, CLONE_NEWNET) == 0)
            return network;
        give_up(network);
    }
    if (unshare(CLONE_NEWNET))
        return NULL;
    struct network *network = make_network();
    if (network == NULL)
        leave_network();
    return network;
}

void leave_network(void)
{
    if (setns(home, CLONE_NEWNET))
        _exit(1); /* what it makes next would be seen by a program */
}

bool has_unused_network(void) { return count_unused > 0; }

bool prepare_network(void)
{
    struct network *network = enter_network();
    if (network == NULL)
        return false;
    leave_network();
    unused[count_unused++] = network;
    return true;
}

void return_network(struct network *network, bool left)
{
    static char text[MOST_COUNTERS];
    if (left && count_unused < MOST_UNUSED && network->size && count_sockets(network) == 0 &&
        read_counters(network, text) == network->size && memcmp(text, network->before, network->size) == 0)
        unused[count_unused++] = network;
    else
        give_up(network);
}
