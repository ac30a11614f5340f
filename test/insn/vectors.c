/* Recorded vectors (see vectors.h). A record is a form, its case number and the result as the
 * dwords that differ from "nothing happened", so that a case takes some 100 bytes. The file carries
 * its forms and the names of its vendor rules: it stays valid whatever becomes of the spec. */
#include "test/insn/vectors.h"
#include "test/insn/vendors.h"

#include <stdlib.h>
#include <string.h>

#define VECTORS_MAGIC 0x32766746u
#define MAX_BYTES     (900 * 1024)
#define WORDS         (sizeof(struct tresult) / 4)

struct record_head {
    struct form form;
    uint32_t number;
    uint16_t words, name; /* name: bytes of text behind */
};
struct word {
    uint16_t index;
    uint16_t low, high;
};

static size_t write_record(FILE *file, const struct form *form, uint32_t number, const char *name,
                           const struct tcase *test, const struct tresult *got) {
    struct tresult base;
    struct word words[WORDS];
    struct record_head head = {*form, number, 0, (uint16_t)strlen(name)};
    start_state(&base, test);
    uint32_t listed = got->changes < CHANGE_MAX ? got->changes : CHANGE_MAX;
    for (uint32_t i = 0; i < WORDS; i++) {
        size_t at = i * 4u, addr = offsetof(struct tresult, change_addr);
        size_t value = offsetof(struct tresult, change_value);
        if ((at >= addr && at < value && (at - addr) / sizeof(greg) >= listed) ||
            (at >= value && at < offsetof(struct tresult, upper) && (at - value) / 4 >= listed)) {
            continue;
        }
        uint32_t now, was;
        memcpy(&now, (const char *)got + at, 4);
        memcpy(&was, (const char *)&base + at, 4);
        if (now != was) {
            words[head.words++] = (struct word){(uint16_t)i, (uint16_t)now, (uint16_t)(now >> 16)};
        }
    }
    fwrite(&head, sizeof head, 1, file);
    fwrite(name, 1, head.name, file);
    fwrite(words, sizeof words[0], head.words, file);
    return sizeof head + head.name + head.words * sizeof words[0];
}

/* The head of the file: the rules that the bits in its forms stand for. */
static size_t write_head(FILE *file) {
    char text[1024] = "";
    uint32_t head[2] = {VECTORS_MAGIC, 0};
    for (unsigned i = 0; i < vendor_count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, vendors[i].name);
    }
    head[1] = (uint32_t)strlen(text);
    fwrite(head, sizeof head, 1, file);
    fwrite(text, 1, head[1], file);
    return sizeof head + head[1];
}

static bool read_head(FILE *file, uint8_t numbers[32]) {
    char text[1024];
    uint32_t head[2], engine;
    if (fread(head, sizeof head, 1, file) != 1 || head[0] != VECTORS_MAGIC ||
        head[1] >= sizeof text || fread(text, 1, head[1], file) != head[1]) {
        return false;
    }
    text[head[1]] = 0;
    vendor_numbers(text, numbers, &engine);
    return true;
}

/* A few forms of each row, spread over it, one case of each. */
int vectors_record(struct runner *runner, const struct forms *forms, const char *path) {
    FILE *file = fopen(path, "wb");
    struct batch *batch = runner->batch;
    uint32_t records = 0, per_row = 1 + 5000 / (forms->rows + 1);
    if (!file) {
        perror(path);
        return 2;
    }
    size_t bytes = write_head(file);
    for (uint32_t r = 0; r < forms->rows && bytes < MAX_BYTES; r++) {
        const struct form_row *row = &forms->row[r];
        uint32_t step = row->forms / per_row + 1;
        for (uint32_t f = 0; f < row->forms && bytes < MAX_BYTES; f += step) {
            const struct form *form = &forms->form[row->first + f];
            struct tolerance ok;
            batch->count = 1;
            uint32_t slot = records % BATCH_CASES;
            expand(&batch->cases[0], &ok, form, 0, CODE_ADDR + CASE_STRIDE * slot + CODE_LEAD);
            runner_run(runner);
            bytes += write_record(file, form, 0, row->name, &batch->cases[0],
                                  &batch->results[SIDE_ORACLE][0]);
            records++;
        }
    }
    fclose(file);
    printf("%u vectors, %zu bytes\n", records, bytes);
    return 0;
}

/* `form` stays with the case: the tolerance points to it. */
static bool read_record(FILE *file, const uint8_t numbers[32], uint32_t records, struct form *form,
                        struct tcase *test, struct tolerance *ok, struct tresult *wanted,
                        char *name) {
    struct record_head head;
    struct word word;
    if (fread(&head, sizeof head, 1, file) != 1 || head.name > 63 ||
        fread(name, 1, head.name, file) != head.name) {
        return false;
    }
    name[head.name] = 0;
    uint32_t slot = records % BATCH_CASES;
    *form = head.form;
    form->vendor = vendor_bits(form->vendor, numbers);
    expand(test, ok, form, head.number, CODE_ADDR + CASE_STRIDE * slot + CODE_LEAD);
    start_state(wanted, test);
    for (uint16_t i = 0; i < head.words; i++) {
        if (fread(&word, sizeof word, 1, file) != 1 || word.index >= WORDS) {
            return false;
        }
        uint32_t value = word.low | (uint32_t)word.high << 16;
        memcpy((char *)wanted + word.index * 4, &value, 4);
    }
    return true;
}

struct check {
    struct form form[BATCH_CASES];
    struct tolerance ok[BATCH_CASES];
    struct tresult wanted[BATCH_CASES];
    char name[BATCH_CASES][64];
    unsigned good, bad;
};

static void compare_batch(struct runner *runner, struct check *check) {
    struct batch *batch = runner->batch;
    runner_run(runner);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct tresult *got = &batch->results[SIDE_ENGINE][i];
        if (results_agree(batch, &batch->cases[i], &check->wanted[i], got, &check->ok[i])) {
            check->good++;
            continue;
        }
        if (check->bad++ < 20) {
            printf("# %s\n", check->name[i]);
            print_case(stdout, &batch->cases[i], true);
            print_differences(stdout, &check->wanted[i], got, &check->ok[i]);
        }
    }
    batch->count = 0;
}

int vectors_check(struct runner *runner, const char *path) {
    FILE *file = fopen(path, "rb");
    struct check *check = calloc(1, sizeof *check);
    struct batch *batch = runner->batch;
    uint32_t records = 0;
    uint8_t numbers[32];
    if (!file || !read_head(file, numbers)) {
        fprintf(stderr, "%s: not a file of vectors\n", path);
        return 2;
    }
    for (;;) {
        uint32_t i = batch->count;
        if (!read_record(file, numbers, records, &check->form[i], &batch->cases[i], &check->ok[i],
                         &check->wanted[i], check->name[i])) {
            break;
        }
        records++;
        if (++batch->count == BATCH_CASES) {
            compare_batch(runner, check);
        }
    }
    compare_batch(runner, check);
    fclose(file);
    printf("%s recorded vectors\n", check->bad ? "not ok" : "ok");
    printf("# replay: build/test/insn --vectors %s\n", path);
    printf("note %u recorded vectors agree, %u differ\n", check->good, check->bad);
    bool failed = check->bad || !records;
    free(check);
    return failed;
}
