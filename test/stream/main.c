/* Random instruction streams, run on the host CPU and in the engine, compared on their final state.
 *
 *   stream [--quick] [--count N] [--seconds N] [--seed N] [--details N] [--checked | --steps |
 * --kicks]
 *
 * Stream k of a run has the seed `seed + k`: --seed S --count 1 replays one alone. A stream that
 * differs is shortened before it is shown. */
#include "test/stream/stream.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct tolerance strict;
static struct stream streams[BATCH_CASES];
static const char *program;

static bool differs(const struct batch *batch, uint32_t i) {
    const struct tresult *a = &batch->results[SIDE_ORACLE][i];
    const struct tresult *b = &batch->results[SIDE_ENGINE][i];
    if (a->status == RESULT_TIMEOUT && b->status == RESULT_TIMEOUT) {
        return false; /* stopped at no particular place */
    }
    return !results_agree(batch, &batch->cases[i], a, b, &strict);
}

/* Tries every stream with one item less; true when one of them still differs (it is kept). */
static bool drop_one(struct runner *runner, struct stream *stream) {
    struct batch *batch = runner->batch;
    unsigned dropped[STREAM_ITEMS];
    batch->count = 0;
    for (unsigned i = stream->items; i-- > 0;) {
        if (stream->item[i].dropped) {
            continue;
        }
        stream->item[i].dropped = true;
        dropped[batch->count] = i;
        if (stream_layout(&batch->cases[batch->count], stream, batch->count)) {
            batch->count++;
        }
        stream->item[i].dropped = false;
    }
    runner_run(runner);
    for (uint32_t i = 0; i < batch->count; i++) {
        if (differs(batch, i)) {
            stream->item[dropped[i]].dropped = true;
            return true;
        }
    }
    return false;
}

/* The first half that can go: streams get short quickly. */
static void drop_tail(struct runner *runner, struct stream *stream) {
    struct batch *batch = runner->batch;
    batch->count = 0;
    for (unsigned keep = 0; keep < stream->items; keep++) {
        struct stream shorter = *stream;
        for (unsigned i = keep; i < shorter.items; i++) {
            shorter.item[i].dropped = true;
        }
        if (stream_layout(&batch->cases[batch->count], &shorter, batch->count)) {
            batch->count++;
        }
    }
    runner_run(runner);
    for (uint32_t keep = 0; keep < batch->count; keep++) {
        if (differs(batch, keep)) {
            for (unsigned i = keep; i < stream->items; i++) {
                stream->item[i].dropped = true;
            }
            return;
        }
    }
}

static void show(struct runner *runner, struct stream *stream) {
    struct batch *batch = runner->batch;
    struct stream whole = *stream;
    drop_tail(runner, stream);
    while (drop_one(runner, stream)) {
    }
    batch->count = stream_layout(&batch->cases[0], stream, 0);
    runner_run(runner);
    if (!differs(batch, 0)) { /* it depended on its place: show it all */
        *stream = whole;
        batch->count = stream_layout(&batch->cases[0], stream, 0);
        runner_run(runner);
    }
    printf("# stream %llu, shortened:\n", (unsigned long long)stream->seed);
    print_case(stdout, &batch->cases[0], true);
    print_differences(stdout, &batch->results[SIDE_ORACLE][0], &batch->results[SIDE_ENGINE][0],
                      &strict);
    static const char *const options[] = {"", " --checked", " --steps", " --kicks"};
    printf("# replay: %s --seed %llu --count 1%s\n", program, (unsigned long long)stream->seed,
           options[batch->mode]);
    fflush(stdout);
}

struct totals {
    uint64_t streams, differ, to_end;
    uint64_t ends[32]; /* by trap */
};

static void run_batch(struct runner *runner, struct totals *totals, uint64_t details) {
    struct batch *batch = runner->batch;
    static uint32_t bad[BATCH_CASES];
    uint32_t bads = 0;
    runner_judge(runner, differs);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct tresult *end = &batch->results[SIDE_ORACLE][i];
        totals->streams++;
        totals->to_end +=
            end->trap == 3 && end->eip == batch->cases[i].code_at + batch->cases[i].code_len + 1;
        totals->ends[end->trap & 31]++;
        if (differs(batch, i)) {
            bad[bads++] = i;
        }
    }
    for (uint32_t i = 0; i < bads; i++) {
        if (totals->differ++ < details) {
            show(runner, &streams[bad[i]]);
        }
    }
    batch->count = 0;
}

static uint64_t number(const char *text) {
    return text ? strtoull(text, NULL, 0) : 0;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    const char *cases = CASES_FILE, *oracle = ORACLE_FILE;
    uint64_t count = 300000, seed = 1, details = 5;
    double limit = 0;
    uint32_t mode = MODE_FIBERS;
    program = argv[0];
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            count = 20000;
        } else if (!strcmp(argv[i], "--count")) {
            count = number(argv[++i]);
        } else if (!strcmp(argv[i], "--seed")) {
            seed = number(argv[++i]);
        } else if (!strcmp(argv[i], "--details")) {
            details = number(argv[++i]);
        } else if (!strcmp(argv[i], "--seconds")) {
            limit = (double)number(argv[++i]);
            count = UINT64_MAX;
        } else if (!strcmp(argv[i], "--cases")) {
            cases = argv[++i];
        } else if (!strcmp(argv[i], "--oracle")) {
            oracle = argv[++i];
        } else if (!strcmp(argv[i], "--checked")) {
            mode = MODE_CHECKED;
        } else if (!strcmp(argv[i], "--steps")) {
            mode = MODE_STEPS;
        } else if (!strcmp(argv[i], "--kicks")) {
            mode = MODE_KICKS;
        } else if (!strcmp(argv[i], "--jobs")) {
            i++;
        }
    }
    struct runner runner;
    struct forms forms;
    struct pool pool;
    if (!runner_start(&runner, oracle, true)) {
        printf("skip random streams: no %d-bit programs on this host\n", CASE_BITS);
        return 0;
    }
    fill_memory(runner.batch);
    runner.batch->mode = mode;
    forms_load(&forms, cases);
    pool_make(&pool, &forms);
    struct totals totals = {0};
    double start = now();
    for (uint64_t k = 0; k < count && (!limit || now() - start < limit); k++) {
        uint32_t i = runner.batch->count;
        stream_make(&streams[i], &pool, seed + k);
        if (stream_layout(&runner.batch->cases[i], &streams[i], i)) {
            runner.batch->count++;
        }
        if (runner.batch->count == BATCH_CASES) {
            run_batch(&runner, &totals, details);
        }
    }
    run_batch(&runner, &totals, details);
    for (int i = 0; i < 32; i++) {
        if (totals.ends[i]) {
            printf("# %llu ended in trap %d\n", (unsigned long long)totals.ends[i], i);
        }
    }
    static const char *const mode_name[] = {"", ", checked code", ", single steps", ", kicked"};
    printf("%s random instruction streams%s%s\n", totals.differ ? "not ok" : "ok",
           CASE_BITS == 64 ? " of 64-bit code" : "", mode_name[mode]);
    printf("note %llu random streams (seeds from %llu), %llu run to their end, %llu differ",
           (unsigned long long)totals.streams, (unsigned long long)seed,
           (unsigned long long)totals.to_end, (unsigned long long)totals.differ);
    if (runner.unsteady) {
        printf(", %u answers of the host that it did not give again", runner.unsteady);
    }
    if (runner.crashes) {
        printf(", %u engine crashes", runner.crashes);
    }
    printf("\n");
    runner_stop(&runner);
    return totals.differ != 0;
}
