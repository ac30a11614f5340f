/* What the command line asked to be shown while guests run. Read by the engine and by the kernel
 * layer, written once at start-up, before the first guest task runs. */
#ifndef FG_CORE_DEBUG_H
#define FG_CORE_DEBUG_H

#include <stdbool.h>

struct fg_debug {
    bool native;        /* code is made native where that can be (core/native/) */
    bool native_plain;  /* ... each gadget's without regard to its neighbours */
    bool dump_fibers;   /* each fiber when it is made: slots and gadget names */
    bool dump_blocks;   /* each guest block when it is decoded */
    bool dump_gadgets;  /* each gadget of a block, by name */
    bool dump_native;   /* each native block: guest instructions, gadgets, host code */
    bool profile;       /* count runs of fibers, for the training of n-grams */
    bool plain;         /* no n-grams: profiles and tests want the gadgets that they are made of */
    bool wide;          /* each instruction goes the way of those that reach beyond the window, in
                           spaces that have something there: for tests */
    bool trace;         /* each guest instruction with the registers before it */
    unsigned most_maps; /* of the host's mappings; 0: as the host says */
    unsigned most_chunks; /* of memory for fibers (CHUNK_BYTES each) in all; 0: no bound */
    bool check_memory;    /* space_check() after each system call; a mistake ends the run */
    bool stats;           /* counters of the engine and of the kernel layer at the end */
};

extern struct fg_debug fg_debug;

#endif
