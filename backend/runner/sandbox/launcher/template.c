/* The fork server for Python: an interpreter that has started, imported nothing but what it always does, and waits.
 *
 * `sitecustomize` calls `serve` as the last step of the interpreter's start; neither returns. Each forked child runs
 * /work/main.py as `python3 main.py` does, on a thread state of its own: no frame of the template's lies beneath the
 * program's. At the end it leaves as the interpreter does, as far as a program can see, but does not take itself to
 * pieces: that would touch, and so copy, every page that it shares with the template, and takes longer than all else.
 * Built against the stable ABI, by declarations alone, so that no headers are needed. */

#define _GNU_SOURCE
#include "launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

typedef struct _object PyObject;
typedef struct _ts PyThreadState;
typedef struct _is PyInterpreterState;

struct object_head {
    ssize_t reference_count;
    void *type;
};

struct PyMethodDef {
    const char *name;
    PyObject *(*method)(PyObject *, PyObject *);
    int flags;
    const char *doc;
};

struct PyModuleDef {
    struct object_head head;
    PyObject *(*init)(void);
    ssize_t index;
    PyObject *copy;
    const char *name, *doc;
    ssize_t size;
    struct PyMethodDef *methods;
    void *slots, *traverse, *clear, *free;
};

enum { METH_VARARGS = 1 };

extern PyObject *PyModuleDef_Init(struct PyModuleDef *);
extern int PyArg_ParseTuple(PyObject *, const char *, ...);
extern PyObject *PyObject_CallFunction(PyObject *, const char *, ...);
extern PyObject *PyObject_CallMethod(PyObject *, const char *, const char *, ...);
extern int PyObject_IsTrue(PyObject *);
extern void PyErr_WriteUnraisable(PyObject *);
extern PyObject *PyList_New(ssize_t), *PyUnicode_DecodeFSDefault(const char *), *PyEval_GetBuiltins(void);
extern int PyList_SetItem(PyObject *, ssize_t, PyObject *);
extern void Py_IncRef(PyObject *), PyThreadState_Clear(PyThreadState *), PyThreadState_Delete(PyThreadState *);
extern PyObject *PyImport_GetModuleDict(void), *PyImport_AddModule(const char *), *PyModule_GetDict(PyObject *), *PyErr_Occurred(void);
extern PyObject *PyDict_GetItemString(PyObject *, const char *), *PyObject_GetAttrString(PyObject *, const char *);
extern PyObject *PyEval_EvalCode(PyObject *, PyObject *, PyObject *), *PySys_GetObject(const char *);
extern void PyErr_Fetch(PyObject **, PyObject **, PyObject **), PyErr_Clear(void), PyErr_PrintEx(int);
extern void PyErr_NormalizeException(PyObject **, PyObject **, PyObject **);
extern int PyErr_ExceptionMatches(PyObject *), PyFile_WriteObject(PyObject *, PyObject *, int);
extern int PyFile_WriteString(const char *, PyObject *);
extern long PyLong_AsLong(PyObject *);
extern PyInterpreterState *PyInterpreterState_Get(void);
extern PyThreadState *PyThreadState_New(PyInterpreterState *), *PyThreadState_Swap(PyThreadState *);
extern void PyOS_BeforeFork(void), PyOS_AfterFork_Parent(void), PyOS_AfterFork_Child(void);
extern void PyErr_FormatUnraisable(const char *, ...) __attribute__((weak)); /* from Python 3.13 on */
extern const void *_Py_GetConfig(void) __attribute__((weak));
extern PyObject *PyExc_SystemExit, *PyExc_KeyboardInterrupt, _Py_NoneStruct;

enum { PRINT_RAW = 1 };

/* The exit status that the SystemExit which is set asks for. */
static int asked_status(void)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    PyObject *code = value ? PyObject_GetAttrString(value, "code") : NULL;
    if (code == NULL || code == &_Py_NoneStruct) {
        PyErr_Clear();
        return 0;
    }
    long number = PyLong_AsLong(code);
    if (!PyErr_Occurred())
        return (int)number;
    PyErr_Clear();
    PyObject *errors = PySys_GetObject("stderr");
    if (errors && errors != &_Py_NoneStruct) {
        (void)PyFile_WriteObject(code, errors, PRINT_RAW);
        (void)PyFile_WriteString("\n", errors);
    }
    PyErr_Clear();
    return 1;
}

/* Run the source; the exit status. `*interrupted` where nobody caught an interrupt. */
static int run_source(PyObject *source, bool *interrupted)
{
    PyObject *names = PyModule_GetDict(PyImport_AddModule("__main__"));
    PyObject *compile = PyDict_GetItemString(PyEval_GetBuiltins(), "compile");
    PyObject *code = PyObject_CallFunction(compile, "Ossii", source, "/work/main.py", "exec", 0, 1);
    if (code && PyEval_EvalCode(code, names, names))
        return 0;
    if (PyErr_ExceptionMatches(PyExc_SystemExit))
        return asked_status();
    *interrupted = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
    PyErr_PrintEx(1);
    return 1;
}

/* Tell of an exception that nobody can catch any more; newer Pythons say when it happened, older ones to what. */
static void tell_ignored(const char *when, PyObject *what)
{
    if (PyErr_FormatUnraisable)
        PyErr_FormatUnraisable("Exception ignored on %s", when);
    else
        PyErr_WriteUnraisable(what);
}

/* Flush a standard stream; false where its output could not be written, which is told of stdout. */
static bool flush(const char *name, bool told)
{
    PyObject *stream = PySys_GetObject(name);
    if (stream == NULL || stream == &_Py_NoneStruct)
        return true;
    PyObject *closed = PyObject_GetAttrString(stream, "closed");
    if (closed && PyObject_IsTrue(closed) == 1)
        return true;
    PyErr_Clear();
    if (PyObject_CallMethod(stream, "flush", NULL))
        return true;
    if (told)
        tell_ignored("flushing sys.stdout", stream);
    else
        PyErr_Clear();
    return false;
}

static bool flush_both(bool told)
{
    bool first = flush("stdout", told);
    return flush("stderr", false) && first;
}

static void call(PyObject *function)
{
    if (PyObject_CallFunction(function, NULL) == NULL)
        PyErr_PrintEx(0);
}

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

static void await_threads(void)
{
    PyObject *threading = PyDict_GetItemString(PyImport_GetModuleDict(), "threading");
    if (threading && PyObject_CallMethod(threading, "_shutdown", NULL) == NULL)
        tell_ignored("threading shutdown", threading);
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

struct steps {
    PyObject *begin, *leave, *tidy;
};

_Noreturn static void be_program(struct order *order, const struct steps *steps)
{
    close(order->status); /* the program starts here */
    ssize_t count = 0;
    while (order->argv[count])
        count++;
    PyObject *arguments = PyList_New(count);
    for (ssize_t i = 0; arguments && i < count; i++)
        (void)PyList_SetItem(arguments, i, PyUnicode_DecodeFSDefault(order->argv[i]));
    free_order(order);
    PyObject *source = PyObject_CallFunction(steps->begin, "O", arguments);
    if (source == NULL) {
        PyErr_PrintEx(0);
        _exit(1);
    }
    begin_anew();
    bool interrupted = false;
    int status = run_source(source, &interrupted);
    await_threads();
    call(steps->leave);
    bool flushed = flush_both(true);
    call(steps->tidy);
    flushed = flush_both(flushed) && flushed;
    if (!flushed)
        status = 120; /* what the interpreter says when its output could not be written */
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
    static const struct hooks hooks = {PyOS_BeforeFork, PyOS_AfterFork_Parent, PyOS_AfterFork_Child};
    struct steps steps;
    if (!PyArg_ParseTuple(arguments, "OOO", &steps.begin, &steps.leave, &steps.tidy))
        return NULL;
    Py_IncRef(steps.begin);
    Py_IncRef(steps.leave);
    Py_IncRef(steps.tidy);
    note_place();
    struct buffer ready = {0};
    size_t begun = begin_frame(&ready, 't');
    end_frame(&ready, begun);
    (void)fcntl(3, F_SETFD, FD_CLOEXEC);
    if (!send_frame(3, &ready, NULL, 0) || !serve_orders(3, &order, &hooks))
        _exit(0);
    be_program(&order, &steps);
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

static struct PyMethodDef methods[] = {
    {"serve", serve, METH_VARARGS, NULL}, {"forget", forget, METH_VARARGS, NULL}, {0}};

static struct PyModuleDef definition = {.head = {1, NULL}, .name = "_template", .methods = methods};

__attribute__((visibility("default"))) PyObject *PyInit__template(void);
PyObject *PyInit__template(void) { return PyModuleDef_Init(&definition); }
