/* AVX-VNNI and AVX-IFMA in C (portable.h): sums of products added. Source: SDM Vol. 2. */
#include "core/helpers/portable.h"

/* Of dword i: four products of unsigned and signed bytes, two of signed words. */
static int64_t byte_products(const struct vector_op *op, unsigned i) {
    int64_t sum = 0;
    for (unsigned k = 4 * i; k < 4 * i + 4; k++) {
        sum += op->src->b[k] * op->src2->sb[k];
    }
    return sum;
}
static int64_t word_products(const struct vector_op *op, unsigned i) {
    return (int64_t)op->src->sw[2 * i] * op->src2->sw[2 * i] +
           (int64_t)op->src->sw[2 * i + 1] * op->src2->sw[2 * i + 1];
}
static void vpdpbusd(struct vector_op *op) {
    EACH(d, (uint32_t)(op->dst->sd[i] + byte_products(op, i)));
}
static void vpdpbusds(struct vector_op *op) {
    EACH(sd, (int32_t)clamp(op->dst->sd[i] + byte_products(op, i), INT32_MIN, INT32_MAX));
}
static void vpdpwssd(struct vector_op *op) {
    EACH(d, (uint32_t)(op->dst->sd[i] + word_products(op, i)));
}
static void vpdpwssds(struct vector_op *op) {
    EACH(sd, (int32_t)clamp(op->dst->sd[i] + word_products(op, i), INT32_MIN, INT32_MAX));
}

static unsigned __int128 product52(const struct vector_op *op, unsigned i) {
    const uint64_t low = (UINT64_C(1) << 52) - 1;
    return (unsigned __int128)(op->src->q[i] & low) * (op->src2->q[i] & low);
}
static void vpmadd52luq(struct vector_op *op) {
    EACH(q, op->dst->q[i] + ((uint64_t)product52(op, i) & ((UINT64_C(1) << 52) - 1)));
}
static void vpmadd52huq(struct vector_op *op) {
    EACH(q, op->dst->q[i] + (uint64_t)(product52(op, i) >> 52));
}

VECTOR_HELPER(vpdpbusd, 0, 0);
VECTOR_HELPER(vpdpbusds, 0, 0);
VECTOR_HELPER(vpdpwssd, 0, 0);
VECTOR_HELPER(vpdpwssds, 0, 0);
VECTOR_HELPER(vpmadd52luq, 0, 0);
VECTOR_HELPER(vpmadd52huq, 0, 0);
