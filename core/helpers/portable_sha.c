/* SHA-1 and SHA-256 in C (portable.h). Source: SDM Vol. 2; FIPS 180-4. */
#include "core/helpers/portable.h"

static uint32_t left(uint32_t x, unsigned by) {
    return x << by | x >> (32 - by);
}
static uint32_t right(uint32_t x, unsigned by) {
    return x >> by | x << (32 - by);
}

/* Registers hold words from the highest dword on: W0 is d[3]. */
static void sha1nexte(struct vector_op *op) {
    uint32_t e = left(op->src->d[3], 30);
    *op->dst = *op->src2;
    op->dst->d[3] += e;
}
static void sha1msg1(struct vector_op *op) {
    const uint32_t *w = op->src->d, *next = op->src2->d;
    uint32_t out[4] = {next[2] ^ w[0], next[3] ^ w[1], w[0] ^ w[2], w[1] ^ w[3]};
    EACH(d, out[i]);
}
static void sha1msg2(struct vector_op *op) {
    const uint32_t *x = op->src->d, *w = op->src2->d;
    uint32_t w16 = left(x[3] ^ w[2], 1), w17 = left(x[2] ^ w[1], 1), w18 = left(x[1] ^ w[0], 1);
    uint32_t out[4] = {left(x[0] ^ w16, 1), w18, w17, w16};
    EACH(d, out[i]);
}
static void sha1rnds4(struct vector_op *op) {
    static const uint32_t constant[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t a = op->src->d[3], b = op->src->d[2], c = op->src->d[1], d = op->src->d[0], e = 0;
    unsigned which = op->imm & 3;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t f = which == 0   ? (b & c) ^ (~b & d)
                     : which == 2 ? (b & c) ^ (b & d) ^ (c & d)
                                  : b ^ c ^ d;
        uint32_t next = f + left(a, 5) + op->src2->d[3 - i] + e + constant[which];
        e = d;
        d = c;
        c = left(b, 30);
        b = a;
        a = next;
    }
    uint32_t out[4] = {d, c, b, a};
    EACH(d, out[i]);
}

static uint32_t small0(uint32_t x) {
    return right(x, 7) ^ right(x, 18) ^ x >> 3;
}
static uint32_t small1(uint32_t x) {
    return right(x, 17) ^ right(x, 19) ^ x >> 10;
}
static void sha256msg1(struct vector_op *op) {
    const uint32_t *w = op->src->d;
    uint32_t next[4] = {w[1], w[2], w[3], op->src2->d[0]};
    EACH(d, w[i] + small0(next[i]));
}
static void sha256msg2(struct vector_op *op) {
    const uint32_t *x = op->src->d;
    uint32_t w16 = x[0] + small1(op->src2->d[2]), w17 = x[1] + small1(op->src2->d[3]);
    uint32_t out[4] = {w16, w17, x[2] + small1(w16), x[3] + small1(w17)};
    EACH(d, out[i]);
}
static void sha256rnds2(struct vector_op *op) {
    uint32_t a = op->src2->d[3], b = op->src2->d[2], e = op->src2->d[1], f = op->src2->d[0];
    uint32_t c = op->src->d[3], d = op->src->d[2], g = op->src->d[1], h = op->src->d[0];
    for (unsigned i = 0; i < 2; i++) {
        uint32_t first =
            h + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g)) + op->xmm0->d[i];
        uint32_t second =
            (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + first;
        d = c;
        c = b;
        b = a;
        a = first + second;
    }
    uint32_t out[4] = {f, e, b, a};
    EACH(d, out[i]);
}

VECTOR_HELPER(sha1nexte, 0, 0);
VECTOR_HELPER(sha1msg1, 0, 0);
VECTOR_HELPER(sha1msg2, 0, 0);
VECTOR_HELPER(sha1rnds4, 0, 0);
VECTOR_HELPER(sha256msg1, 0, 0);
VECTOR_HELPER(sha256msg2, 0, 0);
VECTOR_HELPER(sha256rnds2, 0, 0);
