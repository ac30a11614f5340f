/* C helpers of instructions that are too rare for assembly: `helper NAME params` in the spec calls
 * helper_NAME. What a helper gets and returns: helper_fn in core/decode/rows.h. params[] holds what
 * the row names, in its order. */
#ifndef FG_CORE_HELPERS_H
#define FG_CORE_HELPERS_H

#include "core/cpu/cpu.h"
#include "core/decode/insn.h"

#define HELPER(name) int helper_##name(struct cpu *cpu, const uint64_t *params)

/* P_RAW, taken apart. */
static inline unsigned raw_mod(uint64_t raw) {
    return raw >> 6 & 3;
}
static inline unsigned raw_reg(uint64_t raw) { /* with REX.R */
    return (raw >> 3 & 7) | (raw >> 31 & 8);
}
static inline unsigned raw_rm(uint64_t raw) { /* with REX.B */
    return (raw & 7) | (raw >> 29 & 8);
}
static inline unsigned raw_opcode(uint64_t raw) {
    return raw >> 8 & 0xff;
}
static inline unsigned raw_opsize(uint64_t raw) {
    return raw >> 16 & 0xff;
}
static inline unsigned raw_seg(uint64_t raw) {
    return raw >> 24 & 0xff;
}
static inline unsigned raw_addrsize(uint64_t raw) {
    return raw >> 40 & 15;
}
static inline bool raw_repz(uint64_t raw) {
    return raw >> 44 & 1;
}
static inline bool raw_repnz(uint64_t raw) {
    return raw >> 45 & 1;
}
static inline unsigned raw_vvvv(uint64_t raw) {
    return raw >> 48 & 15;
}
static inline unsigned raw_vector_index(uint64_t raw) {
    return raw >> 52 & 15;
}
static inline unsigned raw_scale(uint64_t raw) {
    return raw >> 56 & 3;
}
static inline bool raw_vex(uint64_t raw) {
    return raw >> 60 & 1;
}
static inline bool raw_opsize_prefix(uint64_t raw) { /* 66, or what VEX.pp stands for */
    return raw >> 61 & 1;
}
static inline bool raw_memory(uint64_t raw) { /* the operand ModRM.rm is in memory */
    return raw >> 62 & 1;
}
static inline bool raw_vex_l(uint64_t raw) {
    return raw >> 58 & 1;
}
static inline bool raw_vex_w(uint64_t raw) {
    return raw >> 59 & 1;
}

/* An address as the guest's mode has them: i386 ones wrap at 4 GiB. */
static inline gaddr_t helper_address(const struct cpu *cpu, uint64_t address) {
    return cpu->mode == GUEST_I386 ? (uint32_t)address : address;
}
/* The part of a register that counts with an address size, in bytes. */
static inline uint64_t helper_cut(uint64_t value, unsigned addrsize) {
    return addrsize == 8 ? value : addrsize == 4 ? (uint32_t)value : (uint16_t)value;
}
/* Write `size` bytes of a general register; 4 bytes clear those above. */
static inline void helper_set_register(struct cpu *cpu, unsigned reg, uint64_t value,
                                       unsigned size) {
    uint64_t *to = &cpu->regs[reg];
    *to = size == 2 ? (*to & ~(uint64_t)0xffff) | (value & 0xffff)
                    : (size == 4 ? (uint32_t)value : value);
}

/* helpers_common.c: exits and guest memory for helpers. Both accesses return 0 or what the helper
 * has to return (a page fault, cpu->trap... filled). An address is one of helper_address(). */
int helper_trap(struct cpu *cpu, uint32_t vector, uint32_t error);
int helper_read(struct cpu *cpu, void *to, gaddr_t addr, unsigned len);
int helper_write(struct cpu *cpu, gaddr_t addr, const void *from, unsigned len);
/* Could helper_write() write there? Nothing is written. */
int helper_write_probe(struct cpu *cpu, gaddr_t addr, unsigned len);

/* The instruction at cpu->pc, decoded again; false: it cannot be read (any more). */
bool helper_insn(struct cpu *cpu, struct insn *insn);
/* The address of its explicit memory operand. */
gaddr_t helper_operand(const struct cpu *cpu, const struct insn *insn);

/* helpers_integer.c */
HELPER(daa);
HELPER(das);
HELPER(aaa);
HELPER(aas);
HELPER(aam);       /* imm */
HELPER(aad);       /* imm */
HELPER(enter);     /* raw imm imm2 */
HELPER(popf);      /* raw */
HELPER(bound);     /* raw */
HELPER(arpl);      /* raw */
HELPER(umip);      /* raw */
HELPER(bit_short); /* raw */

/* helpers_string.c: short addresses and FS/GS overrides; next raw imm */
HELPER(string);
HELPER(xlat);

/* helpers_fp.c: an MMX register in the x87 image, and what any MMX instruction does to the unit:
 * TOP 0, every tag valid (SDM Vol. 3, 12.2). After cpu_fpu_save(). */
void helper_read_mmx(const struct cpu *cpu, unsigned number, uint8_t *to);
void helper_enter_mmx(struct cpu *cpu);

/* helpers_fp.c: short addresses and FS/GS overrides; next raw imm */
HELPER(maskmov);
HELPER(maskmovdqu);

/* helpers_gather.c */
HELPER(gather); /* raw */

/* helpers_wide.c: beyond the window, what is no plain access of one operand */
HELPER(wide);

/* helpers_xsave.c */
HELPER(xsave);
HELPER(xsavec);
HELPER(xrstor);
HELPER(xgetbv);

/* helpers_system.c */
HELPER(cpuid);
HELPER(mov_sreg);     /* raw */
HELPER(pop_sreg);     /* raw */
HELPER(write_base);   /* raw */
HELPER(load_far);     /* raw */
HELPER(lar);          /* raw */
HELPER(lsl);          /* raw */
HELPER(verr);         /* raw */
HELPER(verw);         /* raw */
HELPER(jmp_far);      /* raw imm imm2 */
HELPER(jmp_far_mem);  /* raw */
HELPER(call_far);     /* next imm imm2 */
HELPER(call_far16);   /* next imm imm2 */
HELPER(call_far_mem); /* next raw */
HELPER(ret_far);      /* raw (imm) */
HELPER(iret);         /* raw */

/* helpers_store.c */
HELPER(movdir64b); /* raw */

#endif
