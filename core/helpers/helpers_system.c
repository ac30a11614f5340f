/* Helpers of system-flavoured instructions in user mode: segment registers, far transfers,
 * descriptor queries; CPUID's leaves are cpuid.c's. Descriptors are those that cpu_load_segment
 * knows: flat code and data, the three TLS entries. Far transfers stay within privilege 3; they
 * change the mode where the code segment does. Source: SDM Vol. 2; what CALLF pushes where is
 * AMD's. */
#include "core/decode/cpuid.h"
#include "core/helpers/helpers.h"

#include <string.h>

int helper_cpuid(struct cpu *cpu, const uint64_t *params) {
    uint32_t out[4];
    cpuid(cpu->mode, (uint32_t)cpu->regs[REG_AX], (uint32_t)cpu->regs[REG_CX], out);
    cpu->regs[REG_AX] = out[0];
    cpu->regs[REG_BX] = out[1];
    cpu->regs[REG_CX] = out[2];
    cpu->regs[REG_DX] = out[3];
    return 0;
}

/* --- segment registers ----------------------------------------------------------------- */

/* Load a segment register; returns 0 or what the helper returns (error code: the selector). */
static int load_segment(struct cpu *cpu, int seg, uint16_t selector) {
    int trap = cpu_load_segment(cpu, seg, selector);
    return trap < 0 ? helper_trap(cpu, (uint32_t)-trap, selector & 0xfffcu) : 0;
}

int helper_mov_sreg(struct cpu *cpu, const uint64_t *params) {
    uint64_t raw = params[0];
    uint16_t selector = (uint16_t)cpu->regs[raw_rm(raw)];
    if (raw_mod(raw) != 3) {
        int leave = helper_read(cpu, &selector, cpu->ea, 2);
        if (leave) {
            return leave;
        }
    }
    return load_segment(cpu, (int)(raw_reg(raw) & 7), selector);
}

int helper_pop_sreg(struct cpu *cpu, const uint64_t *params) {
    unsigned size = raw_opsize(params[0]);
    uint64_t value = 0;
    int seg;
    switch (raw_opcode(params[0])) {
    case 0x07:
        seg = SEG_ES;
        break;
    case 0x17:
        seg = SEG_SS;
        break;
    case 0x1f:
        seg = SEG_DS;
        break;
    case 0xa1:
        seg = SEG_FS;
        break;
    default:
        seg = SEG_GS;
        break;
    }
    int leave = helper_read(cpu, &value, cpu->regs[REG_SP], size);
    if (!leave) {
        leave = load_segment(cpu, seg, (uint16_t)value);
    }
    if (!leave) {
        cpu->regs[REG_SP] = helper_address(cpu, cpu->regs[REG_SP] + size);
    }
    return leave;
}

/* Read offset and selector of a far pointer in memory. */
static int read_far(struct cpu *cpu, unsigned size, uint64_t *offset, uint16_t *selector) {
    uint8_t bytes[10];
    int leave = helper_read(cpu, bytes, cpu->ea, size + 2);
    if (!leave) {
        *offset = 0;
        memcpy(offset, bytes, size);
        memcpy(selector, bytes + size, 2);
    }
    return leave;
}

int helper_load_far(struct cpu *cpu, const uint64_t *params) {
    uint64_t raw = params[0], offset;
    uint16_t selector;
    int leave = read_far(cpu, raw_opsize(raw), &offset, &selector);
    if (leave) {
        return leave;
    }
    static const struct {
        uint8_t opcode, seg;
    } which[] = {{0xc4, SEG_ES}, {0xc5, SEG_DS}, {0xb2, SEG_SS}, {0xb4, SEG_FS}, {0xb5, SEG_GS}};
    for (unsigned i = 0; i < ARRAY_LEN(which); i++) {
        if (which[i].opcode == raw_opcode(raw)) {
            leave = load_segment(cpu, which[i].seg, selector);
        }
    }
    if (!leave) {
        helper_set_register(cpu, raw_reg(raw), offset, raw_opsize(raw));
    }
    return leave;
}

/* WRFSBASE, WRGSBASE: the selector stays; a base that is not canonical is #GP. */
int helper_write_base(struct cpu *cpu, const uint64_t *params) {
    uint64_t raw = params[0];
    uint64_t value = cpu->regs[raw_rm(raw)], base = raw_opsize(raw) == 8 ? value : (uint32_t)value;
    if (!address_canonical(base)) {
        return helper_trap(cpu, TRAP_GP, 0);
    }
    cpu->seg[(raw_reg(raw) & 7) == 2 ? SEG_FS : SEG_GS].base = base;
    return 0;
}

/* --- descriptor queries ---------------------------------------------------------------- */

static int read_selector(struct cpu *cpu, uint64_t raw, uint16_t *selector) {
    *selector = (uint16_t)cpu->regs[raw_rm(raw)];
    return raw_mod(raw) == 3 ? 0 : helper_read(cpu, selector, cpu->ea, 2);
}

static void set_zf(struct cpu *cpu, bool zf) {
    cpu->flags = (cpu->flags & ~(uint64_t)FLAG_ZF) | (zf ? FLAG_ZF : 0);
}

/* LAR and LSL: `what` of the selector's descriptor into the register, if it is visible. */
static int show_descriptor(struct cpu *cpu, uint64_t raw,
                           uint32_t (*what)(const struct cpu_segment *seg)) {
    uint16_t selector;
    struct cpu_segment seg;
    int leave = read_selector(cpu, raw, &selector);
    if (leave) {
        return leave;
    }
    bool visible = cpu_find_segment(cpu, selector, &seg);
    if (visible) {
        helper_set_register(cpu, raw_reg(raw), what(&seg), raw_opsize(raw));
    }
    set_zf(cpu, visible);
    return 0;
}

static uint32_t access_rights(const struct cpu_segment *seg) {
    return (uint32_t)seg->attr << 8;
}

static uint32_t limit(const struct cpu_segment *seg) {
    return seg->limit;
}

int helper_lar(struct cpu *cpu, const uint64_t *params) {
    return show_descriptor(cpu, params[0], access_rights);
}

int helper_lsl(struct cpu *cpu, const uint64_t *params) {
    return show_descriptor(cpu, params[0], limit);
}

static int verify(struct cpu *cpu, uint64_t raw, bool write) {
    uint16_t selector;
    struct cpu_segment seg;
    int leave = read_selector(cpu, raw, &selector);
    if (leave) {
        return leave;
    }
    bool ok = cpu_find_segment(cpu, selector, &seg);
    if (ok) {
        bool code = seg.attr & ATTR_CODE, rw = seg.attr & ATTR_RW;
        ok = write ? !code && rw : !code || rw;
    }
    set_zf(cpu, ok);
    return 0;
}

int helper_verr(struct cpu *cpu, const uint64_t *params) {
    return verify(cpu, params[0], false);
}

int helper_verw(struct cpu *cpu, const uint64_t *params) {
    return verify(cpu, params[0], true);
}

/* SGDT, SIDT, SLDT, STR, SMSW: what Linux makes of them where the processor has UMIP, which forbids
 * them to user mode (arch/x86 umip; measured on Linux 6.18, 32-bit programs): constants in place of
 * the kernel's addresses, and no fault but that of the operand. */
#define UMIP_GDT_BASE    0xfffffffffffe0000u /* 32-bit programs see the lower half */
#define UMIP_IDT_BASE    0xffffffffffff0000u
#define UMIP_TASK        0x40u       /* the task register's selector in 64-bit kernels */
#define UMIP_STATUS_WORD 0x80050033u /* CR0: PE MP ET NE WP AM PG */

int helper_umip(struct cpu *cpu, const uint64_t *params) {
    uint64_t raw = params[0];
    uint32_t value = UMIP_STATUS_WORD;
    unsigned which = raw_reg(raw) & 7;
    if (raw_opcode(raw) == 0x01 && which < 2) {
        uint8_t image[10] = {0}; /* limit 0, base */
        uint64_t base = which == 0 ? UMIP_GDT_BASE : UMIP_IDT_BASE;
        memcpy(image + 2, &base, 8);
        return helper_write(cpu, cpu->ea, image, cpu->mode == GUEST_I386 ? 6 : 10);
    }
    if (raw_opcode(raw) == 0x00) {
        value = which == 0 ? 0 : UMIP_TASK;
    }
    if (raw_mod(raw) != 3) {
        return helper_write(cpu, cpu->ea, &value, 2);
    }
    helper_set_register(cpu, raw_rm(raw), value, raw_opsize(raw));
    return 0;
}

/* --- far transfers --------------------------------------------------------------------- */

/* Where a far transfer goes. */
struct place {
    uint64_t pc;
    uint16_t selector;
    enum guest_mode mode;
};

/* Read what a far return pops, CS before the offset, as processors do. */
static int read_return(struct cpu *cpu, gaddr_t sp, unsigned size, struct place *to) {
    uint64_t cs = 0;
    int leave = helper_read(cpu, &cs, helper_address(cpu, sp + size), size);
    *to = (struct place){.selector = (uint16_t)cs};
    return leave ? leave : helper_read(cpu, &to->pc, sp, size);
}

/* May a transfer within privilege 3 go there? `returning`: the RPL must be 3 already. Fills the
 * mode of the code there; nothing is changed yet. */
static int check_place(struct cpu *cpu, struct place *to, bool returning) {
    struct cpu_segment seg;
    int trap = cpu_check_segment(cpu, SEG_CS, to->selector | 3, &seg);
    if (trap || (returning && (to->selector & 3) != 3)) {
        return helper_trap(cpu, trap ? (uint32_t)-trap : TRAP_GP, to->selector & 0xfffcu);
    }
    to->mode = segment_mode(&seg);
    if (to->mode == GUEST_I386 ? to->pc >> 32 != 0 : !address_canonical(to->pc)) {
        return helper_trap(cpu, TRAP_GP, 0);
    }
    return 0;
}

/* An address as code of a place has them. */
static gaddr_t place_address(const struct place *place, uint64_t address) {
    return place->mode == GUEST_I386 ? (uint32_t)address : address;
}

/* Goes to a place that was checked, with the stack pointer there. */
static int go(struct cpu *cpu, const struct place *to, uint64_t sp) {
    int leave = load_segment(cpu, SEG_CS, to->selector | 3);
    if (leave) {
        return leave;
    }
    cpu->regs[REG_SP] = place_address(to, sp);
    cpu->pc = to->pc;
    return EXIT_LOOKUP;
}

static int far_jump(struct cpu *cpu, uint64_t offset, uint16_t selector, unsigned size) {
    struct place to = {.pc = helper_cut(offset, size), .selector = selector};
    int leave = check_place(cpu, &to, false);
    return leave ? leave : go(cpu, &to, cpu->regs[REG_SP]);
}

/* What is pushed is as wide as the operand, at the stack pointer of the code that is called. */
static int far_call(struct cpu *cpu, uint64_t next, uint64_t offset, uint16_t selector,
                    unsigned size) {
    struct place to = {.pc = helper_cut(offset, size), .selector = selector};
    uint64_t cs = cpu->seg[SEG_CS].selector;
    int leave = check_place(cpu, &to, false);
    if (leave) {
        return leave;
    }
    gaddr_t sp = place_address(&to, cpu->regs[REG_SP] - (uint64_t)2 * size);
    leave = helper_write(cpu, place_address(&to, sp + size), &cs, size);
    if (!leave) {
        leave = helper_write(cpu, sp, &next, size);
    }
    return leave ? leave : go(cpu, &to, sp);
}

int helper_jmp_far(struct cpu *cpu, const uint64_t *params) {
    return far_jump(cpu, params[1], (uint16_t)params[2], raw_opsize(params[0]));
}

int helper_jmp_far_mem(struct cpu *cpu, const uint64_t *params) {
    uint64_t offset;
    uint16_t selector;
    int leave = read_far(cpu, raw_opsize(params[0]), &offset, &selector);
    return leave ? leave : far_jump(cpu, offset, selector, raw_opsize(params[0]));
}

int helper_call_far(struct cpu *cpu, const uint64_t *params) {
    return far_call(cpu, params[0], params[1], (uint16_t)params[2], 4);
}

int helper_call_far16(struct cpu *cpu, const uint64_t *params) {
    return far_call(cpu, params[0], params[1], (uint16_t)params[2], 2);
}

int helper_call_far_mem(struct cpu *cpu, const uint64_t *params) {
    uint64_t offset;
    uint16_t selector;
    unsigned size = raw_opsize(params[1]);
    int leave = read_far(cpu, size, &offset, &selector);
    return leave ? leave : far_call(cpu, params[0], offset, selector, size);
}

int helper_ret_far(struct cpu *cpu, const uint64_t *params) {
    uint64_t raw = params[0], sp = cpu->regs[REG_SP];
    unsigned size = raw_opsize(raw);
    uint32_t release = raw_opcode(raw) == 0xca ? params[1] & 0xffff : 0;
    struct place to;
    int leave = read_return(cpu, sp, size, &to);
    if (!leave) {
        leave = check_place(cpu, &to, true);
    }
    return leave ? leave : go(cpu, &to, sp + (uint64_t)2 * size + release);
}

/* In 64-bit mode IRET pops RSP and SS too. */
int helper_iret(struct cpu *cpu, const uint64_t *params) {
    bool wide = cpu->mode != GUEST_I386;
    uint64_t sp = cpu->regs[REG_SP], flags = 0, new_sp = 0, ss = 0;
    unsigned size = raw_opsize(params[0]);
    struct place to;
    if (cpu->flags_hidden & FLAG_NT) { /* a task return: there is no task to return to */
        return helper_trap(cpu, TRAP_GP, 0);
    }
    int leave = read_return(cpu, sp, size, &to);
    if (!leave) {
        leave = helper_read(cpu, &flags, helper_address(cpu, sp + (uint64_t)2 * size), size);
    }
    if (!leave && wide) {
        leave = helper_read(cpu, &new_sp, sp + (uint64_t)3 * size, size);
    }
    if (!leave && wide) {
        leave = helper_read(cpu, &ss, sp + (uint64_t)4 * size, size);
    }
    if (!leave) {
        leave = check_place(cpu, &to, true);
    }
    if (!leave && wide) {
        leave = load_segment(cpu, SEG_SS, (uint16_t)ss);
    }
    if (leave) {
        return leave;
    }
    if (size == 2) {
        flags |= cpu_eflags(cpu) & 0xffff0000u;
    }
    cpu_set_eflags(cpu, (uint32_t)flags);
    return go(cpu, &to, wide ? new_sp : sp + (uint64_t)3 * size);
}
