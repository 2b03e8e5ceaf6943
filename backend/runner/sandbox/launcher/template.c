/* The fork server for Python: an interpreter that has started, imported nothing but what it always does, and waits.
 *
 * `sitecustomize` calls `serve` as the last step of the interpreter's start; neither returns. Each forked child runs
 * /work/main.py as `python3 main.py` does, on a thread state of its own: no frame of the template's lies beneath the
 * program's. At the end it leaves as the interpreter does, as far as a program can see, but does not take itself to
 * pieces (ending.c): that would touch, and so copy, every page that it shares with the template, and takes longer than
 * all else. */

#define _GNU_SOURCE
#include "ending.h"
#include "launcher.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>
#include <wchar.h>

/* A thread state without frames in place of the template's. First the old one goes: the new one is to be what C code
 * that calls back finds as this thread's. */
static void begin_anew(void)
{
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    PyThreadState *between = PyThreadState_New(interpreter), *template = PyThreadState_Swap(between);
    PyThreadState_Clear(template);
    PyThreadState_Delete(template);
    (void)PyThreadState_Swap(PyThreadState_New(interpreter));
    PyThreadState_Clear(between);
    PyThreadState_Delete(between);
}

/* Where an attribute is missing, Python 3.13 says so if a module of the program's own hides one of the library's. It asks
 * its configuration where the program lies, and only its main program, which is never reached here, notes that there:
 * behind the path of the program's file. Where it is not found, that advice is not given. */
static void note_place(void)
{
    static const wchar_t name[] = L"main.py";
    static wchar_t place[] = L"/work";
    const uintptr_t page = 4096;
    wchar_t **field = _Py_GetConfig ? (wchar_t **)(uintptr_t)_Py_GetConfig() : NULL;
    for (int left = 64; field && left > 0; left--, field++) {
        unsigned char in_memory;
        uintptr_t at = (uintptr_t)*field;
        if (at < page || at % sizeof(wchar_t) || mincore((void *)(at & ~(page - 1)), page, &in_memory))
            continue; /* numbers stand between the pointers */
        const size_t room = (page - at % page) / sizeof(wchar_t), length = sizeof name / sizeof name[0];
        const wchar_t *end = wmemchr(*field, L'\0', room);
        if (end && end + 1 - *field >= (ptrdiff_t)length && !wmemcmp(end + 1 - length, name, length) && !field[1]) {
            field[1] = place;
            return;
        }
    }
}

/* What children do: `begin` before their program, `settle` once they have a thread state, `shortest` to learn pages. */
static PyObject *begin, *shortest, *settle;

static void take_thread(void)
{
    begin_anew();
    if (settle != &_Py_NoneStruct) { /* before Python 3.13 its threading has a lock that ends with the thread state */
        Py_DecRef(PyObject_CallFunctionObjArgs(settle, NULL));
        PyErr_Clear();
    }
}

/* A short program, from its start to its end. */
static void exercise(void)
{
    PyObject *arguments = PyList_New(1);
    bool interrupted;
    (void)PyList_SetItem(arguments, 0, PyUnicode_DecodeFSDefault("main.py"));
    Py_DecRef(PyObject_CallFunction(begin, "Os", arguments, "/dev/null"));
    take_thread();
    (void)run_source(shortest, "/work/main.py", &interrupted);
    (void)end_program();
}

static void begin_child(void)
{
    PyOS_AfterFork_Child();
    fetch_pages();
}

_Noreturn static void be_program(struct order *order)
{
    close(order->status); /* the program starts here */
    ssize_t count = 0;
    while (order->argv[count])
        count++;
    PyObject *arguments = PyList_New(count);
    for (ssize_t i = 0; arguments && i < count; i++)
        (void)PyList_SetItem(arguments, i, PyUnicode_DecodeFSDefault(order->argv[i]));
    free_order(order);
    PyObject *source = PyObject_CallFunction(begin, "Os", arguments, "/work/main.py");
    if (source == NULL) {
        PyErr_PrintEx(0);
        _exit(1);
    }
    take_thread();
    bool interrupted = false;
    int status = run_source(source, "/work/main.py", &interrupted);
    if (!end_program())
        status = 120; /* what the interpreter says when its output could not be written */
    (void)fflush(NULL); /* what C libraries of the program's have still to write */
    if (interrupted) {
        signal(SIGINT, SIG_DFL);
        kill(getpid(), SIGINT);
    }
    _exit(status & 0xff);
}

static PyObject *serve(PyObject *module, PyObject *arguments)
{
    (void)module;
    static struct order order;
    static const struct hooks hooks = {PyOS_BeforeFork, PyOS_AfterFork_Parent, begin_child, NULL};
    PyObject *known, *exit_functions, *collect, *callbacks;
    if (!PyArg_ParseTuple(arguments, "OOOOOOO", &begin, &known, &exit_functions, &collect, &callbacks, &shortest, &settle))
        return NULL;
    Py_IncRef(begin);
    Py_IncRef(shortest);
    Py_IncRef(settle);
    keep_for_ending(known, exit_functions, collect, callbacks);
    note_place();
    learn_pages(exercise);
    struct buffer ready = {0};
    size_t begun = begin_frame(&ready, 't');
    end_frame(&ready, begun);
    (void)fcntl(3, F_SETFD, FD_CLOEXEC);
    if (!send_frame(3, &ready, NULL, 0) || !serve_orders(3, &order, &hooks))
        _exit(0);
    be_program(&order);
}

/* Wipe what the interpreter was told by its environment: a program can still read where it was. */
static PyObject *forget(PyObject *module, PyObject *arguments)
{
    static const char name[] = "PYTHONPATH=";
    (void)module;
    (void)arguments;
    char path[4096], *text = NULL;
    size_t size = 0;
    unsigned long from = 0;
    FILE *stat = fopen("/proc/self/stat", "re");
    if (stat && fgets(path, sizeof path, stat)) {
        text = strrchr(path, ')');
        for (int field = 2; text && field < 50; field++) /* 50: env_start, 51: env_end */
            text = strchr(text + 1, ' ');
        if (text && sscanf(text, " %lu %zu", &from, &size) == 2 && size > from)
            for (char *at = (char *)from; at < (char *)size; at += strlen(at) + 1)
                if (strncmp(at, name, sizeof name - 1) == 0)
                    explicit_bzero(at, strlen(at));
    }
    if (stat)
        fclose(stat);
    return PyList_New(0);
}

/* A /work that can be written, for this process alone: what is imported may make directories there. */
static PyObject *lend_work(PyObject *module, PyObject *arguments)
{
    (void)module;
    (void)arguments;
    bool lent = unshare(CLONE_NEWNS) == 0 && mount("tmpfs", "/work", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m") == 0;
    return lent ? PyList_New(0) : PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *take_work_back(PyObject *module, PyObject *arguments)
{
    (void)module;
    (void)arguments;
    return umount2("/work", MNT_DETACH) == 0 ? PyList_New(0) : PyErr_SetFromErrno(PyExc_OSError);
}

static struct PyMethodDef methods[] = {
    {"lend_work", lend_work, METH_NOARGS, NULL},
    {"take_work_back", take_work_back, METH_NOARGS, NULL},
    {"serve", serve, METH_VARARGS, NULL},
    {"forget", forget, METH_VARARGS, NULL},
    {"counting_type", counting_type, METH_VARARGS, NULL},
    {"watch_stream", watch_stream, METH_VARARGS, NULL},
    {0}};

static struct PyModuleDef definition = {.head = {1, NULL}, .name = "_template", .methods = methods};

__attribute__((visibility("default"))) PyObject *PyInit__template(void);
PyObject *PyInit__template(void) { return PyModuleDef_Init(&definition); }
