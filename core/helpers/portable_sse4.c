/* SSE4.1 and PCMPGTQ in C (portable.h); strings: portable_strings.c. Source: SDM Vol. 2. */
#include "core/helpers/portable.h"

#include <string.h>

/* --- blend, insert, extract --------------------------------------------------------------- */

static void blendps(struct vector_op *op) {
    EACH(d, (op->imm >> i & 1 ? op->src2 : op->src)->d[i]);
}
static void blendpd(struct vector_op *op) {
    EACH(q, (op->imm >> i & 1 ? op->src2 : op->src)->q[i]);
}
static void pblendw(struct vector_op *op) {
    EACH(w, (op->imm >> (i & 7) & 1 ? op->src2 : op->src)->w[i]);
}
static void pblendvb(struct vector_op *op) {
    EACH(b, (op->xmm0->sb[i] < 0 ? op->src2 : op->src)->b[i]);
}
static void blendvps(struct vector_op *op) {
    EACH(d, (op->xmm0->sd[i] < 0 ? op->src2 : op->src)->d[i]);
}
static void blendvpd(struct vector_op *op) {
    EACH(q, (op->xmm0->sq[i] < 0 ? op->src2 : op->src)->q[i]);
}
VECTOR_HELPER(blendps, 0, VECTOR_ALIGNED);
VECTOR_HELPER(blendpd, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pblendw, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pblendvb, 0, VECTOR_ALIGNED);
VECTOR_HELPER(blendvps, 0, VECTOR_ALIGNED);
VECTOR_HELPER(blendvpd, 0, VECTOR_ALIGNED);

int helper_portable_insertps(struct cpu *cpu, const uint64_t *params) {
    union vector *dst = portable_register(cpu, raw_reg(params[0]));
    unsigned imm = (unsigned)params[1];
    uint32_t value = portable_register(cpu, raw_rm(params[0]))->d[imm >> 6 & 3];
    if (raw_memory(params[0])) {
        int leave = helper_read(cpu, &value, cpu->ea, 4);
        if (leave) {
            return leave;
        }
    }
    dst->d[imm >> 4 & 3] = value;
    for (unsigned i = 0; i < 4; i++) {
        dst->d[i] = imm >> i & 1 ? 0 : dst->d[i];
    }
    return 0;
}

/* `size` bytes of the register, by the immediate, to a general register or memory. */
static int extract(struct cpu *cpu, const uint64_t *params, unsigned size) {
    const union vector *src = portable_register(cpu, raw_reg(params[0]));
    uint64_t value = 0;
    memcpy(&value, src->b + params[1] % (16 / size) * size, size);
    return portable_write_rm(cpu, params[0], size, size < 4 ? 4 : size, value);
}
int helper_portable_pextrb(struct cpu *cpu, const uint64_t *params) {
    return extract(cpu, params, 1);
}
int helper_portable_pextrw(struct cpu *cpu, const uint64_t *params) {
    return extract(cpu, params, 2);
}
int helper_portable_pextrd(struct cpu *cpu, const uint64_t *params) {
    return extract(cpu, params, 4);
}
int helper_portable_pextrq(struct cpu *cpu, const uint64_t *params) {
    return extract(cpu, params, 8);
}
int helper_portable_extractps(struct cpu *cpu, const uint64_t *params) {
    return extract(cpu, params, 4);
}

static int insert(struct cpu *cpu, const uint64_t *params, unsigned size) {
    uint64_t value;
    /* of a register of 32 bits: its low byte */
    int leave =
        portable_read_rm(cpu, params[0], size == 1 && !raw_memory(params[0]) ? 4 : size, &value);
    if (!leave) {
        memcpy(portable_register(cpu, raw_reg(params[0]))->b + params[1] % (16 / size) * size,
               &value, size);
    }
    return leave;
}
int helper_portable_pinsrb(struct cpu *cpu, const uint64_t *params) {
    return insert(cpu, params, 1);
}
int helper_portable_pinsrd(struct cpu *cpu, const uint64_t *params) {
    return insert(cpu, params, 4);
}
int helper_portable_pinsrq(struct cpu *cpu, const uint64_t *params) {
    return insert(cpu, params, 8);
}

/* --- floating point ----------------------------------------------------------------------- */

static void dpps(struct vector_op *op) {
    uint64_t term[4] = {0};
    for (unsigned i = 0; i < 4; i++) {
        if (op->imm >> (4 + i) & 1) {
            term[i] = portable_mul(op, &format_single, op->src->d[i], op->src2->d[i]);
        }
    }
    if (portable_stops(op)) {
        return;
    }
    uint64_t low = portable_add(op, &format_single, term[0], term[1]);
    uint64_t high = portable_add(op, &format_single, term[2], term[3]);
    if (portable_stops(op)) {
        return;
    }
    uint64_t sum = portable_add(op, &format_single, low, high);
    EACH(d, op->imm >> i & 1 ? (uint32_t)sum : 0);
}
static void dppd(struct vector_op *op) {
    uint64_t term[2] = {0};
    for (unsigned i = 0; i < 2; i++) {
        if (op->imm >> (4 + i) & 1) {
            term[i] = portable_mul(op, &format_double, op->src->q[i], op->src2->q[i]);
        }
    }
    if (portable_stops(op)) {
        return;
    }
    uint64_t sum = portable_add(op, &format_double, term[0], term[1]);
    EACH(q, op->imm >> i & 1 ? sum : 0);
}
static void roundps(struct vector_op *op) {
    EACH(d, (uint32_t)portable_round(op, &format_single, op->src2->d[i], op->imm));
}
static void roundpd(struct vector_op *op) {
    EACH(q, portable_round(op, &format_double, op->src2->q[i], op->imm));
}
static void roundss(struct vector_op *op) {
    op->dst->d[0] = (uint32_t)portable_round(op, &format_single, op->src2->d[0], op->imm);
}
static void roundsd(struct vector_op *op) {
    op->dst->q[0] = portable_round(op, &format_double, op->src2->q[0], op->imm);
}
VECTOR_HELPER(dpps, 0, VECTOR_ALIGNED);
VECTOR_HELPER(dppd, 0, VECTOR_ALIGNED);
VECTOR_HELPER(roundps, 0, VECTOR_ALIGNED);
VECTOR_HELPER(roundpd, 0, VECTOR_ALIGNED);
VECTOR_HELPER(roundss, 4, 0);
VECTOR_HELPER(roundsd, 8, 0);

/* --- integers ----------------------------------------------------------------------------- */

static void mpsadbw(struct vector_op *op) {
    unsigned from = op->imm & 4, with = (op->imm & 3) * 4;
    for (unsigned i = 0; i < 8; i++) {
        unsigned sum = 0;
        for (unsigned k = 0; k < 4; k++) {
            int difference = op->src->b[from + i + k] - op->src2->b[with + k];
            sum += (unsigned)(difference < 0 ? -difference : difference);
        }
        op->dst->w[i] = (uint16_t)sum;
    }
}
static void phminposuw(struct vector_op *op) {
    unsigned least = 0;
    for (unsigned i = 1; i < 8; i++) {
        least = op->src2->w[i] < op->src2->w[least] ? i : least;
    }
    op->dst->q[0] = op->src2->w[least] | least << 16;
    op->dst->q[1] = 0;
}
static void packusdw(struct vector_op *op) {
    EACH(w, (uint16_t)clamp((i < 4 ? op->src : op->src2)->sd[i & 3], 0, UINT16_MAX));
}
static void pcmpeqq(struct vector_op *op) {
    EACH(q, op->src->q[i] == op->src2->q[i] ? UINT64_MAX : 0);
}
static void pcmpgtq(struct vector_op *op) {
    EACH(q, op->src->sq[i] > op->src2->sq[i] ? UINT64_MAX : 0);
}
#define LESSER(m)  EACH(m, op->src->m[i] < op->src2->m[i] ? op->src->m[i] : op->src2->m[i])
#define GREATER(m) EACH(m, op->src->m[i] > op->src2->m[i] ? op->src->m[i] : op->src2->m[i])
static void pminsb(struct vector_op *op) {
    LESSER(sb);
}
static void pminsd(struct vector_op *op) {
    LESSER(sd);
}
static void pminuw(struct vector_op *op) {
    LESSER(w);
}
static void pminud(struct vector_op *op) {
    LESSER(d);
}
static void pmaxsb(struct vector_op *op) {
    GREATER(sb);
}
static void pmaxsd(struct vector_op *op) {
    GREATER(sd);
}
static void pmaxuw(struct vector_op *op) {
    GREATER(w);
}
static void pmaxud(struct vector_op *op) {
    GREATER(d);
}
static void pmuldq(struct vector_op *op) {
    EACH(sq, (int64_t)op->src->sd[2 * i] * op->src2->sd[2 * i]);
}
static void pmulld(struct vector_op *op) {
    EACH(d, op->src->d[i] * op->src2->d[i]);
}
VECTOR_HELPER(mpsadbw, 0, VECTOR_ALIGNED);
VECTOR_HELPER(phminposuw, 0, VECTOR_ALIGNED);
VECTOR_HELPER(packusdw, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pcmpeqq, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pcmpgtq, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pminsb, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pminsd, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pminuw, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pminud, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pmaxsb, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pmaxsd, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pmaxuw, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pmaxud, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pmuldq, 0, VECTOR_ALIGNED);
VECTOR_HELPER(pmulld, 0, VECTOR_ALIGNED);

/* Widened elements: name, to, from, bytes in memory. */
#define WIDEN(name, to, from, size)                                                                \
    static void name(struct vector_op *op) {                                                       \
        EACH(to, op->src2->from[i]);                                                               \
    }                                                                                              \
    VECTOR_HELPER(name, size, 0);
/* NOLINTBEGIN(bugprone-signed-char-misuse): the sign is what is wanted */
WIDEN(pmovsxbw, sw, sb, 8);
WIDEN(pmovsxbd, sd, sb, 4);
WIDEN(pmovsxbq, sq, sb, 2);
/* NOLINTEND(bugprone-signed-char-misuse) */
WIDEN(pmovsxwd, sd, sw, 8);
WIDEN(pmovsxwq, sq, sw, 4);
WIDEN(pmovsxdq, sq, sd, 8);
WIDEN(pmovzxbw, w, b, 8);
WIDEN(pmovzxbd, d, b, 4);
WIDEN(pmovzxbq, q, b, 2);
WIDEN(pmovzxwd, d, w, 8);
WIDEN(pmovzxwq, q, w, 4);
WIDEN(pmovzxdq, q, d, 8);

static void ptest(struct vector_op *op) {
    uint64_t both = 0, rest = 0;
    for (unsigned i = 0; i < 2; i++) {
        both |= op->src->q[i] & op->src2->q[i];
        rest |= ~op->src->q[i] & op->src2->q[i];
    }
    portable_flags(op->cpu, FLAGS_STATUS, (both ? 0 : FLAG_ZF) | (rest ? 0 : FLAG_CF));
}
static void movntdqa(struct vector_op *op) {
    *op->dst = *op->src2;
}
VECTOR_HELPER(ptest, 0, VECTOR_ALIGNED | VECTOR_NO_RESULT);
VECTOR_HELPER(movntdqa, 0, VECTOR_ALIGNED);
