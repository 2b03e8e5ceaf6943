/* How a forked Python comes to its end: what an exception asks for, and what the interpreter does after the last line.
 *
 * The interpreter's own functions for this are not called: they leave by taking apart an interpreter whose first thread
 * state is gone (template.c), and abort. All is C, so that no frame of ours lies beneath an exit function or a
 * destructor of the program's, and nothing that a program replaces (builtins, sys.modules, sys.stderr) is in the way.
 * The order is that of pythonrun.c and of Py_FinalizeEx. */

#define _GNU_SOURCE
#include "ending.h"

#include <string.h>

enum { PRINT_RAW = 1, INTEGER = 1 << 24 /* Py_TPFLAGS_LONG_SUBCLASS */ };

static struct {
    PyObject *modules, *known, *sizes, *builtins, *builtins_before, *exit_functions, *collect, *callbacks, *finalizing;
} kept;

static PyObject *is_finalizing(PyObject *module, PyObject *nothing)
{
    (void)module;
    (void)nothing;
    return PyBool_FromLong(1);
}

static bool is_module(PyObject *object)
{
    PyObject *type = PyObject_Type(object);
    bool is = PyType_IsSubtype(type, &PyModule_Type);
    Py_DecRef(type);
    return is;
}

/* How many names each module of the template has: one that has others at the end is taken apart as the program's are. */
static void count_names(void)
{
    PyObject *name, *module;
    kept.sizes = PyDict_Copy(kept.known);
    for (ssize_t at = 0; PyDict_Next(kept.known, &at, &name, &module);) {
        PyObject *names = is_module(module) ? PyModule_GetDict(module) : NULL;
        (void)PyDict_SetItem(kept.sizes, name, PyLong_FromSsize_t(names ? PyDict_Size(names) : -1));
    }
    (void)PyDict_SetItemString(kept.sizes, "sys", PyLong_FromSsize_t(-1)); /* these are the last to go */
    (void)PyDict_SetItemString(kept.sizes, "builtins", PyLong_FromSsize_t(-1));
}

/* Whether the program has made `module` or put something into it. */
static bool is_own(PyObject *name, PyObject *module)
{
    if (PyDict_GetItem(kept.known, name) != module)
        return true;
    long size = PyLong_AsLong(PyDict_GetItem(kept.sizes, name));
    return size >= 0 && PyDict_Size(PyModule_GetDict(module)) > size;
}

void keep_for_ending(PyObject *known, PyObject *exit_functions, PyObject *collect, PyObject *callbacks)
{
    static struct PyMethodDef finalizing = {"is_finalizing", is_finalizing, METH_NOARGS, NULL};
    kept.modules = PyImport_GetModuleDict();
    kept.builtins = PyEval_GetBuiltins();
    kept.builtins_before = PyDict_Copy(kept.builtins);
    /* The interpreter puts back what it had before it read its library. */
    static const char *const later[] = {"open", "exit", "quit", "copyright", "credits", "license", "help"};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (PyDict_DelItemString(kept.builtins_before, later[i]))
            PyErr_Clear();
    kept.known = known;
    count_names();
    kept.exit_functions = exit_functions;
    kept.collect = collect;
    kept.callbacks = callbacks;
    kept.finalizing = PyCFunction_NewEx(&finalizing, NULL, NULL);
    PyObject *const all[] = {kept.modules, kept.builtins, known, exit_functions, collect, callbacks};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        Py_IncRef(all[i]);
}

static bool is_none(PyObject *object) { return object == NULL || object == &_Py_NoneStruct; }

/* ── exceptions ──────────────────────────────────────────────────────────────────────────────────────────────── */

static bool is_integer(PyObject *object)
{
    PyObject *type = PyObject_Type(object);
    bool is = PyType_GetFlags(type) & INTEGER;
    Py_DecRef(type);
    return is;
}

/* The exit status that the SystemExit which is set asks for; it is gone afterwards, and the frames that it held. */
static int asked_status(void)
{
    PyObject *type, *value, *trace;
    int status = 1;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    PyObject *code = value ? PyObject_GetAttrString(value, "code") : NULL;
    PyErr_Clear();
    PyObject *said = code ? code : value;
    if (is_none(said))
        status = 0;
    else if (is_integer(said))
        status = (int)PyLong_AsLong(said); /* -1, and an error, for what is too large */
    else {
        PyObject *errors = PySys_GetObject("stderr");
        if (is_none(errors)) {
            (void)PyObject_Print(said, stderr, PRINT_RAW);
            (void)fflush(stderr);
        } else
            (void)PyFile_WriteObject(said, errors, PRINT_RAW);
        PyErr_Clear();
        PySys_WriteStderr("\n");
    }
    PyErr_Clear();
    Py_DecRef(code);
    PyErr_Restore(type, value, trace);
    PyErr_Clear();
    return status;
}

/* What a program's own excepthook could not tell is told by the interpreter, and the hook's failure before it. */
static void tell_failed_hook(PyObject *type, PyObject *value, PyObject *trace)
{
    PyObject *other, *why, *where;
    PyErr_Fetch(&other, &why, &where);
    PyErr_NormalizeException(&other, &why, &where);
    if (why && where)
        (void)PyException_SetTraceback(why, where);
    (void)fflush(stdout);
    PySys_WriteStderr("Error in sys.excepthook:\n");
    PyErr_Display(other, why, where);
    PySys_WriteStderr("\nOriginal exception was:\n");
    PyErr_Display(type, value, trace);
    Py_DecRef(other);
    Py_DecRef(why);
    Py_DecRef(where);
}

/* Tell of the exception that is set, as PyErr_Print does. True, and a status, where the program's excepthook exits. */
static bool tell_error(int *status)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace == NULL) {
        trace = &_Py_NoneStruct;
        Py_IncRef(trace);
    }
    (void)PyException_SetTraceback(value, trace);
    if (PyErr_GetRaisedException)
        (void)PySys_SetObject("last_exc", value);
    (void)PySys_SetObject("last_type", type);
    (void)PySys_SetObject("last_value", value);
    (void)PySys_SetObject("last_traceback", trace);
    PyErr_Clear();
    PyObject *hook = PySys_GetObject("excepthook");
    if (PySys_Audit("sys.excepthook", "OOOO", hook ? hook : &_Py_NoneStruct, type, value, trace) < 0)
        PyErr_Clear();
    if (hook == NULL) {
        PySys_WriteStderr("sys.excepthook is missing\n");
        PyErr_Display(type, value, trace);
    } else {
        Py_IncRef(hook);
        PyObject *done = PyObject_CallFunctionObjArgs(hook, type, value, trace, NULL);
        if (done == NULL && PyErr_ExceptionMatches(PyExc_SystemExit)) {
            *status = asked_status();
            return true; /* it exits from here: what is held here is never let go */
        }
        if (done == NULL)
            tell_failed_hook(type, value, trace);
        Py_DecRef(done);
        Py_DecRef(hook);
    }
    PyErr_Clear();
    Py_DecRef(type);
    Py_DecRef(value);
    Py_DecRef(trace);
    return false;
}

int run_source(PyObject *source, const char *path, bool *interrupted)
{
    int status = 0;
    bool leaves = false;
    PyObject *main = PyImport_AddModule("__main__"), *names = PyModule_GetDict(main);
    Py_IncRef(main);
    Py_IncRef(names);
    PyObject *compile = PyDict_GetItemString(PyEval_GetBuiltins(), "compile");
    PyObject *code = PyObject_CallFunction(compile, "Ossii", source, path, "exec", 0, 1);
    PyObject *done = code ? PyEval_EvalCode(code, names, names) : NULL;
    Py_DecRef(code);
    if (done == NULL) {
        Py_DecRef(main);
        main = NULL;
        status = 1;
        if (PyErr_ExceptionMatches(PyExc_SystemExit)) {
            status = asked_status();
            leaves = true;
        } else {
            *interrupted = PyErr_Occurred() == PyExc_KeyboardInterrupt;
            leaves = tell_error(&status);
            *interrupted = *interrupted && !leaves;
        }
    }
    if (!leaves) {
        if (PyDict_DelItemString(names, "__file__"))
            PyErr_Clear();
        if (PyDict_DelItemString(names, "__cached__"))
            PyErr_Clear();
    }
    Py_DecRef(names);
    Py_DecRef(main);
    return status;
}

/* ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────── */

/* Tell of an exception that nobody can catch any more; newer Pythons say when it happened, older ones to what. */
static void tell_ignored(const char *when, PyObject *what)
{
    if (PyErr_FormatUnraisable)
        PyErr_FormatUnraisable("Exception ignored %s", when);
    else
        PyErr_WriteUnraisable(what);
}

static void await_threads(void)
{
    PyObject *threading = PyDict_GetItemString(kept.modules, "threading");
    if (threading && PyObject_CallMethod(threading, "_shutdown", NULL) == NULL)
        tell_ignored("on threading shutdown", threading);
    PyErr_Clear();
}

/* Flush a standard stream; false where its output could not be written, which is told of stdout. */
static bool flush(const char *name, bool told)
{
    PyObject *stream = PySys_GetObject(name);
    if (is_none(stream))
        return true;
    PyObject *closed = PyObject_GetAttrString(stream, "closed");
    if (closed && PyObject_IsTrue(closed) == 1)
        return true;
    PyErr_Clear();
    if (PyObject_CallMethod(stream, "flush", NULL))
        return true;
    if (told)
        tell_ignored("on flushing sys.stdout", stream);
    PyErr_Clear();
    return false;
}

static bool flush_both(bool told)
{
    bool first = flush("stdout", told);
    return flush("stderr", false) && first;
}

/* Names that hold what the program made, and the streams that it replaced. */
static void forget_names(void)
{
    static const char *const names[] = {"path", "argv", "ps1", "ps2", "last_exc", "last_type", "last_value",
                                        "last_traceback", "path_hooks", "path_importer_cache", "meta_path"};
    static const char *const streams[][2] = {{"stdin", "__stdin__"}, {"stdout", "__stdout__"}, {"stderr", "__stderr__"}};
    (void)PyDict_SetItemString(kept.builtins, "_", &_Py_NoneStruct);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)PySys_SetObject(names[i], &_Py_NoneStruct);
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        PyObject *first = PySys_GetObject(streams[i][1]);
        (void)PySys_SetObject(streams[i][0], first ? first : &_Py_NoneStruct);
    }
    PyErr_Clear();
}

/* Builtins as they were at first. They are compared first: most programs change none, and to write is to copy pages. */
static void restore_builtins(void)
{
    PyObject *changed = PyList_New(0), *name, *value;
    for (ssize_t at = 0; PyDict_Next(kept.builtins, &at, &name, &value);)
        if (PyDict_GetItem(kept.builtins_before, name) != value)
            (void)PyList_Append(changed, name);
    for (ssize_t at = 0; PyDict_Next(kept.builtins_before, &at, &name, &value);)
        if (PyDict_GetItem(kept.builtins, name) == NULL)
            (void)PyList_Append(changed, name);
    for (ssize_t i = 0; i < PyList_Size(changed); i++) {
        name = PyList_GetItem(changed, i);
        value = PyDict_GetItem(kept.builtins_before, name);
        (void)(value ? PyDict_SetItem(kept.builtins, name, value) : PyDict_DelItem(kept.builtins, name));
    }
    Py_DecRef(changed);
    PyErr_Clear();
}

/* Empty sys.modules; the template's own are held by `known`. Returns weak references to the program's, the main one
 * first. Every entry becomes None before it goes: what a destructor imports meanwhile is not there. */
static PyObject *remove_modules(void)
{
    PyObject *alive = PyList_New(0), *names = PyDict_Keys(kept.modules);
    PyObject *main = PyDict_GetItemString(kept.modules, "__main__");
    for (int others = 0; others < 2; others++)
        for (ssize_t i = 0; i < PyList_Size(names); i++) {
            PyObject *name = PyList_GetItem(names, i), *module = PyDict_GetItem(kept.modules, name);
            if (module == NULL || (module == main) == others)
                continue;
            PyObject *reference = is_module(module) && is_own(name, module) ? PyWeakref_NewRef(module, NULL) : NULL;
            if (reference)
                (void)PyList_Append(alive, reference);
            Py_DecRef(reference);
            (void)PyDict_SetItem(kept.modules, name, &_Py_NoneStruct);
            if (!others)
                main = NULL;
        }
    Py_DecRef(names);
    PyDict_Clear(kept.modules);
    PyErr_Clear();
    return alive;
}

/* Names with one underscore go first, then all others. */
static void clear_module(PyObject *module)
{
    PyObject *names = PyModule_GetDict(module), *keys = PyDict_Keys(names);
    for (int others = 0; others < 2; others++)
        for (ssize_t i = 0; i < PyList_Size(keys); i++) {
            PyObject *key = PyList_GetItem(keys, i);
            const char *name = PyUnicode_AsUTF8AndSize(key, NULL);
            PyErr_Clear();
            if (name == NULL || PyDict_GetItem(names, key) == &_Py_NoneStruct)
                continue;
            bool chosen = others ? strcmp(name, "__builtins__") != 0 : name[0] == '_' && name[1] != '_';
            if (chosen)
                (void)PyDict_SetItem(names, key, &_Py_NoneStruct);
        }
    Py_DecRef(keys);
}

static void clear_modules(void)
{
    PyObject *alive = remove_modules();
    restore_builtins();
    (void)PyList_SetSlice(kept.callbacks, 0, PyList_Size(kept.callbacks), NULL);
    Py_DecRef(PyObject_CallFunctionObjArgs(kept.collect, NULL)); /* most of what is left is found here */
    PyErr_Clear();
    for (ssize_t i = PyList_Size(alive); i-- > 0;) {
        PyObject *module = PyWeakref_GetObject(PyList_GetItem(alive, i));
        if (is_none(module))
            continue;
        Py_IncRef(module);
        clear_module(module);
        Py_DecRef(module);
    }
    PyErr_Clear();
}

bool end_program(void)
{
    await_threads();
    Py_DecRef(PyObject_CallFunctionObjArgs(kept.exit_functions, NULL));
    PyErr_Clear();
    bool flushed = flush_both(true);
    (void)PySys_SetObject("is_finalizing", kept.finalizing);
    (void)PyGC_Collect();
    forget_names();
    clear_modules();
    return flush_both(flushed) && flushed;
}
