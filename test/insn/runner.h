/* Runs batches of cases on both sides and compares the results: what insn and stream tests, and
 * their replays, have in common. */
#ifndef FG_TEST_INSN_RUNNER_H
#define FG_TEST_INSN_RUNNER_H

#include "test/insn/case.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* What test programs use unless they are told otherwise. */
#if CASE_BITS == 32
#define CASES_FILE  "build/gen/cases.bin"
#define ORACLE_FILE "build/test/oracle"
#else
#define CASES_FILE  "build/gen/cases64.bin"
#define ORACLE_FILE "build/test/oracle64"
#endif

struct runner {
    struct batch *batch;
    int memory;         /* descriptor of the batch */
    const char *oracle; /* path of the oracle program, NULL: do without */
    struct side {
        pid_t pid;
        int to, from;
    } side[SIDES];
    unsigned crashes;  /* of the engine */
    unsigned unsteady; /* answers of the oracle that it did not give again (runner_judge) */
};

struct form;

/* What may differ between the two sides of a case. */
struct tolerance {
    uint32_t flags;          /* undefined EFLAGS bits */
    uint32_t vendor;         /* rules that apply (vendors.h); with it: */
    const struct form *form; /* what the case was made from */
    greg operand;            /* address of its memory operand */
    /* The operand's offset runs over 4 GiB: #GP or #SS on a CPU, not for us. 64-bit mode: the
     * operand crosses the end of the canonical addresses, or its offset alone is not canonical. */
    bool over_limit;
};

/* Makes the shared batch and starts both sides, or without `engine` the oracle alone; false with a
 * message when the oracle cannot run here. Exits on anything else that goes wrong. */
bool runner_start(struct runner *runner, const char *oracle, bool engine);
/* Runs batch->cases[0..count) on every side that is there. */
void runner_run(struct runner *runner);
/* The same, and where the sides differ the oracle is asked again, twice at most: hosts that are
 * themselves guests of a hypervisor lose a trap, or a segment's base, once in a million cases. An
 * answer that it gives later and that `differs` does not object to takes the first one's place; the
 * engine is not asked again. */
void runner_judge(struct runner *runner, bool (*differs)(const struct batch *batch, uint32_t i));
/* The asking alone, of a batch that was run. */
void runner_ask_again(struct runner *runner,
                      bool (*differs)(const struct batch *batch, uint32_t i));
void runner_stop(struct runner *runner);

/* The engine's side: serves batches until `in` ends. Does not return. */
void engine_side(struct batch *batch, int in, int out);

/* True when a result that is expected and the engine's agree but for what the tolerance allows;
 * the batch knows memory at the start. */
bool results_agree(const struct batch *batch, const struct tcase *test, const struct tresult *a,
                   const struct tresult *b, const struct tolerance *ok);
/* Prints bytes, disassembly and input state of a case. */
void print_case(FILE *to, const struct tcase *test, bool with_fp);
/* Prints every difference, one a line: what, expected (a), got (b). */
void print_differences(FILE *to, const struct tresult *a, const struct tresult *b,
                       const struct tolerance *ok);
/* One line: the trap and where it was. */
void print_end(FILE *to, const char *who, const struct tresult *result);

#endif
