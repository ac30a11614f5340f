/* core/native/known.c by itself: which accesses of a block need a probe. A probe that is left out
 * where it is due shows in no guest, as long as nothing is mapped where the access then goes.
 *
 *     P reg at [perhaps]   an access at reg + at          due or not
 *     E [perhaps]          an access by the EA register   due or not
 *     S base index scale at  the EA register is their sum (-1: none)
 *     M reg by             reg is counted up; C reg: it is changed; N: some other body; F: no body
 *     A                    the block's end leads to its beginning
 *     W                    what was known at the last A is known now
 *     B                    the stack pointer is known where the block begins; Q: it is probed
 *     K                    it is known where the block ends; L: something relied on B
 *     X reg                reg is an address that was accessed */
#include "core/base/cpu_state.h"
#include "core/native/known.h"

#include <stdio.h>
#include <string.h>

#define FAR     INT64_C(0x30000000) /* further than an access may be from another */
#define PERHAPS NOTE_PERHAPS

struct step {
    char what;
    int due;
    int a, b, c;
    int64_t at;
};
#define P(reg, at, due)                                                                            \
    { 'P', due, reg, 0, 0, at }
#define PERHAPS_P(reg, at, due)                                                                    \
    { 'P', due, reg, PERHAPS, 0, at }
#define H(reg, due)                                                                                \
    { 'H', due, reg, 0, 0, 0 }
#define E(due)                                                                                     \
    { 'E', due, 0, 0, 0, 0 }
#define PERHAPS_E(due)                                                                             \
    { 'E', due, PERHAPS, 0, 0, 0 }
#define S(base, index, scale, at)                                                                  \
    { 'S', 0, base, index, scale, at }
#define M(reg, by)                                                                                 \
    { 'M', 0, reg, 0, 0, by }
#define C(reg)                                                                                     \
    { 'C', 0, reg, 0, 0, 0 }
#define STORED(reg)                                                                                \
    { 'R', 0, reg, 0, 0, 0 }
#define N                                                                                          \
    { 'N', 0, 0, 0, 0, 0 }
#define A                                                                                          \
    { 'A', 0, 0, 0, 0, 0 }
#define W(all)                                                                                     \
    { 'W', all, 0, 0, 0, 0 }
#define B                                                                                          \
    { 'B', 0, 0, 0, 0, 0 }
#define Q                                                                                          \
    { 'Q', 0, 0, 0, 0, 0 }
#define K(known)                                                                                   \
    { 'K', known, 0, 0, 0, 0 }
#define L(relied)                                                                                  \
    { 'L', relied, 0, 0, 0, 0 }
#define F                                                                                          \
    { 'F', 0, 0, 0, 0, 0 }
#define X(reg)                                                                                     \
    { 'X', 0, reg, 0, 0, 0 }
#define SP 4
/* Further than a block may leave the stack pointer from what it accessed. */
#define AWAY (2 * KNOWN_STACK)

static const struct {
    const char *name;
    struct step step[16];
} cases[] = {
    {"near", {P(3, 0, 1), P(3, 8, 0), P(3, -4096, 0), P(1, 0, 1), P(3, FAR, 1)}},
    {"step by step", {P(3, 0, 1), P(3, 0x1fffffff, 0), P(3, 0x3ffffffe, 0), P(3, 0x3ffffffe, 1)}},
    {"changed", {P(3, 0, 1), C(3), P(3, 0, 1), C(1), P(3, 0, 0)}},
    {"moved", {P(3, 0, 1), M(3, 64), P(3, 0, 0), M(3, -FAR), P(3, 0, 1), M(3, FAR), P(3, 0, 1)}},
    {"moved up", {P(3, 0, 1), M(3, FAR / 3), P(3, FAR / 2, 1)}},
    {"moved down", {P(3, 0, 1), M(3, -FAR / 3), P(3, -FAR / 2, 1)}},
    {"moved in parts", {P(3, 0, 1), M(3, FAR / 2), M(3, FAR / 2), P(3, 0, 1)}},
    {"moved there and back", {P(3, 0, 1), M(3, FAR), M(3, -FAR), P(3, 0, 1)}},
    {"at home", {H(12, 1), H(12, 0), H(13, 1), STORED(12), H(12, 1), H(13, 0)}},
    {"perhaps", {PERHAPS_P(3, 0, 1), P(3, 0, 0), A, P(3, 0, 0)}},
    {"perhaps alone", {PERHAPS_P(3, 0, 1), PERHAPS_P(3, 8, 0), A, P(3, 0, 1)}},
    {"perhaps, and far", {PERHAPS_P(3, 0, 1), PERHAPS_P(3, 0x1fffffff, 0), P(3, 0x3ffffffe, 1)}},
    {"again", {P(3, 0, 1), M(3, 8), A, P(3, 0, 0), M(3, 8), W(1)}},
    {"again, changed", {P(3, 0, 1), C(3), A, P(3, 0, 1), C(3), W(1)}},
    {"again, otherwise", {P(3, 0, 1), A, P(3, 0, 0), M(3, 8), W(0)}},
    {"again, perhaps", {P(3, 0, 1), A, P(3, 0, 0), C(3), PERHAPS_P(3, 0, 1), W(0)}},
    {"sum", {S(3, 1, 3, 0), E(1), S(3, 1, 3, 8), E(0), S(3, 1, 3, FAR), E(1)}},
    {"other sums",
     {S(3, 1, 3, 0), E(1), S(3, 1, 2, 0), E(1), S(3, 2, 3, 0), E(1), S(2, 1, 3, 0), E(1),
      S(3, -1, 0, 0), E(1), S(3, 1, 3, 0), E(1)}},
    {"no base", {S(-1, 1, 3, 0), E(1), S(0, 1, 3, 0), E(1), S(-1, 1, 3, 0), E(0)}},
    {"sum, moved", {S(3, 1, 3, 0), E(1), M(1, FAR / 8 - 64), M(3, 64), S(3, 1, 3, 0), E(1)}},
    {"sum, moved a little", {S(3, 1, 3, 0), E(1), M(1, FAR / 32), M(3, 64), S(3, 1, 3, 0), E(0)}},
    {"sum, moved by much", {S(3, 1, 3, 0), E(1), M(1, FAR), M(1, -FAR), S(3, 1, 3, 0), E(1)}},
    {"sum, base changed", {S(3, 1, 3, 0), E(1), C(3), S(3, 1, 3, 0), E(1)}},
    {"sum, index changed",
     {S(3, 1, 3, 0), E(1), C(1), S(3, 1, 3, 0), E(1), C(2), S(3, 1, 3, 0), E(0)}},
    {"sum, at home",
     {S(12, 13, 0, 0), E(1), STORED(13), S(12, 13, 0, 0), E(1), S(12, 13, 0, 0), E(0)}},
    {"sum of one", {S(3, 3, 0, 0), E(1), M(3, FAR / 2), S(3, 3, 0, 0), E(1)}},
    {"sum, something between", {S(3, 1, 3, 0), E(1), S(3, 1, 3, 0), N, E(1)}},
    {"sum, perhaps", {S(3, 1, 3, 0), PERHAPS_E(1), A, S(3, 1, 3, 0), E(1)}},
    {"sum, again", {S(3, 1, 3, 0), E(1), M(1, 4), A, S(3, 1, 3, 0), E(0), M(1, 4), W(1)}},
    {"five sums",
     {S(0, 1, 0, 0), E(1), S(0, 2, 0, 0), E(1), S(0, 3, 0, 0), E(1), S(0, 5, 0, 0), E(1),
      S(0, 6, 0, 0), E(1), S(0, 2, 0, 0), E(0), S(0, 1, 0, 0), E(1), S(0, 3, 0, 0), E(1)}},
    {"stack", {B, L(0), P(SP, 8, 0), L(1), K(1)}},
    {"stack, far", {B, P(SP, FAR, 1), L(0), K(0)}},
    {"stack, passed on", {B, P(3, 0, 1), L(0), K(1), L(1)}},
    {"stack, changed", {B, C(SP), L(0), K(0), L(0), P(SP, 0, 1), K(1), L(0)}},
    {"stack, moved", {B, M(SP, 8), K(0), P(SP, 0, 0), L(1), K(1)}},
    {"stack, there and back", {B, M(SP, 8), K(0), M(SP, -8), K(1)}},
    {"stack, away", {B, P(SP, 0, 0), M(SP, AWAY), K(0), M(SP, -AWAY), K(1)}},
    {"stack, down", {B, P(SP, 0, 0), M(SP, -AWAY), K(0)}},
    {"stack, perhaps", {B, PERHAPS_P(SP, 8, 0), L(1), M(SP, 8), K(0)}},
    {"stack, something else", {B, P(SP, 0, 0), F, K(0), L(1), P(SP, 0, 1), K(1), L(1)}},
    {"stack, probed", {B, C(SP), Q, K(1), L(0), P(SP, 0, 0), L(0)}},
    {"stack, reached", {B, C(SP), X(SP), K(1), L(0), P(SP, 0, 0)}},
    {"stack, again", {B, P(3, 0, 1), A, P(SP, 0, 0), W(1), L(1)}},
    {"stack, again, moved", {B, M(SP, 8), A, P(SP, 0, 1)}},
    {"stack, again, moved on", {B, A, M(SP, 8), W(0)}},
    {"no stack", {K(0), P(SP, 0, 1), K(1), L(0)}},
    {"sums and registers", {P(3, 0, 1), S(3, -1, 0, 0), E(1), P(3, 8, 0)}},
};

static uint16_t note(unsigned low, int64_t high) {
    return (uint16_t)(low | (unsigned)(high & 0xff) << 8);
}

/* Whether a probe is due before a body with these notes. The parameter is at 8, a place at 16. */
static bool run(struct known *known, const struct hole *hole, unsigned holes, uint8_t changed,
                int64_t parameter, unsigned reg) {
    const struct stencil stencil = {NULL, hole, 0, holes, changed};
    const uint64_t gadget[] = {0, (uint64_t)parameter, offsetof(struct cpu, regs) + 8 * reg};
    struct probe probe;
    return known_probe(known, &stencil, gadget, &probe);
}

/* False: a probe is due that should not be, or the other way round. */
static bool step(struct known *known, struct known *before, const struct step *s) {
    struct hole hole[2] = {{0, 8, 0}, {0, 16, HOLE_HOME}};
    unsigned how, reg = (unsigned)s->a;
    switch (s->what) {
    case 'P':
        hole[0].at = note(reg | (unsigned)s->b, 0);
        hole[0].kind = HOLE_PROBE;
        return run(known, hole, 1, 0, s->at, 0) == s->due;
    case 'H':
        hole[0].at = note(NOTE_HOME, 0);
        hole[0].kind = HOLE_PROBE;
        return run(known, hole, 2, 0, s->at, reg) == s->due;
    case 'E':
        hole[0] = (struct hole){note(NOTE_EA | reg, 1), 0, HOLE_PROBE};
        return run(known, hole, 1, 0, 0, 0) == s->due;
    case 'S':
        how = (unsigned)s->c | (s->a < 0 ? NOTE_NO_BASE : 0) | (s->b < 0 ? NOTE_NO_INDEX : 0);
        hole[0].at = note((reg & 15) | ((unsigned)s->b & 15) << 4, how);
        hole[0].kind = HOLE_SUM;
        return !run(known, hole, 1, 0, s->at, 0);
    case 'M':
        hole[0].at = note(reg | (s->at < 0 ? NOTE_MINUS : 0), 0);
        hole[0].kind = HOLE_MOVED;
        return !run(known, hole, 1, 0, s->at < 0 ? -s->at : s->at, 0);
    case 'R':
        hole[0] = (struct hole){0, 16, HOLE_STORED};
        return !run(known, hole, 1, 0, 0, reg);
    case 'A':
        known_again(known);
        *before = *known;
        return true;
    case 'F':
        known_nothing(known);
        return true;
    case 'B':
        known_stack(known);
        return true;
    case 'Q':
        known_stack_probed(known);
        return true;
    case 'K':
        return known_keeps_stack(known) == s->due;
    case 'L':
        return known->relied == s->due;
    case 'X':
        hole[0] = (struct hole){note(reg, 0), 0, HOLE_REACHED};
        return !run(known, hole, 1, (uint8_t)(1u << reg), 0, 0);
    case 'W':
        return known_within(before, known) == s->due;
    default:
        return !run(known, hole, 0, s->what == 'C' ? (uint8_t)(1u << reg) : 0, 0, 0);
    }
}

int main(void) {
    int status = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct known known = {0}, before = {0};
        known_nothing(&known);
        for (unsigned n = 0; n < 16 && cases[i].step[n].what; n++) {
            if (!step(&known, &before, &cases[i].step[n])) {
                printf("%s: step %u is wrong\n", cases[i].name, n + 1);
                status = 1;
            }
        }
    }
    return status;
}
