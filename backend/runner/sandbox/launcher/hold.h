/* What hold.c and hold_forks.c share. */

#ifndef HOLD_H
#define HOLD_H

enum { PROGRAM_STACK = 64 << 20 }; /* as limits.py has it */

enum { WORD = 63 }; /* descriptor that brings what to do; below all that confine() needs */

/* Be a template: serve the orders that come. Returns in each program. `file` stands for the program's file: what Ruby has
 * read of it is dropped. */
void serve_programs(int file);

#endif
