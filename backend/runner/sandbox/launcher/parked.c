/* Programs that are forked before anybody knows what they will be: in a cell, without any right, waiting for a command.
 *
 * To fork a process, to move it into its namespaces and to load its filter takes longer than much of what is run. A forker
 * does that while nothing is run. The child waits on a socket; its limits, which differ from run to run, are set from
 * here before it is told what to run. */

#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

bool take_spare(struct keeper *keeper, struct cell *cell)
{
    *cell = keeper->spare;
    keeper->spare = NO_CELL;
    return cell->init > 0 || make_cell(cell);
}

bool park(struct keeper *keeper, struct forker *forker)
{
    char *nothing[] = {NULL};
    struct program program = NO_PROGRAM;
    struct order order = {.argv = nothing, .envp = nothing, .filter = keeper->filter, .go = -1};
    uint64_t *limits = (uint64_t *)&order.limits;
    for (size_t i = 0; i < sizeof order.limits / sizeof *limits; i++)
        limits[i] = 1; /* not applied: its order has none */
    bool parked = take_spare(keeper, &program.cell) && !start_program(keeper, forker, &order, &program, NULL, PARKED);
    if (parked)
        forker->parked = program;
    else
        close_program(&program);
    return parked;
}

/* Whether it has given up its rights; it may still be about to, and on that way needs more than it may have as a program. */
static bool is_confined(struct program *program)
{
    char failure[256];
    while (!program->confined) {
        struct pollfd said = {program->status, POLLIN, 0};
        if (program->status < 0 || poll(&said, 1, PATIENCE * 1000) <= 0 || read_status(program, failure, sizeof failure))
            return false;
    }
    return true;
}

bool unpark(struct program *program, const struct order *order)
{
    struct buffer out = {0};
    size_t begun = begin_frame(&out, 'G');
    put_strings(&out, order->argv);
    put_strings(&out, order->envp);
    end_frame(&out, begun);
    be_patient(program->go);
    bool told = is_confined(program) && limit_process(program->pid, &order->limits) == NULL &&
                limit_files(program->pid, &order->limits) && send_frame(program->go, &out, NULL, 0);
    free(out.data);
    close(program->go);
    program->go = -1;
    return told;
}

void end_parked(struct forker *forker)
{
    if (forker->parked.pid == 0)
        return;
    (void)kill(forker->parked.pid, SIGKILL);
    while (waitpid(forker->parked.pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close_program(&forker->parked);
    forker->parked = NO_PROGRAM;
}
