/* Instruction tests: every form of every spec row, run on the host CPU and in the engine.
 *
 *   insn [--quick] [PATTERN...]      rows whose name or spec line holds a PATTERN
 *   insn --case ROW:N                one case, with its input and both results
 *   insn --survey [PATTERN...]       how the cases end on the CPU: are the inputs any good?
 *   insn --record FILE               write vectors: inputs and the CPU's results
 *   insn --vectors FILE              compare the engine with recorded vectors (no oracle needed)
 *   insn --answers FILE              try the comparison with answers of several processors
 *   insn --portable [PATTERN...]     rows that C serves where the host lacks them, as if it did
 *   insn --forms                     the instruction of every form, in hexadecimal digits
 *
 * insn64 is the same program for cases of 64-bit mode; it has no recorded answers, but:
 *
 *   insn64 --outside [--seed N]      memory accesses at addresses outside of the guest's window,
 * among them those where the emulator's own memory would be; INSN_SMALL_WINDOW in the environment:
 * the window is one of the small ones
 *
 * Prints the lines that test/README.md asks for. */
#include "core/decode/cpuid.h"
#include "core/decode/insn.h"
#include "test/insn/answers.h"
#include "test/insn/forms.h"
#include "test/insn/vectors.h"

#include <stdlib.h>
#include <string.h>

struct options {
    const char *cases, *oracle, *one_case, *record, *vectors, *answers;
    char **patterns;
    int pattern_count, details;
    bool quick, survey, outside, list_forms, portable;
    uint64_t seed;
};

/* What a slot of the batch holds. */
struct slot {
    const struct form *form;
    uint32_t number;
    struct tolerance ok;
};

struct tally {
    uint32_t cases, failures;
    uint32_t ends[4]; /* after the instruction, elsewhere, page fault, other trap */
};

static struct slot slots[BATCH_CASES];
static struct tally *tallies;
static const char *program;
static uint32_t engine_rules;
static bool portable; /* --portable */

#if CASE_BITS == 64
/* An address that a guest might reach the emulator by, if nothing stopped it: of memory there, by
 * the guest's numbers or the host's, with bits changed; at the edges of window and guards;
 * anything. */
static greg escape(const struct batch *batch, struct random *r) {
    greg canary = batch->canary[below(r, CANARIES)] + below(r, CANARY_BYTES + 32) - 16;
    greg through = canary - batch->window, guard = (greg)1 << 31;
    const unsigned bits = (unsigned)batch->window_bits;
    switch (below(r, 10)) {
    case 0:
    case 1:
        return through;
    case 2:
        return canary;
    case 3:
        return through ^ (greg)1 << (32 + below(r, 32));
    case 4:
        return (through & (((greg)1 << (bits + below(r, 64 - bits))) - 1)) | random64(r) << bits;
    case 5: /* the probe page, the ends of both guards */
        return (below(r, 2) ? (greg)0 - guard : ((greg)1 << bits) + guard) + below(r, 0x2000) -
               0x1000;
    case 6:
        return (greg)0 - batch->window + below(r, 0x2000) - 0x1000;
    case 7:
        return random64(r) >> below(r, 64);
    default:
        return hostile_place(r, 16);
    }
}

/* Makes the next access of expand() go to such an address; false for one that the oracle has. */
static bool aim_outside(const struct batch *batch, struct random *r) {
    const greg oracle = UINT64_C(0x600000000000), bytes = (greg)1 << 42, room = 0x2000;
    expand_address = escape(batch, r);
    return expand_address && expand_address - oracle + room >= bytes &&
           expand_address + room - UINT64_C(0xffffffffff600000) >= 2 * room;
}
#endif

static void add_case(struct batch *batch, const struct form *form, uint32_t number) {
    uint32_t i = batch->count++;
    slots[i] = (struct slot){form, number, {0}};
    expand(&batch->cases[i], &slots[i].ok, form, number, CODE_ADDR + CASE_STRIDE * i + CODE_LEAD);
    slots[i].ok.vendor &= engine_rules; /* the host's answer is at hand: none other will do */
}

static void report(const struct forms *forms, const struct batch *batch, uint32_t i) {
    const struct slot *slot = &slots[i];
    const struct form_row *row = &forms->row[slot->form->row];
    printf("# %s  (%s), case %u\n", row->name, row->cite, slot->form->first + slot->number);
    print_case(stdout, &batch->cases[i], slot->form->hints & (HINT_X87 | HINT_FP));
    print_differences(stdout, &batch->results[SIDE_ORACLE][i], &batch->results[SIDE_ENGINE][i],
                      &slot->ok);
    printf("# replay: %s%s --case %u:%u\n", program, portable ? " --portable" : "", slot->form->row,
           slot->form->first + slot->number);
}

static unsigned end_of(const struct tcase *test, const struct tresult *result) {
    if (result->trap != 3) {
        return result->trap == 14 ? 2 : 3;
    }
    return result->eip == test->code_at + test->code_len + 1 ? 0 : 1;
}

static bool differs(const struct batch *batch, uint32_t i) {
    return !results_agree(batch, &batch->cases[i], &batch->results[SIDE_ORACLE][i],
                          &batch->results[SIDE_ENGINE][i], &slots[i].ok);
}

static void flush(struct runner *runner, const struct forms *forms, int details) {
    struct batch *batch = runner->batch;
    runner_judge(runner, differs);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct tally *tally = &tallies[slots[i].form->row];
        tally->cases++;
        tally->ends[end_of(&batch->cases[i], &batch->results[SIDE_ORACLE][i])]++;
        if (!runner->side[SIDE_ENGINE].pid || !differs(batch, i)) {
            continue;
        }
        if (tally->failures++ < (uint32_t)details) {
            report(forms, batch, i);
        }
    }
    batch->count = 0;
}

/* --portable: the host loses every feature that C can serve, the guest's processor keeps them. */
static void narrow(void) {
    char host[2048] = "max", guest[2048] = "", why[2048];
    for (unsigned i = 1; i <= cpuid_feature_count; i++) {
        const struct cpuid_feature *feature = &cpuid_feature_list[i - 1];
        bool own = strncmp(feature->name, "xsave", 5) != 0 && strcmp(feature->name, "osxsave") != 0;
        if (feature->portable && own && cpuid_host_has(i)) { /* AVX builds on XSAVE */
            snprintf(host + strlen(host), sizeof host - strlen(host), ",-%s", feature->name);
            snprintf(guest + strlen(guest), sizeof guest - strlen(guest), "%s+%s",
                     *guest ? "," : "", feature->name);
        }
    }
    if (cpuid_narrow(host, true, why, sizeof why) || cpuid_narrow(guest, false, why, sizeof why)) {
        fprintf(stderr, "%s\n", why);
        exit(2);
    }
}

/* Does C serve the row because the host lacks it? */
static bool is_portable(const struct forms *forms, const struct form_row *row) {
    struct insn insn;
    const struct form *form = &forms->form[row->first];
    const enum guest_mode mode = CASE_BITS == 32 ? GUEST_I386 : GUEST_X86_64;
    return row->forms &&
           decode(&insn, mode, 0x1000, form->bytes, sizeof form->bytes) == DECODE_OK &&
           (!cpuid_host_has(rows[insn.row].feature) || !cpuid_host_has(rows[insn.row].feature2));
}

static bool wanted(const struct form_row *row, const struct options *options) {
    for (int i = 0; i < options->pattern_count; i++) {
        if (strstr(row->name, options->patterns[i]) || strstr(row->cite, options->patterns[i])) {
            return true;
        }
    }
    return options->pattern_count == 0;
}

static void run_rows(struct runner *runner, const struct forms *forms,
                     const struct options *options) {
    for (uint32_t r = 0; r < forms->rows; r++) {
        if (!wanted(&forms->row[r], options) || !row_kept_by_host(&forms->row[r]) ||
            (options->portable && !is_portable(forms, &forms->row[r]))) {
            continue;
        }
        for (uint32_t f = 0; f < forms->row[r].forms; f++) {
            const struct form *form = &forms->form[forms->row[r].first + f];
            uint32_t step = options->quick ? form->count : 1;
            for (uint32_t n = 0; n < form->count; n += step) {
                add_case(runner->batch, form, n);
                if (runner->batch->count == BATCH_CASES) {
                    flush(runner, forms, options->details);
                }
            }
        }
    }
    flush(runner, forms, options->details);
}

#if CASE_BITS == 64
/* Every form that accesses memory, `times` times, at addresses that are none of the guest's. */
static void run_outside(struct runner *runner, const struct forms *forms,
                        const struct options *options) {
    struct random r = {options->seed};
    for (uint32_t f = 0; f < forms->forms; f += 1 + below(&r, options->quick ? 20 : 4)) {
        const struct form *form = &forms->form[f];
        if (memory_aimed(form) && wanted(&forms->row[form->row], options) &&
            aim_outside(runner->batch, &r)) {
            add_case(runner->batch, form, below(&r, form->count));
            if (runner->batch->count == BATCH_CASES) {
                flush(runner, forms, options->details);
            }
        }
    }
    flush(runner, forms, options->details);
}
#endif

static int summary(const struct forms *forms, const struct options *options,
                   const struct runner *runner, unsigned bits) {
    uint64_t cases = 0, failures = 0;
    uint32_t rows = 0, bad = 0;
    const char *title = options->portable ? " in C" : "";
    for (uint32_t r = 0; r < forms->rows; r++) {
        const struct form_row *row = &forms->row[r];
        if (!tallies[r].cases) {
            continue;
        }
        rows++;
        cases += tallies[r].cases;
        failures += tallies[r].failures;
        bad += tallies[r].failures != 0;
        const uint32_t *ends = tallies[r].ends;
        if (options->survey) {
            printf("%6u cases: %6u next %6u elsewhere %6u #PF %6u trap  %s %s\n", tallies[r].cases,
                   ends[0], ends[1], ends[2], ends[3], row->name, row->cite);
        } else if (tallies[r].failures) {
            printf("not ok %s (%s)%s: %u of %u cases\n", row->name, row->cite, title,
                   tallies[r].failures, tallies[r].cases);
        } else if (!options->outside) {
            printf("ok %s (%s)%s\n", row->name, row->cite, title);
        }
    }
    if (options->outside && !bad) {
        printf("ok accesses outside of a window of 2^%u bytes\n", bits);
    }
    printf("note %u rows, %llu cases compared with the host CPU, %llu differ in %u rows", rows,
           (unsigned long long)cases, (unsigned long long)failures, bad);
    if (runner->unsteady) {
        printf(", %u answers of the host that it did not give again", runner->unsteady);
    }
    if (runner->crashes) {
        printf(", %u engine crashes", runner->crashes);
    }
    printf("\n");
    return bad != 0;
}

static const struct form *find_case(const struct forms *forms, uint32_t row, uint32_t *number) {
    if (row < forms->rows) {
        for (uint32_t f = 0; f < forms->row[row].forms; f++) {
            const struct form *form = &forms->form[forms->row[row].first + f];
            if (*number >= form->first && *number - form->first < form->count) {
                *number -= form->first;
                return form;
            }
        }
    }
    fprintf(stderr, "there is no case %u:%u\n", row, *number);
    exit(2);
}

static int replay(struct runner *runner, const struct forms *forms, const char *name) {
    unsigned row, number;
    if (sscanf(name, "%u:%u", &row, &number) != 2) {
        fprintf(stderr, "--case wants ROW:N\n");
        return 2;
    }
    const struct form *form = find_case(forms, row, &number);
    add_case(runner->batch, form, number);
    runner_judge(runner, differs);
    const struct tresult *a = &runner->batch->results[SIDE_ORACLE][0];
    const struct tresult *b = &runner->batch->results[SIDE_ENGINE][0];
    printf("%s (%s)\n", forms->row[row].name, forms->row[row].cite);
    print_case(stdout, &runner->batch->cases[0], form->hints & (HINT_X87 | HINT_FP));
    bool same = !differs(runner->batch, 0);
    print_differences(stdout, a, b, &slots[0].ok);
    printf("%s\n", same ? "agree" : "DIFFER");
    return !same;
}

static void parse(struct options *o, int argc, char **argv) {
    *o = (struct options){.cases = CASES_FILE,
                          .oracle = ORACLE_FILE,
                          .patterns = calloc((size_t)argc + 1, sizeof(char *)),
                          .seed = 1,
                          .details = 1};
    const struct {
        const char *name, **value;
    } with_value[] = {{"--cases", &o->cases},     {"--oracle", &o->oracle},
                      {"--case", &o->one_case},   {"--record", &o->record},
                      {"--vectors", &o->vectors}, {"--answers", &o->answers}};
    for (int i = 1; i < argc; i++) {
        const char **value = NULL;
        for (size_t k = 0; k < sizeof with_value / sizeof with_value[0]; k++) {
            if (strcmp(argv[i], with_value[k].name) == 0) {
                value = with_value[k].value;
            }
        }
        if (value && i + 1 < argc) {
            *value = argv[++i];
        } else if (strcmp(argv[i], "--quick") == 0) {
            o->quick = true;
        } else if (strcmp(argv[i], "--outside") == 0) {
            o->outside = true;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            o->seed = strtoull(argv[++i], NULL, 0);
        } else if (strcmp(argv[i], "--portable") == 0) {
            o->portable = true;
        } else if (strcmp(argv[i], "--forms") == 0) {
            o->list_forms = true;
        } else if (strcmp(argv[i], "--survey") == 0) {
            o->survey = true;
        } else if (strcmp(argv[i], "--details") == 0 && i + 1 < argc) {
            o->details = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--jobs") == 0) {
            i++;
        } else {
            o->patterns[o->pattern_count++] = argv[i];
        }
    }
}

static int list_forms(const char *path) {
    struct forms forms = {0};
    forms_load(&forms, path);
    for (uint32_t i = 0; i < forms.forms; i++) {
        for (unsigned b = 0; b < forms.form[i].len; b++) {
            printf("%02x", forms.form[i].bytes[b]);
        }
        putchar('\n');
    }
    return 0;
}

int main(int argc, char **argv) {
    struct options options;
    struct runner runner;
    struct forms forms = {0};
    program = argv[0];
    parse(&options, argc, argv);
    if (options.list_forms) {
        return list_forms(options.cases);
    }
    if (options.survey) {
        options.details = 0;
    }
    if (options.portable) {
        portable = true;
        narrow();
    }
    bool oracle = runner_start(&runner, options.vectors || options.answers ? NULL : options.oracle,
                               !options.survey);
    fill_memory(runner.batch);
#if CASE_BITS == 32
    if (options.answers) {
        return answers_check(runner.batch, options.answers);
    }
#endif
    if (options.vectors) {
        return vectors_check(&runner, options.vectors);
    }
    if (!oracle) {
        printf("skip instruction cases: no %d-bit programs on this host; recorded vectors take "
               "their place\n",
               CASE_BITS);
        return 0;
    }
    forms_load(&forms, options.cases);
    engine_rules = forms.engine_rules;
    if (options.record) {
        return vectors_record(&runner, &forms, options.record);
    }
    if (options.one_case) {
        return replay(&runner, &forms, options.one_case);
    }
    tallies = calloc(forms.rows + 1, sizeof *tallies);
#if CASE_BITS == 64
    if (options.outside) {
        run_outside(&runner, &forms, &options);
    } else
#endif
        run_rows(&runner, &forms, &options);
    unsigned window_bits = 0;
#if CASE_BITS == 64
    window_bits = (unsigned)runner.batch->window_bits;
#endif
    int status = summary(&forms, &options, &runner, window_bits);
    runner_stop(&runner);
    return options.survey ? 0 : status;
}
