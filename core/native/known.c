/* Addresses that were probed already. See known.h. */
#include "core/native/known.h"
#include "core/base/cpu_state.h"
#include "core/memory/window.h"

#include <string.h>

/* How far from the probed address an access without a probe may be: with what a register is moved
 * by and an operand's bytes still within the guards, and far from the probe page, which is
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

static void move(struct known *known, unsigned reg, int64_t by, bool down) {
    if (!is_near(by)) { /* which may be anything: nothing is to be computed with it */
        known->reg[reg].probed = false;
        return;
    }
    known->reg[reg].at -= down ? -by : by;
    known->reg[reg].probed = known->reg[reg].probed && is_near(known->reg[reg].at);
}

/* The register that a note HOLE_PROBE is of; `place`: where it is, at home. */
static unsigned probed_register(const struct stencil *stencil, unsigned number,
                                const uint64_t *gadget, uint32_t *place) {
    unsigned reg = stencil->hole[number].at & 0xff;
    if (reg == NOTE_HOME) {
        *place = place_parameter(gadget, &stencil->hole[number + 1]);
        reg = register_at(*place);
    }
    return reg;
}

static bool probe_due(struct known *known, const struct stencil *stencil, unsigned number,
                      const uint64_t *gadget, struct probe *probe) {
    uint32_t place = 0;
    const unsigned reg = probed_register(stencil, number, gadget, &place);
    const int64_t at = wide_parameter(gadget, &stencil->hole[number]);
    if (reg < KNOWN_REGISTERS && known->reg[reg].probed && is_near(at - known->reg[reg].at)) {
        return false;
    }
    *probe = (struct probe){.reg = reg, .slot = {0, (uint64_t)at, place}};
    if (reg < KNOWN_REGISTERS) {
        known->reg[reg].probed = is_near(at);
        known->reg[reg].at = at;
    }
    return true;
}

bool known_probe(struct known *known, const struct stencil *stencil, const uint64_t *gadget,
                 struct probe *probe) {
    bool due = false;
    for (unsigned i = 0; i < stencil->holes; i++) {
        const struct hole *hole = &stencil->hole[i];
        if (hole->kind == HOLE_PROBE) {
            due = probe_due(known, stencil, i, gadget, probe);
        } else if (hole->kind == HOLE_MOVED) {
            move(known, hole->at & 7, wide_parameter(gadget, hole), hole->at & NOTE_MINUS);
        } else if (hole->kind == HOLE_STORED) {
            unsigned reg = register_at(place_parameter(gadget, hole));
            if (reg < KNOWN_REGISTERS) {
                known->reg[reg].probed = false;
            }
        }
    }
    for (unsigned reg = 0; reg < 8; reg++) {
        if (stencil->changed >> reg & 1) {
            known->reg[reg].probed = false;
        }
    }
    return due;
}

void known_nothing(struct known *known) {
    memset(known, 0, sizeof *known);
}
