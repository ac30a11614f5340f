/* AES, PCLMULQDQ and GFNI in C (portable.h), with their forms of VEX: each lane of 128 bits by
 * itself. The time that they take depends on the bytes. Source: SDM Vol. 2; FIPS 197. */
#include "core/helpers/portable.h"

#include <pthread.h>
#include <string.h>

#define AES_POLYNOMIAL 0x1b /* x^8 + x^4 + x^3 + x + 1 */

static uint8_t multiply(uint8_t a, uint8_t b) {
    uint8_t product = 0;
    for (unsigned i = 0; i < 8; i++) {
        product ^= b >> i & 1 ? a : 0;
        a = (uint8_t)(a << 1 ^ (a & 0x80 ? AES_POLYNOMIAL : 0));
    }
    return product;
}

static uint8_t rotate(uint8_t x, unsigned by) {
    return (uint8_t)(x << by | x >> (8 - by));
}

/* By byte, made at the first use: 1 / x (of 0: 0), AES' substitution and its inverse. */
static struct { uint8_t inverse[256], forth[256], back[256]; } tables;

static void make_tables(void) {
    for (unsigned x = 0; x < 256; x++) {
        uint8_t power = (uint8_t)x, inverse = 1; /* x^254 */
        for (unsigned i = 1; i < 8; i++) {
            power = multiply(power, power);
            inverse = multiply(inverse, power);
        }
        uint8_t y = (uint8_t)(inverse ^ rotate(inverse, 1) ^ rotate(inverse, 2) ^
                              rotate(inverse, 3) ^ rotate(inverse, 4) ^ 0x63);
        tables.inverse[x] = inverse;
        tables.forth[x] = y;
        tables.back[y] = (uint8_t)x;
    }
}

static void need_tables(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_tables);
}

/* One column of four bytes by the circulant matrix of (a, b, c, d). */
static void mix_column(uint8_t *column, const uint8_t *by) {
    uint8_t in[4];
    memcpy(in, column, 4);
    for (unsigned i = 0; i < 4; i++) {
        column[i] = 0;
        for (unsigned k = 0; k < 4; k++) {
            column[i] ^= multiply(in[k], by[(k + 4 - i) & 3]);
        }
    }
}

static const uint8_t forth[4] = {2, 3, 1, 1}, back[4] = {14, 11, 13, 9};

/* A round: rows shifted, bytes substituted, columns mixed (not in the last), the key added. */
static void aes_round(struct vector_op *op, bool decrypt, bool last) {
    need_tables();
    for (unsigned lane = 0; lane < op->bytes; lane += 16) {
        const uint8_t *state = op->src->b + lane;
        uint8_t out[16];
        for (unsigned i = 0; i < 16; i++) {
            unsigned column = decrypt ? i / 4 - i % 4 : i / 4 + i % 4;
            uint8_t byte = state[(column & 3) * 4 + i % 4];
            out[i] = decrypt ? tables.back[byte] : tables.forth[byte];
        }
        for (unsigned i = 0; i < 16 && !last; i += 4) {
            mix_column(out + i, decrypt ? back : forth);
        }
        for (unsigned i = 0; i < 16; i++) {
            op->dst->b[lane + i] = out[i] ^ op->src2->b[lane + i];
        }
    }
}

static void aesenc(struct vector_op *op) {
    aes_round(op, false, false);
}
static void aesenclast(struct vector_op *op) {
    aes_round(op, false, true);
}
static void aesdec(struct vector_op *op) {
    aes_round(op, true, false);
}
static void aesdeclast(struct vector_op *op) {
    aes_round(op, true, true);
}
static void aesimc(struct vector_op *op) {
    *op->dst = *op->src2;
    for (unsigned i = 0; i < 16; i += 4) {
        mix_column(op->dst->b + i, back);
    }
}
static void aeskeygenassist(struct vector_op *op) {
    need_tables();
    for (unsigned half = 0; half < 2; half++) {
        uint32_t word = op->src2->d[2 * half + 1], out = 0;
        for (unsigned k = 0; k < 4; k++) {
            out |= (uint32_t)tables.forth[word >> 8 * k & 0xff] << 8 * k;
        }
        op->dst->d[2 * half] = out;
        op->dst->d[2 * half + 1] = (out >> 8 | out << 24) ^ op->imm;
    }
}
VECTOR_HELPER(aesenc, 0, VECTOR_ALIGNED);
VECTOR_HELPER(aesenclast, 0, VECTOR_ALIGNED);
VECTOR_HELPER(aesdec, 0, VECTOR_ALIGNED);
VECTOR_HELPER(aesdeclast, 0, VECTOR_ALIGNED);
VECTOR_HELPER(aesimc, 0, VECTOR_ALIGNED);
VECTOR_HELPER(aeskeygenassist, 0, VECTOR_ALIGNED);

static void pclmulqdq(struct vector_op *op) {
    for (unsigned lane = 0; lane < op->bytes / 8; lane += 2) {
        unsigned __int128 a = op->src->q[lane + (op->imm & 1)], product = 0;
        uint64_t b = op->src2->q[lane + (op->imm >> 4 & 1)];
        for (unsigned i = 0; i < 64; i++) {
            product ^= b >> i & 1 ? a << i : 0;
        }
        op->dst->q[lane] = (uint64_t)product;
        op->dst->q[lane + 1] = (uint64_t)(product >> 64);
    }
}
VECTOR_HELPER(pclmulqdq, 0, VECTOR_ALIGNED);

static void gf2p8mulb(struct vector_op *op) {
    EACH(b, multiply(op->src->b[i], op->src2->b[i]));
}

/* Bit i of the result: parity of x and of byte 7 - i of the matrix. */
static uint8_t affine(uint64_t matrix, uint8_t x, uint8_t added) {
    uint8_t out = added;
    for (unsigned i = 0; i < 8; i++) {
        uint8_t row = (uint8_t)(matrix >> 8 * (7 - i)) & x;
        out ^= (uint8_t)(__builtin_parity(row) << i);
    }
    return out;
}
static void gf2p8affineqb(struct vector_op *op) {
    EACH(b, affine(op->src2->q[i / 8], op->src->b[i], op->imm));
}
static void gf2p8affineinvqb(struct vector_op *op) {
    need_tables();

    EACH(b, affine(op->src2->q[i / 8], tables.inverse[op->src->b[i]], op->imm));
}
VECTOR_HELPER(gf2p8mulb, 0, VECTOR_ALIGNED);
VECTOR_HELPER(gf2p8affineqb, 0, VECTOR_ALIGNED);
VECTOR_HELPER(gf2p8affineinvqb, 0, VECTOR_ALIGNED);
