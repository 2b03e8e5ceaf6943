/* What template.c and ending.c use of Python: the stable ABI, by declarations alone, so that no headers are needed. */

#ifndef PYTHON_ABI_H
#define PYTHON_ABI_H

#include <stdio.h>
#include <stddef.h>
#include <sys/types.h>

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

enum { METH_VARARGS = 1, METH_NOARGS = 4, METH_O = 8 };

extern PyObject *PyModuleDef_Init(struct PyModuleDef *);
extern int PyArg_ParseTuple(PyObject *, const char *, ...);
extern PyObject *PyObject_CallFunction(PyObject *, const char *, ...);
extern PyObject *PyObject_CallMethod(PyObject *, const char *, const char *, ...);
extern int PyObject_IsTrue(PyObject *);
extern void PyErr_WriteUnraisable(PyObject *);
extern PyObject *PyList_New(ssize_t), *PyUnicode_DecodeFSDefault(const char *), *PyEval_GetBuiltins(void);
extern PyObject *PyBytes_FromString(const char *);
extern int PyList_SetItem(PyObject *, ssize_t, PyObject *);
extern void Py_IncRef(PyObject *), PyThreadState_Clear(PyThreadState *), PyThreadState_Delete(PyThreadState *);
extern PyObject *PyImport_GetModuleDict(void), *PyImport_AddModule(const char *), *PyModule_GetDict(PyObject *), *PyErr_Occurred(void);
extern PyObject *PyDict_GetItemString(PyObject *, const char *), *PyObject_GetAttrString(PyObject *, const char *);
extern PyObject *PyEval_EvalCode(PyObject *, PyObject *, PyObject *), *PySys_GetObject(const char *);
extern void PyErr_Fetch(PyObject **, PyObject **, PyObject **), PyErr_Clear(void), PyErr_PrintEx(int);
extern void PyErr_Restore(PyObject *, PyObject *, PyObject *);
extern void PyErr_NormalizeException(PyObject **, PyObject **, PyObject **);
extern int PyErr_ExceptionMatches(PyObject *), PyFile_WriteObject(PyObject *, PyObject *, int);
extern long PyLong_AsLong(PyObject *);
extern PyInterpreterState *PyInterpreterState_Get(void);
extern PyThreadState *PyThreadState_New(PyInterpreterState *), *PyThreadState_Swap(PyThreadState *);
extern void PyOS_BeforeFork(void), PyOS_AfterFork_Parent(void), PyOS_AfterFork_Child(void);
extern PyObject *PyErr_GetRaisedException(void) __attribute__((weak)); /* from Python 3.12 on */
extern void PyErr_FormatUnraisable(const char *, ...) __attribute__((weak)); /* from Python 3.13 on */
extern const void *_Py_GetConfig(void) __attribute__((weak));
extern PyObject *PyExc_SystemExit, *PyExc_KeyboardInterrupt, *PyExc_OSError, _Py_NoneStruct;
extern PyObject *PyErr_SetFromErrno(PyObject *);
extern int PyException_SetTraceback(PyObject *, PyObject *), PySys_SetObject(const char *, PyObject *);
extern void PyErr_Display(PyObject *, PyObject *, PyObject *), PySys_WriteStderr(const char *, ...);
extern int PySys_Audit(const char *, const char *, ...), PyObject_Print(PyObject *, FILE *, int);
extern PyObject *PyObject_Type(PyObject *), *PyObject_CallFunctionObjArgs(PyObject *, ...);
extern unsigned long PyType_GetFlags(PyObject *);
extern int PyType_IsSubtype(PyObject *, PyObject *);
extern void Py_DecRef(PyObject *), PyDict_Clear(PyObject *);
extern PyObject *PyDict_Copy(PyObject *), *PyDict_GetItem(PyObject *, PyObject *), *PyDict_Keys(PyObject *);
extern int PyDict_SetItem(PyObject *, PyObject *, PyObject *), PyDict_DelItem(PyObject *, PyObject *);
extern int PyDict_SetItemString(PyObject *, const char *, PyObject *), PyDict_DelItemString(PyObject *, const char *);
extern int PyDict_Next(PyObject *, ssize_t *, PyObject **, PyObject **);
extern ssize_t PyList_Size(PyObject *), PyDict_Size(PyObject *), PyGC_Collect(void);
extern PyObject *PyLong_FromSsize_t(ssize_t);
extern PyObject *PyList_GetItem(PyObject *, ssize_t);
extern int PyList_Append(PyObject *, PyObject *), PyList_SetSlice(PyObject *, ssize_t, ssize_t, PyObject *);
extern PyObject *PyWeakref_NewRef(PyObject *, PyObject *), *PyWeakref_GetObject(PyObject *);
extern const char *PyUnicode_AsUTF8AndSize(PyObject *, ssize_t *);
extern PyObject *PyBool_FromLong(long), *PyCFunction_NewEx(struct PyMethodDef *, PyObject *, PyObject *);
extern PyObject PyModule_Type;

struct PyType_Slot {
    int slot;
    void *function;
};

struct PyType_Spec {
    const char *name;
    int size, item_size;
    unsigned flags;
    struct PyType_Slot *slots;
};

extern PyObject *PyType_FromSpecWithBases(struct PyType_Spec *, PyObject *);

#endif
