/* Input material of tests: random numbers, edge values, floating-point states, the memory image. */
#include "test/insn/forms.h"

#include <string.h>

uint64_t random64(struct random *r) {
    uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t below(struct random *r, uint32_t limit) {
    return (uint32_t)((random64(r) >> 32) * limit >> 32);
}

static const uint32_t edges[] = {
    0,          1,          2,          3,          7,          8,          9,          0xf,
    0x10,       0x11,       0x1f,       0x20,       0x21,       0x3f,       0x40,       0x7f,
    0x80,       0x81,       0xff,       0x100,      0x7fff,     0x8000,     0xffff,     0x10000,
    0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0xfffffffe, 0xffff0000, 0x99999999, 0x66666666,
    0x12345678, 0xff00ff00, 0x55555555, 0xffffff80, 0xffffff7f, 0xffff8000, 0x0f0f0f0f, 0xaaaaaaaa,
};

uint32_t edge32(struct random *r) {
    uint64_t v = random64(r);
    switch (v & 7) {
    case 0:
    case 1:
    case 2:
        return edges[(v >> 8) % (sizeof edges / sizeof edges[0])];
    case 3: /* a random number of a random width */
        return (uint32_t)(v >> 32) >> (v >> 8 & 31);
    case 4: /* edge plus or minus something small */
        return edges[(v >> 8) % (sizeof edges / sizeof edges[0])] + (uint32_t)(v >> 32) % 9 - 4;
    default:
        return (uint32_t)(v >> 32);
    }
}

#if CASE_BITS == 32
greg edge_value(struct random *r) {
    return edge32(r);
}
#else
greg edge_value(struct random *r) {
    uint32_t low = edge32(r);
    switch (below(r, 8)) {
    case 0:
        return (greg)(int64_t)(int32_t)low;
    case 1:
        return low;
    case 2:
        return (greg)low << 32;
    case 3: /* a random number of a random width */
        return random64(r) >> below(r, 64);
    case 4:
        return (greg)1 << below(r, 64);
    case 5:
        return ((greg)1 << below(r, 64)) + below(r, 9) - 4;
    case 6:
        return (greg)edge32(r) << 32 | low;
    default:
        return random64(r);
    }
}
#endif

static const uint32_t floats[] = {
    0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
    0xffc00000, 0x7f800001, 0x7fffffff, 0x00000001, 0x007fffff, 0x00800000, 0x7f7fffff,
    0x40490fdb, 0x3f000000, 0x4b000000, 0x4b800001, 0x4f000000, 0xcf000000, 0x5f000000,
    0x3effffff, 0x3fc00000, 0x40200000, 0x80000001,
};
static const uint64_t doubles[] = {
    0,
    UINT64_C(0x8000000000000000),
    UINT64_C(0x3ff0000000000000),
    UINT64_C(0xbff0000000000000),
    UINT64_C(0x7ff0000000000000),
    UINT64_C(0xfff0000000000000),
    UINT64_C(0x7ff8000000000000),
    UINT64_C(0x7ff0000000000001),
    UINT64_C(0x0000000000000001),
    UINT64_C(0x000fffffffffffff),
    UINT64_C(0x0010000000000000),
    UINT64_C(0x7fefffffffffffff),
    UINT64_C(0x400921fb54442d18),
    UINT64_C(0x3fe0000000000000),
    UINT64_C(0x4330000000000000),
    UINT64_C(0x41dfffffffc00000),
    UINT64_C(0xc1e0000000000000),
    UINT64_C(0x43e0000000000000),
    UINT64_C(0x3ff8000000000000),
    UINT64_C(0x47efffffe0000000),
    UINT64_C(0x36a0000000000000),
    UINT64_C(0x4004000000000000),
};

static uint32_t any_float(struct random *r) {
    uint64_t v = random64(r);
    if (v & 1) {
        return floats[(v >> 8) % (sizeof floats / sizeof floats[0])];
    }
    if (v & 2) /* of a size that arithmetic does not lose */
    {
        return (uint32_t)(v >> 32 & 0x807fffff) | (uint32_t)(0x70 + (v >> 8) % 32) << 23;
    }
    return (uint32_t)(v >> 32);
}

static uint64_t any_double(struct random *r) {
    uint64_t v = random64(r), w = random64(r);
    if (v & 1) {
        return doubles[(v >> 8) % (sizeof doubles / sizeof doubles[0])];
    }
    if (v & 2) {
        return (w & UINT64_C(0x800fffffffffffff)) | (0x3f0 + (v >> 8) % 64) << 52;
    }
    return w;
}

/* The 10 bytes of an x87 register: common numbers, and rarely the forms that only exist there. */
static void any_extended(struct random *r, uint8_t *to) {
    uint64_t kind = random64(r), mantissa = random64(r);
    uint16_t exponent = (uint16_t)(kind >> 48);
    switch (kind & 15) {
    case 0:
        mantissa = 0;
        exponent &= 0x8000; /* zero */
        break;
    case 1:
        mantissa = UINT64_C(0x8000000000000000);
        exponent |= 0x7fff; /* infinity */
        break;
    case 2:
        mantissa |= UINT64_C(0xc000000000000000);
        exponent |= 0x7fff; /* quiet NaN */
        break;
    case 3:
        mantissa = (mantissa & UINT64_C(0xbfffffffffffffff)) | UINT64_C(0x8000000000000001);
        exponent |= 0x7fff; /* signalling NaN */
        break;
    case 4:
        exponent &= 0x8000; /* denormal or pseudo-denormal */
        break;
    case 5:
        break; /* anything, invalid encodings too */
    case 6:
        mantissa = UINT64_C(0x8000000000000000) >> (kind >> 8 & 3) << 1;
        mantissa |= UINT64_C(0x8000000000000000);
        exponent = (uint16_t)(0x3fff + (kind >> 16) % 8); /* 1, 1.5, ... */
        break;
    default:
        mantissa |= UINT64_C(0x8000000000000000);
        exponent = (uint16_t)((exponent & 0x8000) | (0x3fdf + (kind >> 16) % 96));
        break;
    }
    memcpy(to, &mantissa, 8);
    memcpy(to + 8, &exponent, 2);
}

void edge_bytes(struct random *r, uint8_t *to, uint32_t bytes, bool floating) {
    uint32_t kind = below(r, 4);
    if (floating && (bytes == 4 || bytes == 8 || bytes == 10)) {
        uint32_t f = any_float(r);
        uint64_t d = any_double(r);
        if (bytes == 10) {
            any_extended(r, to);
        } else {
            memcpy(to, bytes == 4 ? (void *)&f : (void *)&d, bytes);
        }
        return;
    }
    for (uint32_t i = 0; i < bytes; i += 8) {
        uint64_t v = edge32(r) | (uint64_t)edge32(r) << 32;
        if (bytes >= 8 && kind == 1) {
            v = any_float(r) | (uint64_t)any_float(r) << 32;
        }
        if (bytes >= 8 && kind == 2) {
            v = any_double(r);
        }
        if (kind == 3) {
            v = random64(r);
        }
        memcpy(to + i, &v, bytes - i < 8 ? bytes - i : 8);
    }
}

void random_upper(struct tcase *test) {
    struct random r = {random64(&(struct random){test->regs[0]}) + test->code_len};
    memset(test->upper, 0, sizeof test->upper);
    for (int i = 0; i < REGS && __builtin_cpu_supports("avx"); i++) {
        edge_bytes(&r, test->upper[i], 16, false);
    }
}

void random_fp(struct random *r, struct fp_state *fp, bool calm) {
    memset(fp, 0, sizeof *fp);
    uint32_t v = (uint32_t)random64(r);
    static const uint16_t precision[] = {0x300, 0x300, 0x200, 0};
    fp->fcw = (uint16_t)(0x7f | precision[v & 3] | (v >> 2 & 3) << 10);
    fp->fsw = (uint16_t)((v >> 4 & 7) << 11 | (v & 0x4700));
    fp->ftw = (uint16_t)(v >> 8 & 0xff);
    if (v >> 16 & 3) {
        fp->ftw = 0xff;
    } else if (v >> 18 & 1) {
        fp->ftw = 0;
    }
    fp->mxcsr = 0x1f80 | (v >> 20 & 3) << 13;
    if ((v >> 22 & 7) == 0) {
        fp->mxcsr |= 0x8000; /* flush to zero */
    }
    if ((v >> 25 & 7) == 0) {
        fp->mxcsr |= 0x0040; /* denormals are zero */
    }
    for (int i = 0; i < 8; i++) {
        any_extended(r, fp->st[i]);
        edge_bytes(r, fp->xmm[i], 16, false);
    }
    for (int i = 8; i < REGS; i++) {
        edge_bytes(r, fp->xmm[i], 16, false);
    }
    if (calm) {
        return;
    }
    uint32_t w = (uint32_t)random64(r);
    if ((w & 15) == 0) {
        fp->fcw &= (uint16_t) ~(w >> 4 & 0x3f); /* some exceptions unmasked */
    }
    if ((w >> 10 & 3) == 0) {
        fp->fsw |= (uint16_t)(w >> 12 & 0x7f); /* some flags set before */
    }
    if (fp->fsw & ~fp->fcw & 0x3f) {
        fp->fsw |= 0x8080; /* pending: ES and B */
    }
    if ((w >> 20 & 15) == 0) {
        fp->mxcsr &= ~((w >> 24 & 0x3f) << 7);
    }
    if ((w >> 30 & 1) == 0) {
        fp->mxcsr |= w >> 13 & 0x3f;
    }
}

void fill_memory(struct batch *batch) {
    struct random r = {0x5eed};
    for (uint32_t i = 0; i < DATA_BYTES; i += 16) {
        edge_bytes(&r, batch->data + i, 16, false);
    }
    for (uint32_t i = 0; i < RO_BYTES; i += 16) {
        edge_bytes(&r, batch->ro + i, 16, false);
    }
    for (uint32_t i = 0; i < STACK_BYTES; i += 16) {
        edge_bytes(&r, batch->stack + i, 16, false);
    }
#if CASE_BITS == 64
    for (uint32_t i = 0; i < LOW_BYTES; i += 16) {
        edge_bytes(&r, batch->low + i, 16, false);
    }
#endif
}
