/* How many lines are written as they end before a flood of them goes in blocks: lines.c, writes.c and output.c. */

#ifndef ALLOWANCE_H
#define ALLOWANCE_H

enum { MOST = 1024, PER_INTERVAL = 64, INTERVAL = 16 /* ms */ };

#endif
