/* How a forked Python comes to its end (ending.c), and how it writes (output.c). */

#ifndef ENDING_H
#define ENDING_H

#include "python_abi.h"

#include <stdbool.h>

/* In the template: a copy of its sys.modules, atexit's `_run_exitfuncs`, gc's `collect` and `callbacks`. */
void keep_for_ending(PyObject *known, PyObject *exit_functions, PyObject *collect, PyObject *callbacks);

/* Run the source as __main__; the exit status, not yet cut to 8 bits. `*interrupted` where nobody caught an interrupt. */
int run_source(PyObject *source, const char *path, bool *interrupted);

/* What comes after the last line. False where output could not be written. */
bool end_program(void);

/* pages.c: in the template, learn what pages an `exercise` touches; in its children, have those. */
void learn_pages(void (*exercise)(void));
void fetch_pages(void);

/* Functions of the module. */
PyObject *counting_type(PyObject *module, PyObject *arguments);
PyObject *watch_stream(PyObject *module, PyObject *arguments);

#endif
