/* What hold.c, hold_forks.c and hold_traces.c share. */

#ifndef HOLD_H
#define HOLD_H

#define HELD "CODECANVAS_HELD"
#define OUTPUT "/opt/output/"
#define PRELOAD OUTPUT "hold.so"

enum { PROGRAM_STACK = 64 << 20 }; /* as limits.py has it */

enum { WORD = 63 }; /* descriptor that brings what to do; below all that confine() needs */

/* Be a template: serve the orders that come. Returns in each program. `file` stands for the program's file: what Ruby has
 * read of it is dropped. */
void serve_programs(int file);

/* Have /proc/self/environ be what it is without us; strings that move are pointed to by `environ`. */
void hide_variables(void);

/* Have /proc/self/maps not name this library. */
void hide_mappings(void);

#endif
