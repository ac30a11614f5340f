/* Addresses that were probed already. See known.h. */
#include "core/native/known.h"
#include "core/base/cpu_state.h"
#include "core/memory/window.h"

#include <string.h>

/* How far from an address in the window an access without a probe may be: with what a register is
 * moved by and an operand's bytes still within the guards, and far from the probe page, which is
 * readable. */
#define NEARBY ((int64_t)(WINDOW_PROBE / 4))

static int64_t wide_parameter(const uint64_t *gadget, const struct hole *hole) {
    int64_t value = (int16_t)hole->at >> 8;
    if (hole->from) {
        memcpy(&value, (const char *)gadget + hole->from, sizeof value);
    }
    return value;
}

static uint32_t place_parameter(const uint64_t *gadget, const struct hole *hole) {
    uint32_t value;
    memcpy(&value, (const char *)gadget + hole->from, sizeof value);
    return value;
}

/* The number of the register at home there; KNOWN_REGISTERS: something else is. */
static unsigned register_at(uint32_t place) {
    const uint32_t first = (uint32_t)offsetof(struct cpu, regs);
    unsigned number = (unsigned)((place - first) / sizeof(uint64_t));
    return place >= first && number < KNOWN_REGISTERS ? number : KNOWN_REGISTERS;
}

static bool is_near(int64_t distance) {
    return -NEARBY < distance && distance < NEARBY;
}

static bool is_of(const struct known_sum *sum, unsigned reg) {
    return sum->base == reg || sum->index == reg;
}

/* A register is `by` more or less from now on, and so are sums with it. */
static void move(struct known *known, unsigned reg, int64_t by, bool down) {
    const bool near = is_near(by); /* else nothing is to be computed with it */
    by = !near ? 0 : down ? -by : by;
    known->reg[reg].at -= by;
    known->reg[reg].probed &= near;
    for (unsigned i = 0; i < KNOWN_SUMS; i++) {
        struct known_sum *sum = &known->sum[i];
        if (is_of(sum, reg)) {
            sum->place.at -= (sum->base == reg ? by : 0);
            sum->place.at -= (sum->index == reg ? by * (1 << sum->scale) : 0);
            sum->place.probed &= near;
        }
    }
}

static void forget(struct known *known, unsigned reg) {
    known->reg[reg].probed = false;
    for (unsigned i = 0; i < KNOWN_SUMS; i++) {
        if (is_of(&known->sum[i], reg)) {
            known->sum[i].place.probed = false;
        }
    }
}

/* The register that a note names by a number of 4 bits; `home`: the note after it, used if that is
 * NOTE_HOME, which says where it is (*place). */
static unsigned register_of(unsigned number, const struct hole *home, const uint64_t *gadget,
                            uint32_t *place) {
    if (number == NOTE_HOME) {
        *place = place_parameter(gadget, home);
        return register_at(*place);
    }
    return number < NOTE_HOME ? number : KNOWN_REGISTERS;
}

static bool same_sum(const struct known_sum *a, const struct known_sum *b) {
    return a->base == b->base && a->index == b->index && a->scale == b->scale;
}

/* The EA register is a sum now, which is the first of the known ones then; of them the last is
 * forgotten where it is new. */
static void enter_sum(struct known *known, const struct hole *hole, const uint64_t *gadget) {
    const unsigned how = hole->at >> 8;
    struct known_sum sum = {
        .base = how & NOTE_NO_BASE ? KNOWN_REGISTERS : hole->at & 15,
        .index = how & NOTE_NO_INDEX ? KNOWN_REGISTERS : hole->at >> 4 & 15,
        .scale = how & 3,
    };
    unsigned i = 0;
    while (i + 1 < KNOWN_SUMS && !same_sum(&known->sum[i], &sum)) {
        i++;
    }
    if (same_sum(&known->sum[i], &sum)) {
        sum.place = known->sum[i].place;
    }
    memmove(&known->sum[1], &known->sum[0], i * sizeof sum);
    known->sum[0] = sum;
    known->ea = true;
    known->ea_at = wide_parameter(gadget, hole);
}

/* An access by `place` + `at`; false: it needs no probe. */
static bool access_place(struct known *known, struct known_place *place, int64_t at, bool perhaps) {
    bool due = !(place->probed && is_near(at - place->at));
    known->relied |= !due && place->assumed;
    if (due || !perhaps) {
        *place = (struct known_place){.probed = is_near(at), .accessed = !perhaps, .at = at};
    }
    return due;
}

static bool probe_due(struct known *known, const struct hole *hole, const uint64_t *gadget,
                      struct probe *probe) {
    const unsigned number = hole->at & 15;
    const bool perhaps = hole->at & NOTE_PERHAPS;
    const int64_t at = wide_parameter(gadget, hole);
    if (number == NOTE_EA) {
        *probe = (struct probe){.ea = true, .reg = (unsigned)at};
        return !known->ea || access_place(known, &known->sum[0].place, known->ea_at, perhaps);
    }
    uint32_t place = 0;
    const unsigned reg = register_of(number, hole + 1, gadget, &place);
    *probe = (struct probe){.reg = reg, .slot = {0, (uint64_t)at, place}};
    return reg == KNOWN_REGISTERS || access_place(known, &known->reg[reg], at, perhaps);
}

bool known_probe(struct known *known, const struct stencil *stencil, const uint64_t *gadget,
                 struct probe *probe) {
    bool due = false, ea = false;
    for (unsigned i = 0; i < stencil->holes; i++) {
        const struct hole *hole = &stencil->hole[i];
        if (hole->kind == HOLE_PROBE) {
            due = probe_due(known, hole, gadget, probe);
        } else if (hole->kind == HOLE_MOVED) {
            move(known, hole->at & 7, wide_parameter(gadget, hole), hole->at & NOTE_MINUS);
        } else if (hole->kind == HOLE_STORED) {
            unsigned reg = register_at(place_parameter(gadget, hole));
            if (reg < KNOWN_REGISTERS) {
                forget(known, reg);
            }
        } else if (hole->kind == HOLE_SUM) {
            enter_sum(known, hole, gadget);
            ea = known->ea;
        }
    }
    for (unsigned reg = 0; reg < 8; reg++) {
        if (stencil->changed >> reg & 1) {
            forget(known, reg);
        }
    }
    for (unsigned i = 0; i < stencil->holes; i++) {
        if (stencil->hole[i].kind == HOLE_REACHED) {
            known->reg[stencil->hole[i].at & 7] =
                (struct known_place){.probed = true, .accessed = true};
        }
    }
    known->ea = ea;
    return due;
}

void known_nothing(struct known *known) {
    *known = (struct known){.relied = known->relied};
    for (unsigned i = 0; i < KNOWN_SUMS; i++) {
        known->sum[i].base = known->sum[i].index = KNOWN_REGISTERS;
    }
}

void known_stack(struct known *known) {
    known->reg[REG_SP] = (struct known_place){.probed = true, .assumed = true};
}

void known_stack_probed(struct known *known) {
    known->reg[REG_SP] = (struct known_place){.probed = true};
}

bool known_keeps_stack(struct known *known) {
    const struct known_place *place = &known->reg[REG_SP];
    /* What was assumed is no nearer than it was: any distance would add up from block to block. */
    const int64_t most = place->assumed ? 0 : KNOWN_STACK;
    bool keeps = place->probed && -most <= place->at && place->at <= most;
    known->relied |= keeps && place->assumed;
    return keeps;
}

/* Does a place hold in each turn of a loop, if it does at the end of one? */
static bool place_lasts(const struct known_place *place) {
    return place->accessed || (place->assumed && place->at == 0);
}

void known_again(struct known *known) {
    known->ea = false;
    for (unsigned i = 0; i < KNOWN_REGISTERS; i++) {
        known->reg[i].probed &= place_lasts(&known->reg[i]);
    }
    for (unsigned i = 0; i < KNOWN_SUMS; i++) {
        known->sum[i].place.probed &= known->sum[i].place.accessed;
    }
}

static bool place_within(const struct known_place *a, const struct known_place *b) {
    return !a->probed || (b->probed && place_lasts(b) && a->at == b->at);
}

bool known_within(const struct known *known, const struct known *other) {
    bool within = !known->ea;
    for (unsigned i = 0; i < KNOWN_REGISTERS; i++) {
        within = within && place_within(&known->reg[i], &other->reg[i]);
    }
    for (unsigned i = 0; i < KNOWN_SUMS; i++) {
        const struct known_sum *a = &known->sum[i], *b = &other->sum[i];
        within =
            within && (!a->place.probed || same_sum(a, b)) && place_within(&a->place, &b->place);
    }
    return within;
}
