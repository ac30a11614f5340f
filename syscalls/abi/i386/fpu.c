/* FP state of i386 signal frames: FXSAVE image <-> FNSAVE image plus FXSAVE image (SDM Vol.
 * 1 8.1.10, 10.5.1; abridged and full tag words). */
#include "syscalls/abi/i386/fpu.h"

#include <string.h>

/* Offsets in an FXSAVE image, 32-bit form. */
enum { FX_CW = 0, FX_SW = 2, FX_TAG = 4, FX_OP = 6, FX_IP = 8, FX_CS = 12, FX_DP = 16, FX_DS = 20 };
enum { FX_MXCSR = 24, FX_ST = 32, FX_ST_STRIDE = 16 };
enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

static uint16_t get16(const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t get32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static unsigned classify(const uint8_t *st) {
    uint64_t significand;
    memcpy(&significand, st, sizeof significand);
    unsigned exponent = get16(st + 8) & 0x7fff;
    if (exponent == 0x7fff) {
        return TAG_SPECIAL;
    }
    if (exponent == 0) {
        return significand == 0 ? TAG_ZERO : TAG_SPECIAL;
    }
    return significand >> 63 ? TAG_VALID : TAG_SPECIAL;
}

static uint16_t full_tag(const uint8_t *fx) {
    unsigned top = get16(fx + FX_SW) >> 11 & 7;
    uint16_t tag = 0;
    for (unsigned physical = 0; physical < 8; physical++) {
        unsigned kind = TAG_EMPTY;
        if (fx[FX_TAG] >> physical & 1) {
            kind = classify(fx + FX_ST + ((physical - top) & 7) * FX_ST_STRIDE);
        }
        tag |= (uint16_t)(kind << 2 * physical);
    }
    return tag;
}

void i386_fpstate_save(struct cpu *cpu, struct i386_fpstate *image) {
    cpu_fpu_save(cpu);
    const uint8_t *fx = cpu->fx;
    memset(image, 0, sizeof *image);
    image->cw = get16(fx + FX_CW) | 0xffff0000u;
    image->sw = get16(fx + FX_SW) | 0xffff0000u;
    image->tag = full_tag(fx) | 0xffff0000u;
    image->ip = get32(fx + FX_IP);
    image->cs = get16(fx + FX_CS) | (uint32_t)get16(fx + FX_OP) << 16;
    image->data = get32(fx + FX_DP);
    image->ds = get16(fx + FX_DS) | 0xffff0000u;
    for (int i = 0; i < 8; i++) {
        memcpy(image->st[i], fx + FX_ST + i * FX_ST_STRIDE, sizeof image->st[i]);
    }
    image->status = get16(fx + FX_SW);
    memcpy(image->fx, fx, sizeof image->fx);
}

bool i386_fpstate_restore(struct cpu *cpu, const struct i386_fpstate *image) {
    uint8_t *fx = cpu->fx;
    if (image->magic == 0 && get32(image->fx + FX_MXCSR) >> 16) {
        return false;
    }
    if (image->magic == 0) {
        memcpy(fx, image->fx, sizeof image->fx);
    } else {
        cpu_fpu_save(cpu); /* a frame without FXSAVE image: XMM registers stay */
    }
    uint16_t cw = (uint16_t)image->cw, sw = (uint16_t)image->sw;
    memcpy(fx + FX_CW, &cw, sizeof cw);
    memcpy(fx + FX_SW, &sw, sizeof sw);
    uint8_t abridged = 0;
    for (unsigned physical = 0; physical < 8; physical++) {
        abridged |= (uint8_t)(((image->tag >> 2 * physical & 3) != TAG_EMPTY) << physical);
    }
    fx[FX_TAG] = abridged;
    memcpy(fx + FX_IP, &image->ip, 4);
    uint16_t cs = (uint16_t)image->cs, opcode = (uint16_t)(image->cs >> 16 & 0x7ff);
    memcpy(fx + FX_CS, &cs, 2);
    memcpy(fx + FX_OP, &opcode, 2);
    memcpy(fx + FX_DP, &image->data, 4);
    uint16_t ds = (uint16_t)image->ds;
    memcpy(fx + FX_DS, &ds, 2);
    for (int i = 0; i < 8; i++) {
        memcpy(fx + FX_ST + i * FX_ST_STRIDE, image->st[i], sizeof image->st[i]);
    }
    cpu_fpu_dirty(cpu);
    return true;
}
