/* What hold.c and hold_forks.c share. */

#ifndef HOLD_H
#define HOLD_H

/* Be a template: serve the orders that come on descriptor 3. Returns in each program. */
void serve_programs(void);

#endif
