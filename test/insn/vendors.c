/* The rules of gen/spec/vendors that are about faults, stack words and stored images, and what all
 * rules are made with. See vendors.h; rules about values are in vendors_value.c. */
#include "test/insn/vendors.h"

#include <stdlib.h>
#include <string.h>

enum { AX, CX, DX, BX, SP, BP, SI, DI };
enum { TRAP_BOUND = 5, TRAP_GENERAL = 13, TRAP_PAGE = 14, TRAP_FPU = 16 };
enum { ERROR_READ = 4, ERROR_WRITE = 6 }; /* of a page fault, in user mode */
#define SEG_CS 1

/* --- machine ------------------------------------------------------------------------------ */

void start_state(struct tresult *result, const struct tcase *test) {
    memset(result, 0, sizeof *result);
    result->status = RESULT_DONE;
    memcpy(result->regs, test->regs, sizeof result->regs);
    result->eflags = test->eflags | 0x202;
    result->trap = 3;
    result->eip = test->code_at + test->code_len + 1;
    static const uint16_t seg[6] = {SEL_FLAT, SEL_CODE, SEL_DATA, SEL_FLAT, SEL_FS, SEL_GS};
    memcpy(result->seg, seg, sizeof seg);
#if CASE_BITS == 64
    result->base[0] = FS_BASE;
    result->base[1] = GS_BASE;
#endif
    result->fp = test->fp;
    memcpy(result->upper, test->upper, sizeof result->upper);
    for (int i = 0; i < 8; i++) {
        memset(result->fp.st[i] + 10, 0, 6);
    }
}

void fault_state(struct tresult *result, const struct tcase *test, uint32_t trap, uint32_t error,
                 greg addr) {
    start_state(result, test);
    result->trap = trap;
    result->error = error;
    result->addr = addr;
    result->eip = test->code_at;
}

static bool writable(greg addr) {
    for (unsigned i = 0; i < AREAS; i++) {
        if (addr - areas[i].addr < areas[i].bytes) {
            return true;
        }
    }
    return false;
}

static bool readable(greg addr) {
    return writable(addr) || addr - RO_ADDR < RO_BYTES || addr - CODE_ADDR < CODE_BYTES;
}

greg first_unreadable(greg addr, uint32_t bytes) {
    uint32_t i = 0;
    while (i < bytes && readable(addr + i)) {
        i++;
    }
    return addr + i;
}

greg first_unwritable(greg addr, uint32_t bytes) {
    uint32_t i = 0;
    while (i < bytes && writable(addr + i)) {
        i++;
    }
    return addr + i;
}

bool start_byte(const struct vendor_case *c, greg addr, uint8_t *byte) {
    bool known = false;
    for (unsigned i = 0; i < AREAS; i++) {
        if (addr - areas[i].addr < areas[i].bytes) {
            *byte = ((const uint8_t *)c->batch)[areas[i].image + (addr - areas[i].addr)];
            known = true;
        }
    }
    if (addr - RO_ADDR < RO_BYTES) {
        *byte = c->batch->ro[addr - RO_ADDR];
        known = true;
    }
    for (uint32_t i = 0; i < c->test->patches && writable(addr); i++) {
        const struct patch *p = &c->test->patch[i];
        if (addr - p->addr < p->len) {
            *byte = p->bytes[addr - p->addr];
        }
    }
    return known;
}

/* `size` bytes at the start as a number; false when they are not all there. */
static bool start_value(const struct vendor_case *c, greg addr, uint32_t size, uint32_t *to) {
    *to = 0;
    for (uint32_t i = 0; i < size; i++) {
        uint8_t byte;
        if (!start_byte(c, addr + i, &byte)) {
            return false;
        }
        *to |= (uint32_t)byte << 8 * i;
    }
    return true;
}

/* Where the aligned dword at `addr` is in the list of changes, or would be. */
static uint32_t find_change(const struct tresult *r, greg addr) {
    uint32_t i = 0;
    while (i < r->changes && i < CHANGE_MAX && r->change_addr[i] < addr) {
        i++;
    }
    return i;
}

static bool is_change(const struct tresult *r, uint32_t i, greg addr) {
    return i < r->changes && i < CHANGE_MAX && r->change_addr[i] == addr;
}

uint8_t result_byte(const struct vendor_case *c, const struct tresult *r, greg addr) {
    uint32_t i = find_change(r, addr & ~(greg)3);
    uint8_t byte = 0;
    if (is_change(r, i, addr & ~(greg)3)) {
        return (uint8_t)(r->change_value[i] >> 8 * (addr & 3));
    }
    start_byte(c, addr, &byte);
    return byte;
}

bool set_result_byte(const struct vendor_case *c, struct tresult *r, greg addr, uint8_t byte) {
    greg dword = addr & ~(greg)3;
    uint32_t was, value, shift = 8 * (addr & 3);
    uint32_t i = find_change(r, dword);
    if (!start_value(c, dword, 4, &was) || r->changes >= CHANGE_MAX) {
        return false;
    }
    value = is_change(r, i, dword) ? r->change_value[i] : was;
    value = (value & ~(0xffu << shift)) | (uint32_t)byte << shift;
    greg *addrs = r->change_addr + i;
    uint32_t *values = r->change_value + i;
    if (!is_change(r, i, dword)) { /* room for it, in the order in which changes are collected */
        memmove(addrs + 1, addrs, (r->changes - i) * sizeof *addrs);
        memmove(values + 1, values, (r->changes - i) * 4);
        r->changes++;
    }
    *addrs = dword;
    *values = value;
    if (value == was) {
        r->changes--;
        memmove(addrs, addrs + 1, (r->changes - i) * sizeof *addrs);
        memmove(values, values + 1, (r->changes - i) * 4);
    }
    return true;
}

/* MMX instructions make TOP 0 and all registers valid; the numbers stay where they are. */
static void switch_to_mmx(struct fp_state *fp, const struct fp_state *was) {
    uint32_t top = was->fsw >> 11 & 7;
    *fp = *was;
    fp->fsw &= (uint16_t)~0x3800;
    fp->ftw = 0xff;
    for (uint32_t i = 0; i < 8; i++) {
        memset(fp->st[i], 0, 16);
        memcpy(fp->st[i], was->st[(i - top) & 7], 10);
    }
}

/* --- rules -------------------------------------------------------------------------------- */

/* The segment register that PUSH or POP names in its opcode. */
static int opcode_segment(const struct form *f) {
    uint8_t last = f->bytes[f->len - 1];
    return last >= 0xa0 ? (last >= 0xa8 ? 5 : 4) : last >> 3;
}

static bool rule_push_sreg(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                           struct tresult *answer) {
    (void)judged;
    greg at = c->test->regs[SP] - 4;
    uint32_t bytes = n == 0 ? 4 : 2;
    if (n > 1 || c->form->opsize != 4) {
        return false;
    }
    greg bad = first_unwritable(at, bytes);
    if (bad != at + bytes) {
        fault_state(answer, c->test, TRAP_PAGE, ERROR_WRITE, bad);
        return true;
    }
    start_state(answer, c->test);
    answer->regs[SP] = at;
    uint32_t selector = answer->seg[opcode_segment(c->form)];
    for (uint32_t i = 0; i < bytes; i++) {
        if (!set_result_byte(c, answer, at + i, (uint8_t)(selector >> 8 * i))) {
            return false;
        }
    }
    return true;
}

/* Only where the two differ: the lower half of the stack word is there, the upper is not. */
static bool rule_pop_sreg(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                          struct tresult *answer) {
    (void)judged;
    greg at = c->test->regs[SP], bad = first_unreadable(at, 4);
    uint32_t selector;
    int segment = opcode_segment(c->form);
    if (n > 1 || c->form->opsize != 4 || bad - at < 2 || bad - at > 3) {
        return false;
    }
    if (n == 0) {
        fault_state(answer, c->test, TRAP_PAGE, ERROR_READ, bad);
        return true;
    }
    if (!start_value(c, at, 2, &selector)) {
        return false;
    }
    bool null = selector < 4, loads = selector == SEL_DATA || (null && segment != 2) ||
                                      (segment > 3 && (selector == SEL_FS || selector == SEL_GS));
    if (!loads) {
        fault_state(answer, c->test, TRAP_GENERAL, selector & 0xfffc, 0);
        return true;
    }
    start_state(answer, c->test);
    answer->regs[SP] = at + 4;
    answer->seg[segment] = (uint16_t)selector;
    return true;
}

static bool rule_bound_second(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                              struct tresult *answer) {
    (void)judged;
    uint32_t size = c->form->opsize, index = (uint32_t)c->test->regs[c->form->reg], lower;
    greg bad = first_unreadable(c->operand, 2 * size);
    if (n > 1 || bad - c->operand < size || bad - c->operand >= 2 * size ||
        !start_value(c, c->operand, size, &lower)) {
        return false;
    }
    uint32_t shift = 32 - 8 * size;
    if ((int32_t)(index << shift) >= (int32_t)(lower << shift)) {
        return false;
    }
    if (n == 0) {
        fault_state(answer, c->test, TRAP_PAGE, ERROR_READ, bad);
    } else {
        fault_state(answer, c->test, TRAP_BOUND, 0, 0);
    }
    return true;
}

/* What a pointer of an implicit operand counts. */
static greg address_mask(const struct form *f) {
    return f->hints & HINT_ADDR16 ? ~(greg)0 >> CASE_BITS / 2 : ~(greg)0;
}

/* A CS override in code where it counts. */
static bool through_cs(const struct form *f) {
    return CASE_BITS == 32 && f->seg == SEG_CS;
}

/* The registers at the fault are those of the iteration that faults: the engine's are taken. */
static bool rule_cmps_order(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                            struct tresult *answer) {
    (void)judged;
    const struct form *f = c->form;
    greg mask = address_mask(f), base = segment_base(f->seg);
    uint32_t size = f->bytes[f->len - 1] & 1 ? f->opsize : 1;
    greg from = (answer->regs[SI] & mask) + base, to = answer->regs[DI] & mask;
    greg bad_from = first_unreadable(from, size), bad_to = first_unreadable(to, size);
    if (n > 1 || answer->trap != TRAP_PAGE || bad_from == from + size || bad_to == to + size) {
        return false;
    }
    answer->error = ERROR_READ;
    answer->addr = n == 0 ? bad_from : bad_to;
    return true;
}

static bool rule_mmx_store_cs(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                              struct tresult *answer) {
    (void)judged;
    if (n > 1 || c->form->mem == FORM_NO_MEM || !through_cs(c->form)) {
        return false;
    }
    fault_state(answer, c->test, TRAP_GENERAL, 0, 0);
    if (n == 1) {
        switch_to_mmx(&answer->fp, &c->test->fp);
    }
    return true;
}

static bool rule_fist_cs(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                         struct tresult *answer) {
    (void)judged;
    const struct fp_state *fp = &c->test->fp;
    uint32_t top = fp->fsw >> 11 & 7;
    if (n > 1 || !through_cs(c->form) || fp->ftw >> top & 1 || !(fp->fcw & 1) ||
        fp->fsw & ~fp->fcw & 0x3f) {
        return false;
    }
    if (n == 0) {
        fault_state(answer, c->test, TRAP_GENERAL, 0, 0);
        return true;
    }
    start_state(answer, c->test);
    answer->fp.fsw = (uint16_t)((fp->fsw & ~0x3a00u) | 0x41 | ((top + 1) & 7) << 11);
    for (uint32_t i = 0; i < 8; i++) {
        memcpy(answer->fp.st[i], fp->st[(i + 1) & 7], 10);
    }
    return true;
}

static bool rule_mf_or_gp(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                          struct tresult *answer) {
    (void)judged;
    const struct fp_state *fp = &c->test->fp;
    if (n > 1 || c->form->mem == FORM_NO_MEM || !through_cs(c->form) ||
        !(fp->fsw & ~fp->fcw & 0x3f)) {
        return false;
    }
    fault_state(answer, c->test, n == 0 ? TRAP_GENERAL : TRAP_FPU, 0, 0);
    return true;
}

/* The bytes in front of the fault that the mask selects may be written already. */
static bool rule_maskmov_left(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                              struct tresult *answer) {
    const struct form *f = c->form;
    const struct fp_state *fp = &c->test->fp;
    bool mmx = f->bytes[f->len - 4] != 0x66 && memchr(f->bytes, 0x66, f->len) == NULL;
    uint32_t bytes = mmx ? 8 : 16, top = fp->fsw >> 11 & 7;
    greg at = (c->test->regs[DI] & address_mask(f)) + segment_base(f->seg);
    const uint8_t *data = mmx ? fp->st[(f->reg - top) & 7] : fp->xmm[f->reg];
    const uint8_t *mask = mmx ? fp->st[(f->rm - top) & 7] : fp->xmm[f->rm];
    bool selected_missing = false, all_there = first_unwritable(at, bytes) == at + bytes;
    for (uint32_t i = 0; i < bytes; i++) {
        selected_missing |= mask[i] & 0x80 && !writable(at + i);
    }
    if (n > 1 || all_there || (n == 1 && selected_missing)) {
        return false;
    }
    if (n == 1) {
        start_state(answer, c->test);
    } else if (judged->addr - at < bytes && !writable(judged->addr)) {
        fault_state(answer, c->test, TRAP_PAGE, ERROR_WRITE, judged->addr);
    } else {
        return false;
    }
    if (mmx && n == 1) {
        switch_to_mmx(&answer->fp, fp);
    }
    for (uint32_t i = 0; i < bytes; i++) {
        if (mask[i] & 0x80 && writable(at + i) &&
            (n == 1 || result_byte(c, judged, at + i) == data[i]) &&
            !set_result_byte(c, answer, at + i, data[i])) {
            return false;
        }
    }
    return true;
}

/* `answer` is the engine's fault; where it is, and what has been written by then, is open. */
static bool rule_probe_order(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                             struct tresult *answer) {
    uint32_t bytes = c->form->access;
    if (n > 0 || answer->trap != TRAP_PAGE || judged->trap != TRAP_PAGE ||
        judged->addr - c->operand >= bytes ||
        (answer->error & 2 ? writable(judged->addr) : readable(judged->addr))) {
        return false;
    }
    answer->addr = judged->addr;
    for (uint32_t i = 0; i < bytes && answer->error & 2; i++) {
        if (writable(c->operand + i) &&
            !set_result_byte(c, answer, c->operand + i, result_byte(c, judged, c->operand + i))) {
            return false;
        }
    }
    return true;
}

static bool rule_bit_probe(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                           struct tresult *answer) {
    (void)judged;
    const struct form *f = c->form;
    greg reg = c->test->regs[f->reg];
    greg mask = f->mem == FORM_SHORT && CASE_BITS == 64 ? 0xffffffff : ~(greg)0;
    greg base = CASE_BITS == 64 ? segment_base(f->seg) : 0, start = c->operand - base;
    int64_t offset = f->opsize == 2 ? (int16_t)reg : f->opsize == 4 ? (int32_t)reg : (int64_t)reg;
    greg byte = base + ((start + (greg)(offset >> 3)) & mask);
    int shift = f->opsize == 2 ? 4 : f->opsize == 4 ? 5 : 6;
    greg word = base + ((start + (greg)(offset >> shift) * f->opsize) & mask);
    bool writes = answer->error & 2;
    if (n > 1 || answer->trap != TRAP_PAGE) {
        return false;
    }
    greg at = n == 0 ? byte : word;
    uint32_t size = n == 0 ? 1 : f->opsize;
    greg bad = writes ? first_unwritable(at, size) : first_unreadable(at, size);
    if (bad == at + size) {
        return false;
    }
    answer->addr = bad;
    return true;
}

/* Takes the judged result's bytes from..to of the operand. */
static bool leave_open(const struct vendor_case *c, const struct tresult *judged,
                       struct tresult *answer, uint32_t from, uint32_t to) {
    for (greg at = c->operand + from; at != c->operand + to; at++) {
        if (!set_result_byte(c, answer, at, result_byte(c, judged, at))) {
            return false;
        }
    }
    return true;
}

static bool rule_x87_pointers(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                              struct tresult *answer) {
    if (n > 0 || answer->trap != 3) {
        return false;
    }
    return c->form->opsize == 2 ? leave_open(c, judged, answer, 6, 14)
                                : leave_open(c, judged, answer, 12, 28);
}

static bool rule_fxsave_image(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                              struct tresult *answer) {
    static const uint32_t masks[] = {0xffff, 0x2ffff};
    if (n > 1 || answer->trap != 3 || !leave_open(c, judged, answer, 6, 24)) {
        return false;
    }
    for (uint32_t i = 0; i < 4; i++) {
        if (!set_result_byte(c, answer, c->operand + 28 + i, (uint8_t)(masks[n] >> 8 * i))) {
            return false;
        }
    }
    return true;
}

static bool rule_far_rexw(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                          struct tresult *answer) {
    if (n > 0 || c->form->opsize != 8) {
        return false;
    }
    *answer = *judged; /* what the other width finds behind the offset is anything */
    return true;
}

/* Who reads four bytes of memory may find no page for the last two. */
static bool rule_movsxd16(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                          struct tresult *answer) {
    if (n > 0 || c->form->mem == FORM_NO_MEM || answer->trap != TRAP_PAGE) {
        return false;
    }
    *answer = *judged;
    return true;
}

/* LDMXCSR and FXRSTOR of a value in which bit 17 alone is above those that every processor has.
 * A result that has loaded it is listed for LDMXCSR; FXRSTOR loads too much to be written here. */
static bool rule_mxcsr_17(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                          struct tresult *answer) {
    (void)judged;
    uint32_t value;
    if (n > 1 || c->form->access != 4 || !start_value(c, c->operand, 4, &value) ||
        value >> 16 != 2) {
        return false;
    }
    if (n == 0) {
        fault_state(answer, c->test, TRAP_GENERAL, 0, 0);
        return true;
    }
    start_state(answer, c->test);
    answer->fp.mxcsr = value;
    return true;
}

/* A misaligned operand of the SHA extensions. */
static bool rule_sha_align(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                           struct tresult *answer) {
    if (n > 1 || c->form->mem == FORM_NO_MEM || c->operand % 16 == 0) {
        return false;
    }
    greg bad = first_unreadable(c->operand, 16);
    if (n == 0) {
        fault_state(answer, c->test, TRAP_GENERAL, 0, 0);
    } else if (bad != c->operand + 16) {
        fault_state(answer, c->test, TRAP_PAGE, ERROR_READ, bad);
    } else {
        start_state(answer, c->test);
        memcpy(answer->fp.xmm[c->form->reg], judged->fp.xmm[c->form->reg], 16);
    }
    return true;
}

/* --- table -------------------------------------------------------------------------------- */

const struct vendor vendors[] = {
    {"push_sreg", rule_push_sreg},
    {"pop_sreg", rule_pop_sreg},
    {"bound_second", rule_bound_second},
    {"cmps_order", rule_cmps_order},
    {"mmx_store_cs", rule_mmx_store_cs},
    {"fist_cs", rule_fist_cs},
    {"mf_or_gp", rule_mf_or_gp},
    {"maskmov_left", rule_maskmov_left},
    {"probe_order", rule_probe_order},
    {"bit_probe", rule_bit_probe},
    {"x87_pointers", rule_x87_pointers},
    {"fxsave_image", rule_fxsave_image},
    {"mxcsr_17", rule_mxcsr_17},
    {"far_rexw", rule_far_rexw},
    {"movsxd16", rule_movsxd16},
    {"lar_access", rule_lar_access},
    {"sysexit", rule_sysexit},
    {"scan_f3", rule_scan_f3},
    {"sha_align", rule_sha_align},
    {"shiftd_over", rule_shiftd_over},
    {"bswap16", rule_bswap16},
    {"approximation", rule_approximation},
    {"x87_functions", rule_x87_functions},
};
const unsigned vendor_count = sizeof vendors / sizeof vendors[0];

static unsigned vendor_find(const char *name, size_t length) {
    for (unsigned i = 0; i < vendor_count; i++) {
        if (strlen(vendors[i].name) == length && memcmp(vendors[i].name, name, length) == 0) {
            return i;
        }
    }
    fprintf(stderr, "vendor rule %.*s has no code in test/insn/vendors.c\n", (int)length, name);
    exit(2);
}

uint32_t vendor_bit(const char *name) {
    return 1u << vendor_find(name, strlen(name));
}

uint32_t vendor_numbers(const char *text, uint8_t numbers[32], uint32_t *engine) {
    uint32_t all = 0;
    *engine = 0;
    for (unsigned word = 0; *text && word < 32; word++) {
        size_t length = strcspn(text, ":"), end = strcspn(text, " ");
        numbers[word] = (uint8_t)vendor_find(text, length < end ? length : end);
        all |= 1u << numbers[word];
        if (length < end && strncmp(text + length, ":engine", end - length) == 0) {
            *engine |= 1u << numbers[word];
        }
        text += end + (text[end] == ' ');
    }
    return all;
}

uint32_t vendor_bits(uint32_t bits, const uint8_t numbers[32]) {
    uint32_t mapped = 0;
    for (unsigned i = 0; i < 32; i++) {
        if (bits >> i & 1) {
            mapped |= 1u << numbers[i];
        }
    }
    return mapped;
}
