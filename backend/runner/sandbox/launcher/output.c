/* Python's output in time: sys.stdout with line buffering, and an allowance of lines as in lines.c.
 *
 * Every line that ends is one write of the raw stream beneath sys.stdout; a type of our own counts those. When the
 * allowance is used up, line buffering is off for some milliseconds: in the stream's own flag, for its method that
 * would do so flushes, and a flush is what we are in. A thread that knows nothing of Python puts it back. Where that
 * flag is, the stream itself shows; where it cannot be found, every line is written. */

#define _GNU_SOURCE
#include "allowance.h"
#include "ending.h"
#include "later.h"

#include <string.h>
#include <unistd.h>

enum { TP_METHODS = 64, TP_DEFAULT = 1 << 18, LARGEST = 512 };

static PyObject *base_write;
static volatile char *flag; /* of line buffering; NULL where it was not found */
static int left = MOST;

static void *put_back(void *nothing)
{
    usleep(INTERVAL * 1000);
    left = PER_INTERVAL;
    *flag = 1;
    return nothing;
}

static void count(void)
{
    if (flag == NULL || *flag != 1 || --left > 0)
        return;
    *flag = 0;
    if (!do_later(put_back)) {
        left = MOST;
        *flag = 1;
    }
}

static PyObject *write_counted(PyObject *self, PyObject *data)
{
    PyObject *done = PyObject_CallFunctionObjArgs(base_write, self, data, NULL);
    count();
    return done;
}

/* A type like that of a raw stream, whose writes are counted. */
PyObject *counting_type(PyObject *module, PyObject *arguments)
{
    static struct PyMethodDef methods[] = {{"write", write_counted, METH_O, NULL}, {0}};
    static struct PyType_Slot slots[] = {{TP_METHODS, methods}, {0, NULL}};
    static struct PyType_Spec spec = {"_io.FileIO", 0, 0, TP_DEFAULT, slots};
    PyObject *base;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O", &base) || (base_write = PyObject_GetAttrString(base, "write")) == NULL)
        return NULL;
    return PyType_FromSpecWithBases(&spec, base);
}

/* Find the byte of a stream that is 1 after `on()` and 0 after `off()`, if there is just one. */
PyObject *watch_stream(PyObject *module, PyObject *arguments)
{
    char without[LARGEST];
    PyObject *stream, *on, *off;
    int size;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OiOO", &stream, &size, &on, &off))
        return NULL;
    char *bytes = (char *)stream, *found = NULL;
    if (size > LARGEST || !PyObject_CallFunctionObjArgs(off, NULL))
        return PyErr_Occurred() ? NULL : PyBool_FromLong(0);
    memcpy(without, bytes, (size_t)size);
    if (!PyObject_CallFunctionObjArgs(on, NULL))
        return NULL;
    for (int i = sizeof(struct object_head), differ = 0; i < size; i++)
        if (bytes[i] != without[i])
            found = ++differ == 1 && bytes[i] == 1 && without[i] == 0 ? bytes + i : NULL;
    flag = found;
    return PyBool_FromLong(found != NULL);
}
