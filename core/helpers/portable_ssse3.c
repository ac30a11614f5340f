/* SSSE3 in C (portable.h), of XMM and of MMX registers. Source: SDM Vol. 2. */
#include "core/helpers/portable.h"

#define BOTH (VECTOR_ALIGNED | VECTOR_MMX)

static void pshufb(struct vector_op *op) {
    EACH(b, op->src2->b[i] & 0x80 ? 0 : op->src->b[op->src2->b[i] & (op->bytes - 1)]);
}

/* Element 2i of src, then of src2, and the one after it. */
#define PAIRS(m, expression)                                                                       \
    unsigned half = op->bytes / sizeof op->dst->m[0] / 2;                                          \
    for (unsigned i = 0; i < 2 * half; i++) {                                                      \
        const union vector *from = i < half ? op->src : op->src2;                                  \
        unsigned at = i % half * 2;                                                                \
        op->dst->m[i] = (expression);                                                              \
    }
static void phaddw(struct vector_op *op) {
    PAIRS(w, (uint16_t)(from->w[at] + from->w[at + 1]));
}
static void phaddd(struct vector_op *op) {
    PAIRS(d, from->d[at] + from->d[at + 1]);
}
static void phaddsw(struct vector_op *op) {
    PAIRS(sw, (int16_t)clamp(from->sw[at] + from->sw[at + 1], INT16_MIN, INT16_MAX));
}
static void phsubw(struct vector_op *op) {
    PAIRS(w, (uint16_t)(from->w[at] - from->w[at + 1]));
}
static void phsubd(struct vector_op *op) {
    PAIRS(d, from->d[at] - from->d[at + 1]);
}
static void phsubsw(struct vector_op *op) {
    PAIRS(sw, (int16_t)clamp(from->sw[at] - from->sw[at + 1], INT16_MIN, INT16_MAX));
}

static void pmaddubsw(struct vector_op *op) {
    EACH(sw, (int16_t)clamp(op->src->b[2 * i] * op->src2->sb[2 * i] +
                                op->src->b[2 * i + 1] * op->src2->sb[2 * i + 1],
                            INT16_MIN, INT16_MAX));
}
static void pmulhrsw(struct vector_op *op) {
    EACH(w, (uint16_t)(((op->src->sw[i] * op->src2->sw[i] >> 14) + 1) >> 1));
}

static void psignb(struct vector_op *op) {
    EACH(b, (uint8_t)(op->src2->sb[i] < 0 ? -op->src->b[i] : op->src2->b[i] ? op->src->b[i] : 0));
}
static void psignw(struct vector_op *op) {
    EACH(w, (uint16_t)(op->src2->sw[i] < 0 ? -op->src->w[i] : op->src2->w[i] ? op->src->w[i] : 0));
}
static void psignd(struct vector_op *op) {
    EACH(d, op->src2->sd[i] < 0 ? 0 - op->src->d[i] : op->src2->d[i] ? op->src->d[i] : 0);
}

static void pabsb(struct vector_op *op) {
    EACH(b, (uint8_t)(op->src2->sb[i] < 0 ? -op->src2->b[i] : op->src2->b[i]));
}
static void pabsw(struct vector_op *op) {
    EACH(w, (uint16_t)(op->src2->sw[i] < 0 ? -op->src2->w[i] : op->src2->w[i]));
}
static void pabsd(struct vector_op *op) {
    EACH(d, op->src2->sd[i] < 0 ? 0 - op->src2->d[i] : op->src2->d[i]);
}

static void palignr(struct vector_op *op) {
    for (unsigned i = 0; i < op->bytes; i++) {
        unsigned at = i + op->imm;
        op->dst->b[i] = at < op->bytes       ? op->src2->b[at]
                        : at < 2 * op->bytes ? op->src->b[at - op->bytes]
                                             : 0;
    }
}

VECTOR_HELPER(pshufb, 0, BOTH);
VECTOR_HELPER(phaddw, 0, BOTH);
VECTOR_HELPER(phaddd, 0, BOTH);
VECTOR_HELPER(phaddsw, 0, BOTH);
VECTOR_HELPER(phsubw, 0, BOTH);
VECTOR_HELPER(phsubd, 0, BOTH);
VECTOR_HELPER(phsubsw, 0, BOTH);
VECTOR_HELPER(pmaddubsw, 0, BOTH);
VECTOR_HELPER(pmulhrsw, 0, BOTH);
VECTOR_HELPER(psignb, 0, BOTH);
VECTOR_HELPER(psignw, 0, BOTH);
VECTOR_HELPER(psignd, 0, BOTH);
VECTOR_HELPER(pabsb, 0, BOTH);
VECTOR_HELPER(pabsw, 0, BOTH);
VECTOR_HELPER(pabsd, 0, BOTH);
VECTOR_HELPER(palignr, 0, BOTH);
