/* What every measured program shares: a count of rounds from the command line, and a printed sum,
 * so that the compiler can drop nothing and two runs can be compared. */
#ifndef FG_BENCH_COMMON_H
#define FG_BENCH_COMMON_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static inline int rounds(int argc, char **argv, int usual) {
    return argc > 1 ? atoi(argv[1]) : usual;
}

#endif
