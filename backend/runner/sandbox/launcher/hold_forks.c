/* The template half of hold.c: an interpreter's children, forked where it was held, are its programs.
 *
 * It must have but one thread that matters to it there. Ruby has a second one, and tells what it must do around a fork
 * only to its own `fork`: so that is asked, and the process that it makes is the one that forker.c would have made. */

#define _GNU_SOURCE
#include "hold.h"
#include "launcher.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STACK_MARGIN = 1 << 18 };

static bool kept[WORD]; /* descriptors of the interpreter's own, which a program's start closes */
static pid_t (*forking)(void);
static pid_t forked;
static int program_file;

static void note_descriptors(void)
{
    for (int i = 3; i < WORD; i++)
        kept[i] = fcntl(i, F_GETFD) >= 0;
}

/* Ruby closes what it had, and makes it anew: something must be there. */
static void fill_descriptors(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 3; null >= 0 && i < WORD; i++)
        if (kept[i] && i != null)
            (void)dup3(null, i, O_CLOEXEC);
    if (null >= 0 && (null >= WORD || !kept[null]))
        close(null);
}

__attribute__((visibility("default"))) pid_t fork(void)
{
    static pid_t (*real)(void);
    pid_t (*asked)(void) = forking;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fork");
    if (asked == NULL)
        return real();
    forking = NULL;
    forked = asked();
    if (forked == 0)
        fill_descriptors();
    return forked ? 1 : 0; /* where it failed Ruby would try again; and its number is nothing that the next should find */
}

typedef uintptr_t value;

static pid_t fork_ruby(pid_t (*fork_program)(void))
{
    value (*call)(value, value, int, ...), (*intern)(const char *);
    const value *process = dlsym(RTLD_DEFAULT, "rb_mProcess");
    *(void **)&call = dlsym(RTLD_DEFAULT, "rb_funcall");
    *(void **)&intern = dlsym(RTLD_DEFAULT, "rb_intern");
    if (!process || !call || !intern) {
        errno = ENOSYS;
        return -1;
    }
    forking = fork_program;
    forked = -1;
    (void)call(*process, intern("_fork"), 0);
    pid_t pid = forked;
    forked = 0;
    return pid;
}

static void nothing(void) {}

static bool is_ruby(void) { return dlsym(RTLD_DEFAULT, "rb_thread_call_with_gvl") != NULL; }

/* Ruby's stream of the program's file has a letter that nobody wrote. */
static void drop_letter(int file)
{
    value (*evaluate)(const char *, int *);
    *(void **)&evaluate = dlsym(RTLD_DEFAULT, "rb_eval_string_protect");
    char text[128];
    int wrong = 0;
    snprintf(text, sizeof text, "ObjectSpace.each_object(File) { |f| f.getbyte if !f.closed? && f.fileno == %d }", file);
    if (evaluate == NULL || (evaluate(text, &wrong), wrong))
        _exit(1);
}

/* Ruby has touched all the stack that it may ever use. What lies below us is nothing yet, and need not be anybody's; the
 * kernel keeps more than this free below a stack, and passes over what is not there. */
static void give_stack_back(void)
{
    const uintptr_t page = 4096, here = ((uintptr_t)&page & ~(page - 1)) - STACK_MARGIN;
    (void)madvise((void *)(here - PROGRAM_STACK), PROGRAM_STACK, MADV_DONTNEED);
}

static void *serve(void *unused)
{
    give_stack_back();
    if (program_file >= 0 && is_ruby())
        drop_letter(program_file);
    static struct order order;
    struct hooks hooks = {nothing, nothing, nothing, is_ruby() ? fork_ruby : NULL};
    struct buffer ready = {0};
    size_t begun = begin_frame(&ready, 't');
    end_frame(&ready, begun);
    (void)fcntl(WORD, F_SETFD, FD_CLOEXEC);
    note_descriptors();
    if (!send_frame(WORD, &ready, NULL, 0) || !serve_orders(WORD, &order, &hooks))
        _exit(0);
    close(order.status); /* the program starts here; what it is told is what the template was */
    free_order(&order);
    return unused;
}

void serve_programs(int file)
{
    program_file = file;
    int (*has_lock)(void);
    void *(*call)(void *(*)(void *), void *);
    *(void **)&has_lock = dlsym(RTLD_DEFAULT, "ruby_thread_has_gvl_p");
    *(void **)&call = dlsym(RTLD_DEFAULT, "rb_thread_call_with_gvl");
    if (has_lock && call && !has_lock()) /* it has let go of its lock to read */
        (void)call(serve, NULL);
    else
        (void)serve(NULL);
}
