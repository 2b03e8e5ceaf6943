/* A thread that does one thing later, for what is preloaded or loaded into a program. */

#ifndef LATER_H
#define LATER_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

/* Start it; false where none is to be had. It takes no signals, which are the program's, and little memory. */
static bool do_later(void *(*what)(void *))
{
    sigset_t all, before;
    pthread_attr_t small;
    pthread_t thread;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_attr_init(&small);
    (void)pthread_attr_setstacksize(&small, 1 << 16);
    (void)pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    bool started = pthread_create(&thread, &small, what, NULL) == 0;
    (void)pthread_attr_destroy(&small);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

#endif
