/* Chooses the inputs of a case: registers, flags, floating-point state, where the memory operand
 * lies and what is in it. Everything follows from the form's seed and the case's number.
 * (long: the inputs of one case, drawn in one order for both widths.) */
#include "test/insn/forms.h"

#include <string.h>

enum { AX, CX, DX, BX, SP, BP, SI, DI };
#define LONG_MODE (CASE_BITS == 64)

struct builder {
    struct random r;
    const struct form *form;
    struct tcase *test;
    greg operand; /* address of the memory operand; 0: none */
};

greg segment_base(uint8_t seg) {
    return seg == 4 ? FS_BASE : seg == 5 ? GS_BASE : 0;
}

static struct patch *add_patch(struct tcase *test, greg addr, uint32_t len) {
    struct patch *p = &test->patch[test->patches++];
    p->addr = addr;
    p->len = len < PATCH_BYTES ? len : PATCH_BYTES;
    return p;
}

#if CASE_BITS == 64
/* An address that no 64-bit program has: beyond what it mapped, often at the end of a window (of 64
 * GiB, of 1 TiB), at the end of the lower half, not canonical, in the kernel's half; often at an
 * edge of these. */
greg hostile_place(struct random *r, uint32_t bytes) {
    const greg top = UINT64_C(1) << 47;
    greg any = random64(r), window = UINT64_C(1) << (any >> 63 ? 36 : 40);
    switch (below(r, 10)) {
    case 0:
        return window + (any & 0xfff) - below(r, bytes + 8);
    case 1:
        return window + (any & (top - 1)) % (top - window);
    case 2:
        return UINT64_C(1) << (36 + below(r, 11));
    case 3:
        return top - 1 - below(r, bytes + 8);
    case 4:
        return top + (any & 0xffff);
    case 5:
        return (any & (top - 1)) | (greg)(1 + below(r, 0xfffe)) << 48;
    case 6:
        return (greg)0 - top - 1 - below(r, bytes + 8);
    case 7:
        return (greg)0 - top + (any & 0xffff);
    case 8:
        return (greg)0 - 1 - below(r, bytes + 8);
    default:
        return DATA_ADDR | (greg)1 << (47 + below(r, 17)); /* one bit more than a good one */
    }
}
#endif

#if CASE_BITS == 64
greg expand_address;

bool memory_aimed(const struct form *form) {
    uint32_t implicit = HINT_STACK | HINT_SOURCE | HINT_DEST | HINT_XLAT | HINT_MASKMOV;
    if (form->hints & (HINT_FAULT | HINT_READ_ONLY | HINT_ADDR16 | HINT_BIT_OFFSET)) {
        return false;
    }
    if (form->mem == FORM_NO_MEM) {
        return form->hints & implicit && !(form->hints & HINT_FAR); /* their order is anybody's */
    }
    bool stack_base = form->base == SP && form->hints & (HINT_STACK | HINT_RETURN);
    return form->mem == FORM_NATIVE && form->access && form->base < REGS && !stack_base;
}
#endif

/* An address at which an access of `bytes` faults, wholly or from some byte on. */
static greg faulting_place(struct random *r, uint32_t bytes) {
#if CASE_BITS == 64
    if (below(r, 2)) {
        return hostile_place(r, bytes);
    }
#endif
    switch (below(r, 6)) {
    case 0:
        return DATA_ADDR - 1 - below(r, bytes + 8);
    case 1:
        return RO_ADDR + RO_BYTES - below(r, bytes);
    case 2:
        return DATA_ADDR - 0x1000 + below(r, 0xff0);
    case 3:
        return below(r, 0x8000);
    case 4: /* for writes: the first bytes are writable */
        return RO_ADDR - below(r, bytes);
    default:
        return (uint32_t)0xffffffff - below(r, bytes + 8);
    }
}

/* An address for an access of `bytes`: aligned, not aligned, across a line, across a page. */
static greg good_place(struct random *r, uint32_t bytes, uint32_t align) {
    uint32_t room = DATA_BYTES - 0x200, natural = 1;
    greg a = DATA_ADDR + 0x100 + below(r, room - bytes);
    while (natural < bytes && natural < 16) {
        natural *= 2;
    }
    switch (below(r, 8)) {
    case 0:
    case 1:
        break;
    case 2:
        a = (a & ~(greg)63) - below(r, bytes);
        break;
    case 3:
        a = DATA_ADDR + 0x1000 * (1 + below(r, 3)) - below(r, bytes);
        break;
    case 4:
        a = below(r, 2) ? DATA_ADDR : RO_ADDR - bytes;
        break;
    default:
        a &= ~(greg)(natural - 1);
    }
    if (align > 1 && below(r, 8)) {
        a &= ~(greg)(align - 1);
    }
    return a;
}

static greg place(struct builder *b, uint32_t bytes, uint32_t align) {
#if CASE_BITS == 64
    if (expand_address) {
        return expand_address;
    }
#endif
    if (b->form->hints & HINT_FAULT) {
        return faulting_place(&b->r, bytes);
    }
    if (b->form->hints & HINT_READ_ONLY) {
        return RO_ADDR + (below(&b->r, RO_BYTES - bytes) & ~(align - 1));
    }
    return good_place(&b->r, bytes, align);
}

/* Does the operand's address count 32 bits in 64-bit mode? */
static bool is_cut(const struct form *f) {
    return LONG_MODE && f->mem == FORM_SHORT;
}

/* A register of an address; what prefix 67 leaves out of it is anything. */
static void set_part(struct builder *b, unsigned reg, greg value) {
#if CASE_BITS == 64
    if (is_cut(b->form)) {
        value = (uint32_t)value | random64(&b->r) << 32;
    }
#endif
    b->test->regs[reg] = value;
}

#if CASE_BITS == 64
/* A RIP-relative operand: sets the displacement. */
static greg aim_rip(struct builder *b, greg addr) {
    const struct form *f = b->form;
    greg next = b->test->code_at + f->len, base = segment_base(f->seg);
    int32_t disp = (int32_t)(addr - base - next);
    memcpy(b->test->code + f->rip_at, &disp, 4);
    next += (greg)(int64_t)disp;
    return base + (is_cut(f) ? (uint32_t)next : next);
}
#endif

/* Solve base + index * 2^scale + disp = addr for the registers; returns the address that came out,
 * which differs where the form cannot reach `addr`. */
static greg aim(struct builder *b, greg addr) {
    const struct form *f = b->form;
    greg *regs = b->test->regs, segment = segment_base(f->seg), disp = (greg)f->disp;
    greg mask = is_cut(f) ? 0xffffffff : ~(greg)0;
    uint32_t step = f->align > 1 ? f->align : 1, bits = is_cut(f) ? 32 : CASE_BITS;
    bool stack_base = f->base == SP && (f->hints & (HINT_STACK | HINT_RETURN));
#if CASE_BITS == 64
    if (f->base == RIP_BASE) {
        return aim_rip(b, addr);
    }
#endif
    greg want = (addr - segment - disp) & mask; /* of base + index */
    if (stack_base && f->index != NO_REG) {
        regs[f->index] = below(&b->r, 4);
    }
    if (f->base == NO_REG && f->index == NO_REG) {
        return segment + (disp & mask);
    }
    if (f->index == NO_REG) {
        if (!stack_base) {
            set_part(b, f->base, want);
        }
        return segment + ((regs[f->base] + disp) & mask);
    }
    if (f->base == NO_REG) {
        while (want & ((1u << f->scale) - 1)) { /* at most 7 times: alignment may go */
            want = (want + 1) & mask;
        }
        greg index = want >> f->scale;
        if (f->scale) /* bits that the scale shifts out */
        {
            index |= ((greg)random64(&b->r) << (bits - f->scale)) & mask;
        }
        set_part(b, f->index, index);
        return segment + ((want + disp) & mask);
    }
    if (f->base == f->index) {
        uint32_t times = 1 + (1u << f->scale);
        for (int i = 0; i < 9 && want % times; i++) {
            want = (want + step) & mask;
        }
        set_part(b, f->base, want / times);
        return segment + ((regs[f->base] * times + disp) & mask);
    }
    greg index = regs[f->index] << f->scale;
    if (!stack_base) {
        set_part(b, f->base, want - index);
    }
    return segment + ((regs[f->base] + index + disp) & mask);
}

#if CASE_BITS == 32
static void set_low16(uint32_t *reg, uint32_t value) {
    *reg = (*reg & 0xffff0000) | (value & 0xffff);
}

static uint32_t aim16(struct builder *b, uint32_t addr) {
    static const uint8_t first[8] = {BX, BX, BP, BP, NO_REG, NO_REG, NO_REG, NO_REG};
    static const uint8_t second[8] = {SI, DI, SI, DI, SI, DI, BP, BX};
    const struct form *f = b->form;
    uint32_t *regs = b->test->regs, segment = segment_base(f->seg);
    if (f->base == 8) {
        return segment + ((uint32_t)f->disp & 0xffff);
    }
    uint32_t sum = (uint32_t)f->disp;
    if (first[f->base] != NO_REG) {
        sum += regs[first[f->base]];
    }
    set_low16(&regs[second[f->base]], addr - segment - sum);
    sum += regs[second[f->base]];
    return segment + (sum & 0xffff);
}
#endif

/* A pointer of an implicit operand; with prefix 67 its lower part alone, the rest is anything. */
static void set_pointer(struct builder *b, unsigned reg, greg value) {
    greg *to = &b->test->regs[reg];
    if (!(b->form->hints & HINT_ADDR16)) {
        *to = value;
    } else {
#if CASE_BITS == 32
        set_low16(to, value);
#else
        *to = (uint32_t)value | random64(&b->r) << 32;
#endif
    }
}

/* Where a pointer can reach with the form's address size: with prefix 67 the low pages. */
static greg reachable(const struct form *f, greg addr, greg segment) {
#if CASE_BITS == 64
    if (f->hints & HINT_ADDR16 && segment == 0) {
        return addr + LOW_ADDR - DATA_ADDR;
    }
#endif
    (void)f;
    (void)segment;
    return addr;
}

static uint32_t selector(struct builder *b) {
    static const uint16_t flat[] = {0, 1, 3, 0x2b, 0x2b, 0x2b, 0x2b, 0x73, 0x0007, 0x0104, 0xfff3};
#if CASE_BITS == 32
    static const uint16_t known[] = {0,    1,    3,    0x2b, 0x2b,   0x63,   0x63,
                                     0x6b, 0x6b, 0x33, 0x73, 0x0007, 0x0104, 0xfff3};
#else
    static const uint16_t known[] = {0,    1,    3,    0x2b,   0x2b,   0x23,
                                     0x33, 0x33, 0x73, 0x0007, 0x0104, 0xfff3};
#endif
    if (!(b->form->hints & HINT_TLS)) {
        return flat[below(&b->r, sizeof flat / sizeof flat[0])];
    }
    return known[below(&b->r, sizeof known / sizeof known[0])];
}

static greg branch_target(struct builder *b) {
#if CASE_BITS == 64
    if (below(&b->r, 16) == 0) {
        return hostile_place(&b->r, 1);
    }
#endif
    return b->test->code_at + below(&b->r, 96) - 24 + (below(&b->r, 16) ? b->form->len + 24 : 0);
}

/* What the memory operand holds. */
static void fill_operand(struct builder *b) {
    const struct form *f = b->form;
    struct random *r = &b->r;
    struct patch *p = add_patch(b->test, b->operand, f->access);
    edge_bytes(r, p->bytes, p->len, f->hints & HINT_FP);
    greg value = 0;
    if (f->hints & HINT_INDIRECT) {
        value = branch_target(b);
        memcpy(p->bytes, &value, f->opsize);
        value = SEL_CODE;
        if (f->hints & HINT_FAR) {
            memcpy(p->bytes + f->opsize, &value, 2);
        }
    } else if (f->hints & HINT_SEGMENT) {
        value = selector(b);
        memcpy(p->bytes + (f->hints & HINT_FAR ? f->opsize : 0), &value, 2);
    } else if (f->hints & HINT_MXCSR && below(r, 8)) {
        value = ((uint32_t)random64(r) & 0xffbf) | (below(r, 8) ? 0x1f80 : 0);
        memcpy(p->bytes, &value, 4);
    } else if (f->hints & HINT_FPU_LOAD) {
        struct fp_state fp;
        random_fp(r, &fp, below(r, 4));
        uint32_t step = f->access == 512 || f->access <= 2 || f->opsize == 2 ? 2 : 4;
        memcpy(p->bytes, &fp.fcw, 2);
        if (p->len > 2) {
            memcpy(p->bytes + step, &fp.fsw, 2);
        }
        if (f->access == 512) {
            memcpy(p->bytes + 4, &fp.ftw, 2);
            memcpy(p->bytes + 24, &fp.mxcsr, 4);
        }
    }
}

static void set_memory_operand(struct builder *b) {
    const struct form *f = b->form;
    if (f->mem == FORM_NO_MEM) {
        return;
    }
    uint32_t bytes = f->access ? f->access : 1;
    greg addr = place(b, bytes > DATA_BYTES / 4 ? 64 : bytes, f->align);
    if (f->hints & HINT_BIT_OFFSET && !(f->hints & HINT_FAULT)) {
        addr = DATA_ADDR + 0x800 + below(&b->r, 0x2800);
        greg *reg = &b->test->regs[f->reg];
        *reg = below(&b->r, 4) ? (greg)below(&b->r, 8192) - 4096 : edge_value(&b->r);
        if (f->opsize == 2) {
            *reg = (*reg & 0xffff) | (greg)edge32(&b->r) << 16;
        } else if (LONG_MODE && f->opsize == 4) {
            *reg = (uint32_t)*reg | random64(&b->r) >> 32 << 32;
        }
    }
#if CASE_BITS == 32
    b->operand = f->mem == FORM_MEM16 ? aim16(b, addr) : aim(b, addr);
#else
    if (f->hints & HINT_FAR &&
        addr - DATA_ADDR < DATA_BYTES + RO_BYTES) { /* wholly ours: see RETURN */
        addr = addr < RO_ADDR - 16 ? addr : RO_ADDR - 16;
    }
    if (is_cut(f) && segment_base(f->seg) == 0) {
        addr += LOW_ADDR - DATA_ADDR;
    }
    b->operand = aim(b, addr);
#endif
    if (f->access) {
        fill_operand(b);
    }
}

static void set_string_registers(struct builder *b) {
    const struct form *f = b->form;
    greg *regs = b->test->regs;
    if (f->hints & HINT_REP) {
        static const uint8_t counts[] = {0, 1, 1, 2, 3, 4, 7, 8, 15, 17, 20, 20};
        uint32_t count = counts[below(&b->r, sizeof counts)];
        regs[CX] = count;
        if (f->hints & HINT_ADDR16) {
            regs[CX] |= (greg)edge32(&b->r) << CASE_BITS / 2;
        }
    }
    greg from = good_place(&b->r, 4, 1), to = good_place(&b->r, 4, 1);
    if (f->hints & HINT_FAULT) {
        greg near = below(&b->r, 2) ? DATA_ADDR : RO_ADDR;
#if CASE_BITS == 64
        near = below(&b->r, 4) ? near : hostile_place(&b->r, 8);
#endif
        *(below(&b->r, 2) ? &from : &to) = near + below(&b->r, 32) - 16;
#if CASE_BITS == 64
    } else if (expand_address) {
        *(f->hints & HINT_DEST && below(&b->r, 2) ? &to : &from) = expand_address;
        if (!(f->hints & HINT_SOURCE)) {
            to = expand_address;
        }
#endif
    } else if (below(&b->r, 4) == 0) {
        to = from + below(&b->r, 17) - 8; /* overlap */
    }
    greg segment = segment_base(f->seg);
    if (f->hints & (HINT_SOURCE | HINT_ADDR16)) {
        set_pointer(b, SI, reachable(f, from, segment) - segment);
    }
    if (f->hints & (HINT_DEST | HINT_ADDR16)) {
        set_pointer(b, DI, reachable(f, to, 0));
    }
}

/* What RET, RETF, IRET and POPF find on the stack. */
static void set_stack_top(struct builder *b) {
    const struct form *f = b->form;
    struct tcase *test = b->test;
    greg sp = test->regs[SP], flags = (uint32_t)random64(&b->r) & 0x244ed5;
    struct patch *p = add_patch(test, sp, (LONG_MODE ? 5 : 3) * f->opsize);
    uint32_t at = 0;
    greg value = branch_target(b);
    if (f->hints & HINT_RETURN) {
        memcpy(p->bytes, &value, f->opsize);
        at += f->opsize;
        value = SEL_CODE;
        if (f->hints & HINT_FAR) {
            memcpy(p->bytes + at, &value, f->opsize);
            at += f->opsize;
        }
    }
    if (f->hints & HINT_SEGMENT) {
        value = selector(b);
    } else {
        value = flags & ~0x40100u; /* no AC, no TF; NT and ID may be there */
    }
    memcpy(p->bytes + at, &value, f->opsize);
    if (LONG_MODE && f->hints & HINT_FLAGS_TOP && f->hints & HINT_FAR) { /* IRET: RSP, SS */
        value = STACK_ADDR + 0x800 + below(&b->r, 0x1000);
        memcpy(p->bytes + at + f->opsize, &value, f->opsize);
        value = below(&b->r, 8) ? SEL_DATA : selector(b);
        memcpy(p->bytes + at + 2 * f->opsize, &value, f->opsize);
    }
}

static void set_dividend(struct builder *b) {
    const struct form *f = b->form;
    greg *regs = b->test->regs, divisor = regs[f->rm];
    uint32_t shift = CASE_BITS - 8u * f->opsize;
    if (b->operand) {
        memcpy(&divisor, b->test->patch[0].bytes, sizeof divisor);
    }
    switch (below(&b->r, 4)) {
    case 0:
        return;
    case 1:
        regs[DX] = 0;
        regs[AX] &= ~(greg)0xff00;
        break;
    case 2:
        regs[DX] = (regs[AX] << shift) >> (CASE_BITS - 1) ? ~(greg)0 : 0;
        if (f->access == 1) {
            regs[AX] = (regs[AX] & ~(greg)0xffff) | ((greg)(int8_t)regs[AX] & 0xffff);
        }
        break;
    default:
        regs[DX] = (divisor & ~(greg)0 >> shift) / 2;
        regs[AX] = (regs[AX] & ~(greg)0xff00) | (divisor & 0x7f) << 7;
    }
}

/* Registers that the operands leave alone but the instruction uses. */
static void set_implicit(struct builder *b) {
    const struct form *f = b->form;
    greg *regs = b->test->regs, segment = segment_base(f->seg);
    uint32_t hints = f->hints;
    if (hints & HINT_LEAVE) {
        regs[BP] = STACK_ADDR + 0x900 + below(&b->r, 0x400);
    }
    if (hints & (HINT_SOURCE | HINT_DEST | HINT_REP)) {
        set_string_registers(b);
    }
    if (hints & HINT_XLAT) {
        greg at = reachable(f, place(b, 1, 1), segment);
        set_pointer(b, BX, at - (regs[AX] & 0xff) - segment);
    }
    if (hints & HINT_MASKMOV) {
        set_pointer(b, DI, reachable(f, place(b, 16, 1), segment) - segment);
    }
    if (LONG_MODE && hints & HINT_BRANCH && hints & HINT_ADDR16) { /* JECXZ, LOOP with ECX */
        regs[CX] = below(&b->r, 3) | random64(&b->r) >> 32 << 32;
    }
}

/* Is a byte register AH to BH? */
static bool is_high(const struct form *f, unsigned number) {
#if CASE_BITS == 64
    return f->access == 1 && !f->rex && number > 3 && number < 8;
#else
    return f->access == 1 && number > 3;
#endif
}

/* Registers chosen in the light of the memory operand's contents; not where they address it. */
static void set_comparands(struct builder *b) {
    const struct form *f = b->form;
    greg *regs = b->test->regs;
    bool ax_free = f->mem == FORM_NO_MEM || (f->base != AX && f->index != AX);
    if (f->hints & HINT_CMPXCHG && ax_free && below(&b->r, 2)) {
        if (f->mem == FORM_NO_MEM) {
            regs[AX] = is_high(f, f->rm) ? regs[f->rm - 4] >> 8 : regs[f->rm];
        } else {
            memcpy(&regs[AX], b->test->patch[0].bytes, f->access);
        }
    }
    if (f->hints & HINT_CMPXCHG8B && ax_free && f->base != DX && f->index != DX &&
        below(&b->r, 2)) {
        uint32_t half = f->access / 2;
        memcpy(&regs[AX], b->test->patch[0].bytes, half);
        memcpy(&regs[DX], b->test->patch[0].bytes + half, half);
    }
    if (f->hints & HINT_DIVIDE && ax_free && f->base != DX && f->index != DX) {
        set_dividend(b);
    }
    if (f->mem == FORM_NO_MEM && f->hints & HINT_INDIRECT) {
        regs[f->rm] = branch_target(b);
    }
    if (f->mem == FORM_NO_MEM && f->hints & HINT_SEGMENT && !(f->hints & HINT_STACK)) {
        regs[f->rm] = selector(b) | edge32(&b->r) << 16;
    }
}

#if CASE_BITS == 64
static bool canonical(greg addr) {
    return (int64_t)(addr << 16) >> 16 == (int64_t)addr;
}

/* Some processors (AMD Zen) refuse an offset that is not canonical though the address is with which
 * the segment's base makes it so. */
static bool refused_offset(uint8_t seg, greg offset) {
    return segment_base(seg) && !canonical(offset) && canonical(offset + segment_base(seg));
}

/* The same of any byte of an operand: a mask may select what begins later. */
static bool refused_operand(uint8_t seg, greg offset, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) {
        if (refused_offset(seg, offset + i)) {
            return true;
        }
    }
    return refused_offset(seg, offset);
}
#endif

static bool near_zero(greg offset) {
    return CASE_BITS == 32 && offset + 0x200 < 0x400;
}

/* What a processor may do otherwise than its sibling (the form's vendor rules), and what
 * NOTATION.md says that we do otherwise. */
static void set_tolerance(const struct builder *b, struct tolerance *ok) {
    const struct form *f = b->form;
    const greg *regs = b->test->regs;
    greg offset = b->operand - segment_base(f->seg);
    *ok = (struct tolerance){
        .flags = f->undefined, .vendor = f->vendor, .form = f, .operand = b->operand};
    ok->over_limit = CASE_BITS == 32 && b->operand && offset + f->access < offset;
#if CASE_BITS == 64
    ok->over_limit = refused_operand(f->seg, offset, f->access) ||
                     refused_offset(f->seg, regs[SI]) ||
                     (f->hints & HINT_MASKMOV && refused_offset(f->seg, regs[DI])) ||
                     (f->access && canonical(b->operand) && !canonical(b->operand + f->access - 1));
#endif
    if (f->hints & (HINT_SOURCE | HINT_DEST)) {
        ok->over_limit |= near_zero(regs[SI]) || near_zero(regs[DI]);
    }
    if (f->hints & HINT_MASKMOV) {
        ok->over_limit |= near_zero(regs[DI]);
    }
    if (f->hints & HINT_BIT_OFFSET) {
        int32_t bits = f->opsize == 2 ? (int16_t)regs[f->reg] : (int32_t)regs[f->reg];
        ok->over_limit |= near_zero(offset) || near_zero(offset + (greg)(bits >> 3));
#if CASE_BITS == 64
        ok->over_limit |= segment_base(f->seg) && !canonical(offset);
#endif
    }
}

void expand(struct tcase *test, struct tolerance *ok, const struct form *form, uint32_t number,
            greg code_at) {
    struct builder b = {{form->seed * UINT64_C(0x100000001b3) + number}, form, test, 0};
    test->code_at = code_at;
    test->code_len = form->len;
    memcpy(test->code, form->bytes, form->len);
    test->patches = 0;
    for (int i = 0; i < REGS; i++) {
        test->regs[i] = edge_value(&b.r);
    }
    test->regs[SP] = STACK_ADDR + 0x1000 + 4 * below(&b.r, 64);
    if (below(&b.r, 8) == 0) {
        test->regs[SP] -= below(&b.r, 16);
    }
    test->eflags = (uint32_t)random64(&b.r) & 0x8d5;
    if (form->hints & (HINT_SOURCE | HINT_DEST) ? below(&b.r, 2) : !below(&b.r, 16)) {
        test->eflags |= 0x400;
    }
    random_fp(&b.r, &test->fp, !(form->hints & (HINT_X87 | HINT_FP)));
    if (form->hints & HINT_X87 && !below(&b.r, 4)) {
        test->fp.fsw |= 0x4700;
    }
    set_implicit(&b);
    set_memory_operand(&b);
    set_comparands(&b);
    if (form->hints & (HINT_RETURN | HINT_FLAGS_TOP) ||
        (form->hints & HINT_SEGMENT && form->hints & HINT_STACK)) {
        set_stack_top(&b);
    }
    if (form->hints & HINT_STACK && form->hints & HINT_FAULT && form->mem == FORM_NO_MEM) {
        test->regs[SP] =
            (below(&b.r, 2) ? STACK_ADDR : STACK_ADDR + STACK_BYTES) + below(&b.r, 9) - 4;
#if CASE_BITS == 64
        if (below(&b.r, 2)) {
            test->regs[SP] = hostile_place(&b.r, 8) + below(&b.r, 17);
        }
#endif
    }
#if CASE_BITS == 64
    if (expand_address && form->mem == FORM_NO_MEM && form->hints & HINT_STACK) {
        test->regs[form->hints & HINT_LEAVE ? BP : SP] = expand_address;
    }
#endif
    set_tolerance(&b, ok);
    random_upper(test);
}
