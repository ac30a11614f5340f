/* x87 and vector registers of an oracle's cases, the same for both widths: what oracle_enter()
 * loads, and what the kernel's frame of a trap has. Included once, after memcpy and memset. */
#ifndef FG_TEST_ORACLE_FP_H
#define FG_TEST_ORACLE_FP_H

#include "case.h"

/* What oracle_enter() loads; named in its assembly. */
__attribute__((aligned(64))) uint8_t enter_fx[512];
uint8_t enter_upper[REGS][16];
uint32_t has_upper; /* the processor and the kernel have YMM registers */

static void fill_fx(const struct fp_state *fp) {
    memset(enter_fx, 0, sizeof enter_fx);
    memcpy(enter_fx, &fp->fcw, 2);
    memcpy(enter_fx + 2, &fp->fsw, 2);
    memcpy(enter_fx + 4, &fp->ftw, 1);
    memcpy(enter_fx + 24, &fp->mxcsr, 4);
    memcpy(enter_fx + 32, fp->st, sizeof fp->st);
    memcpy(enter_fx + 160, fp->xmm, sizeof fp->xmm);
}

/* The upper halves in the kernel's XSAVE image, which follows FXSAVE's: bit 2 of its first word
 * says that they are there, not all 0 (SDM Vol. 1, 13.4). */
static void read_upper(struct tresult *result, const uint8_t *fx) {
    memset(result->upper, 0, sizeof result->upper);
    if (has_upper && fx[512] & 4) {
        memcpy(result->upper, fx + 576, sizeof result->upper);
    }
}

/* AVX, and XCR0 has its registers. */
static uint32_t find_upper(void) {
    uint32_t a = 1, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (~c & (3u << 27)) {
        return 0;
    }
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & 6) == 6;
}

static void read_fx(struct fp_state *fp, const uint8_t *fx) {
    memcpy(&fp->fcw, fx, 2);
    memcpy(&fp->fsw, fx + 2, 2);
    fp->ftw = fx[4];
    memcpy(&fp->mxcsr, fx + 24, 4);
    memcpy(fp->st, fx + 32, sizeof fp->st);
    memcpy(fp->xmm, fx + 160, sizeof fp->xmm);
    for (int i = 0; i < 8; i++) {
        memset(fp->st[i] + 10, 0, 6);
    }
}

#endif
