/* Unmasked exceptions of SSE, AVX, FMA and x87: SIGFPE at the right instruction with the right code
 * and flags, nothing written; and which memory operands must be aligned. Each instruction meets
 * every pair of some values with each exception unmasked alone; what became of all of them is one
 * line, a hash.
 * test: own */
#include "engine_test.h"
#include <cpuid.h>
#include <setjmp.h>
#include <stddef.h>

#ifdef __x86_64__
#define P "%rdi"
#define Q "%rsi"
#else
#define P "%edi"
#define Q "%esi"
#endif

/* A function of two pointers, in rdi and rsi; `name`_at is the instruction that may trap. */
#define CODE(name, before, insn)                                                                   \
    extern const uint8_t code_##name[], code_##name##_at[];                                        \
    __asm__(".text\ncode_" #name ": " before "\ncode_" #name "_at: " insn "\n ret");

#define XMM   "movups (" P "), %xmm0; movups (" Q "), %xmm1"
#define BACK  "; movups %xmm0, (" P ")"
#define YMM   "vmovups (" P "), %ymm0; vmovups (" Q "), %ymm1"
#define YBACK "; vmovups %ymm0, (" P "); vzeroupper"
CODE(addsd, XMM, "addsd %xmm1, %xmm0" BACK)
CODE(subps, XMM, "subps %xmm1, %xmm0" BACK)
CODE(mulpd, XMM, "mulpd %xmm1, %xmm0" BACK)
CODE(mulpd_mem, "movups (" P "), %xmm0", "mulpd (" Q "), %xmm0" BACK)
CODE(divpd, XMM, "divpd %xmm1, %xmm0" BACK)
CODE(divss, XMM, "divss %xmm1, %xmm0" BACK)
CODE(sqrtpd, XMM, "sqrtpd %xmm1, %xmm0" BACK)
CODE(minps, XMM, "minps %xmm1, %xmm0" BACK)
CODE(cmppd, XMM, "cmpltpd %xmm1, %xmm0" BACK)
CODE(comisd, XMM, "comisd %xmm1, %xmm0" BACK)
CODE(ucomisd, XMM, "ucomisd %xmm1, %xmm0" BACK)
CODE(cvtpd2dq, XMM, "cvtpd2dq %xmm1, %xmm0" BACK)
CODE(cvttsd2si, XMM, "cvttsd2si %xmm1, %eax" BACK)
CODE(cvtpd2ps, XMM, "cvtpd2ps %xmm1, %xmm0" BACK)
CODE(cvtps2pd, XMM, "cvtps2pd %xmm1, %xmm0" BACK)
CODE(haddpd, XMM, "haddpd %xmm1, %xmm0" BACK)
CODE(addsubps, XMM, "addsubps %xmm1, %xmm0" BACK)
CODE(roundpd, XMM, "roundpd $4, %xmm1, %xmm0" BACK)
CODE(dpps, XMM, "dpps $0xf1, %xmm1, %xmm0" BACK)
CODE(vaddpd, YMM, "vaddpd %ymm1, %ymm0, %ymm0" YBACK)
CODE(vmulps, YMM, "vmulps (" Q "), %ymm0, %ymm0" YBACK)
CODE(vdivpd, YMM, "vdivpd %ymm1, %ymm0, %ymm0" YBACK)
CODE(vsqrtps, YMM, "vsqrtps %ymm1, %ymm0" YBACK)
CODE(vsubsd, YMM, "vsubsd %xmm1, %xmm0, %xmm0" YBACK)
CODE(vcmppd, YMM, "vcmppd $0x11, %ymm1, %ymm0, %ymm0" YBACK)
CODE(vroundps, YMM, "vroundps $4, %ymm1, %ymm0" YBACK)
CODE(vfmadd, YMM, "vfmadd231pd %ymm1, %ymm1, %ymm0" YBACK)
CODE(vfnmsub, YMM, "vfnmsub213ss %xmm1, %xmm1, %xmm0" YBACK)
CODE(vcvtps2ph, YMM, "vcvtps2ph $4, %ymm1, %xmm0" YBACK)
/* The x87 unit tells of it at the next instruction that waits. */
CODE(fadd, "fldl (" P "); fldl (" Q ")", "faddp; nop; fstpl (" P ")")
CODE(fdiv, "fldl (" P "); fldl (" Q ")", "fdivrp; nop; fwait; fstpl (" P ")")
CODE(fsqrt, "fldl (" Q ")", "fsqrt; fld1; fstp %st(0); fstpl (" P ")")
CODE(fist, "fldl (" Q ")", "fistl (" P "); nop; fstp %st(0)")
CODE(fst32, "fldl (" Q ")", "fstps (" P "); fnop; fwait")
CODE(fcom, "fldl (" P ")", "fcompl (" Q "); fwait")
CODE(fld32, "nop", "flds (" P "); fstpl (" P ")")
CODE(underflow, "nop", "fstp %st(0); fwait")

static sigjmp_buf back;
static struct {
    int signal, code;
    long at;
    uint32_t flags;
    const void *where;
} seen;

static void on_signal(int signal, siginfo_t *info, void *context) {
    const ucontext_t *uc = context;
#ifdef __x86_64__
    seen.flags = uc->uc_mcontext.fpregs->mxcsr | (uint32_t)uc->uc_mcontext.fpregs->swd << 16;
    seen.at = (long)uc->uc_mcontext.gregs[REG_RIP];
#else
    const uint8_t *old = (const uint8_t *)uc->uc_mcontext.fpregs;
    uint16_t status;
    memcpy(&seen.flags, old + 112 + 24, 4);
    memcpy(&status, old + 4, 2);
    seen.flags |= (uint32_t)status << 16;
    seen.at = (long)uc->uc_mcontext.gregs[REG_EIP];
#endif
    seen.signal = signal;
    seen.code = info->si_code;
    seen.where = info->si_addr;
    siglongjmp(back, 1);
}

static uint64_t hash;
static void mix(const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    }
}

static void call(const uint8_t *code, void *p, const void *q) {
    __asm__ volatile("call *%2"
                     : "+D"(p), "+S"(q)
                     : "r"(code)
                     : "memory", "cc", "eax"
#ifdef __SSE__
                       ,
                       "xmm0", "xmm1"
#endif
    );
}

/* Doubles, and singles by twos. */
static const uint64_t values[] = {0x3ff0000000000000, 0x4008000000000000, 0,
                                  0x8000000000000000, 0x7ff0000000000000, 0x7ff8000000000001,
                                  0x7ff0000000000001, 0x0000000000000003, 0x7fefffffffffffff,
                                  0x0010000000000001, 0x3f80000000800000, 0x7f7fffff00000001,
                                  0x7f8000017fc00001};
#define VALUES (sizeof values / sizeof values[0])

static void run_one(const uint8_t *code, const uint8_t *at, uint32_t mxcsr, uint16_t control,
                    unsigned i, unsigned k, unsigned *traps) {
    static uint64_t p[4] __attribute__((aligned(32))), q[4] __attribute__((aligned(32)));
    uint32_t flags = 0;
    uint16_t status = 0;
    for (unsigned e = 0; e < 4; e++) { /* the pair in one element, calm ones beside it */
        p[e] = e == (i + k) % 4 || e == 0 ? values[i] : values[0];
        q[e] = e == (i + k) % 4 || e == 0 ? values[k] : values[1];
    }
    memset(&seen, 0, sizeof seen);
    if (!sigsetjmp(back, 1)) {
        __asm__ volatile("fninit; fldcw %0; ldmxcsr %1" : : "m"(control), "m"(mxcsr));
        call(code, p, q);
        __asm__ volatile("stmxcsr %0; fnstsw %1" : "=m"(flags), "=m"(status));
        seen.flags = flags | (uint32_t)status << 16;
    } else {
        seen.at -= (long)at;
        long where = (const uint8_t *)seen.where - at;
        mix(&where, sizeof where);
        (*traps)++;
    }
    __asm__ volatile("fninit; ldmxcsr %0" : : "m"((uint32_t){0x1f80}));
    mix(&seen, offsetof(typeof(seen), where));
    mix(p, sizeof p);
}

static void every(const char *name, const uint8_t *code, const uint8_t *at) {
    unsigned traps = 0;
    hash = UINT64_C(0xcbf29ce484222325);
    for (unsigned mask = 0; mask < 8; mask++) { /* each alone; all; none */
        unsigned unmasked = mask < 6 ? 1u << mask : mask == 6 ? 0x3f : 0;
        for (unsigned i = 0; i < VALUES; i++) {
            for (unsigned k = 0; k < VALUES; k++) {
                uint32_t mode = (i + k) % 5 == 0 ? 0x8040 : (i + k) % 5 == 1 ? 0x8000 : 0;
                run_one(code, at, (0x1f80 & ~(unmasked << 7)) | mode, (uint16_t)(0x37f & ~unmasked),
                        i, k, &traps);
            }
        }
    }
    printf("%s: %u traps, %08x%08x\n", name, traps, (unsigned)(hash >> 32), (unsigned)hash);
}

/* --- alignment --------------------------------------------------------------------------- */

CODE(movaps, "nop", "movaps (" P "), %xmm0")
CODE(movaps_store, "xorps %xmm0, %xmm0", "movaps %xmm0, (" P ")")
CODE(movups, "nop", "movups (" P "), %xmm0")
CODE(movdqa, "nop", "movdqa (" P "), %xmm0")
CODE(movntdq, "nop", "movntdq %xmm0, (" P ")")
CODE(movntps, "nop", "movntps %xmm0, (" P ")")
CODE(addps_mem, "nop", "addps (" P "), %xmm0")
CODE(addsd_mem, "nop", "addsd (" P "), %xmm0")
CODE(paddd_mem, "nop", "paddd (" P "), %xmm0")
CODE(pshufd_mem, "nop", "pshufd $7, (" P "), %xmm0")
CODE(pshufb_mem, "nop", "pshufb (" P "), %xmm0")
CODE(lddqu, "nop", "lddqu (" P "), %xmm0")
CODE(movntdqa, "nop", "movntdqa (" P "), %xmm0")
CODE(pcmpistri, "nop", "pcmpistri $0, (" P "), %xmm0")
CODE(pmovzxbw, "nop", "pmovzxbw (" P "), %xmm0")
CODE(fxsave, "nop", "fxsave 256(" P ")")
CODE(vmovaps, "nop", "vmovaps (" P "), %xmm0")
CODE(vmovaps256, "nop", "vmovaps (" P "), %ymm0; vzeroupper")
CODE(vmovdqa256, "nop", "vmovdqa %ymm0, (" P "); vzeroupper")
CODE(vmovups256, "nop", "vmovups (" P "), %ymm0; vzeroupper")
CODE(vmovntdq256, "nop", "vmovntdq %ymm0, (" P "); vzeroupper")
CODE(vmovntdqa256, "nop", "vmovntdqa (" P "), %ymm0; vzeroupper")
CODE(vaddps256, "nop", "vaddps (" P "), %ymm0, %ymm0; vzeroupper")
CODE(vpaddd, "nop", "vpaddd (" P "), %xmm0, %xmm0")
#ifdef __x86_64__
CODE(cmpxchg16b, "xor %eax, %eax", "cmpxchg16b (" P ")")
#endif

static void aligned(const char *name, const uint8_t *code, const uint8_t *at) {
    static uint8_t memory[1024] __attribute__((aligned(64)));
    static const unsigned offsets[] = {0, 1, 4, 8, 16, 32, 60};
    printf("%s:", name);
    for (unsigned i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        memset(memory, 0, sizeof memory);
        memset(&seen, 0, sizeof seen);
        if (sigsetjmp(back, 1)) {
            printf(" %u: signal %d code %d at %ld, %p", offsets[i], seen.signal, seen.code,
                   seen.at - (long)at, seen.where);
            continue;
        }
        call(code, memory + offsets[i], memory);
    }
    printf("\n");
}

static unsigned bits(unsigned leaf, unsigned reg) {
    unsigned out[4] = {0};
    __get_cpuid_count(leaf, 0, &out[0], &out[1], &out[2], &out[3]);
    return out[reg];
}

#define EVERY(name)   every(#name, code_##name, code_##name##_at)
#define ALIGNED(name) aligned(#name, code_##name, code_##name##_at)
int main(void) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(SIGFPE, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    EVERY(addsd), EVERY(subps), EVERY(mulpd), EVERY(mulpd_mem), EVERY(divpd), EVERY(divss);
    EVERY(sqrtpd), EVERY(minps), EVERY(cmppd), EVERY(comisd), EVERY(ucomisd), EVERY(cvtpd2dq);
    EVERY(cvttsd2si), EVERY(cvtpd2ps), EVERY(cvtps2pd);
    EVERY(fadd), EVERY(fdiv), EVERY(fsqrt), EVERY(fist), EVERY(fst32), EVERY(fcom), EVERY(fld32);
    EVERY(underflow);
    ALIGNED(movaps), ALIGNED(movaps_store), ALIGNED(movups), ALIGNED(movdqa), ALIGNED(movntdq);
    ALIGNED(movntps), ALIGNED(addps_mem), ALIGNED(addsd_mem), ALIGNED(paddd_mem);
    ALIGNED(pshufd_mem), ALIGNED(fxsave);
#ifdef __x86_64__
    ALIGNED(cmpxchg16b);
#endif
    if (bits(1, 2) >> 20 & 1) {
        EVERY(haddpd), EVERY(addsubps), EVERY(roundpd), EVERY(dpps);
        ALIGNED(pshufb_mem), ALIGNED(lddqu), ALIGNED(movntdqa), ALIGNED(pcmpistri);
        ALIGNED(pmovzxbw);
    }
    if (bits(1, 2) >> 28 & 1 && bits(7, 1) >> 5 & 1) {
        EVERY(vaddpd), EVERY(vmulps), EVERY(vdivpd), EVERY(vsqrtps), EVERY(vsubsd), EVERY(vcmppd);
        EVERY(vroundps), EVERY(vfmadd), EVERY(vfnmsub), EVERY(vcvtps2ph);
        ALIGNED(vmovaps), ALIGNED(vmovaps256), ALIGNED(vmovdqa256), ALIGNED(vmovups256);
        ALIGNED(vmovntdq256), ALIGNED(vmovntdqa256), ALIGNED(vaddps256), ALIGNED(vpaddd);
    }
    return 0;
}
