/* What native code knows of addresses while a block's code is made: which registers of an x86-64
 * guest lead to an address that was probed (core/memory/window.h) earlier in the block. What is
 * accessed nearby needs no probe: the guards around a window are large enough that it ends in the
 * window or in a guard, where it faults by itself. */
#ifndef FG_CORE_KNOWN_H
#define FG_CORE_KNOWN_H

#include "core/native/stencil.h"

#define KNOWN_REGISTERS 16

struct known {
    struct {
        bool probed;
        int64_t at; /* the address: so far from what the register holds now */
    } reg[KNOWN_REGISTERS];
};

/* A probe in front of a body. */
struct probe {
    unsigned reg; /* up to 7: a host register has it; else it is at home, in the cpu at `home` */
    uint64_t slot[3]; /* parameters of the probe's own stencil: displacement, place in the cpu */
};

/* Is a probe due before the body of `stencil`, whose parameters are at `gadget`? Fills it. Then
 * what is known after the body is entered. */
bool known_probe(struct known *known, const struct stencil *stencil, const uint64_t *gadget,
                 struct probe *probe);
/* Nothing is known after something else than a body. */
void known_nothing(struct known *known);

#endif
