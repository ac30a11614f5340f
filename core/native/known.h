/* What native code knows of addresses while a block's code is made: which registers of an x86-64
 * guest, and which sums of two, lead to an address that was probed (core/memory/window.h) or
 * accessed earlier in the block. What is accessed nearby needs no probe: the guards around a window
 * are large enough that it ends in the window or in a guard, where it faults by itself. An access
 * that did not fault was in the window, so the next one may be as far from it again. */
#ifndef FG_CORE_KNOWN_H
#define FG_CORE_KNOWN_H

#include "core/native/stencil.h"

#define KNOWN_REGISTERS 16
#define KNOWN_SUMS      4
#define KNOWN_STACK     (1 << 20)

struct known_place {
    bool probed;
    bool accessed; /* ... and accessed, for certain */
    bool assumed;  /* neither, but within KNOWN_STACK of such a one: at the block's beginning */
    int64_t at;    /* the address: so far from what the register holds now, or from the sum */
};

struct known {
    struct known_place reg[KNOWN_REGISTERS];
    struct known_sum {
        uint8_t base, index, scale; /* KNOWN_REGISTERS: none; the scale's logarithm */
        struct known_place place;
    } sum[KNOWN_SUMS]; /* the one that was met last is the first; base and index none: free */
    bool relied;       /* something was left out for what is assumed */
    bool ea;           /* the EA register is the first sum, and */
    int64_t ea_at;     /* ... so much */
};

/* A probe in front of a body. */
struct probe {
    bool ea;          /* by the EA register; `reg` is the number of its scratch register */
    unsigned reg;     /* else, up to 7: a host register has it; or it is at home, at slot[2] */
    uint64_t slot[3]; /* parameters of the probe's own stencil: displacement, place in the cpu */
};

/* Is a probe due before the body of `stencil`, whose parameters are at `gadget`? Fills it. Then
 * what is known after the body is entered. */
bool known_probe(struct known *known, const struct stencil *stencil, const uint64_t *gadget,
                 struct probe *probe);
/* Nothing is known after something else than a body, nor at first (of a struct of zeros). */
void known_nothing(struct known *known);
/* Whoever enters the block knows the stack pointer: it is within KNOWN_STACK of an address in the
 * window. */
void known_stack(struct known *known);
/* The stack pointer itself was probed. */
void known_stack_probed(struct known *known);
/* Is it so here, where a branch leads on? If that follows from what was assumed, whoever goes on
 * relies on it: known->relied says so from now on. */
bool known_keeps_stack(struct known *known);
/* The block's end leads to its beginning: what is known there is what was known at the end, of that
 * what was accessed. */
void known_again(struct known *known);
/* Is all that `known` says also said by `other`? */
bool known_within(const struct known *known, const struct known *other);

#endif
