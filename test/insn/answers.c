/* A mock of the other processor: the comparison gets each listed answer as the host's and each as
 * the engine's, and has to take every pair; then every listed answer with one thing changed (a bit
 * of a register, a flag, a byte), and has to refuse it. The file says what it means (answers.txt).
 * No processor and no engine is asked, so that this holds on every machine. */
#include "test/insn/answers.h"
#include "test/insn/vendors.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ANSWERS 4
#define MAX_OPEN    8

/* A byte range of struct tresult, or of guest memory, that the rule leaves open. */
struct open {
    bool memory;
    uint32_t at, bytes;
};

struct mock {
    unsigned rule, line;
    struct form form;
    struct tcase test;
    struct tolerance ok;
    struct tresult answer[MAX_ANSWERS];
    unsigned answers;
    struct open open[MAX_OPEN];
    unsigned opens;
};

static const struct batch *memory;
static const char *file_name;
static struct mock mock;
static struct { unsigned cases, pairs, refused, wrong; } tally[32];

static _Noreturn void mistake(const char *what, const char *word) {
    fprintf(stderr, "%s:%u: %s: %s\n", file_name, mock.line, what, word);
    exit(2);
}

/* --- reading ------------------------------------------------------------------------------ */

static unsigned hex_bytes(const char *text, uint8_t *to, unsigned room) {
    unsigned n = 0;
    for (; isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]) && n < room; n++) {
        char pair[3] = {text[0], text[1], 0};
        to[n] = (uint8_t)strtoul(pair, NULL, 16);
        text += 2;
    }
    if (*text) {
        mistake("not an even number of hexadecimal digits", text);
    }
    return n;
}

static int find_name(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static const char *const reg_names[8] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
static const char *const seg_names[6] = {"es", "cs", "ss", "ds", "fs", "gs"};

static struct vendor_case as_case(void) {
    return (struct vendor_case){memory, &mock.test, &mock.form, mock.ok.operand};
}

/* x87, SSE and MXCSR state, of the input and of answers alike; bytes in memory order. */
static bool set_fp(struct fp_state *fp, const char *key, const char *value) {
    uint32_t number = (uint32_t)strtoul(value, NULL, 16);
    if (strcmp(key, "fcw") == 0) {
        fp->fcw = (uint16_t)number;
    } else if (strcmp(key, "fsw") == 0) {
        fp->fsw = (uint16_t)number;
    } else if (strcmp(key, "ftw") == 0) {
        fp->ftw = (uint16_t)number;
    } else if (strcmp(key, "mxcsr") == 0) {
        fp->mxcsr = number;
    } else if (strncmp(key, "xmm", 3) == 0) {
        hex_bytes(value, fp->xmm[key[3] & 7], 16);
    } else if (strncmp(key, "st", 2) == 0) {
        hex_bytes(value, fp->st[key[2] & 7], 10);
    } else {
        return false;
    }
    return true;
}

/* What the form is, in place of a form of the spec. */
static bool set_form(const char *key, const char *value) {
    struct form *f = &mock.form;
    uint32_t number = (uint32_t)strtoul(value, NULL, 16);
    if (strcmp(key, "code") == 0) {
        f->len = (uint8_t)hex_bytes(value, f->bytes, sizeof f->bytes);
        memcpy(mock.test.code, f->bytes, f->len);
        mock.test.code_len = f->len;
    } else if (strcmp(key, "opsize") == 0) {
        f->opsize = (uint8_t)number;
    } else if (strcmp(key, "reg") == 0) {
        f->reg = (uint8_t)number;
    } else if (strcmp(key, "rm") == 0) {
        f->rm = (uint8_t)number;
    } else if (strcmp(key, "seg") == 0) {
        f->seg = (uint8_t)number;
    } else if (strcmp(key, "access") == 0) {
        f->access = (uint16_t)number;
    } else if (strcmp(key, "undefined") == 0) {
        f->undefined = number;
    } else if (strcmp(key, "addr16") == 0) {
        f->hints |= HINT_ADDR16;
    } else if (strcmp(key, "at") == 0) {
        f->mem = FORM_MEM32;
        mock.ok.operand = number;
    } else {
        return false;
    }
    return true;
}

/* A word of a line that starts with a rule's name: form, input, what is open. */
static void set_input(const char *key, const char *value) {
    int reg = find_name(reg_names, 8, key);
    uint32_t number = (uint32_t)strtoul(value, NULL, 16);
    if (set_form(key, value) || set_fp(&mock.test.fp, key, value)) {
        return;
    }
    if (reg >= 0) {
        mock.test.regs[reg] = number;
    } else if (strcmp(key, "flags") == 0) {
        mock.test.eflags = number;
    } else if (key[0] == 'm' && mock.test.patches < PATCH_MAX) {
        struct patch *p = &mock.test.patch[mock.test.patches++];
        p->addr = (uint32_t)strtoul(key + 1, NULL, 16);
        p->len = hex_bytes(value, p->bytes, PATCH_BYTES);
    } else {
        mistake("no such input", key);
    }
}

/* `open:eax.0-1`: bytes 0 and 1 of a register; `open:m20000106-20000117`: of memory; flags. */
static void set_open(const char *text) {
    struct open *open = &mock.open[mock.opens++];
    char name[8] = "";
    unsigned from = 0, to = 0;
    if (mock.opens > MAX_OPEN) {
        mistake("too much is open", text);
    }
    if (sscanf(text, "m%x-%x", &from, &to) == 2) {
        *open = (struct open){true, from, to - from + 1};
        return;
    }
    if (sscanf(text, "%7[a-z].%u-%u", name, &from, &to) != 3) {
        mistake("not a range", text);
    }
    int reg = find_name(reg_names, 8, name);
    uint32_t at = reg >= 0 ? (uint32_t)offsetof(struct tresult, regs) + 4u * (uint32_t)reg
                  : strcmp(name, "fsw") == 0  ? (uint32_t)offsetof(struct tresult, fp.fsw)
                  : strcmp(name, "addr") == 0 ? (uint32_t)offsetof(struct tresult, addr)
                  : strcmp(name, "xmm") == 0  ? (uint32_t)offsetof(struct tresult, fp.xmm)
                                              : (uint32_t)offsetof(struct tresult, eflags);
    *open = (struct open){false, at + from, to - from + 1};
}

/* A word of an answer: what is otherwise than at the start, behind the instruction. */
static void set_answer(struct tresult *r, const char *key, const char *value) {
    int reg = find_name(reg_names, 8, key), seg = find_name(seg_names, 6, key);
    uint32_t number = (uint32_t)strtoul(value, NULL, 16);
    uint8_t bytes[PATCH_BYTES];
    struct vendor_case c = as_case();
    if (set_fp(&r->fp, key, value)) {
        return;
    }
    if (reg >= 0) {
        r->regs[reg] = number;
    } else if (seg >= 0) {
        r->seg[seg] = (uint16_t)number;
    } else if (strcmp(key, "flags") == 0) {
        r->eflags = number | 0x202;
    } else if (strcmp(key, "trap") == 0) { /* at the instruction: TRAP,ERROR,ADDRESS */
        if (sscanf(value, "%u,%x,%x", &r->trap, &r->error, &r->addr) != 3) {
            mistake("trap wants TRAP,ERROR,ADDRESS", value);
        }
        r->eip = mock.test.code_at;
    } else if (key[0] == 'm') {
        uint32_t at = (uint32_t)strtoul(key + 1, NULL, 16);
        unsigned count = hex_bytes(value, bytes, sizeof bytes);
        for (unsigned i = 0; i < count; i++) {
            if (!set_result_byte(&c, r, at + i, bytes[i])) {
                mistake("no memory there", key);
            }
        }
    } else {
        mistake("no such part of an answer", key);
    }
}

static void each_word(char *text, struct tresult *answer) {
    char *rest = NULL;
    for (char *word = strtok_r(text, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
        if (*word == '#') {
            return;
        }
        if (strncmp(word, "open:", 5) == 0) {
            set_open(word + 5);
            continue;
        }
        char *value = strchr(word, '=');
        if (!value) {
            mistake("not KEY=VALUE", word);
        }
        *value++ = 0;
        if (answer) {
            set_answer(answer, word, value);
        } else {
            set_input(word, value);
        }
    }
}

/* --- trying ------------------------------------------------------------------------------- */

static bool agree(const struct tresult *host, const struct tresult *engine) {
    return results_agree(memory, &mock.test, host, engine, &mock.ok);
}

static void fail(const char *what, unsigned host, unsigned engine, const struct tresult *a,
                 const struct tresult *b) {
    if (tally[mock.rule].wrong++ > 2) {
        return;
    }
    printf("# %s:%u: %s (host's answer %u, engine's %u)\n", file_name, mock.line, what, host + 1,
           engine + 1);
    print_case(stdout, &mock.test, true);
    print_differences(stdout, a, b, &mock.ok);
}

/* Every answer as the host's against every one as the engine's. */
static void try_pairs(void) {
    for (unsigned i = 0; i < mock.answers; i++) {
        for (unsigned k = 0; k < mock.answers; k++) {
            tally[mock.rule].pairs++;
            if (!agree(&mock.answer[i], &mock.answer[k])) {
                fail("a listed answer is refused", i, k, &mock.answer[i], &mock.answer[k]);
            }
        }
    }
}

/* `wrong` is no listed answer: refused from either side. */
static void refuse(const struct tresult *wrong, unsigned changed) {
    struct tolerance none = {.flags = mock.ok.flags};
    for (unsigned i = 0; i < mock.answers; i++) /* it may have become another listed one */
    {
        if (results_agree(memory, &mock.test, wrong, &mock.answer[i], &none)) {
            return;
        }
    }
    tally[mock.rule].refused++;
    for (unsigned i = 0; i < mock.answers; i++) {
        if (agree(wrong, &mock.answer[i])) {
            fail("a host's answer is accepted that is not listed", changed, i, wrong,
                 &mock.answer[i]);
        }
        if (agree(&mock.answer[i], wrong)) {
            fail("an engine's answer is accepted that is not listed", i, changed, &mock.answer[i],
                 wrong);
        }
    }
}

static bool is_open(bool in_memory, uint32_t at) {
    for (unsigned i = 0; i < mock.opens; i++) {
        if (mock.open[i].memory == in_memory && at - mock.open[i].at < mock.open[i].bytes) {
            return true;
        }
    }
    return false;
}

/* Every bit of the fields that are compared; not those that no program sees. */
static void change_fields(unsigned number) {
    static const struct {
        uint32_t at, bytes;
    } fields[] = {{offsetof(struct tresult, status), 8}, /* and trap */
                  {offsetof(struct tresult, addr), 8},   /* and eip */
                  {offsetof(struct tresult, regs), 32},   {offsetof(struct tresult, seg), 12},
                  {offsetof(struct tresult, fp.fcw), 4},  {offsetof(struct tresult, fp.mxcsr), 4},
                  {offsetof(struct tresult, fp.xmm), 128}};
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        for (uint32_t bit = 0; bit < 8 * fields[f].bytes; bit++) {
            struct tresult wrong = mock.answer[number];
            uint32_t at = fields[f].at + bit / 8;
            ((uint8_t *)&wrong)[at] ^= (uint8_t)(1u << bit % 8);
            if (!is_open(false, at)) {
                refuse(&wrong, number);
            }
        }
    }
    struct tresult error = mock.answer[number];
    error.error ^= 2; /* of a page fault: read or write; of others every bit counts */
    refuse(&error, number);
    for (uint32_t bit = 1; bit < 0x400000; bit <<= 1) { /* CF to OF, NT, AC, ID; not IF, IOPL, RF */
        struct tresult wrong = mock.answer[number];
        wrong.eflags ^= bit;
        if (bit & 0x244dd5 & ~mock.ok.flags &&
            !is_open(false, (uint32_t)offsetof(struct tresult, eflags))) {
            refuse(&wrong, number);
        }
    }
    for (uint32_t i = 0; i < 8; i++) { /* registers in use alone */
        struct tresult wrong = mock.answer[number];
        wrong.fp.ftw ^= (uint16_t)(1u << i);
        refuse(&wrong, number);
        wrong = mock.answer[number];
        wrong.fp.st[i][7] ^= 0x10;
        if (wrong.fp.ftw >> ((i + (wrong.fp.fsw >> 11)) & 7) & 1) {
            refuse(&wrong, number);
        }
    }
}

/* Each byte around what changed, and one far away. */
static void change_memory(unsigned number) {
    struct vendor_case c = as_case();
    uint32_t around[] = {mock.test.regs[4], mock.ok.operand, mock.test.regs[7], STACK_ADDR + 0x1c00,
                         DATA_ADDR + 0x3c00};
    for (size_t k = 0; k < sizeof around / sizeof around[0]; k++) {
        for (uint32_t i = 0; i < 64; i++) {
            struct tresult wrong = mock.answer[number];
            uint32_t at = around[k] - 16 + i;
            uint8_t byte = result_byte(&c, &wrong, at);
            if (!is_open(true, at) && set_result_byte(&c, &wrong, at, byte ^ 0x20)) {
                refuse(&wrong, number);
            }
        }
    }
}

static void end_mock(void) {
    if (!mock.line) {
        return;
    }
    if (mock.answers < 1) {
        mistake("no answers", vendors[mock.rule].name);
    }
    tally[mock.rule].cases++;
    try_pairs();
    for (unsigned i = 0; i < mock.answers; i++) {
        change_fields(i);
        change_memory(i);
    }
}

static void start_mock(char *text, unsigned line) {
    size_t length = strcspn(text, " \t\n");
    mock = (struct mock){.line = line};
    char name[32] = "";
    memcpy(name, text, length < 31 ? length : 31);
    mock.ok.vendor = vendor_bit(name);
    while (!(mock.ok.vendor >> mock.rule & 1)) {
        mock.rule++;
    }
    mock.form.opsize = 4;
    mock.form.seg = 0xff;
    mock.test.code_at = CODE_ADDR + CODE_LEAD;
    mock.test.eflags = 0x202;
    mock.test.regs[4] = STACK_ADDR + 0x1000;
    mock.test.fp.fcw = 0x37f;
    mock.test.fp.mxcsr = 0x1f80;
    mock.ok.form = &mock.form;
    each_word(text + length, NULL);
    mock.ok.flags = mock.form.undefined;
}

static void read_answer(char *text, bool listed) {
    struct tresult answer;
    start_state(&answer, &mock.test);
    each_word(text, &answer);
    if (!listed) {
        refuse(&answer, mock.answers);
    } else if (mock.answers < MAX_ANSWERS) {
        mock.answer[mock.answers++] = answer;
    } else {
        mistake("too many answers", text);
    }
}

int answers_check(const struct batch *batch, const char *path) {
    FILE *file = fopen(path, "r");
    char line[1024];
    unsigned bad = 0;
    if (!file) {
        perror(path);
        return 2;
    }
    memory = batch;
    file_name = path;
    for (unsigned number = 1; fgets(line, sizeof line, file); number++) {
        char *text = line + strspn(line, " \t\n");
        if (*text == '#' || !*text) {
            continue;
        }
        if (text == line) {
            end_mock();
            start_mock(text, number);
        } else if (mock.line && (*text == '=' || *text == '!')) {
            read_answer(text + 1, *text == '=');
        } else {
            mistake("neither a case nor an answer", text);
        }
    }
    end_mock();
    fclose(file);
    for (unsigned i = 0; i < vendor_count; i++) {
        if (strcmp(vendors[i].name, "far_rexw") == 0 || strcmp(vendors[i].name, "movsxd16") == 0) {
            continue; /* of 64-bit mode alone */
        }
        bool good = tally[i].cases && !tally[i].wrong;
        bad += !good;
        printf("%s answers of %s: %u cases, %u pairs accepted, %u changes refused\n",
               good ? "ok" : "not ok", vendors[i].name, tally[i].cases, tally[i].pairs,
               tally[i].refused);
        if (!tally[i].cases) {
            printf("# %s has no case of this rule\n", path);
        }
    }
    printf("# replay: build/test/insn --answers %s\n", path);
    return bad != 0;
}
