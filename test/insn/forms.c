/* Reads the file of forms that gen/cases/cases.py writes: header, rows, forms, texts. */
#include "test/insn/forms.h"
#include "test/insn/vendors.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define HWCAP2_FSGSBASE 2 /* asm/hwcap2.h */

struct header {
    uint32_t magic, rows, forms, text_bytes, rules;
};
struct raw_row {
    uint32_t name, cite, first, forms, cases;
};

static _Noreturn void die(const char *path, const char *why) {
    fprintf(stderr, "%s: %s\n", path, why);
    exit(2);
}

static void *take(const char *path, FILE *file, size_t count, size_t size) {
    void *to = malloc(count * size + 1);
    if (!to || fread(to, size, count, file) != count) {
        die(path, "truncated (make tests writes it anew)");
    }
    return to;
}

void forms_load(struct forms *forms, const char *path) {
    FILE *file = fopen(path, "rb");
    struct header header;
    if (!file) {
        die(path, "cannot be read (make tests writes it)");
    }
    if (fread(&header, sizeof header, 1, file) != 1 || header.magic != FORMS_MAGIC) {
        die(path, "is not a file of test forms of this version");
    }
    struct raw_row *raw = take(path, file, header.rows, sizeof *raw);
    *forms = (struct forms){.rows = header.rows, .forms = header.forms};
    forms->form = take(path, file, header.forms, sizeof(struct form));
    forms->text = take(path, file, header.text_bytes, 1);
    forms->text[header.text_bytes] = 0;
    forms->row = calloc(header.rows + 1, sizeof *forms->row);
    for (uint32_t i = 0; i < header.rows; i++) {
        if (raw[i].name > header.text_bytes || raw[i].cite > header.text_bytes) {
            die(path, "damaged");
        }
        forms->row[i] = (struct form_row){forms->text + raw[i].name, forms->text + raw[i].cite,
                                          raw[i].first, raw[i].forms, raw[i].cases};
        forms->cases += raw[i].cases;
    }
    free(raw);
    fclose(file);
    if (header.rules > header.text_bytes) {
        die(path, "damaged");
    }
    uint8_t numbers[32];
    uint32_t known = vendor_numbers(forms->text + header.rules, numbers, &forms->engine_rules);
    if (known != (uint32_t)((UINT64_C(1) << vendor_count) - 1)) {
        die(path, "lacks a rule of test/insn/vendors.c, which gen/spec/vendors does not have");
    }
    for (uint32_t i = 0; i < header.forms; i++) {
        forms->form[i].vendor = vendor_bits(forms->form[i].vendor, numbers);
    }
}

bool row_kept_by_host(const struct form_row *row) {
    bool writes = !strcmp(row->name, "WRFSBASE") || !strcmp(row->name, "WRGSBASE");
    return !writes || getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
}
