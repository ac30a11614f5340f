/* The rules of gen/spec/vendors about values that the manual leaves open, wholly or within bounds.
 * Each takes the engine's result and, where the judged value is one that may be, puts it in. */
#include "test/insn/vendors.h"

#include <math.h>
#include <string.h>

#define FLAG_ZF 0x40u
enum { TRAP_UNDEFINED = 6, TRAP_GENERAL = 13 };

/* The register or memory operand ModRM.rm as a number of `size` bytes; false when it faults. */
static bool source(const struct vendor_case *c, uint32_t size, greg *value) {
    uint8_t byte;
    *value = 0;
    if (c->form->mem == FORM_NO_MEM) {
        *value = c->test->regs[c->form->rm] & (~(greg)0 >> (CASE_BITS - 8 * size));
        return true;
    }
    for (uint32_t i = 0; i < size; i++) {
        if (!start_byte(c, c->operand + i, &byte)) {
            return false;
        }
        *value |= (greg)byte << 8 * i;
    }
    return true;
}

/* The second opcode byte of an 0F instruction, and whether F3 comes first. */
static uint8_t opcode(const struct form *f, bool *f3) {
    uint32_t i = 0;
    *f3 = false;
    for (; i + 2u < f->len && f->bytes[i] != 0x0f; i++) {
        *f3 |= f->bytes[i] == 0xf3;
    }
    return f->bytes[i + 1];
}

bool rule_lar_access(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                     struct tresult *answer) {
    const greg open = 0xf0000;
    greg *dst = &answer->regs[c->form->reg];
    if (n > 0 || c->form->opsize != 4 || answer->trap != 3 || !(answer->eflags & FLAG_ZF)) {
        return false;
    }
    *dst = (*dst & ~open) | (judged->regs[c->form->reg] & open);
    return true;
}

bool rule_sysexit(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                  struct tresult *answer) {
    (void)c;
    (void)judged;
    if (n > 1 || (answer->trap != TRAP_GENERAL && answer->trap != TRAP_UNDEFINED)) {
        return false;
    }
    answer->trap = n == 0 ? TRAP_GENERAL : TRAP_UNDEFINED;
    return true;
}

/* The selector that the instruction loads or asks for. */
static bool selector_of(const struct vendor_case *c, greg *selector, bool *asks) {
    const struct form *f = c->form;
    uint32_t i = 0;
    while (i + 1u < f->len && f->bytes[i] != 0x0f && f->bytes[i] != 0x8e) {
        i++;
    }
    if (i + 1u >= f->len) {
        return false;
    }
    uint8_t op = f->bytes[i] == 0x0f ? f->bytes[i + 1] : 0x8e;
    struct vendor_case at = *c;
    *asks = op <= 3;
    if (op == 0xb2 || op == 0xb4 || op == 0xb5) {
        at.operand += f->opsize < 4 ? f->opsize : 4;
    } else if (op == 0xa1 || op == 0xa9) {
        struct form in_memory = {.mem = FORM_NATIVE};
        at.form = &in_memory;
        at.operand = c->test->regs[4];
        return source(&at, 2, selector);
    } else if (op != 0x8e && op > 3) {
        return false;
    }
    return source(&at, 2, selector);
}

bool host_has_code32(void) {
    static int known = -1;
    if (known < 0) {
        uint32_t rights, selector = 0x23;
        bool there;
        __asm__("lar %2, %0" : "=r"(rights), "=@ccz"(there) : "r"(selector));
        known = there;
    }
    return known;
}

bool rule_no_code32(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                    struct tresult *answer) {
    (void)judged;
    greg selector;
    bool asks;
    if (n > 0 || host_has_code32() || !selector_of(c, &selector, &asks) ||
        selector >> 2 != 0x20 >> 2) {
        return false;
    }
    if (asks) {
        start_state(answer, c->test);
        answer->eflags &= ~FLAG_ZF;
    } else {
        fault_state(answer, c->test, TRAP_GENERAL, 0x20, 0);
    }
    return true;
}

bool rule_scan_f3(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                  struct tresult *answer) {
    (void)judged;
    const struct form *f = c->form;
    uint32_t size = f->opsize, width = 8 * size;
    greg value, mask = ~(greg)0 >> (CASE_BITS - width), kept = size == 4 ? 0 : ~mask;
    bool prefixed, reverse = opcode(f, &prefixed) == 0xbd;
    if (n > 1 || !prefixed || answer->trap != 3 || !source(c, size, &value)) {
        return false;
    }
    uint32_t low = 0;
    greg result = c->test->regs[f->reg] & mask;
    while (value && !(value >> low & 1)) {
        low++;
    }
    uint32_t high = width - 1;
    while (value && !(value >> high & 1)) {
        high--;
    }
    bool zero = value == 0;
    if (n == 0 && value) {
        result = reverse ? high : low;
    } else if (n == 0) {
        result = c->test->regs[f->reg] & ~kept; /* all of it stays */
    }
    if (n == 1) {
        result = !value ? width : reverse ? width - 1 - high : low;
        zero = result == 0;
    }
    greg *dst = &answer->regs[f->reg];
    *dst = (c->test->regs[f->reg] & kept) | result;
    answer->eflags = (answer->eflags & ~FLAG_ZF) | (zero ? FLAG_ZF : 0);
    return true;
}

bool rule_shiftd_over(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                      struct tresult *answer) {
    const struct form *f = c->form;
    bool f3, by_cl = opcode(f, &f3) & 1;
    uint32_t count = (by_cl ? c->test->regs[1] : f->bytes[f->len - 1]) & 31;
    if (n > 0 || f->opsize != 2 || count < 17 || answer->trap != 3) {
        return false;
    }
    const uint32_t flags = 0x8d5;
    answer->eflags = (answer->eflags & ~flags) | (judged->eflags & flags);
    if (f->mem == FORM_NO_MEM) {
        greg *dst = &answer->regs[f->rm];
        *dst = (*dst & ~(greg)0xffff) | (judged->regs[f->rm] & 0xffff);
        return true;
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (!set_result_byte(c, answer, c->operand + i, result_byte(c, judged, c->operand + i))) {
            return false;
        }
    }
    return true;
}

bool rule_bswap16(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                  struct tresult *answer) {
    const struct form *f = c->form;
    unsigned reg = CASE_BITS == 32 ? f->bytes[f->len - 1] & 7 : f->rm;
    greg *dst = &answer->regs[reg];
    if (n > 0 || f->opsize != 2) {
        return false;
    }
    *dst = (*dst & ~(greg)0xffff) | (judged->regs[reg] & 0xffff);
    return true;
}

/* Is `got` a value that SDM RCPPS, RSQRTPS allow for the operand? The exact value differs by less
 * than 1.5 * 2^-12 of itself; a result that is tiny may be zero. */
static bool near_enough(float operand, float got, bool root) {
    const double bound = 1.5 / 4096;
    double exact = root ? 1 / sqrt((double)operand) : 1 / (double)operand;
    if (isnan(exact) || isinf(exact) || exact == 0) {
        return false; /* special: none other than the engine's */
    }
    if (signbit(got) != signbit((float)operand)) {
        return false;
    }
    if (got == 0) {
        return fabs(exact) < 0x1p-126 * (1 + 2 * bound);
    }
    return isnormal(got) && fabs((double)got - exact) <= bound * fabs(exact);
}

bool rule_approximation(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                        struct tresult *answer) {
    const struct form *f = c->form;
    bool scalar, root = opcode(f, &scalar) == 0x52;
    if (n > 0 || answer->trap != 3) {
        return false;
    }
    for (uint32_t lane = 0; lane < (scalar ? 1u : 4u); lane++) {
        uint8_t bytes[4];
        float operand, got, engine;
        memcpy(bytes, c->test->fp.xmm[f->rm] + 4 * lane, 4);
        for (uint32_t i = 0; i < 4 && f->mem != FORM_NO_MEM; i++) {
            if (!start_byte(c, c->operand + 4 * lane + i, &bytes[i])) {
                return false;
            }
        }
        memcpy(&operand, bytes, 4);
        memcpy(&got, judged->fp.xmm[f->reg] + 4 * lane, 4);
        memcpy(&engine, answer->fp.xmm[f->reg] + 4 * lane, 4);
        if (near_enough(operand, got, root) && near_enough(operand, engine, root)) {
            memcpy(answer->fp.xmm[f->reg] + 4 * lane, &got, 4);
        }
    }
    return true;
}

/* Two numbers of the same sign, each within 1.5 ulp of one that lies between or beside them. */
static bool near_extended(const uint8_t *a, const uint8_t *b) {
    uint64_t am, bm;
    uint16_t ae, be;
    memcpy(&am, a, 8);
    memcpy(&bm, b, 8);
    memcpy(&ae, a + 8, 2);
    memcpy(&be, b + 8, 2);
    uint32_t exponent = ae & 0x7fff;
    if (!(am >> 63) || !(bm >> 63) || exponent == 0 || exponent == 0x7fff) {
        return false;
    }
    if (ae == be) {
        return (am > bm ? am - bm : bm - am) <= 3;
    }
    uint64_t more = ae > be ? am : bm, less = ae > be ? bm : am;
    return (ae ^ be) < 0x8000 && (ae > be ? ae - be : be - ae) == 1 &&
           (more - (UINT64_C(1) << 63)) + ((UINT64_MAX - less) + 1) / 2 <= 2;
}

bool rule_x87_functions(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                        struct tresult *answer) {
    (void)c;
    const uint16_t c1 = 0x200;
    if (n > 0 || answer->trap != 3) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (near_extended(answer->fp.st[i], judged->fp.st[i])) {
            memcpy(answer->fp.st[i], judged->fp.st[i], 10);
            answer->fp.fsw = (uint16_t)((answer->fp.fsw & ~c1) | (judged->fp.fsw & c1));
        }
    }
    return true;
}
