/* General registers in C (portable.h): BMI1, LZCNT, POPCNT, MOVBE, CRC32, SERIALIZE. Undefined
 * flags are left as they were, or 0. Source: SDM Vol. 2. */
#include "core/helpers/portable.h"

/* Bytes of the operands of an instruction with VEX. */
static unsigned vex_size(const struct cpu *cpu, uint64_t raw) {
    return raw_vex_w(raw) && cpu->mode != GUEST_I386 ? 8 : 4;
}

static uint64_t cut(uint64_t value, unsigned size) {
    return size == 8 ? value : value & ((UINT64_C(1) << 8 * size) - 1);
}

static uint64_t *vvvv_register(struct cpu *cpu, uint64_t raw) {
    return &cpu->regs[raw_vvvv(raw) & (cpu->mode == GUEST_I386 ? 7 : 15)];
}

/* ZF and SF of a result, and what is given; the other status flags are 0. */
static void set_flags(struct cpu *cpu, uint64_t result, unsigned size, uint32_t others) {
    uint32_t sign = result >> (8 * size - 1) & 1 ? FLAG_SF : 0;
    portable_flags(cpu, FLAGS_STATUS, others | sign | (result ? 0 : FLAG_ZF));
}

int helper_portable_andn(struct cpu *cpu, const uint64_t *params) {
    unsigned size = vex_size(cpu, params[0]);
    uint64_t value;
    int leave = portable_read_rm(cpu, params[0], size, &value);
    if (!leave) {
        value = cut(~*vvvv_register(cpu, params[0]) & value, size);
        helper_set_register(cpu, raw_reg(params[0]), value, size);
        set_flags(cpu, value, size, 0);
    }
    return leave;
}

int helper_portable_bextr(struct cpu *cpu, const uint64_t *params) {
    unsigned size = vex_size(cpu, params[0]);
    uint64_t control = *vvvv_register(cpu, params[0]), value;
    unsigned start = control & 0xff, length = control >> 8 & 0xff;
    int leave = portable_read_rm(cpu, params[0], size, &value);
    if (!leave) {
        value = start < 64 ? value >> start : 0;
        value &= length < 64 ? (UINT64_C(1) << length) - 1 : UINT64_MAX;
        helper_set_register(cpu, raw_reg(params[0]), value, size);
        portable_flags(cpu, FLAGS_STATUS, value ? 0 : FLAG_ZF);
    }
    return leave;
}

enum lowest_bit { EXTRACT, MASK_UP_TO, RESET };

static int lowest_bit(struct cpu *cpu, uint64_t raw, enum lowest_bit what) {
    unsigned size = vex_size(cpu, raw);
    uint64_t value, result;
    int leave = portable_read_rm(cpu, raw, size, &value);
    if (!leave) {
        result = what == EXTRACT      ? value & (0 - value)
                 : what == MASK_UP_TO ? value ^ (value - 1)
                                      : value & (value - 1);
        result = cut(result, size);
        helper_set_register(cpu, (unsigned)(vvvv_register(cpu, raw) - cpu->regs), result, size);
        set_flags(cpu, result, size, (value != 0) == (what == EXTRACT) ? FLAG_CF : 0);
    }
    return leave;
}

int helper_portable_blsi(struct cpu *cpu, const uint64_t *params) {
    return lowest_bit(cpu, params[0], EXTRACT);
}
int helper_portable_blsmsk(struct cpu *cpu, const uint64_t *params) {
    return lowest_bit(cpu, params[0], MASK_UP_TO);
}
int helper_portable_blsr(struct cpu *cpu, const uint64_t *params) {
    return lowest_bit(cpu, params[0], RESET);
}

/* Zeros above the highest one, or below the lowest. */
static int count_zeros(struct cpu *cpu, uint64_t raw, bool leading) {
    unsigned size = raw_opsize(raw), bits = 8 * size, count = bits;
    uint64_t value;
    int leave = portable_read_rm(cpu, raw, size, &value);
    if (!leave) {
        if (value) {
            count = leading ? (unsigned)__builtin_clzll(value) - (64 - bits)
                            : (unsigned)__builtin_ctzll(value);
        }
        helper_set_register(cpu, raw_reg(raw), count, size);
        portable_flags(cpu, FLAGS_STATUS, (value ? 0 : FLAG_CF) | (count ? 0 : FLAG_ZF));
    }
    return leave;
}

int helper_portable_lzcnt(struct cpu *cpu, const uint64_t *params) {
    return count_zeros(cpu, params[0], true);
}
int helper_portable_tzcnt(struct cpu *cpu, const uint64_t *params) {
    return count_zeros(cpu, params[0], false);
}

int helper_portable_popcnt(struct cpu *cpu, const uint64_t *params) {
    unsigned size = raw_opsize(params[0]), count = 0;
    uint64_t value;
    int leave = portable_read_rm(cpu, params[0], size, &value);
    if (!leave) {
        for (uint64_t rest = value; rest; rest &= rest - 1) {
            count++;
        }
        helper_set_register(cpu, raw_reg(params[0]), count, size);
        portable_flags(cpu, FLAGS_STATUS, value ? 0 : FLAG_ZF);
    }
    return leave;
}

int helper_portable_movbe(struct cpu *cpu, const uint64_t *params) {
    unsigned size = raw_opsize(params[0]), reg = raw_reg(params[0]);
    bool store = raw_opcode(params[0]) & 1;
    uint64_t value = cpu->regs[reg];
    int leave = store ? 0 : helper_read(cpu, &value, cpu->ea, size);
    if (leave) {
        return leave;
    }
    value = __builtin_bswap64(value) >> (64 - 8 * size);
    if (store) {
        return helper_write(cpu, cpu->ea, &value, size);
    }
    helper_set_register(cpu, reg, value, size);
    return 0;
}

int helper_portable_crc32(struct cpu *cpu, const uint64_t *params) {
    uint64_t raw = params[0], value;
    unsigned size = raw_opcode(raw) & 1 ? raw_opsize(raw) : 1;
    int leave = portable_read_rm(cpu, raw, size, &value);
    if (!leave) {
        uint32_t sum = (uint32_t)cpu->regs[raw_reg(raw)];
        for (unsigned i = 0; i < 8 * size; i++, value >>= 1) {
            bool odd = (sum ^ value) & 1;
            sum = sum >> 1 ^ (odd ? 0x82f63b78u : 0); /* CRC-32C, reflected */
        }
        helper_set_register(cpu, raw_reg(raw), sum, 8);
    }
    return leave;
}

int helper_portable_serialize(struct cpu *cpu, const uint64_t *params) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* code that was written is no matter of the host's */
    return 0;
}
