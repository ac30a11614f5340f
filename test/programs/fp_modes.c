/* Floating-point environment: rounding and precision control, exception flags, MXCSR with flush to
 * zero, traps (SIGFPE with its si_code), images of FNSTENV, FNSAVE and FXSAVE.
 * Build: cc -O1 -msse2 -mfpmath=387 -static fp_modes.c -lm. Same output on a CPU and in the
 * guest.
 * test: own */
#define _GNU_SOURCE /* feenableexcept */
#include <emmintrin.h>
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static volatile double one = 1, three = 3, huge = 1e308, tiny = 1e-308, zero = 0;
static volatile int imax = 0x7fffffff;

static void rounding(void) {
    static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    for (int i = 0; i < 4; i++) {
        fesetround(modes[i]);
        volatile double q = one / three, n = -one / three;
        volatile long double l = (long double)one / three;
        printf("mode %d: %a %a %La %ld %ld %g\n", i, q, n, l, lrint(2.5), lrint(-2.5),
               (double)nearbyintl(-0.5L));
        volatile __m128d v = _mm_div_pd(_mm_set_pd(one, -one), _mm_set1_pd(three));
        double out[2];
        _mm_storeu_pd(out, v);
        printf("  sse %a %a %d\n", out[0], out[1], _mm_cvtsd_si32(_mm_set_sd(2.5)));
    }
    fesetround(FE_TONEAREST);
}

static void precision(void) {
    uint16_t saved, cw;
    __asm__ volatile("fnstcw %0" : "=m"(saved));
    for (int pc = 0; pc < 4; pc++) {
        if (pc == 1) {
            continue;
        }
        cw = (saved & 0xfcff) | (uint16_t)(pc << 8);
        long double q, s;
        __asm__ volatile("fldcw %2; fld1; fldl %3; fdivrp; fldl %3; fsqrt; fldcw %4"
                         : "=t"(s), "=u"(q)
                         : "m"(cw), "m"(three), "m"(saved));
        printf("precision %d: %La %La\n", pc, q, s);
    }
}

static void exceptions(void) {
    feclearexcept(FE_ALL_EXCEPT);
    volatile double r = huge * huge;
    printf("overflow %x %g\n", fetestexcept(FE_ALL_EXCEPT), r);
    feclearexcept(FE_ALL_EXCEPT);
    r = tiny * tiny;
    printf("underflow %x %g\n", fetestexcept(FE_ALL_EXCEPT), r);
    feclearexcept(FE_ALL_EXCEPT);
    r = one / zero;
    printf("zero %x %g\n", fetestexcept(FE_ALL_EXCEPT), r);
    feclearexcept(FE_ALL_EXCEPT);
    r = zero / zero;
    printf("invalid %x %d\n", fetestexcept(FE_ALL_EXCEPT), !!isnan(r));
    feraiseexcept(FE_INEXACT);
    printf("raised %x\n", fetestexcept(FE_ALL_EXCEPT));
    fenv_t env;
    feholdexcept(&env);
    r = one / three;
    printf("held %x\n", fetestexcept(FE_ALL_EXCEPT));
    feupdateenv(&env);
    printf("updated %x\n", fetestexcept(FE_ALL_EXCEPT));
    feclearexcept(FE_ALL_EXCEPT);
}

static sigjmp_buf back;
static volatile int code;
static void on_fpe(int sig, siginfo_t *info, void *context) {
    code = info->si_code;
    siglongjmp(back, 1);
}

static void traps(void) {
    struct sigaction act = {.sa_sigaction = on_fpe, .sa_flags = SA_SIGINFO};
    sigaction(SIGFPE, &act, NULL);
    for (int kind = 0; kind < 5; kind++) {
        fesetenv(FE_DFL_ENV);
        code = -1;
        if (sigsetjmp(back, 1) == 0) {
            volatile double r;
            if (kind == 0) {
                feenableexcept(FE_DIVBYZERO);
                r = one / zero;
                r = r + one;
            } else if (kind == 1) {
                feenableexcept(FE_INVALID);
                r = zero / zero;
                r = r + one;
            } else if (kind == 2) {
                feenableexcept(FE_OVERFLOW);
                r = huge * huge;
                r = r + one;
            } else if (kind == 3) {
                _mm_setcsr(0x1f80 & ~0x200);
                volatile __m128d v = _mm_div_sd(_mm_set_sd(one), _mm_set_sd(zero));
                (void)v;
            } else {
                r = imax / (int)zero;
            }
            (void)r;
        }
        _mm_setcsr(0x1f80);
        printf("trap %d: si_code %d\n", kind, code);
    }
    fesetenv(FE_DFL_ENV);
}

static void flush(void) {
    volatile float small = 1e-40f, result;
    for (int i = 0; i < 4; i++) {
        _mm_setcsr(0x1f80 | (i & 1 ? 0x8000 : 0) | (i & 2 ? 0x40 : 0));
        float out;
        _mm_store_ss(&out, _mm_mul_ss(_mm_set_ss(small), _mm_set_ss(0.5f)));
        result = out;
        _mm_store_ss(&out, _mm_mul_ss(_mm_set_ss(1e-30f), _mm_set_ss(1e-10f)));
        unsigned csr = _mm_getcsr();
        _mm_setcsr(0x1f80);
        printf("mxcsr %04x: %a %a\n", csr, result, out);
    }
}

/* Images, without the instruction and operand pointers. */
static void dump(const char *name, const uint8_t *image, unsigned from, unsigned to) {
    printf("%s %3u:", name, from);
    for (unsigned i = from; i < to; i++) {
        printf(" %02x", image[i]);
    }
    printf("\n");
}

static void images(void) {
    static uint8_t env[28], save[108], fx[512] __attribute__((aligned(16))), env16[14], save16[94];
    memset(fx, 0xcc, sizeof fx);
    uint16_t cw = 0x37f;
    __asm__ volatile(
        "fninit; fldpi; fldl %5; fldz; fld1; fchs; fsqrt; fnstenv %0; fldcw %6;"
        "fxsave %2; data16 fnstenv %3; fldcw %6; fnsave %1; frstor %1; data16 fnsave %4"
        : "=m"(env), "=m"(save), "+m"(fx), "=m"(env16), "=m"(save16)
        : "m"(three), "m"(cw));
    dump("env", env, 0, 12);
    dump("save", save, 0, 12);
    dump("save", save, 28, 108);
    dump("fx", fx, 0, 6);
    dump("fx", fx, 24, 28);
    dump("fx", fx, 32, 112);
    dump("fx", fx, 288, 320);
    dump("env16", env16, 0, 6);
    dump("save16", save16, 0, 6);
    dump("save16", save16, 14, 94);
    double r;
    __asm__ volatile("fxrstor %1; fstp %%st(0); fstp %%st(0); fstpl %0; fninit"
                     : "=m"(r)
                     : "m"(fx));
    printf("restored %g\n", r);
    __asm__ volatile("data16 frstor %1; fstp %%st(0); fstp %%st(0); fstpl %0; fninit"
                     : "=m"(r)
                     : "m"(save16));
    printf("restored %g\n", r);
}

int main(void) {
    rounding();
    precision();
    exceptions();
    traps();
    flush();
    images();
    return 0;
}
