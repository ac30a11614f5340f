/* Floating point of SSE in integers: add, multiply, round to integer, by MXCSR's rounding,
 * denormals as zero and flush to zero. Exact results are rounded once. Source: SDM Vol.
 * 1, 4.8, 4.9, 11.5. */
#include "core/helpers/portable.h"

typedef unsigned __int128 wide;

enum { INVALID = 1, DENORMAL = 2, OVERFLOW = 8, UNDERFLOW = 16, INEXACT = 32 };
enum { NEAREST, DOWN, UP, TO_ZERO };
#define MXCSR_DAZ (1u << 6)
#define MXCSR_UM  (1u << 11)
#define MXCSR_FTZ (1u << 15)

const struct float_format format_single = {23, 8}, format_double = {52, 11};

/* value = (-1)^sign * significand * 2^exponent, unless it is infinite or no number. */
struct number {
    bool sign, infinite, nan, quiet, denormal;
    int exponent;
    uint64_t significand;
};

static uint64_t sign_bit(const struct float_format *f) {
    return UINT64_C(1) << (f->fraction + f->exponent);
}

static int most_exponent(const struct float_format *f) { /* the exponent field of infinity */
    return (1 << f->exponent) - 1;
}

static uint64_t infinity(const struct float_format *f) {
    return (uint64_t)most_exponent(f) << f->fraction;
}

static uint64_t quiet_bit(const struct float_format *f) {
    return UINT64_C(1) << (f->fraction - 1);
}

static uint64_t default_nan(const struct float_format *f) {
    return sign_bit(f) | infinity(f) | quiet_bit(f);
}

/* The exponent of a significand's lowest bit when the field is `field`. */
static int lowest(const struct float_format *f, int field) {
    return (field ? field : 1) - (most_exponent(f) >> 1) - (int)f->fraction;
}

static struct number unpack(const struct vector_op *op, const struct float_format *f, uint64_t x) {
    uint64_t fraction = x & ((UINT64_C(1) << f->fraction) - 1);
    int field = (int)(x >> f->fraction) & most_exponent(f);
    struct number n = {.sign = x & sign_bit(f), .exponent = lowest(f, field)};
    n.significand = fraction | (field ? UINT64_C(1) << f->fraction : 0);
    if (field == most_exponent(f)) {
        n.infinite = !fraction;
        n.nan = fraction != 0;
        n.quiet = x & quiet_bit(f);
    } else if (!field && fraction) {
        n.denormal = !(op->cpu->mxcsr & MXCSR_DAZ);
        n.significand = n.denormal ? fraction : 0;
    }
    return n;
}

/* The answer when a or b is no number. */
static uint64_t take_nan(struct vector_op *op, const struct float_format *f, uint64_t a, uint64_t b,
                         const struct number *x, const struct number *y) {
    if ((x->nan && !x->quiet) || (y->nan && !y->quiet)) {
        op->raised |= INVALID;
    }
    return (x->nan ? a : b) | quiet_bit(f);
}

static uint64_t invalid(struct vector_op *op, const struct float_format *f) {
    op->raised |= INVALID;
    return default_nan(f);
}

static int highest_bit(wide x) {
    uint64_t high = (uint64_t)(x >> 64);
    return high ? 127 - __builtin_clzll(high) : 63 - __builtin_clzll((uint64_t)x);
}

/* x / 2^shift, rounded; *inexact: something was lost. */
static wide shift_rounded(wide x, int shift, unsigned rounding, bool sign, bool *inexact) {
    *inexact = false;
    if (shift <= 0) {
        return x << -shift;
    }
    wide lost = shift > 127 ? x : x & (((wide)1 << shift) - 1);
    wide half = shift > 127 ? 0 : (wide)1 << (shift - 1), kept = shift > 127 ? 0 : x >> shift;
    *inexact = lost != 0;
    bool up = rounding == NEAREST ? half && (lost > half || (lost == half && kept & 1))
              : rounding == UP    ? lost && !sign
              : rounding == DOWN  ? lost && sign
                                  : false;
    return kept + up;
}

/* significand * 2^exponent, not 0, as a float. */
static uint64_t round_pack(struct vector_op *op, const struct float_format *f, bool sign,
                           wide significand, int exponent) {
    unsigned rounding = op->cpu->mxcsr >> 13 & 3;
    int fraction = (int)f->fraction, least = lowest(f, 1);
    int place = exponent + highest_bit(significand) - fraction; /* of the lowest bit kept */
    uint64_t with_sign = sign ? sign_bit(f) : 0;
    bool inexact;
    wide kept = shift_rounded(significand, place - exponent, rounding, sign, &inexact);
    if (kept >> (fraction + 1)) {
        kept >>= 1;
        place++;
    }
    if (place < least) { /* tiny, which counts after rounding */
        if (!(op->cpu->mxcsr & MXCSR_UM)) {
            op->raised |= UNDERFLOW | (inexact ? INEXACT : 0);
            return 0; /* nobody sees it */
        }
        if (op->cpu->mxcsr & MXCSR_FTZ) {
            op->raised |= UNDERFLOW | INEXACT;
            return with_sign;
        }
        kept = shift_rounded(significand, least - exponent, rounding, sign, &inexact);
        op->raised |= inexact ? UNDERFLOW | INEXACT : 0;
        return with_sign | (uint64_t)kept; /* a carry makes it the least normal number */
    }
    op->raised |= inexact ? INEXACT : 0;
    int field = place - least + 1;
    if (field >= most_exponent(f)) {
        op->raised |= OVERFLOW | (op->cpu->mxcsr & 1u << 10 ? INEXACT : 0);
        bool up = rounding == NEAREST || (rounding == UP && !sign) || (rounding == DOWN && sign);
        return with_sign | (infinity(f) - !up);
    }
    return with_sign | ((uint64_t)field << fraction) |
           ((uint64_t)kept & ((UINT64_C(1) << fraction) - 1));
}

uint64_t portable_add(struct vector_op *op, const struct float_format *f, uint64_t a, uint64_t b) {
    struct number x = unpack(op, f, a), y = unpack(op, f, b);
    if (x.nan || y.nan) {
        return take_nan(op, f, a, b, &x, &y);
    }
    if (x.infinite && y.infinite && x.sign != y.sign) {
        return invalid(op, f);
    }
    op->raised |= x.denormal || y.denormal ? DENORMAL : 0;
    if (x.infinite || y.infinite) {
        return x.infinite ? a : b;
    }
    if (x.exponent < y.exponent) {
        struct number other = x;
        x = y;
        y = other;
    }
    int distance = x.exponent - y.exponent;
    wide big = (wide)x.significand << 64, small = (wide)y.significand << 64;
    if (distance >= 128) {
        small = small != 0;
    } else {
        bool lost = distance && small & (((wide)1 << distance) - 1);
        small = small >> distance | lost;
    }
    bool sign = x.sign;
    wide sum = big + small;
    if (x.sign != y.sign) {
        sum = big >= small ? big - small : small - big;
        sign = big >= small ? x.sign : y.sign;
    }
    if (!sum) {
        bool down = (op->cpu->mxcsr >> 13 & 3) == DOWN;
        return (x.sign == y.sign ? x.sign : down) ? sign_bit(f) : 0;
    }
    return round_pack(op, f, sign, sum, x.exponent - 64);
}

uint64_t portable_sub(struct vector_op *op, const struct float_format *f, uint64_t a, uint64_t b) {
    struct number y = unpack(op, f, b);
    return portable_add(op, f, a, y.nan ? b : b ^ sign_bit(f));
}

uint64_t portable_mul(struct vector_op *op, const struct float_format *f, uint64_t a, uint64_t b) {
    struct number x = unpack(op, f, a), y = unpack(op, f, b);
    if (x.nan || y.nan) {
        return take_nan(op, f, a, b, &x, &y);
    }
    uint64_t sign = x.sign != y.sign ? sign_bit(f) : 0;
    if (x.infinite || y.infinite) {
        if (!(x.infinite || x.significand) || !(y.infinite || y.significand)) {
            return invalid(op, f);
        }
        op->raised |= x.denormal || y.denormal ? DENORMAL : 0;
        return sign | infinity(f);
    }
    op->raised |= x.denormal || y.denormal ? DENORMAL : 0;
    wide product = (wide)x.significand * y.significand;
    return product ? round_pack(op, f, sign, product, x.exponent + y.exponent) : sign;
}

uint64_t portable_round(struct vector_op *op, const struct float_format *f, uint64_t a,
                        unsigned control) {
    struct number x = unpack(op, f, a);
    if (x.nan) {
        return take_nan(op, f, a, a, &x, &x);
    }
    if (x.infinite || x.exponent >= 0) {
        return a;
    }
    bool inexact;
    unsigned rounding = control & 4 ? op->cpu->mxcsr >> 13 & 3 : control & 3;
    uint64_t whole =
        (uint64_t)shift_rounded(x.significand, -x.exponent, rounding, x.sign, &inexact);
    if (inexact && !(control & 8)) {
        op->raised |= INEXACT;
    }
    return whole ? round_pack(op, f, x.sign, whole, 0) : x.sign ? sign_bit(f) : 0;
}
