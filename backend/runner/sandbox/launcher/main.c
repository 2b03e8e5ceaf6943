/* The launcher: runs programs of strangers so that they can do nothing but compute.
 *
 * Theory of operation
 * -------------------
 * The service starts one launcher for each slot; it becomes the slot's *keeper* and lives as long as the slot. It has
 * no privilege but what a user namespace of its own gives, whoever started it: root gives each slot a uid first; a
 * plain user, in a container or on a laptop, cannot, and then the slots' user namespaces alone set them apart.
 *
 *   service ═══ keeper ── init of a cell (pid 1 of fresh PID, mount, IPC and user namespaces)
 *                 │  │
 *                 │  └── program, and all its descendants (inside the cell's namespaces)
 *                 └── forkers: the spawner, and templates that hold an interpreter
 *
 * - The *slot* is made once (slot.c): user, mount, network, UTS, IPC and cgroup namespaces and a read-only root.
 * - A *cell* is made for each run (cell.c), ahead of it where there is time. Its init mounts /proc and the bounded
 *   work directory, writes the sources, and at the end kills and reaps all that is left. Its network (network.c) serves
 *   the next cell where no run has used it.
 * - A *forker* (forker.c) forks a program into a cell, as a child of the keeper. The spawner's children execute a
 *   command. A template's children are the interpreter that it holds (template.c, hold.c): nothing is started but the program.
 *   Before the program's first instruction its process enters the cell, keeps no descriptor but its three, takes its
 *   limits, gives up every capability and loads the system-call filter (program.c).
 * - A *parked* program (parked.c) is a child that a forker has made ahead, in a cell of its own and without any right: it
 *   waits on a socket for its command. The keeper sets its limits first.
 * - A *warm* cell holds a program that has done its start-up and waits; it is used for one run, like any other cell.
 *
 * Channels. Service and keeper exchange frames (wire.c) on a socket that nobody else has. The keeper holds the other
 * ends of the program's pipes; it enforces the caps, keeps the clock, and tells the verdict on its own socket: what a
 * program writes is never taken for one. A failure before the program's first instruction comes on a pipe that closes
 * when the program starts, and is our fault, not the program's.
 *
 * Rights. Keeper and forkers have all capabilities of the slot's user namespace, which is worth nothing outside; the
 * init those of the cell's. A program has none, sees none of them but an init that it can neither signal nor look into,
 * and lies in a user namespace beneath theirs. When the keeper ends, however it ends, everything here ends with it.
 */

#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* The keeper's own descriptors and processes; its programs get their own limits. */
static void prepare_self(void)
{
    struct rlimit files = {4096, 4096}, had;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    prctl(PR_SET_NAME, "keeper", 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &had) == 0 && had.rlim_max < files.rlim_max)
        files.rlim_cur = files.rlim_max = had.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

int main(int count_of_arguments, char **arguments)
{
    struct keeper keeper = {.service = count_of_arguments == 2 ? atoi(arguments[1]) : -1};
    struct buffer in = {0};
    int fds[MOST_FDS];
    size_t count;
    if (keeper.service < 3 || fcntl(keeper.service, F_SETFD, FD_CLOEXEC)) {
        static const char usage[] = "launcher: started by the service, with the descriptor of its socket\n";
        return write(2, usage, sizeof usage - 1) < 0 ? 1 : 2;
    }
    prepare_self();
    if (receive_frame(keeper.service, &in, fds, &count) != 'S')
        return 1;
    struct reader fields = read_frame(&in);
    const char *wrong = start_keeper(&keeper, &fields, fds, count);
    if (wrong) {
        tell_failure(&keeper, wrong);
        return 1;
    }
    free(in.data);
    keep(&keeper);
    return 0;
}
