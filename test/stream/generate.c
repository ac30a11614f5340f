/* Makes random streams out of the forms that the instruction tests enumerate. */
#include "core/decode/insn.h"
#include "test/insn/vendors.h"
#include "test/stream/stream.h"

#include <stdlib.h>
#include <string.h>

enum { AX, CX, DX, BX, SP, BP, SI, DI };
enum { KIND_INTEGER, KIND_SIMD, KIND_X87 };
#define COUNTER_ADDR (STACK_ADDR + 0x20)

/* Not of a feature that the host lacks. */
static bool is_there(const struct form *f) {
    struct insn insn;
    return decode(&insn, CASE_BITS == 32 ? GUEST_I386 : GUEST_X86_64, CODE_ADDR, f->bytes,
                  f->len) == DECODE_OK;
}

static bool fits_stream(const struct form *f) {
    if (f->hints & (HINT_NO_STREAM | HINT_FAULT | HINT_READ_ONLY | HINT_ADDR16 | HINT_XLAT) ||
        !is_there(f)) {
        return false;
    }
    bool through_cs = CASE_BITS == 32 && f->seg == 1; /* stores through CS fault */
    if (f->mem != FORM_NO_MEM) {
        if (f->mem == FORM_MEM16 && f->seg != 4 && f->seg != 5) {
            return false; /* low memory is not there */
        }
        if (through_cs) {
            return false;
        }
        if (f->reg == SP && (!(f->hints & HINT_FP) || f->hints & HINT_GENERAL)) {
            return false;
        }
        if (f->base == SP && f->mem != FORM_MEM16) {
            return f->mem == FORM_NATIVE && f->index == NO_REG && f->seg > 5 && f->disp >= -0x100 &&
                   f->disp < 0x200 && f->align == 1;
        }
        return f->index != SP || f->mem == FORM_MEM16;
    }
    if (through_cs) {
        return false;
    }
    /* ESP stays where it is. Byte registers 4 are AH, but forms do not tell. */
    return (f->hints & HINT_FP && !(f->hints & HINT_GENERAL)) || (f->reg != SP && f->rm != SP);
}

void pool_make(struct pool *pool, const struct forms *forms) {
    pool->forms = forms;
    pool->usable = calloc(forms->forms, sizeof(bool));
    for (int k = 0; k < 3; k++) {
        pool->rows[k] = calloc(forms->rows, sizeof(uint32_t));
        pool->count[k] = 0;
    }
    for (uint32_t r = 0; r < forms->rows; r++) {
        uint32_t good = 0, hints = 0;
        for (uint32_t f = 0; f < forms->row[r].forms; f++) {
            uint32_t i = forms->row[r].first + f;
            hints |= forms->form[i].hints;
            good += pool->usable[i] = fits_stream(&forms->form[i]);
        }
        int kind = hints & HINT_X87 ? KIND_X87 : hints & HINT_FP ? KIND_SIMD : KIND_INTEGER;
        if (good) {
            pool->rows[kind][pool->count[kind]++] = r;
        }
    }
}

static void put(struct item *item, const void *bytes, unsigned count) {
    if (item->len + count <= sizeof item->bytes) {
        memcpy(item->bytes + item->len, bytes, count);
        item->len = (uint8_t)(item->len + count);
    }
}

static void put_mov(struct item *item, unsigned reg, greg value) {
#if CASE_BITS == 64
    uint8_t rex = (uint8_t)(0x48 | reg >> 3);
    put(item, &rex, 1);
#endif
    uint8_t code[1 + sizeof value] = {(uint8_t)(0xb8 + (reg & 7))};
    memcpy(code + 1, &value, sizeof value);
    put(item, code, sizeof code);
}

/* An instruction whose operand is at an address in memory: opcode and ModRM.reg, and what follows
 * the address. */
static void put_absolute(struct item *item, uint8_t opcode, uint8_t reg, greg addr,
                         const void *rest, unsigned count) {
    uint8_t code[2] = {opcode, (uint8_t)(reg << 3 | 5)};
    uint32_t disp = (uint32_t)addr;
    put(item, code, 2);
#if CASE_BITS == 64
    item->rip_at = item->len;
    item->rip_end = (uint8_t)(item->len + 4 + count);
    item->rip_target = addr;
#endif
    put(item, &disp, 4);
    put(item, rest, count);
}

/* An instruction that defines all six status flags. */
static void put_define_flags(struct item *item, struct random *r) {
    uint8_t modrm = (uint8_t)(0xc0 | below(r, 8) << 3 | below(r, 8));
    uint8_t reg = (uint8_t)below(r, 8);
    switch (below(r, 4)) {
    case 0:
        put(item, (uint8_t[]){0x3b, modrm}, 2); /* cmp */
        break;
    case 1:
        put(item, (uint8_t[]){0x83, (uint8_t)(0xf8 | reg), (uint8_t)random64(r)}, 3); /* cmp imm8 */
        break;
    case 2:
        put(item, (uint8_t[]){0x38, modrm}, 2); /* cmp bytes */
        break;
    default:
        reg = reg == SP ? AX : reg;
        put(item, (uint8_t[]){0x83, (uint8_t)(0xc0 | reg), (uint8_t)random64(r)}, 3); /* add */
    }
}

/* Registers that the form's inputs depend on, with the values that expand() chose. */
static void put_inputs(struct item *item, const struct form *f, const struct tcase *inputs,
                       struct random *r) {
    static const uint8_t first16[8] = {BX, BX, BP, BP, 8, 8, 8, 8};
    static const uint8_t second16[8] = {SI, DI, SI, DI, SI, DI, BP, BX};
    unsigned wanted = 0;
    if (f->mem != FORM_NO_MEM && f->mem != FORM_MEM16) {
        wanted = (f->base < REGS && f->base != SP ? 1u << f->base : 0) |
                 (f->index < REGS ? 1u << f->index : 0);
    }
    if (f->mem == FORM_MEM16 && f->base < 8) {
        wanted = (first16[f->base] < 8 ? 1u << first16[f->base] : 0) | 1u << second16[f->base];
    }
    if (f->hints & HINT_SOURCE) {
        wanted |= 1 << SI;
    }
    if (f->hints & (HINT_DEST | HINT_MASKMOV)) {
        wanted |= 1 << DI;
    }
    if (f->hints & HINT_REP) {
        wanted |= 1 << CX;
    }
    if (f->hints & (HINT_DIVIDE | HINT_CMPXCHG | HINT_CMPXCHG8B) && below(r, 4)) {
        wanted |= 1 << AX | 1 << DX;
    }
    if (f->hints & HINT_DIVIDE && f->mem == FORM_NO_MEM && below(r, 4)) {
        wanted |= 1u << f->rm;
    }
    if (f->hints & HINT_BIT_OFFSET && f->mem != FORM_NO_MEM) {
        wanted |= 1u << f->reg;
    }
    for (unsigned reg = 0; reg < REGS; reg++) {
        if (wanted >> reg & 1 && reg != SP) {
            put_mov(item, reg, inputs->regs[reg]);
        }
    }
    if (f->hints & (HINT_SOURCE | HINT_DEST)) {
        put(item, below(r, 2) ? "\xfc" : "\xfd", 1); /* cld, std */
    }
}

/* Processors differ in which operand of CMPS they read first: do both fault in one iteration? */
static bool both_fault(const struct form *f, const struct tcase *inputs) {
    uint32_t size = f->bytes[f->len - 1] & 1 ? f->opsize : 1;
    greg mask = f->hints & HINT_ADDR16 ? ~(greg)0 >> CASE_BITS / 2 : ~(greg)0;
    greg base = segment_base(f->seg), times = f->hints & HINT_REP ? inputs->regs[CX] & mask : 1;
    for (int way = -1; way <= 1; way += 2) { /* DF is drawn later */
        greg si = inputs->regs[SI], di = inputs->regs[DI], step = (greg)way * size;
        for (greg i = 0; i < times; i++, si += step, di += step) {
            greg from = (si & mask) + base, to = di & mask;
            bool from_faults = first_unreadable(from, size) != from + size;
            bool to_faults = first_unreadable(to, size) != to + size;
            if (from_faults && to_faults) {
                return true;
            }
            if (from_faults || to_faults) {
                break;
            }
        }
    }
    return false;
}

static void plain_item(struct item *item, const struct pool *pool, struct random *r) {
    static const uint8_t kinds[8] = {KIND_INTEGER, KIND_INTEGER, KIND_INTEGER, KIND_INTEGER,
                                     KIND_INTEGER, KIND_SIMD,    KIND_SIMD,    KIND_X87};
    const struct forms *forms = pool->forms;
    const struct form *form;
    struct tolerance ok;
    struct tcase inputs;
    for (;;) {
        int kind = kinds[below(r, 8)];
        const struct form_row *row = &forms->row[pool->rows[kind][below(r, pool->count[kind])]];
        uint32_t f = row->first + below(r, row->forms);
        form = &forms->form[f];
        if (!pool->usable[f] || (form->hints & HINT_DIVIDE && below(r, 4))) {
            continue;
        }
        expand(&inputs, &ok, form, (uint32_t)random64(r), CODE_ADDR);
        bool cmps = form->vendor & vendor_bit("cmps_order");
        bool short_read = form->vendor & vendor_bit("movsxd16") && form->mem != FORM_NO_MEM;
        if (!ok.over_limit && !short_read && !(cmps && both_fault(form, &inputs))) {
            break;
        }
    }
    put_inputs(item, form, &inputs, r);
#if CASE_BITS == 64
    if (form->mem != FORM_NO_MEM && form->base == RIP_BASE) {
        item->rip_at = (uint8_t)(item->len + form->rip_at);
        item->rip_end = (uint8_t)(item->len + form->len);
        item->rip_target = ok.operand - segment_base(form->seg);
    }
#endif
    put(item, form->bytes, form->len);
    if (form->undefined) {
        put_define_flags(item, r);
    }
    if (form->vendor & vendor_bit("push_sreg") && form->opsize == 4) {
        put(item, "\x66\xc7\x44\x24\2\0\0", 7); /* mov word [esp + 2], 0: what may be kept */
    }
}

static void branch_item(struct item *item, unsigned number, unsigned items, struct random *r) {
    unsigned skip = 1 + below(r, 3);
    item->branches = true;
    item->branch_size = 4;
    switch (below(r, 8)) {
    case 0:
        put(item, "\xe9\0\0\0\0", 5);
        break;
    case 1: /* the return address stays on the stack */
        put(item, "\xe8\0\0\0\0", 5);
        break;
    case 2: { /* jecxz, loop, loope, loopne: short */
        uint8_t code[2] = {(uint8_t)(0xe0 + below(r, 4)), 0};
        put(item, code, 2);
        item->branch_size = 1;
        skip = 1;
        break;
    }
    default: {
        uint8_t code[6] = {0x0f, (uint8_t)(0x80 + below(r, 16))};
        put(item, code, 6);
    }
    }
    item->branch_at = (uint8_t)(item->len - item->branch_size);
    item->target = (uint8_t)(number + 1 + skip < items ? number + 1 + skip : items);
}

/* A counter in memory: mov dword [counter], n in front, dec and jnz after. */
static void loop_items(struct item *start, struct item *end, unsigned first, unsigned which,
                       struct random *r) {
    greg counter = COUNTER_ADDR + 4 * which;
    uint32_t times = 1 + below(r, 12);
    put_absolute(start, 0xc7, 0, counter, &times, 4);
    put_absolute(end, 0xff, 1, counter, NULL, 0);
    put(end, "\x0f\x85\0\0\0\0", 6);
    end->branches = true;
    end->branch_size = 4;
    end->branch_at = (uint8_t)(end->len - 4);
    end->target = (uint8_t)(first + 1);
}

void stream_make(struct stream *stream, const struct pool *pool, uint64_t seed) {
    struct random r = {seed * UINT64_C(0xd1342543de82ef95)};
    memset(stream, 0, sizeof *stream);
    stream->seed = seed;
    stream->items = 20 + below(&r, 36);
    unsigned loop_start = 0, loop_end = 0, which = 0;
    for (unsigned i = 0; i < stream->items; i++) {
        struct item *item = &stream->item[i];
        if (i == loop_end && loop_end) {
            loop_items(&stream->item[loop_start], item, loop_start, which++, &r);
            loop_end = 0;
        } else if (!loop_end && below(&r, 16) == 0 && i + 12 < stream->items && which < 4) {
            loop_start = i; /* filled when the end is made */
            loop_end = i + 3 + below(&r, 8);
        } else if (below(&r, 7) == 0) {
            branch_item(item, i, stream->items, &r);
            if (loop_end && item->target > loop_end) {
                item->target = (uint8_t)loop_end;
            }
        } else {
            plain_item(item, pool, &r);
        }
    }
}

bool stream_layout(struct tcase *test, const struct stream *stream, uint32_t slot) {
    struct random r = {stream->seed};
    uint32_t at[STREAM_ITEMS + 1], length = 0;
    for (unsigned i = 0; i < stream->items; i++) {
        at[i] = length; /* of a dropped item: where the next one is */
        length += stream->item[i].dropped ? 0 : stream->item[i].len;
    }
    at[stream->items] = length;
    if (length > CODE_MAX - 16) {
        return false;
    }
    test->code_at = CODE_ADDR + STREAM_STRIDE * slot + 8;
    test->code_len = length;
    for (unsigned i = 0; i < stream->items; i++) {
        const struct item *item = &stream->item[i];
        if (item->dropped) {
            continue;
        }
        uint8_t *code = test->code + at[i];
        memcpy(code, item->bytes, item->len);
        if (item->branches) {
            int32_t offset = (int32_t)(at[item->target] - at[i] - item->len);
            memcpy(code + item->branch_at, &offset, item->branch_size);
        }
#if CASE_BITS == 64
        if (item->rip_end) {
            int32_t disp = (int32_t)(item->rip_target - test->code_at - at[i] - item->rip_end);
            memcpy(code + item->rip_at, &disp, 4);
        }
#endif
    }
    for (int i = 0; i < REGS; i++) {
        test->regs[i] = edge_value(&r);
    }
    test->regs[SP] = STACK_ADDR + 0x1000;
    test->eflags = (uint32_t)random64(&r) & 0x8d5;
    random_fp(&r, &test->fp, below(&r, 8) != 0);
    test->patches = 1;
    test->patch[0] = (struct patch){.addr = COUNTER_ADDR, .len = 16};
    for (int i = 0; i < 4; i++) {
        test->patch[0].bytes[4 * i] = 2;
    }
    return true;
}
