/* String instructions and XLAT with short addresses (prefix 67), an FS/GS override of the source,
 * or beyond the window. The common forms are host string instructions (templates/<host>/movs.j2
 * ...). Restartable as hardware is: a fault leaves the registers of the iteration that faulted; a
 * kick between iterations leaves at the instruction itself. */
#include "core/helpers/helpers.h"
#include "core/space/space.h"

#include <stdatomic.h>
#include <string.h>

struct string {
    struct cpu *cpu;
    uint64_t raw;
    unsigned size;
    unsigned addrsize;
    uint64_t src_base; /* segment base of the source */
};

static uint64_t offset(const struct string *s, unsigned reg) {
    return helper_cut(s->cpu->regs[reg], s->addrsize);
}

/* Add to a pointer or counter register, within the address size. */
static void advance(const struct string *s, unsigned reg, int by) {
    helper_set_register(s->cpu, reg, s->cpu->regs[reg] + (uint64_t)(int64_t)by, s->addrsize);
}

static int read_src(const struct string *s, uint64_t *value) {
    if (s->cpu->mode == GUEST_I386 && offset(s, REG_SI) > 0xffffffffu - (s->size - 1)) {
        return helper_trap(s->cpu, TRAP_GP, 0); /* beyond the segment's limit */
    }
    gaddr_t at = helper_address(s->cpu, offset(s, REG_SI) + s->src_base);
    return helper_read(s->cpu, value, at, s->size);
}

/* Status flags of a - b in `size` bytes. */
static void compare(struct cpu *cpu, uint64_t a, uint64_t b, unsigned size) {
    unsigned shift = 64 - size * 8;
    uint64_t x = a << shift, y = b << shift, d = x - y;
    uint32_t flags = (x < y ? FLAG_CF : 0) | (d == 0 ? FLAG_ZF : 0) | (d >> 63 ? FLAG_SF : 0) |
                     (((x ^ y) & (x ^ d)) >> 63 ? FLAG_OF : 0) |
                     ((a ^ b ^ (a - b)) & 16 ? FLAG_AF : 0) |
                     (__builtin_parity((a - b) & 0xff) ? 0 : FLAG_PF);
    cpu->flags = (cpu->flags & ~(uint64_t)FLAGS_STATUS) | flags;
}

/* One iteration; registers change after the last access. */
static int iterate(const struct string *s) {
    struct cpu *cpu = s->cpu;
    int step = cpu->flags & FLAG_DF ? -(int)s->size : (int)s->size;
    unsigned operation = raw_opcode(s->raw) & 0xfe;
    uint64_t value = cpu->regs[REG_AX], other = 0, mask = UINT64_MAX >> (64 - s->size * 8);
    bool si = false, di = true;
    int leave = 0;
    switch (operation) {
    case 0xa4: /* MOVS */
        si = true;
        leave = read_src(s, &value);
        if (!leave) {
            leave = helper_write(cpu, offset(s, REG_DI), &value, s->size);
        }
        break;
    case 0xaa: /* STOS */
        leave = helper_write(cpu, offset(s, REG_DI), &value, s->size);
        break;
    case 0xac: /* LODS */
        si = true;
        di = false;
        other = 0;
        leave = read_src(s, &other);
        if (!leave) {
            cpu->regs[REG_AX] = s->size == 4 ? other : (value & ~mask) | other;
        }
        break;
    case 0xa6: /* CMPS */
        si = true;
        value = 0;
        leave = read_src(s, &value);
        if (!leave) {
            leave = helper_read(cpu, &other, offset(s, REG_DI), s->size);
        }
        if (!leave) {
            compare(cpu, value, other, s->size);
        }
        break;
    case 0xae: /* SCAS */
        leave = helper_read(cpu, &other, offset(s, REG_DI), s->size);
        if (!leave) {
            compare(cpu, value & mask, other, s->size);
        }
        break;
    default:
        return helper_trap(cpu, TRAP_UD, 0);
    }
    if (leave) {
        return leave;
    }
    if (si) {
        advance(s, REG_SI, step);
    }
    if (di) {
        advance(s, REG_DI, step);
    }
    return 0;
}

static struct string decode_string(struct cpu *cpu, uint64_t raw) {
    unsigned seg = raw_seg(raw);
    return (struct string){
        .cpu = cpu,
        .raw = raw,
        .size = raw_opcode(raw) & 1 ? raw_opsize(raw) : 1,
        .addrsize = raw_addrsize(raw),
        .src_base = seg == SEG_FS || seg == SEG_GS ? cpu->seg[seg].base : 0,
    };
}

/* How many elements from `at` on lie in its page, `most` at most. */
static uint64_t in_page(gaddr_t at, unsigned size, uint64_t most) {
    uint64_t count = (PAGE_BYTES - (at & (PAGE_BYTES - 1))) / size;
    return count < most ? count : most;
}

/* Iterations of REP MOVS and REP STOS upwards with whole addresses, as many as lie in one page of
 * each operand; 0: none, one is to be done by itself (which also says what is wrong). */
static uint64_t iterate_many(const struct string *s) {
    struct cpu *cpu = s->cpu;
    uint8_t bytes[PAGE_BYTES];
    unsigned operation = raw_opcode(s->raw) & 0xfe;
    gaddr_t to = cpu->regs[REG_DI], from = cpu->regs[REG_SI] + s->src_base;
    if (cpu->mode == GUEST_I386 || s->addrsize != 8 || cpu->flags & FLAG_DF ||
        (operation != 0xa4 && operation != 0xaa)) {
        return 0;
    }
    uint64_t count = in_page(to, s->size, cpu->regs[REG_CX]);
    if (operation == 0xa4) {
        count = in_page(from, s->size, count);
        if (to - from < count * s->size || guest_read(cpu->space, bytes, from, count * s->size)) {
            return 0; /* what is written would be read again */
        }
        cpu->regs[REG_SI] += count * s->size;
    } else {
        for (uint64_t i = 0; i < count; i++) {
            memcpy(bytes + i * s->size, &cpu->regs[REG_AX], s->size);
        }
    }
    if (!count || guest_write(cpu->space, to, bytes, count * s->size)) {
        cpu->regs[REG_SI] = from - s->src_base;
        return 0;
    }
    cpu->regs[REG_DI] += count * s->size;
    return count;
}

int helper_string(struct cpu *cpu, const uint64_t *params) {
    uint64_t raw = params[1];
    struct string s = decode_string(cpu, raw);
    if (!raw_repz(raw) && !raw_repnz(raw)) {
        return iterate(&s);
    }
    unsigned operation = raw_opcode(raw) & 0xfe;
    bool compares = operation == 0xa6 || operation == 0xae;
    while (offset(&s, REG_CX) != 0) {
        uint64_t many = iterate_many(&s);
        int leave = many ? 0 : iterate(&s);
        if (leave) {
            return leave;
        }
        advance(&s, REG_CX, many ? -(int)many : -1);
        if (compares && !!(cpu->flags & FLAG_ZF) != raw_repz(raw)) {
            break;
        }
        if (offset(&s, REG_CX) != 0 &&
            atomic_load_explicit(&cpu->poll, memory_order_relaxed) != POLL_RUN) {
            return EXIT_LOOKUP; /* cpu->pc is this instruction: go on with it after the kick */
        }
    }
    return 0;
}

int helper_xlat(struct cpu *cpu, const uint64_t *params) {
    struct string s = decode_string(cpu, params[1]);
    uint64_t at = helper_cut(cpu->regs[REG_BX] + (uint8_t)cpu->regs[REG_AX], s.addrsize);
    uint8_t al;
    int leave = helper_read(cpu, &al, helper_address(cpu, at + s.src_base), 1);
    if (!leave) {
        cpu->regs[REG_AX] = (cpu->regs[REG_AX] & ~(uint64_t)0xff) | al;
    }
    return leave;
}
