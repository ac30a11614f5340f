/* SSE3 in C (portable.h): horizontal sums, duplicating moves, FISTTP. Source: SDM Vol. 2. */
#include "core/helpers/portable.h"
#include "core/host/host.h"

#include <string.h>

/* Subtracts even elements, adds odd ones. */
static void addsubpd(struct vector_op *op) {
    op->dst->q[0] = portable_sub(op, &format_double, op->src->q[0], op->src2->q[0]);
    op->dst->q[1] = portable_add(op, &format_double, op->src->q[1], op->src2->q[1]);
}
static void addsubps(struct vector_op *op) {
    for (unsigned i = 0; i < 4; i++) {
        op->dst->d[i] = (uint32_t)(i & 1 ? portable_add : portable_sub)(
            op, &format_single, op->src->d[i], op->src2->d[i]);
    }
}
static void haddpd(struct vector_op *op) {
    op->dst->q[0] = portable_add(op, &format_double, op->src->q[0], op->src->q[1]);
    op->dst->q[1] = portable_add(op, &format_double, op->src2->q[0], op->src2->q[1]);
}
static void hsubpd(struct vector_op *op) {
    op->dst->q[0] = portable_sub(op, &format_double, op->src->q[0], op->src->q[1]);
    op->dst->q[1] = portable_sub(op, &format_double, op->src2->q[0], op->src2->q[1]);
}
static void haddps(struct vector_op *op) {
    for (unsigned i = 0; i < 4; i++) {
        const uint32_t *from = (i < 2 ? op->src : op->src2)->d + (i & 1) * 2;
        op->dst->d[i] = (uint32_t)portable_add(op, &format_single, from[0], from[1]);
    }
}
static void hsubps(struct vector_op *op) {
    for (unsigned i = 0; i < 4; i++) {
        const uint32_t *from = (i < 2 ? op->src : op->src2)->d + (i & 1) * 2;
        op->dst->d[i] = (uint32_t)portable_sub(op, &format_single, from[0], from[1]);
    }
}
VECTOR_HELPER(addsubpd, 0, VECTOR_ALIGNED);
VECTOR_HELPER(addsubps, 0, VECTOR_ALIGNED);
VECTOR_HELPER(haddpd, 0, VECTOR_ALIGNED);
VECTOR_HELPER(haddps, 0, VECTOR_ALIGNED);
VECTOR_HELPER(hsubpd, 0, VECTOR_ALIGNED);
VECTOR_HELPER(hsubps, 0, VECTOR_ALIGNED);

static void lddqu(struct vector_op *op) {
    *op->dst = *op->src2;
}
static void movddup(struct vector_op *op) {
    EACH(q, op->src2->q[0]);
}
static void movsldup(struct vector_op *op) {
    EACH(d, op->src2->d[i & ~1u]);
}
static void movshdup(struct vector_op *op) {
    EACH(d, op->src2->d[i | 1]);
}
VECTOR_HELPER(lddqu, 0, 0);
VECTOR_HELPER(movddup, 8, 0);
VECTOR_HELPER(movsldup, 0, VECTOR_ALIGNED);
VECTOR_HELPER(movshdup, 0, VECTOR_ALIGNED);

/* --- FISTTP ---------------------------------------------------------------------------- */

enum { IE = 1, PE = 0x20, SF = 0x40, ES = 0x80, C1 = 0x200, BUSY = 0x8000 };

/* ST(0) as an integer of `bits` bits, towards zero; *raised: IE, PE. */
static uint64_t truncate(const uint8_t *st, unsigned bits, unsigned *raised) {
    uint64_t significand, most = UINT64_C(1) << (bits - 1);
    uint16_t top;
    memcpy(&significand, st, 8);
    memcpy(&top, st + 8, 2);
    int exponent = (top & 0x7fff) - 16383; /* of bit 63 */
    bool sign = top >> 15;
    if ((top & 0x7fff) && !(significand >> 63)) {
        *raised = IE; /* an unnormal number, or worse */
        return most;
    }
    if (exponent < 0) {
        *raised = significand ? PE : 0;
        return 0;
    }
    uint64_t whole = exponent > 63 ? 0 : significand >> (63 - exponent);
    if (exponent > 63 || whole > (sign ? most : most - 1)) {
        *raised = IE;
        return most;
    }
    *raised = exponent < 63 && significand << (exponent + 1) ? PE : 0;
    return sign ? 0 - whole : whole;
}

int helper_portable_fisttp(struct cpu *cpu, const uint64_t *params) {
    unsigned opcode = raw_opcode(params[0]), bytes = opcode == 0xdf ? 2 : opcode == 0xdb ? 4 : 8;
    uint16_t control, status;
    cpu_fpu_save(cpu);
    memcpy(&control, cpu->fx, 2);
    memcpy(&status, cpu->fx + 2, 2);
    if (status & ~control & 0x3f) {
        return helper_trap(cpu, TRAP_MF, 0);
    }
    unsigned top = status >> 11 & 7, raised;
    uint64_t value = UINT64_C(1) << (8 * bytes - 1);
    if (cpu->fx[4] >> top & 1) {
        value = truncate(cpu->fx + 32, 8 * bytes, &raised);
    } else {
        raised = IE | SF;
    }
    bool stops = raised & ~control & IE; /* nothing is stored, nothing popped */
    int leave =
        stops ? helper_write_probe(cpu, cpu->ea, bytes) : helper_write(cpu, cpu->ea, &value, bytes);
    if (leave) {
        return leave;
    }
    status = (uint16_t)((status & ~C1) | raised);
    if (raised & ~control & 0x3f) {
        status |= ES | BUSY;
    }
    if (!stops) {
        uint8_t first[16];
        memcpy(first, cpu->fx + 32, 16);
        memmove(cpu->fx + 32, cpu->fx + 48, (size_t)7 * 16); /* the image is in stack order */
        memcpy(cpu->fx + 32 + 7 * 16, first, 16);
        cpu->fx[4] &= (uint8_t) ~(1u << top);
        status = (uint16_t)((status & ~0x3800) | ((top + 1) & 7) << 11);
    }
    memcpy(cpu->fx + 2, &status, 2);
    host_fpu_load(cpu->fx);
    return 0;
}
