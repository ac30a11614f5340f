/* Every n-gram of the gadget library against the host CPU. Random streams hardly ever make the very
 * sequences that a profile chose, so here instructions are put together until the lowered block is
 * exactly the parts of one n-gram; then it runs with random inputs, some of which fault in its
 * midst.
 *
 *   ngrams [--quick] [--only N] [--details N] [--missing]      --only: one n-gram by its number */
#include "core/block.h"
#include "core/debug.h"
#include "core/ngram.h"
#include "test/insn/forms.h"

#include <stdlib.h>
#include <string.h>

enum { AX, CX, DX, BX, SP, BP, SI, DI };

/* As core/ngram.c finds them in the library. */
struct ngram {
    const void *combined;
    uint64_t count;
    void *const *part[];
};
extern const uint64_t __start_fg_ngrams[] __attribute__((weak));
extern const uint64_t __stop_fg_ngrams[] __attribute__((weak));

/* One way to make a run of gadgets: a form, behind it a Jcc when the two are fused. */
#define KEY_MAX 4
struct way {
    const void *gadget[KEY_MAX];
    uint32_t gadgets;
    uint32_t form;
    int8_t condition; /* -1: no Jcc */
    int16_t imm;      /* last byte of the instruction, -1: as it is */
};
static struct way *ways;
static size_t way_count, way_room;
static uint32_t *heads; /* hash -> way + 1, chained by next */
static uint32_t *nexts;
#define HEADS 65536

static struct forms forms;
static struct lowered low;
static struct block block;
static const char *program;

static uint32_t hash(const void *const *gadgets, uint32_t count) {
    uint64_t h = count;
    for (uint32_t i = 0; i < count; i++)
        h = (h ^ (uint64_t)(uintptr_t)gadgets[i]) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 40) % HEADS;
}

/* Decodes and lowers bytes as one block; false when they are not whole instructions. */
static bool lower_bytes(const uint8_t *bytes, uint32_t size, gaddr_t pc) {
    uint32_t at = 0;
    memset(&block, 0, offsetof(struct block, insn));
    block.pc = pc;
    while (at < size) {
        struct insn *insn = &block.insn[block.count++];
        if (block.count >= FIBER_MAX_INSNS ||
            decode(insn, GUEST_I386, pc + at, bytes + at, size - at) != DECODE_OK)
            return false;
        at += insn->len;
    }
    block.end = pc + at;
    block.last = DECODE_OK;
    lower_block(&low, &block, false);
    return true;
}

static const void *lowered_gadget(uint32_t i) {
    return (const void *)(uintptr_t)low.slot[low.gadget[i]];
}

/* Forms with an indexed operand by the gadget behind the address: any index can stand in them. */
static struct {
    const void *gadget;
    uint32_t form;
} indexed[HEADS];

static const struct form *any_indexed;

static void note_indexed(uint32_t form, const void *gadget) {
    if (!any_indexed)
        any_indexed = &forms.form[form];
    uint32_t h = hash(&gadget, 1);
    while (indexed[h].gadget && indexed[h].gadget != gadget)
        h = (h + 1) % HEADS;
    indexed[h].gadget = gadget;
    indexed[h].form = form;
}

static const struct form *find_indexed(const void *gadget) {
    uint32_t h = hash(&gadget, 1);
    while (indexed[h].gadget && indexed[h].gadget != gadget)
        h = (h + 1) % HEADS;
    return indexed[h].gadget ? &forms.form[indexed[h].form] : NULL;
}

/* A copy of a form with another base, index and scale, and a displacement of 32 bits. */
static bool change_index(struct form *to, const struct form *from, unsigned ea) {
    uint32_t base = ea / 32, index = ea / 4 % 8, scale = ea % 4;
    uint8_t old_sib = (uint8_t)(from->scale << 6 | from->index << 3 | (from->base & 7));
    if (from->base == 8)
        old_sib = (uint8_t)((old_sib & ~7) | 5);
    for (uint32_t i = 1; i + 1 < from->len; i++) {
        uint8_t modrm = from->bytes[i];
        if ((modrm & 0x3f) != (from->reg << 3 | 4) || from->bytes[i + 1] != old_sib)
            continue;
        uint32_t old = modrm >> 6 == 1 ? 1 : modrm >> 6 == 2 || from->base == 8 ? 4 : 0;
        uint32_t rest = from->len - i - 2 - old;
        if (i + 6 + rest > sizeof(to->bytes))
            return false;
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
    if (gadgets == 0 || gadgets > KEY_MAX || gadgets > low.gadgets)
        return;
    for (uint32_t i = 0; i < gadgets; i++)
        way.gadget[i] = lowered_gadget(i);
    uint32_t h = hash(way.gadget, gadgets), same = 0;
    for (uint32_t w = heads[h]; w; w = nexts[w - 1])
        same += ways[w - 1].gadgets == gadgets &&
                memcmp(ways[w - 1].gadget, way.gadget, sizeof(way.gadget)) == 0;
    if (same >= 6)
        return;
    if (way_count == way_room) {
        way_room = way_room * 2 + 1024;
        ways = realloc(ways, way_room * sizeof(*ways));
        nexts = realloc(nexts, way_room * sizeof(*nexts));
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
        (uint8_t)block.insn[0].imm != bytes[f->len - 1])
        return;
    for (int imm = 0; imm < 32; imm++) {
        bytes[f->len - 1] = (uint8_t)imm;
        for (uint32_t killer = 0; killer <= 2; killer += 2)
            if (lower_bytes(bytes, f->len + killer, 0x10000000))
                add_way(number, -1, imm, low.gadgets - 1 - killer / 2);
    }
}

/* The gadgets of every form: alone, with its flags dead, fused with each Jcc. */
static void index_forms(void) {
    static const uint8_t killer[2] = {0x3b, 0xc0}; /* cmp eax, eax */
    heads = calloc(HEADS, sizeof(*heads));
    for (uint32_t i = 0; i < forms.forms; i++) {
        const struct form *f = &forms.form[i];
        if (f->hints & (HINT_FAULT | HINT_READ_ONLY | HINT_ADDR16 | HINT_FAR | HINT_FPU_ENV) ||
            f->mem == FORM_MEM16 || f->seg != 0xff)
            continue;
        uint8_t bytes[32];
        memcpy(bytes, f->bytes, f->len);
        if (!lower_bytes(bytes, f->len, 0x10000000))
            continue;
        bool ends = ends_block(f);
        uint32_t own = low.gadgets - !ends;
        add_way(i, -1, -1, own);
        if (!ends && own == 1)
            add_immediates(i, f);
        bool has_index = f->mem == FORM_MEM32 && f->index < 8;
        if (has_index && own == 2)
            note_indexed(i, lowered_gadget(1));
        if (ends)
            continue;
        memcpy(bytes + f->len, killer, 2);
        if (lower_bytes(bytes, f->len + 2u, 0x10000000)) {
            add_way(i, -1, -1, own);
            if (has_index && own == 2)
                note_indexed(i, lowered_gadget(1));
        }
        for (int c = 0; c < 16; c++) {
            uint8_t jcc[6] = {0x0f, (uint8_t)(0x80 + c), 5};
            memcpy(bytes + f->len, jcc, 6);
            if (lower_bytes(bytes, f->len + 6u, 0x10000000) && low.gadgets == own)
                add_way(i, c, -1, own);
            else
                break; /* it is not fused */
        }
    }
}

/* --- a sequence for an n-gram
 * ---------------------------------------------------------------------- */

struct sequence {
    uint8_t bytes[512];
    uint32_t len;
    uint32_t forms;
    bool based[8], indexed[8];
    uint32_t undefined;
};

/* Small displacements, so that one base register serves several operands. */
static void put_form(struct sequence *s, const struct form *f, struct random *r) {
    uint8_t *at = s->bytes + s->len;
    memcpy(at, f->bytes, f->len);
    if (f->mem == FORM_MEM32 && f->base < 8 && (f->disp > 0x200 || f->disp < -0x200)) {
        int32_t small = (int32_t)below(r, 64) * 16 - 512;
        for (int i = f->len - 4; i > 0; i--)
            if (memcmp(f->bytes + i, &f->disp, 4) == 0) {
                memcpy(at + i, &small, 4);
                break;
            }
    }
    s->len += f->len;
    s->forms++;
    if (f->mem == FORM_MEM32 && f->base < 8)
        s->based[f->base] = true;
    if (f->mem == FORM_MEM32 && f->index < 8)
        s->indexed[f->index] = true;
    if (f->hints & (HINT_SOURCE | HINT_MASKMOV))
        s->based[SI] = true;
    if (f->hints & (HINT_DEST | HINT_MASKMOV))
        s->based[DI] = true;
    s->undefined = f->undefined;
}

static const struct way *pick_way(const void *const *gadgets, uint32_t count, struct random *r) {
    const struct way *found[32];
    uint32_t n = 0;
    for (uint32_t w = heads[hash(gadgets, count)]; w && n < 32; w = nexts[w - 1])
        if (ways[w - 1].gadgets == count &&
            memcmp(ways[w - 1].gadget, gadgets, count * sizeof(*gadgets)) == 0)
            found[n++] = &ways[w - 1];
    return n ? found[below(r, n)] : NULL;
}

static bool make_sequence(struct sequence *s, const struct ngram *ngram, struct random *r) {
    memset(s, 0, sizeof(*s));
    for (uint64_t at = 0; at < ngram->count;) {
        const struct way *way = NULL;
        for (uint32_t count = KEY_MAX; count > 0 && !way; count--) {
            const void *gadgets[KEY_MAX] = {0};
            if (at + count > ngram->count)
                continue;
            for (uint32_t i = 0; i < count; i++)
                gadgets[i] = *ngram->part[at + i];
            way = pick_way(gadgets, count, r);
        }
        if (!way) {
            unsigned ea = 0;
            while (ea < 9 * 32 && ea_tables.index[ea] != *ngram->part[at])
                ea++;
            bool last = at + 1 == ngram->count; /* ends between address and access: any access */
            const struct form *like = last ? any_indexed : find_indexed(*ngram->part[at + 1]);
            struct form made;
            if (ea < 9 * 32 && like && s->len < 400 && change_index(&made, like, ea)) {
                put_form(s, &made, r);
                at += 2;
                continue;
            }
        }
        if (!way || s->len > 400 || s->forms > 30)
            return false;
        put_form(s, &forms.form[way->form], r);
        if (way->imm >= 0)
            s->bytes[s->len - 1] = (uint8_t)way->imm;
        if (way->condition >= 0) {
            uint8_t jcc[6] = {0x0f, (uint8_t)(0x80 + way->condition), 5};
            memcpy(s->bytes + s->len, jcc, 6);
            s->len += 6;
        }
        at += way->gadgets;
    }
    return true;
}

/* The lowered block begins with exactly the n-gram's parts? */
static bool is_ngram(const struct sequence *s, const struct ngram *ngram, gaddr_t pc) {
    if (!lower_bytes(s->bytes, s->len, pc) || low.gadgets < ngram->count)
        return false;
    for (uint64_t i = 0; i < ngram->count; i++)
        if (lowered_gadget((uint32_t)i) != *ngram->part[i])
            return false;
    return true;
}

static void fill_case(struct tcase *test, const struct sequence *s, uint32_t slot,
                      struct random *r) {
    test->code_at = CODE_ADDR + CASE_STRIDE * 2 * slot + CODE_LEAD;
    test->code_len = s->len;
    memcpy(test->code, s->bytes, s->len);
    test->patches = 0;
    for (int i = 0; i < 8; i++) {
        test->regs[i] = edge32(r);
        if (s->based[i])
            test->regs[i] = DATA_ADDR + 0x400 + (below(r, 0x3400) & ~(below(r, 4) ? 15u : 0));
        else if (s->indexed[i])
            test->regs[i] = below(r, 64);
    }
    int bad = (int)below(r, 40); /* now and then a base that faults, or nearly */
    if (bad < 8 && s->based[bad])
        test->regs[bad] = below(r, 2) ? DATA_ADDR + below(r, 64) : RO_ADDR - below(r, 64);
    test->regs[SP] = STACK_ADDR + 0x1000 + 4 * below(r, 16);
    if (below(r, 16) == 0)
        test->regs[SP] =
            below(r, 2) ? STACK_ADDR + 4 * below(r, 8) : STACK_ADDR + STACK_BYTES - 4 * below(r, 8);
    test->eflags = (uint32_t)random64(r) & 0x8d5;
    random_fp(r, &test->fp, below(r, 16) != 0);
}

/* --- running
 * --------------------------------------------------------------------------------------- */

struct slot {
    uint32_t ngram;
    struct tolerance ok;
};
static struct slot slots[BATCH_CASES];
static uint64_t cases, differ, faults;
static uint32_t *bad_ngrams;

static void flush(struct runner *runner, uint64_t details) {
    struct batch *batch = runner->batch;
    runner_run(runner);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct tresult *a = &batch->results[SIDE_ORACLE][i];
        const struct tresult *b = &batch->results[SIDE_ENGINE][i];
        cases++;
        faults += a->trap != 3;
        if (a->status == RESULT_TIMEOUT && b->status == RESULT_TIMEOUT)
            continue;
        if (b->trap == 14 && b->addr - SHARED_ADDR < 0x12000000)
            continue; /* the oracle itself lies there */
        bool limit =
            a->trap == 12 || a->trap == 13; /* offsets over 4 GiB: not ours (NOTATION.md) */
        if (results_agree(a, b, &slots[i].ok) || (limit && b->trap == 14 && a->eip == b->eip))
            continue;
        bad_ngrams[slots[i].ngram] = 1;
        if (differ++ < details) {
            printf("# n-gram %u\n", slots[i].ngram);
            print_case(stdout, &batch->cases[i], true);
            print_differences(stdout, a, b, &slots[i].ok);
            printf("# replay: %s --only %u\n", program, slots[i].ngram);
        }
    }
    batch->count = 0;
}

int main(int argc, char **argv) {
    const char *cases_file = "build/gen/cases.bin", *oracle = "build/test/oracle";
    uint32_t each = 8, only = UINT32_MAX;
    uint64_t details = 5;
    bool missing = false;
    program = argv[0];
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick"))
            each = 2;
        else if (!strcmp(argv[i], "--only") && i + 1 < argc)
            only = (uint32_t)atoi(argv[++i]);
        else if (!strcmp(argv[i], "--details") && i + 1 < argc)
            details = (uint64_t)atoi(argv[++i]);
        else if (!strcmp(argv[i], "--each") && i + 1 < argc)
            each = (uint32_t)atoi(argv[++i]);
        else if (!strcmp(argv[i], "--cases") && i + 1 < argc)
            cases_file = argv[++i];
        else if (!strcmp(argv[i], "--oracle") && i + 1 < argc)
            oracle = argv[++i];
        else if (!strcmp(argv[i], "--missing"))
            missing = true;
        else if (!strcmp(argv[i], "--jobs"))
            i++;
    }
    struct runner runner;
    if (!runner_start(&runner, oracle)) {
        printf("skip n-grams: no 32-bit programs on this host\n");
        return 0;
    }
    fill_memory(runner.batch);
    forms_load(&forms, cases_file);
    /* This process wants blocks of plain gadgets, as they are before n-grams are looked for. */
    fg_debug.profile = true;
    ngram_merge(&low);
    fg_debug.profile = false;
    index_forms();
    uint32_t number = 0, made = 0;
    const uint64_t *end = __stop_fg_ngrams;
    bad_ngrams = calloc((size_t)(end - __start_fg_ngrams) + 1, sizeof(*bad_ngrams));
    for (const uint64_t *at = __start_fg_ngrams; at != end; number++) {
        const struct ngram *ngram = (const struct ngram *)at;
        at += 2 + ngram->count;
        if (only != UINT32_MAX && number != only)
            continue;
        struct random r = {number};
        uint32_t good = 0;
        for (uint32_t attempt = 0; attempt < each * 3 && good < each; attempt++) {
            struct sequence s;
            uint32_t i = runner.batch->count;
            if (!make_sequence(&s, ngram, &r))
                break;
            if (!is_ngram(&s, ngram, CODE_ADDR + CASE_STRIDE * 2 * i + CODE_LEAD)) {
                memcpy(s.bytes + s.len, "\x3b\xc0", 2); /* its last flags were dead */
                s.len += 2;
                s.undefined = 0;
                if (!is_ngram(&s, ngram, CODE_ADDR + CASE_STRIDE * 2 * i + CODE_LEAD))
                    continue;
            }
            good++;
            fill_case(&runner.batch->cases[i], &s, i, &r);
            slots[i] = (struct slot){number, {.flags = s.undefined}};
            if (++runner.batch->count == BATCH_CASES)
                flush(&runner, details);
        }
        made += good != 0;
        if (!good && missing)
            printf("# not made: %s\n", ngram_name(ngram->combined));
    }
    flush(&runner, details);
    printf("%s n-grams\n", differ ? "not ok" : "ok");
    printf("note %u n-grams, %u of them tested in %llu cases, %llu end in a fault, %llu differ\n",
           number, made, (unsigned long long)cases, (unsigned long long)faults,
           (unsigned long long)differ);
    runner_stop(&runner);
    return differ != 0;
}
