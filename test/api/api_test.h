/* What the cases of the library's interface share. */
#ifndef FG_TEST_API_TEST_H
#define FG_TEST_API_TEST_H

#include "core/fiberglass.h"

#include <stdio.h>

enum { DE = 0, DB = 1, BP = 3, BR = 5, UD = 6, SS = 12, GP = 13, PF = 14 };

extern int failures; /* of the case */

#define CHECK(what, got, wanted)                                                                   \
    do {                                                                                           \
        unsigned long long g = (unsigned long long)(got), w = (unsigned long long)(wanted);        \
        if (g != w) {                                                                              \
            printf("# line %d: %s: got %#llx, wanted %#llx\n", __LINE__, what, g, w);              \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/* spaces.c */
void decode_lengths(void);
void space_refuses(void);
void space_copies(void);

/* long_mode.c */
void long_registers(void);
void long_memory(void);
void long_faults(void);

#endif
