/* Every gadget and every n-gram of the library against the host CPU. Random streams hardly ever
 * make the very sequences that a profile chose, so here instructions are put together until the
 * lowered block is exactly the parts of one n-gram; then it runs with random inputs, some of which
 * fault in its midst. Gadgets: each form with live and with dead flags, with other immediates,
 * fused with each Jcc.
 *
 *   ngrams [--quick] [--only N] [--details N] [--missing] [--each N]
 *
 * --only: one n-gram by its number. --each: so many cases of each n-gram (8); with fewer, gadgets
 * run in the first way alone that was found to them.
 *
 * ngrams64 is the same program for those of x86-64. */
#include "core/base/debug.h"
#include "core/build/gadget_name.h"
#include "core/build/ngram.h"
#include "test/insn/vendors.h"
#include "test/stream/ways.h"

#include <stdlib.h>
#include <string.h>

#define BITS     (CASE_BITS == 32 ? "" : " of 64-bit code")
#define EA_COUNT ((REGS + 1u) * REGS * 4) /* bases or none, indexes, scales */

static const char *program;

static bool make_sequence(struct sequence *s, const struct ngram *ngram, struct random *r,
                          gaddr_t pc) {
    *s = (struct sequence){.pc = pc};
    for (uint32_t at = 0; at < ngram->count;) {
        const struct way *way = NULL;
        for (uint32_t count = KEY_MAX; count > 0 && !way; count--) {
            const void *gadgets[KEY_MAX] = {0};
            if (at + count > ngram->count) {
                continue;
            }
            for (uint32_t i = 0; i < count; i++) {
                gadgets[i] = ngram_gadget(ngram->id[at + i]);
            }
            way = pick_way(gadgets, count, r);
        }
        if (!way) {
            unsigned ea = 0;
            while (ea < EA_COUNT &&
                   gadget_at(ea_tables[TESTED].index, ea) != ngram_gadget(ngram->id[at])) {
                ea++;
            }
            bool last = at + 1 == ngram->count; /* ends between address and access: any access */
            const struct form *like =
                last ? any_indexed : find_indexed(ngram_gadget(ngram->id[at + 1]));
            struct form made;
            if (ea < EA_COUNT && like && s->len < 400 && change_index(&made, like, ea)) {
                put_form(s, &made, r);
                s->last = like; /* the same but for the index */
                at += 2;
                continue;
            }
        }
        if (!way || s->len > 400 || s->forms > 30) {
            return false;
        }
        put_form(s, &forms.form[way->form], r);
        if (way->imm >= 0) {
            s->bytes[s->len - 1] = (uint8_t)way->imm;
        }
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
    if (!lower_bytes(s->bytes, s->len, pc) || low.gadgets < ngram->count) {
        return false;
    }
    for (uint32_t i = 0; i < ngram->count; i++) {
        if (lowered_gadget(i) != ngram_gadget(ngram->id[i])) {
            return false;
        }
    }
    return true;
}

/* --- running --------------------------------------------------------------------------- */

struct slot {
    uint32_t ngram;
    struct tolerance ok;
};
static struct slot slots[BATCH_CASES];
static uint64_t cases, differ, faults;

/* Did the case reach for addresses where the oracle itself lies? */
static bool meets_oracle(const struct tresult *engine) {
#if CASE_BITS == 32
    return engine->trap == 14 && engine->addr - SHARED_ADDR < 0x12000000;
#else
    return engine->trap == 14 && engine->addr - UINT64_C(0x600000000000) < (gaddr_t)1 << 42;
#endif
}

/* Takes the cases that met the oracle out of the batch: natively they may have written into the
 * state of others. Returns whether there were any. */
static bool drop_intruders(struct batch *batch) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (meets_oracle(&batch->results[SIDE_ENGINE][i])) {
            continue;
        }
        batch->cases[kept] = batch->cases[i];
        slots[kept++] = slots[i];
    }
    bool some = kept < batch->count;
    batch->count = kept;
    return some;
}

static bool differs(const struct batch *batch, uint32_t i) {
    const struct tresult *a = &batch->results[SIDE_ORACLE][i];
    const struct tresult *b = &batch->results[SIDE_ENGINE][i];
    const struct form *form = slots[i].ok.form;
    if ((a->status == RESULT_TIMEOUT && b->status == RESULT_TIMEOUT) || meets_oracle(b)) {
        return false;
    }
    if (a->trap == 14 && b->trap == 13 && b->error && a->eip == b->eip) {
        return false; /* a far return to a garbage selector: what is checked first is anybody's */
    }
    /* The rules want the operand's address, which sequences do not have. */
    if ((slots[i].ok.vendor & vendor_bit("mxcsr_17") && b->trap == 13 && a->fp.mxcsr >> 16 == 2) ||
        (form && form->hints & HINT_SEGMENT && !host_has_code32())) {
        return false;
    }
    /* Offsets over 4 GiB: not ours (NOTATION.md). */
    bool limit = CASE_BITS == 32 && (a->trap == 12 || a->trap == 13);
    return !results_agree(batch, &batch->cases[i], a, b, &slots[i].ok) &&
           !(limit && b->trap == 14 && a->eip == b->eip);
}

static void flush(struct runner *runner, uint64_t details) {
    struct batch *batch = runner->batch;
    runner_run(runner);
    if (drop_intruders(batch)) {
        runner_run(runner);
    }
    runner_ask_again(runner, differs);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct tresult *a = &batch->results[SIDE_ORACLE][i];
        cases++;
        faults += a->trap != 3;
        if (differs(batch, i) && differ++ < details) {
            printf("# number %u\n", slots[i].ngram);
            print_case(stdout, &batch->cases[i], true);
            print_differences(stdout, a, &batch->results[SIDE_ENGINE][i], &slots[i].ok);
            printf("# replay: %s --only %u\n", program, slots[i].ngram);
        }
    }
    batch->count = 0;
}

struct options {
    uint32_t each, only;
    uint64_t details;
    bool missing;
};

static void add_case(struct runner *runner, const struct sequence *s, uint32_t number,
                     struct random *r, const struct options *o) {
    uint32_t i = runner->batch->count;
    fill_case(&runner->batch->cases[i], s, i, r);
    slots[i] = (struct slot){number, {.flags = s->undefined}};
    if (s->forms == 1) {
        slots[i].ok.form = s->last;
        slots[i].ok.vendor = s->last->vendor & forms.engine_rules;
    } else if (s->last->hints & (HINT_INDIRECT | HINT_RETURN)) { /* they have departures */
        slots[i].ok.form = s->last;
    }
    if (++runner->batch->count == BATCH_CASES) {
        flush(runner, o->details);
    }
}

static gaddr_t next_pc(const struct runner *runner) {
    return CODE_ADDR + CASE_STRIDE * 2 * runner->batch->count + CODE_LEAD;
}

static void kill_flags(struct sequence *s) {
    memcpy(s->bytes + s->len, "\x3b\xc0", 2); /* cmp eax, eax */
    s->len += 2;
    s->undefined = 0;
}

/* Cases of one n-gram; returns how many. */
static uint32_t run_ngram(struct runner *runner, const struct ngram *ngram, uint32_t number,
                          const struct options *o) {
    struct random r = {number};
    uint32_t good = 0;
    for (uint32_t attempt = 0; attempt < o->each * 3 && good < o->each; attempt++) {
        struct sequence s;
        if (!make_sequence(&s, ngram, &r, next_pc(runner))) {
            break;
        }
        if (!is_ngram(&s, ngram, next_pc(runner))) {
            kill_flags(&s); /* the last one's were dead */
            if (!is_ngram(&s, ngram, next_pc(runner))) {
                continue;
            }
        }
        good++;
        add_case(runner, &s, number, &r, o);
    }
    return good;
}

static void run_ngrams(struct runner *runner, const struct options *o) {
    uint32_t made = 0, count = ngram_tables[TESTED].count;
    uint64_t before = differ;
    for (uint32_t number = 0; number < count; number++) {
        const struct ngram *ngram = ngram_get(TESTED, number);
        if (o->only != UINT32_MAX && number != o->only) {
            continue;
        }
        bool good = run_ngram(runner, ngram, number, o);
        made += good;
        if (!good && o->missing) {
            printf("# not made: %s\n", ngram_name(gadget_at(&ngram->combined, 0)));
        }
    }
    flush(runner, o->details);
    printf("%s n-grams%s\n", differ != before ? "not ok" : "ok", BITS);
    printf("note %u n-grams, %u of them tested in %llu cases, %llu end in a fault\n", count, made,
           (unsigned long long)cases, (unsigned long long)faults);
}

/* Which gadgets ran, by the number of their table's first and their entry. */
static uint8_t *reached;
static uint32_t *table_start;

/* Marks the gadgets of the block just lowered; returns how many are new. */
static uint32_t mark_reached(uint32_t gadgets) {
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < gadgets && i < low.gadgets; i++) {
        const struct gadget_table *table;
        unsigned entry;
        if (!gadget_find(lowered_gadget(i), &table, &entry)) {
            continue;
        }
        uint8_t *mark = &reached[table_start[table - gadget_tables] + entry];
        fresh += !*mark;
        *mark = 1;
    }
    return fresh;
}

static uint32_t number_tables(void) {
    uint32_t total = 0, there = 0;
    table_start = calloc(gadget_table_count + 1, sizeof *table_start);
    for (unsigned t = 0; t < gadget_table_count; t++) {
        table_start[t] = total;
        total += gadget_tables[t].count;
        for (unsigned i = 0; i < gadget_tables[t].count; i++) {
            there += gadget_at(gadget_tables[t].table, i) != NULL;
        }
    }
    reached = calloc(total + 1, 1);
    return there;
}

/* The bytes of a way, such that its gadgets come first in the lowered block. */
static bool make_way(struct sequence *s, const struct way *way, struct random *r, gaddr_t pc) {
    *s = (struct sequence){.pc = pc};
    put_form(s, &forms.form[way->form], r);
    if (way->imm >= 0) {
        s->bytes[s->len - 1] = (uint8_t)way->imm;
    }
    if (way->condition >= 0) {
        memcpy(s->bytes + s->len, "\x0f\x80\5\0\0\0", 6);
        s->bytes[s->len + 1] = (uint8_t)(0x80 + way->condition);
        s->len += 6;
    }
    for (int killed = 0; killed < 2; killed++) {
        bool same = lower_bytes(s->bytes, s->len, pc) && low.gadgets >= way->gadgets;
        for (uint32_t i = 0; same && i < way->gadgets; i++) {
            same = lowered_gadget(i) == way->gadget[i];
        }
        if (same) {
            return true;
        }
        kill_flags(s);
    }
    return false;
}

/* Cases for each way to a gadget; --missing tells which gadgets there is none for. */
static void run_gadgets(struct runner *runner, const struct options *o) {
    uint32_t total = number_tables(), found = 0;
    uint64_t before = differ, first = cases;
    for (size_t w = 0; w < way_count; w++) {
        struct random r = {w};
        struct sequence s;
        if (!make_way(&s, &ways[w], &r, next_pc(runner))) {
            continue;
        }
        uint32_t fresh = mark_reached(ways[w].gadgets);
        found += fresh;
        for (uint32_t n = 0; n < (fresh ? 1 + o->each / 4 : o->each / 8); n++) {
            add_case(runner, &s, (uint32_t)w, &r, o);
        }
    }
    flush(runner, o->details);
    if (o->missing) {
        for (unsigned t = 0; t < gadget_table_count; t++) {
            for (unsigned i = 0; i < gadget_tables[t].count; i++) {
                const void *gadget = gadget_at(gadget_tables[t].table, i);
                if (gadget && !reached[table_start[t] + i]) {
                    printf("# not reached: %s\n", gadget_name(gadget));
                }
            }
        }
    }
    printf("%s gadgets%s\n", differ != before ? "not ok" : "ok", BITS);
    printf("note %u gadgets, %u of them run by %llu cases of single or fused instructions\n", total,
           found, (unsigned long long)(cases - first));
}

/* ngram_part() searches the table of parts, which is in the order of gadgets wherever they lie. */
static bool parts_ascend(void) {
    extern const gadget_ref __start_fg_parts[], __stop_fg_parts[];
    const size_t count = (size_t)(__stop_fg_parts - __start_fg_parts);
    bool good = count > 1000;
    for (size_t i = 1; i < count; i++) {
        good = good && gadget_at(__start_fg_parts, i - 1) <= gadget_at(__start_fg_parts, i);
    }
    printf("%s order of parts%s\n", good ? "ok" : "not ok", BITS);
    return good;
}

int main(int argc, char **argv) {
    const char *cases_file = CASES_FILE, *oracle = ORACLE_FILE;
    struct options o = {.each = 8, .only = UINT32_MAX, .details = 5};
    program = argv[0];
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            o.each = 2;
        } else if (!strcmp(argv[i], "--only") && i + 1 < argc) {
            o.only = (uint32_t)atoi(argv[++i]);
        } else if (!strcmp(argv[i], "--details") && i + 1 < argc) {
            o.details = (uint64_t)atoi(argv[++i]);
        } else if (!strcmp(argv[i], "--each") && i + 1 < argc) {
            o.each = (uint32_t)atoi(argv[++i]);
        } else if (!strcmp(argv[i], "--cases") && i + 1 < argc) {
            cases_file = argv[++i];
        } else if (!strcmp(argv[i], "--oracle") && i + 1 < argc) {
            oracle = argv[++i];
        } else if (!strcmp(argv[i], "--missing")) {
            o.missing = true;
        } else if (!strcmp(argv[i], "--jobs")) {
            i++;
        }
    }
    const bool ascend = parts_ascend();
    struct runner runner;
    if (!runner_start(&runner, oracle, true)) {
        printf("skip n-grams%s: no %d-bit programs on this host\n", BITS, CASE_BITS);
        return !ascend;
    }
    fill_memory(runner.batch);
    forms_load(&forms, cases_file);
    fg_debug.plain = true; /* in this process; the engine under test runs in another */
    index_forms();
    run_ngrams(&runner, &o);
    if (o.only == UINT32_MAX) {
        run_gadgets(&runner, &o);
    }
    runner_stop(&runner);
    return differ != 0 || !ascend;
}
