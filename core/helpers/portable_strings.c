/* The string comparisons of SSE4.2 in C (portable.h). Source: SDM Vol. 1, 4.1 of Vol. 2. */
#include "core/helpers/portable.h"

/* The immediate's fields. */
enum { ANY_OF, IN_RANGES, EQUAL_EACH, EQUAL_ORDERED };
enum { WORDS = 1, SIGNED = 2, NEGATE = 0x10, MASKED = 0x20, LAST_OR_WIDE = 0x40 };

struct strings {
    const union vector *a, *b;
    unsigned imm, count; /* elements of a register */
    unsigned valid_a, valid_b;
};

static int element(const struct strings *s, const union vector *v, unsigned i) {
    if (s->imm & WORDS) {
        return s->imm & SIGNED ? v->sw[i] : v->w[i];
    }
    return s->imm & SIGNED ? v->sb[i] : v->b[i];
}

/* Elements before the first zero. */
static unsigned implicit_length(const struct strings *s, const union vector *v) {
    unsigned n = 0;
    while (n < s->count && element(s, v, n)) {
        n++;
    }
    return n;
}

static unsigned explicit_length(const struct strings *s, const struct cpu *cpu, unsigned reg,
                                bool wide) {
    int64_t value = wide ? (int64_t)cpu->regs[reg] : (int32_t)cpu->regs[reg];
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    return size < s->count ? (unsigned)size : s->count;
}

/* Does element i of b belong to the set or to the ranges that a has? */
static bool in_set(const struct strings *s, unsigned i) {
    bool ranges = (s->imm >> 2 & 3) == IN_RANGES;
    int value = element(s, s->b, i);
    if (i >= s->valid_b) {
        return false;
    }
    for (unsigned k = 0; k < s->valid_a; k += ranges ? 2 : 1) {
        int low = element(s, s->a, k);
        if (!ranges) {
            if (low == value) {
                return true;
            }
        } else if (k + 1 < s->valid_a && low <= value && value <= element(s, s->a, k + 1)) {
            return true;
        }
    }
    return false;
}

static bool equal_each(const struct strings *s, unsigned i) {
    bool a = i < s->valid_a, b = i < s->valid_b;
    return a && b ? element(s, s->a, i) == element(s, s->b, i) : a == b;
}

/* Is a in b from element i on, as far as the register goes? */
static bool equal_ordered(const struct strings *s, unsigned i) {
    for (unsigned k = 0; k < s->valid_a && i + k < s->count; k++) {
        if (i + k >= s->valid_b || element(s, s->a, k) != element(s, s->b, i + k)) {
            return false;
        }
    }
    return true;
}

static uint32_t compare(const struct strings *s) {
    uint32_t found = 0, all = (1u << s->count) - 1, valid = (1u << s->valid_b) - 1;
    for (unsigned i = 0; i < s->count; i++) {
        unsigned how = s->imm >> 2 & 3;
        bool one = how == EQUAL_EACH      ? equal_each(s, i)
                   : how == EQUAL_ORDERED ? equal_ordered(s, i)
                                          : in_set(s, i);
        found |= (uint32_t)one << i;
    }
    if (s->imm & NEGATE) {
        found ^= s->imm & MASKED ? valid : all;
    }
    return found;
}

static void put_index(struct cpu *cpu, const struct strings *s, uint32_t found) {
    unsigned index = s->count;
    if (found) {
        index =
            (unsigned)(s->imm & LAST_OR_WIDE ? 31 - __builtin_clz(found) : __builtin_ctz(found));
    }
    helper_set_register(cpu, REG_CX, index, 4);
}

static void put_mask(struct cpu *cpu, const struct strings *s, uint32_t found) {
    union vector *to = portable_register(cpu, 0);
    for (unsigned i = 0; i < 16; i++) {
        unsigned bit = s->imm & WORDS ? i / 2 : i;
        to->b[i] = s->imm & LAST_OR_WIDE ? (uint8_t)(found >> bit & 1 ? 0xff : 0)
                                         : (uint8_t)(i < 2 ? found >> 8 * i : 0);
    }
}

static int run(struct cpu *cpu, const uint64_t *params, bool lengths, bool mask) {
    uint64_t raw = params[0];
    union vector src = *portable_register(cpu, raw_rm(raw));
    struct strings s = {.a = portable_register(cpu, raw_reg(raw)),
                        .b = &src,
                        .imm = (unsigned)params[1],
                        .count = params[1] & WORDS ? 8 : 16};
    if (raw_memory(raw)) {
        int leave = helper_read(cpu, &src, cpu->ea, 16);
        if (leave) {
            return leave;
        }
    }
    bool wide = raw >> 35 & 1; /* REX.W */
    s.valid_a = lengths ? explicit_length(&s, cpu, REG_AX, wide) : implicit_length(&s, s.a);
    s.valid_b = lengths ? explicit_length(&s, cpu, REG_DX, wide) : implicit_length(&s, s.b);
    uint32_t found = compare(&s);
    portable_flags(cpu, FLAGS_STATUS,
                   (found ? FLAG_CF : 0) | (s.valid_b < s.count ? FLAG_ZF : 0) |
                       (s.valid_a < s.count ? FLAG_SF : 0) | (found & 1 ? FLAG_OF : 0));
    if (mask) {
        put_mask(cpu, &s, found);
    } else {
        put_index(cpu, &s, found);
    }
    return 0;
}

int helper_portable_pcmpestri(struct cpu *cpu, const uint64_t *params) {
    return run(cpu, params, true, false);
}
int helper_portable_pcmpestrm(struct cpu *cpu, const uint64_t *params) {
    return run(cpu, params, true, true);
}
int helper_portable_pcmpistri(struct cpu *cpu, const uint64_t *params) {
    return run(cpu, params, false, false);
}
int helper_portable_pcmpistrm(struct cpu *cpu, const uint64_t *params) {
    return run(cpu, params, false, true);
}
