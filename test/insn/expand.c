/* Chooses the inputs of a case: registers, flags, floating-point state, where the memory operand
 * lies and what is in it. Everything follows from the form's seed and the case's number. */
#include "test/insn/forms.h"

#include <string.h>

enum { AX, CX, DX, BX, SP, BP, SI, DI };
enum { NO_REG = 8 };

struct builder {
    struct random r;
    const struct form *form;
    struct tcase *test;
    uint32_t operand; /* address of the memory operand; 0: none */
};

static uint32_t segment_base(uint8_t seg) {
    return seg == 4 ? FS_BASE : seg == 5 ? GS_BASE : 0;
}

static struct patch *add_patch(struct tcase *test, uint32_t addr, uint32_t len) {
    struct patch *p = &test->patch[test->patches++];
    p->addr = addr;
    p->len = len < PATCH_BYTES ? len : PATCH_BYTES;
    return p;
}

/* An address at which an access of `bytes` faults, wholly or from some byte on. */
static uint32_t faulting_place(struct random *r, uint32_t bytes) {
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
static uint32_t good_place(struct random *r, uint32_t bytes, uint32_t align) {
    uint32_t room = DATA_BYTES - 0x200, a = DATA_ADDR + 0x100 + below(r, room - bytes);
    uint32_t natural = 1;
    while (natural < bytes && natural < 16) {
        natural *= 2;
    }
    switch (below(r, 8)) {
    case 0:
    case 1:
        break;
    case 2:
        a = (a & ~63u) - below(r, bytes);
        break;
    case 3:
        a = DATA_ADDR + 0x1000 * (1 + below(r, 3)) - below(r, bytes);
        break;
    case 4:
        a = below(r, 2) ? DATA_ADDR : RO_ADDR - bytes;
        break;
    default:
        a &= ~(natural - 1);
    }
    if (align > 1 && below(r, 8)) {
        a &= ~(align - 1);
    }
    return a;
}

static uint32_t place(struct builder *b, uint32_t bytes, uint32_t align) {
    if (b->form->hints & HINT_FAULT) {
        return faulting_place(&b->r, bytes);
    }
    if (b->form->hints & HINT_READ_ONLY) {
        return RO_ADDR + (below(&b->r, RO_BYTES - bytes) & ~(align - 1));
    }
    return good_place(&b->r, bytes, align);
}

/* Solve base + index * 2^scale + disp = addr for the registers; returns the address that came out,
 * which differs where the form cannot reach `addr`. */
static uint32_t aim32(struct builder *b, uint32_t addr) {
    const struct form *f = b->form;
    uint32_t *regs = b->test->regs, offset = (uint32_t)f->disp + segment_base(f->seg);
    uint32_t step = f->align > 1 ? f->align : 1;
    bool stack_base = f->base == SP && (f->hints & (HINT_STACK | HINT_RETURN));
    if (stack_base && f->index != NO_REG) {
        regs[f->index] = below(&b->r, 4);
    }
    if (f->base == NO_REG && f->index == NO_REG) {
        return offset;
    }
    if (f->index == NO_REG) {
        if (!stack_base) {
            regs[f->base] = addr - offset;
        }
        return regs[f->base] + offset;
    }
    if (f->base == NO_REG) {
        while ((addr - offset) & ((1u << f->scale) - 1)) /* at most 7 times: alignment may go */
        {
            addr++;
        }
        regs[f->index] = (addr - offset) >> f->scale;
        if (f->scale) /* bits that the scale shifts out */
        {
            regs[f->index] |= (uint32_t)random64(&b->r) << (32 - f->scale);
        }
        return addr;
    }
    if (f->base == f->index) {
        uint32_t times = 1 + (1u << f->scale);
        for (int i = 0; i < 9 && (addr - offset) % times; i++) {
            addr += step;
        }
        regs[f->base] = (addr - offset) / times;
        return regs[f->base] * times + offset;
    }
    uint32_t index = regs[f->index] << f->scale;
    if (!stack_base) {
        regs[f->base] = addr - offset - index;
    }
    return regs[f->base] + index + offset;
}

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

static uint32_t selector(struct builder *b) {
    static const uint16_t flat[] = {0, 1, 3, 0x2b, 0x2b, 0x2b, 0x2b, 0x73, 0x0007, 0x0104, 0xfff3};
    static const uint16_t known[] = {0,    1,    3,    0x2b, 0x2b,   0x63,   0x63,
                                     0x6b, 0x6b, 0x33, 0x73, 0x0007, 0x0104, 0xfff3};
    if (!(b->form->hints & HINT_TLS)) {
        return flat[below(&b->r, sizeof flat / sizeof flat[0])];
    }
    return known[below(&b->r, sizeof known / sizeof known[0])];
}

static uint32_t branch_target(struct builder *b) {
    return b->test->code_at + below(&b->r, 96) - 24 + (below(&b->r, 16) ? b->form->len + 24 : 0);
}

/* What the memory operand holds. */
static void fill_operand(struct builder *b) {
    const struct form *f = b->form;
    struct random *r = &b->r;
    struct patch *p = add_patch(b->test, b->operand, f->access);
    edge_bytes(r, p->bytes, p->len, f->hints & HINT_FP);
    uint32_t value = 0;
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
    uint32_t addr = place(b, bytes > DATA_BYTES / 4 ? 64 : bytes, f->align);
    if (f->hints & HINT_BIT_OFFSET && !(f->hints & HINT_FAULT)) {
        addr = DATA_ADDR + 0x800 + below(&b->r, 0x2800);
        b->test->regs[f->reg] = below(&b->r, 4) ? below(&b->r, 8192) - 4096 : edge32(&b->r);
        if (f->opsize == 2) {
            b->test->regs[f->reg] = (b->test->regs[f->reg] & 0xffff) | edge32(&b->r) << 16;
        }
    }
    b->operand = f->mem == FORM_MEM16 ? aim16(b, addr) : aim32(b, addr);
    if (f->access) {
        fill_operand(b);
    }
}

static void set_string_registers(struct builder *b) {
    const struct form *f = b->form;
    uint32_t *regs = b->test->regs;
    if (f->hints & HINT_REP) {
        static const uint8_t counts[] = {0, 1, 1, 2, 3, 4, 7, 8, 15, 17, 20, 20};
        uint32_t count = counts[below(&b->r, sizeof counts)];
        regs[CX] = f->hints & HINT_ADDR16 ? count | edge32(&b->r) << 16 : count;
    }
    uint32_t from = good_place(&b->r, 4, 1), to = good_place(&b->r, 4, 1);
    if (f->hints & HINT_FAULT) {
        uint32_t near = below(&b->r, 2) ? DATA_ADDR : RO_ADDR;
        *(below(&b->r, 2) ? &from : &to) = near + below(&b->r, 32) - 16;
    } else if (below(&b->r, 4) == 0) {
        to = from + below(&b->r, 17) - 8; /* overlap */
    }
    uint32_t segment = segment_base(f->seg);
    if (f->hints & HINT_ADDR16) {
        set_low16(&regs[SI], from - segment);
        set_low16(&regs[DI], to);
        return;
    }
    if (f->hints & HINT_SOURCE) {
        regs[SI] = from - segment;
    }
    if (f->hints & HINT_DEST) {
        regs[DI] = to;
    }
}

/* What RET, RETF, IRET and POPF find on the stack. */
static void set_stack_top(struct builder *b) {
    const struct form *f = b->form;
    struct tcase *test = b->test;
    uint32_t sp = test->regs[SP], flags = (uint32_t)random64(&b->r) & 0x244ed5;
    struct patch *p = add_patch(test, sp, 3 * f->opsize);
    uint32_t at = 0, value = branch_target(b);
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
}

static void set_dividend(struct builder *b) {
    const struct form *f = b->form;
    uint32_t *regs = b->test->regs, divisor = regs[f->rm];
    if (b->operand) {
        memcpy(&divisor, b->test->patch[0].bytes, 4);
    }
    switch (below(&b->r, 4)) {
    case 0:
        return;
    case 1:
        regs[DX] = 0;
        regs[AX] &= 0xffff00ff;
        break;
    case 2:
        regs[DX] = (uint32_t)((int32_t)(f->opsize == 2 ? regs[AX] << 16 : regs[AX]) >> 31);
        if (f->access == 1) {
            regs[AX] = (regs[AX] & 0xffff0000) | ((uint32_t)(int8_t)regs[AX] & 0xffff);
        }
        break;
    default:
        regs[DX] = (divisor & (f->opsize == 2 ? 0xffff : ~0u)) / 2;
        regs[AX] = (regs[AX] & 0xffff00ff) | (divisor & 0x7f) << 7;
    }
}

/* Registers that the operands leave alone but the instruction uses. */
static void set_implicit(struct builder *b) {
    const struct form *f = b->form;
    uint32_t *regs = b->test->regs, hints = f->hints, value;
    if (hints & HINT_LEAVE) {
        regs[BP] = STACK_ADDR + 0x900 + below(&b->r, 0x400);
    }
    if (hints & (HINT_SOURCE | HINT_DEST | HINT_REP)) {
        set_string_registers(b);
    }
    if (hints & HINT_XLAT) {
        value = place(b, 1, 1) - (regs[AX] & 0xff) - segment_base(f->seg);
        regs[BX] = hints & HINT_ADDR16 ? (regs[BX] & 0xffff0000) | (value & 0xffff) : value;
    }
    if (hints & HINT_MASKMOV) {
        value = place(b, 16, 1) - segment_base(f->seg);
        regs[DI] = hints & HINT_ADDR16 ? (regs[DI] & 0xffff0000) | (value & 0xffff) : value;
    }
}

/* Registers chosen in the light of the memory operand's contents; not where they address it. */
static void set_comparands(struct builder *b) {
    const struct form *f = b->form;
    uint32_t *regs = b->test->regs;
    bool ax_free = f->mem == FORM_NO_MEM || (f->base != AX && f->index != AX);
    if (f->hints & HINT_CMPXCHG && ax_free && below(&b->r, 2)) {
        if (f->mem == FORM_NO_MEM) {
            regs[AX] = f->access == 1 && f->rm > 3 ? regs[f->rm - 4] >> 8 : regs[f->rm];
        } else {
            memcpy(&regs[AX], b->test->patch[0].bytes, f->access);
        }
    }
    if (f->hints & HINT_CMPXCHG8B && ax_free && f->base != DX && f->index != DX &&
        below(&b->r, 2)) {
        memcpy(&regs[AX], b->test->patch[0].bytes, 4);
        memcpy(&regs[DX], b->test->patch[0].bytes + 4, 4);
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

static bool near_zero(uint32_t offset) {
    return offset + 0x200 < 0x400;
}

/* What a processor may do otherwise than its sibling (the form's vendor rules), and what
 * NOTATION.md says that we do otherwise. */
static void set_tolerance(const struct builder *b, struct tolerance *ok) {
    const struct form *f = b->form;
    const uint32_t *regs = b->test->regs;
    uint32_t offset = b->operand - segment_base(f->seg);
    *ok = (struct tolerance){
        .flags = f->undefined, .vendor = f->vendor, .form = f, .operand = b->operand};
    ok->over_limit = b->operand && offset + f->access < offset;
    if (f->hints & (HINT_SOURCE | HINT_DEST)) {
        ok->over_limit = near_zero(regs[SI]) || near_zero(regs[DI]);
    }
    if (f->hints & HINT_MASKMOV) {
        ok->over_limit = near_zero(regs[DI]);
    }
    if (f->hints & HINT_BIT_OFFSET) {
        int32_t bits = f->opsize == 2 ? (int16_t)regs[f->reg] : (int32_t)regs[f->reg];
        ok->over_limit |= near_zero(offset) || near_zero(offset + (uint32_t)(bits >> 3));
    }
}

void expand(struct tcase *test, struct tolerance *ok, const struct form *form, uint32_t number,
            uint32_t code_at) {
    struct builder b = {{form->seed * UINT64_C(0x100000001b3) + number}, form, test, 0};
    test->code_at = code_at;
    test->code_len = form->len;
    memcpy(test->code, form->bytes, form->len);
    test->patches = 0;
    for (int i = 0; i < 8; i++) {
        test->regs[i] = edge32(&b.r);
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
    }
    set_tolerance(&b, ok);
}
