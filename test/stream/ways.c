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
#define HEADS 65536

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
    block.pc = pc;
    while (at < size) {
        struct insn *insn = &block.insn[block.count++];
        if (block.count >= FIBER_MAX_INSNS ||
            decode(insn, GUEST_I386, pc + at, bytes + at, size - at) != DECODE_OK) {
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
    if (same >= 6) {
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
    if (f->mem != FORM_NO_MEM || f->len < 3 || !lower_bytes(bytes, f->len, 0x10000000) ||
        block.count != 1 || lowered_gadget(0) == before || block.insn[0].imm >> 8 ||
        (uint8_t)block.insn[0].imm != bytes[f->len - 1]) {
        return;
    }
    for (int imm = 0; imm < 256; imm++) {
        bytes[f->len - 1] = (uint8_t)imm;
        for (uint32_t killer = 0; killer <= 2; killer += 2) {
            if (lower_bytes(bytes, f->len + killer, 0x10000000)) {
                add_way(number, -1, imm, low.gadgets - 1 - killer / 2);
            }
        }
    }
}

/* The gadgets of every form: alone, with its flags dead, fused with each Jcc. */
void index_forms(void) {
    static const uint8_t killer[2] = {0x3b, 0xc0}; /* cmp eax, eax */
    heads = calloc(HEADS, sizeof *heads);
    for (uint32_t i = 0; i < forms.forms; i++) {
        const struct form *f = &forms.form[i];
        if (f->hints & (HINT_FAULT | HINT_READ_ONLY | HINT_ADDR16 | HINT_FAR | HINT_FPU_ENV |
                        HINT_IGNORED) ||
            f->mem == FORM_MEM16 || f->seg != 0xff) {
            continue;
        }
        uint8_t bytes[32];
        memcpy(bytes, f->bytes, f->len);
        if (!lower_bytes(bytes, f->len, 0x10000000)) {
            continue;
        }
        bool ends = ends_block(f);
        uint32_t own = low.gadgets - !ends;
        add_way(i, -1, -1, own);
        if (!ends && own == 1) {
            add_immediates(i, f);
        }
        bool has_index = f->mem == FORM_MEM32 && f->index < 8;
        if (has_index && own == 2) {
            note_indexed(i, lowered_gadget(1));
        }
        if (ends) {
            continue;
        }
        memcpy(bytes + f->len, killer, 2);
        if (lower_bytes(bytes, f->len + 2u, 0x10000000)) {
            add_way(i, -1, -1, own);
            if (has_index && own == 2) {
                note_indexed(i, lowered_gadget(1));
            }
        }
        for (int c = 0; c < 16; c++) {
            uint8_t jcc[6] = {0x0f, (uint8_t)(0x80 + c), 5};
            memcpy(bytes + f->len, jcc, 6);
            if (lower_bytes(bytes, f->len + 6u, 0x10000000) && low.gadgets == own) {
                add_way(i, c, -1, own);
            } else {
                break; /* it is not fused */
            }
        }
    }
}

/* Small displacements, so that one base register serves several operands. */
void put_form(struct sequence *s, const struct form *f, struct random *r) {
    uint8_t *at = s->bytes + s->len;
    memcpy(at, f->bytes, f->len);
    if (f->mem == FORM_MEM32 && f->base < 8 && (f->disp > 0x200 || f->disp < -0x200)) {
        int32_t small = (int32_t)below(r, 64) * 16 - 512;
        for (int i = f->len - 4; i > 0; i--) {
            if (memcmp(f->bytes + i, &f->disp, 4) == 0) {
                memcpy(at + i, &small, 4);
                break;
            }
        }
    }
    s->len += f->len;
    s->forms++;
    if (f->mem == FORM_MEM32 && f->base < 8) {
        s->based[f->base] = true;
    }
    if (f->mem == FORM_MEM32 && f->index < 8) {
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
    for (int i = 0; i < 8; i++) {
        test->regs[i] = edge32(r);
        if (s->based[i]) {
            test->regs[i] = DATA_ADDR + 0x400 + (below(r, 0x3400) & ~(below(r, 4) ? 15u : 0));
        } else if (s->indexed[i]) {
            test->regs[i] = below(r, 64);
        }
    }
    int bad = (int)below(r, 40); /* now and then a base that faults, or nearly */
    if (bad < 8 && s->based[bad]) {
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
