/* From gadgets back to instructions: which forms lower to which gadgets, alone, with their flags
 * dead, with another immediate or index, or fused with a Jcc. See ways.h. */
#include "test/stream/ways.h"

#include <stdlib.h>
#include <string.h>

enum { AX, CX, DX, BX, SP, BP, SI, DI };

struct forms forms;
struct lowered low;
struct way *ways;
size_t way_count;
static struct block block;
static size_t way_room;
static uint32_t *heads; /* hash -> way + 1, chained by next */
static uint32_t *nexts;
static bool few_ways;     /* only what has none yet gets one */
#define MOST_MADE 400000u /* forms with other registers */
#define HEADS     (CASE_BITS == 32 ? 1 << 16 : 1 << 18)

static uint32_t hash(const void *const *gadgets, uint32_t count) {
    uint64_t h = count;
    for (uint32_t i = 0; i < count; i++) {
        h = (h ^ (uint64_t)(uintptr_t)gadgets[i]) * UINT64_C(0x9e3779b97f4a7c15);
    }
    return (uint32_t)(h >> 40) % HEADS;
}

/* Decodes and lowers bytes as one block; false when they are not whole instructions. */
bool lower_bytes(const uint8_t *bytes, uint32_t size, gaddr_t pc) {
    uint32_t at = 0;
    memset(&block, 0, offsetof(struct block, insn));
    block.mode = TESTED;
    block.top = CASE_BITS == 32 ? 0 : (gaddr_t)1 << 40;
    block.pc = pc;
    while (at < size) {
        struct insn *insn = &block.insn[block.count++];
        if (block.count >= FIBER_MAX_INSNS ||
            decode(insn, TESTED, pc + at, bytes + at, size - at) != DECODE_OK) {
            return false;
        }
        at += insn->len;
    }
    block.end = pc + at;
    block.last = DECODE_OK;
    lower_block(&low, &block, false);
    return true;
}

const void *lowered_gadget(uint32_t i) {
    return (const void *)(uintptr_t)low.slot[low.gadget[i]];
}

/* Forms with an indexed operand by the gadget after the address: any index can be in them. */
static struct {
    const void *gadget;
    uint32_t form;
} indexed[HEADS];

const struct form *any_indexed;

static void note_indexed(uint32_t form, const void *gadget) {
    if (!any_indexed) {
        any_indexed = &forms.form[form];
    }
    uint32_t h = hash(&gadget, 1);
    while (indexed[h].gadget && indexed[h].gadget != gadget) {
        h = (h + 1) % HEADS;
    }
    indexed[h].gadget = gadget;
    indexed[h].form = form;
}

const struct form *find_indexed(const void *gadget) {
    uint32_t h = hash(&gadget, 1);
    while (indexed[h].gadget && indexed[h].gadget != gadget) {
        h = (h + 1) % HEADS;
    }
    return indexed[h].gadget ? &forms.form[indexed[h].form] : NULL;
}

#if CASE_BITS == 32
/* A copy of a form with another base, index and scale, and a displacement of 32 bits. */
bool change_index(struct form *to, const struct form *from, unsigned ea) {
    uint32_t base = ea / 32, index = ea / 4 % 8, scale = ea % 4;
    uint8_t old_sib = (uint8_t)(from->scale << 6 | from->index << 3 | (from->base & 7));
    if (from->base == 8) {
        old_sib = (uint8_t)((old_sib & ~7) | 5);
    }
    for (uint32_t i = 1; i + 1 < from->len; i++) {
        uint8_t modrm = from->bytes[i];
        if ((modrm & 0x3f) != (from->reg << 3 | 4) || from->bytes[i + 1] != old_sib) {
            continue;
        }
        uint32_t old = modrm >> 6 == 1 ? 1 : modrm >> 6 == 2 || from->base == 8 ? 4 : 0;
        uint32_t rest = from->len - i - 2 - old;
        if (i + 6 + rest > sizeof to->bytes) {
            return false;
        }
        *to = *from;
        to->disp = base == 8 ? (int32_t)DATA_ADDR + 0x800 : 0x40;
        to->bytes[i] = (uint8_t)((base == 8 ? 0 : 0x80) | (modrm & 0x3f));
        to->bytes[i + 1] = (uint8_t)(scale << 6 | index << 3 | (base == 8 ? 5 : base));
        memcpy(to->bytes + i + 2, &to->disp, 4);
        memcpy(to->bytes + i + 6, from->bytes + i + 2 + old, rest);
        to->len = (uint8_t)(i + 6 + rest);
        to->base = (uint8_t)base;
        to->index = (uint8_t)(index == 4 ? 8 : index);
        to->scale = (uint8_t)scale;
        return true;
    }
    return false;
}
#else
/* Where the opcode of a form is that has a REX prefix right in front of it and a ModRM byte after
 * it; 0: none such. VEX is not looked into. */
static uint32_t opcode_at(const struct form *f) {
    uint32_t i = 0;
    while (i < f->len && strchr("\x66\x67\xf2\xf3\xf0", f->bytes[i]) && f->bytes[i]) {
        i++;
    }
    return i + 2u < f->len && (f->bytes[i] & 0xf0) == 0x40 ? i + 1 : 0;
}

static uint32_t modrm_at(const struct form *f, uint32_t opcode) {
    uint32_t i = opcode;
    if (f->bytes[i] == 0x0f) {
        i++;
        i += f->bytes[i] == 0x38 || f->bytes[i] == 0x3a;
    }
    return i + 1;
}

/* A copy of a form with other bytes from its ModRM byte on, up to what follows its displacement. */
static bool change_operand(struct form *to, const struct form *from, uint8_t rex, uint8_t modrm,
                           int sib, const int32_t *disp) {
    const uint32_t op = opcode_at(from), at = op ? modrm_at(from, op) : 0;
    if (!op || at >= from->len) {
        return false;
    }
    const uint8_t old = from->bytes[at], mod = old >> 6;
    uint32_t skip = at + 1;
    if (mod != 3) {
        bool has_sib = (old & 7) == 4;
        bool no_base = mod == 0 && (has_sib ? from->bytes[at + 1] & 7 : old & 7) == 5;
        skip += has_sib + (mod == 1 ? 1 : mod == 2 || no_base ? 4 : 0);
    }
    *to = *from;
    to->bytes[op - 1] = (uint8_t)((from->bytes[op - 1] & 0x48) | rex);
    uint32_t end = at;
    to->bytes[end++] = modrm;
    if (sib >= 0) {
        to->bytes[end++] = (uint8_t)sib;
    }
    if (disp) {
        memcpy(to->bytes + end, disp, 4);
        end += 4;
    }
    if (skip > from->len || end + from->len - skip > sizeof to->bytes) {
        return false;
    }
    memcpy(to->bytes + end, from->bytes + skip, from->len - skip);
    to->len = (uint8_t)(end + from->len - skip);
    return true;
}

/* With other registers: in ModRM.reg, and in ModRM.rm or as the base of an operand in memory. */
static bool change_regs(struct form *to, const struct form *from, unsigned reg, unsigned rm) {
    const int32_t disp = 0x40;
    const bool memory = from->mem != FORM_NO_MEM;
    const uint8_t rex = (uint8_t)(reg >> 3 << 2 | rm >> 3);
    const uint8_t modrm = (uint8_t)((memory ? 0x80 : 0xc0) | (reg & 7) << 3 | (rm & 7));
    if (!change_operand(to, from, rex, modrm, memory && (rm & 7) == 4 ? 0x24 : -1,
                        memory ? &disp : NULL)) {
        return false;
    }
    to->reg = (uint8_t)reg;
    if (memory) {
        to->base = (uint8_t)rm;
        to->disp = disp;
    } else {
        to->rm = (uint8_t)rm;
    }
    return true;
}

/* With another base (REGS: none), index and scale. */
bool change_index(struct form *to, const struct form *from, unsigned ea) {
    unsigned base = ea / (4 * REGS), index = ea / 4 % REGS, scale = ea % 4;
    const bool none = base == REGS;
    const int32_t disp = 0x40;
    const uint8_t rex = (uint8_t)((from->reg >> 3 << 2) | index >> 3 << 1 | (none ? 0 : base >> 3));
    const uint8_t modrm = (uint8_t)((none ? 0 : 0x80) | (from->reg & 7) << 3 | 4);
    const int sib = (int)(scale << 6 | (index & 7) << 3 | (none ? 5 : base & 7));
    if (!change_operand(to, from, rex, modrm, sib, &disp)) {
        return false;
    }
    to->base = (uint8_t)base;
    to->index = (uint8_t)index;
    to->scale = (uint8_t)scale;
    to->disp = disp;
    return true;
}
#endif

static void add_way(uint32_t form, int condition, int imm, uint32_t gadgets) {
    struct way way = {
        .form = form, .condition = (int8_t)condition, .imm = (int16_t)imm, .gadgets = gadgets};
    if (gadgets == 0 || gadgets > KEY_MAX || gadgets > low.gadgets) {
        return;
    }
    for (uint32_t i = 0; i < gadgets; i++) {
        way.gadget[i] = lowered_gadget(i);
    }
    uint32_t h = hash(way.gadget, gadgets), same = 0;
    for (uint32_t w = heads[h]; w; w = nexts[w - 1]) {
        same += ways[w - 1].gadgets == gadgets &&
                memcmp(ways[w - 1].gadget, way.gadget, sizeof way.gadget) == 0;
    }
    if (same >= (few_ways ? 1 : 6)) {
        return;
    }
    if (way_count == way_room) {
        way_room = way_room * 2 + 1024;
        ways = realloc(ways, way_room * sizeof *ways);
        nexts = realloc(nexts, way_room * sizeof *nexts);
    }
    ways[way_count] = way;
    nexts[way_count] = heads[h];
    heads[h] = (uint32_t)++way_count;
}

static bool ends_block(const struct form *f) {
    return f->hints & (HINT_BRANCH | HINT_RETURN | HINT_INDIRECT);
}

/* Forms whose immediate chooses the gadget (shifts, shuffles): with each small immediate. */
static void add_immediates(uint32_t number, const struct form *f) {
    uint8_t bytes[20];
    memcpy(bytes, f->bytes, f->len);
    memcpy(bytes + f->len, "\x3b\xc0", 2);
    const void *before = lowered_gadget(0);
    bytes[f->len - 1] ^= 1;
    if (f->mem != FORM_NO_MEM || f->len < 3 || !lower_bytes(bytes, f->len, CODE_ADDR) ||
        block.count != 1 || lowered_gadget(0) == before || block.insn[0].imm >> 8 ||
        (uint8_t)block.insn[0].imm != bytes[f->len - 1]) {
        return;
    }
    for (int imm = 0; imm < 256; imm++) {
        bytes[f->len - 1] = (uint8_t)imm;
        for (uint32_t killer = 0; killer <= 2; killer += 2) {
            if (lower_bytes(bytes, f->len + killer, CODE_ADDR)) {
                add_way(number, -1, imm, low.gadgets - 1 - killer / 2);
            }
        }
    }
}

/* The gadgets of a form: alone, with its flags dead, fused with each Jcc. */
static void index_form(uint32_t number) {
    static const uint8_t killer[2] = {0x3b, 0xc0}; /* cmp eax, eax */
    const struct form *f = &forms.form[number];
    uint8_t bytes[32];
    memcpy(bytes, f->bytes, f->len);
    if (!lower_bytes(bytes, f->len, CODE_ADDR)) {
        return;
    }
    bool ends = ends_block(f);
    uint32_t own = low.gadgets - !ends;
    add_way(number, -1, -1, own);
    if (!ends && own == 1) {
        add_immediates(number, f);
    }
    bool has_index = f->mem == FORM_NATIVE && f->index < REGS;
    if (has_index && own == 2) {
        note_indexed(number, lowered_gadget(1));
    }
    if (ends) {
        return;
    }
    memcpy(bytes + f->len, killer, 2);
    if (lower_bytes(bytes, f->len + 2u, CODE_ADDR)) {
        add_way(number, -1, -1, own);
        if (has_index && own == 2) {
            note_indexed(number, lowered_gadget(1));
        }
    }
    for (int c = 0; c < 16; c++) {
        uint8_t jcc[6] = {0x0f, (uint8_t)(0x80 + c), 5};
        memcpy(bytes + f->len, jcc, 6);
        if (lower_bytes(bytes, f->len + 6u, CODE_ADDR) && low.gadgets == own) {
            add_way(number, c, -1, own);
        } else {
            break; /* it is not fused */
        }
    }
}

static bool is_wanted(const struct form *f) {
    const uint32_t out =
        HINT_FAULT | HINT_READ_ONLY | HINT_ADDR16 | HINT_FAR | HINT_FPU_ENV | HINT_IGNORED;
    return !(f->hints & out) && f->mem != FORM_SHORT && f->seg == 0xff &&
           row_kept_by_host(&forms.row[f->row]);
}

#if CASE_BITS == 64
/* The spec's forms hold each register somewhere, but not all pairs, of which there are many: what
 * has no way yet gets one by a form with other registers. */
static void index_other_registers(uint32_t number) {
    const struct form from = forms.form[number];
    struct insn was, now;
    if (from.index < REGS || from.base == RIP_BASE ||
        (from.mem != FORM_NO_MEM && from.base >= REGS) || (from.hints & HINT_STACK) ||
        decode(&was, TESTED, CODE_ADDR, from.bytes, from.len) != DECODE_OK) {
        return;
    }
    for (unsigned pair = 0; pair < REGS * REGS; pair++) {
        struct form made;
        if (change_regs(&made, &from, pair / REGS, pair % REGS) &&
            decode(&now, TESTED, CODE_ADDR, made.bytes, made.len) == DECODE_OK &&
            now.row == was.row && now.len == made.len) {
            size_t before = way_count;
            forms.form[forms.forms] = made;
            index_form(forms.forms);
            if (way_count > before) {
                forms.forms++;
            }
        }
    }
}
#endif

/* Ways to the gadgets of all forms. */
void index_forms(void) {
    heads = calloc(HEADS, sizeof *heads);
    const uint32_t count = forms.forms;
    forms.form = realloc(forms.form, (count + MOST_MADE) * sizeof *forms.form);
    for (uint32_t i = 0; i < count; i++) {
        if (is_wanted(&forms.form[i])) {
            index_form(i);
        }
    }
#if CASE_BITS == 64
    enum { KINDS = 1 << 18, EACH = 2 };
    uint8_t *seen = calloc(KINDS, 1);
    few_ways = true;
    for (uint32_t i = 0; i < count && forms.forms + REGS * REGS < count + MOST_MADE; i++) {
        const struct form *f = &forms.form[i];
        uint32_t kind = ((f->row * 4 + f->opsize / 3u) * 2 + (f->mem != FORM_NO_MEM)) % KINDS;
        if (opcode_at(f) && is_wanted(f) && seen[kind] < EACH) {
            seen[kind]++;
            index_other_registers(i);
        }
    }
    free(seen);
#endif
}

/* Small displacements, so that one base register serves several operands. */
void put_form(struct sequence *s, const struct form *f, struct random *r) {
    uint8_t *at = s->bytes + s->len;
    memcpy(at, f->bytes, f->len);
#if CASE_BITS == 64
    if (f->mem != FORM_NO_MEM && f->base == RIP_BASE) { /* relative to the next instruction */
        gaddr_t to = DATA_ADDR + 0x800 + 16 * below(r, 64);
        int32_t far = (int32_t)(to - (s->pc + s->len + f->len));
        memcpy(at + f->rip_at, &far, 4);
    }
#endif
    if (f->mem == FORM_NATIVE && f->base < REGS && (f->disp > 0x200 || f->disp < -0x200)) {
        int32_t small = (int32_t)below(r, 64) * 16 - 512;
        for (int i = f->len - 4; i > 0; i--) {
            if (memcmp(f->bytes + i, &f->disp, 4) == 0) { /* little endian: its low half */
                memcpy(at + i, &small, 4);
                break;
            }
        }
    }
    s->len += f->len;
    s->forms++;
    if (f->mem == FORM_NATIVE && f->base < REGS) {
        s->based[f->base] = true;
    }
    if (f->mem == FORM_NATIVE && f->index < REGS) {
        s->indexed[f->index] = true;
    }
    if (f->hints & (HINT_SOURCE | HINT_MASKMOV)) {
        s->based[SI] = true;
    }
    if (f->hints & (HINT_DEST | HINT_MASKMOV)) {
        s->based[DI] = true;
    }
    s->undefined = f->undefined;
    s->last = f;
}

const struct way *pick_way(const void *const *gadgets, uint32_t count, struct random *r) {
    const struct way *found[32];
    uint32_t n = 0;
    for (uint32_t w = heads[hash(gadgets, count)]; w && n < 32; w = nexts[w - 1]) {
        if (ways[w - 1].gadgets == count &&
            memcmp(ways[w - 1].gadget, gadgets, count * sizeof *gadgets) == 0) {
            found[n++] = &ways[w - 1];
        }
    }
    return n ? found[below(r, n)] : NULL;
}

void fill_case(struct tcase *test, const struct sequence *s, uint32_t slot, struct random *r) {
    test->code_at = CODE_ADDR + CASE_STRIDE * 2 * slot + CODE_LEAD;
    test->code_len = s->len;
    memcpy(test->code, s->bytes, s->len);
    test->patches = 0;
    for (int i = 0; i < REGS; i++) {
        test->regs[i] = edge_value(r);
        if (s->based[i]) {
            test->regs[i] = DATA_ADDR + 0x400 + (below(r, 0x3400) & ~(below(r, 4) ? 15u : 0));
        } else if (s->indexed[i]) {
            test->regs[i] = below(r, 64);
        }
    }
    int bad = (int)below(r, 5 * REGS); /* now and then a base that faults, or nearly */
    if (bad < REGS && s->based[bad]) {
        test->regs[bad] = below(r, 2) ? DATA_ADDR + below(r, 64) : RO_ADDR - below(r, 64);
    }
    test->regs[SP] = STACK_ADDR + 0x1000 + 4 * below(r, 16);
    if (below(r, 16) == 0) {
        test->regs[SP] =
            below(r, 2) ? STACK_ADDR + 4 * below(r, 8) : STACK_ADDR + STACK_BYTES - 4 * below(r, 8);
    }
    test->eflags = (uint32_t)random64(r) & 0x8d5;
    random_fp(r, &test->fp, below(r, 16) != 0);
}
