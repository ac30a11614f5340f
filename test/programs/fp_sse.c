/* SSE and SSE2 through the compiler: scalar code with -mfpmath=sse, and every family of intrinsics
 * over edge values; MMX at the end. Prints results as integers, so that the last bit shows.
 * Build: cc -O2 -msse2 -mfpmath=sse -static fp_sse.c -lm. Same output on a CPU and in the
 * guest.
 * test: own */
#include <emmintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <xmmintrin.h>

#ifdef __x86_64__
#define SEGMENT "fs"
#else
#define SEGMENT "gs"
#endif

static uint32_t state = 12345;
static uint32_t next(void) {
    state = state * 1664525 + 1013904223;
    return state >> 8 ^ state << 11;
}

static const float edge_float[] = {0.0f,   -0.0f,    1.0f,      -1.5f, 1e38f,
                                   1e-40f, INFINITY, -INFINITY, 2.5f};
static const double edge_double[] = {0.0, -0.0, 1.0, -1.5, 1e308, 1e-310, INFINITY, -INFINITY, 2.5};

static __m128 floats(void) {
    float f[4];
    for (int i = 0; i < 4; i++) {
        f[i] = next() & 1 ? edge_float[next() % 9] : (float)(int32_t)next() / 65536;
    }
    return _mm_loadu_ps(f);
}
static __m128d doubles(void) {
    double d[2];
    for (int i = 0; i < 2; i++) {
        d[i] = next() & 1 ? edge_double[next() % 9] : (double)(int32_t)next() / 65536;
    }
    return _mm_loadu_pd(d);
}
static __m128i integers(void) {
    uint32_t v[4];
    for (int i = 0; i < 4; i++) {
        v[i] = next() & 1 ? next() : (next() & 1 ? 0x80007fffu : 0xff80017fu) ^ (next() & 0x10001);
    }
    return _mm_loadu_si128((const __m128i *)v);
}

static uint64_t sum;
static void mix(__m128i v) {
    uint64_t part[2];
    _mm_storeu_si128((__m128i *)part, v);
    sum = (sum ^ part[0]) * UINT64_C(0x9e3779b97f4a7c15);
    sum = (sum ^ sum >> 29 ^ part[1]) * UINT64_C(0xbf58476d1ce4e5b9);
}
static void report(const char *name) {
    printf("%-10s %016llx\n", name, (unsigned long long)sum);
    sum = 0;
}
#define ROUNDS 500
#define EACH(name, kind, cast, expression)                                                         \
    do {                                                                                           \
        for (int i = 0; i < ROUNDS; i++) {                                                         \
            __typeof__(kind()) a = kind(), b = kind();                                             \
            (void)b;                                                                               \
            mix(cast(expression));                                                                 \
        }                                                                                          \
        report(name);                                                                              \
    } while (0)
#define PS(name, e) EACH(name, floats, _mm_castps_si128, e)
#define PD(name, e) EACH(name, doubles, _mm_castpd_si128, e)
#define PI(name, e) EACH(name, integers, , e)

static void packed_float(void) {
    PS("addps", _mm_add_ps(a, b));
    PS("subss", _mm_sub_ss(a, b));
    PS("mulps", _mm_mul_ps(a, b));
    PS("divps", _mm_div_ps(a, b));
    PS("sqrtps", _mm_sqrt_ps(a));
    PS("minps", _mm_min_ps(a, b));
    PS("maxss", _mm_max_ss(a, b));
    PS("cmpltps", _mm_cmplt_ps(a, b));
    PS("cmpunord", _mm_cmpunord_ss(a, b));
    PS("cmpnle", _mm_cmpnle_ps(a, b));
    PS("andnps", _mm_andnot_ps(a, b));
    PS("shufps", _mm_shuffle_ps(a, b, 0x9c));
    PS("unpckhps", _mm_unpackhi_ps(a, b));
    PS("movhlps", _mm_movehl_ps(a, b));
    PD("addpd", _mm_add_pd(a, b));
    PD("subpd", _mm_sub_pd(a, b));
    PD("mulsd", _mm_mul_sd(a, b));
    PD("divpd", _mm_div_pd(a, b));
    PD("sqrtsd", _mm_sqrt_sd(a, b));
    PD("maxpd", _mm_max_pd(a, b));
    PD("cmpeqsd", _mm_cmpeq_sd(a, b));
    PD("shufpd", _mm_shuffle_pd(a, b, 1));
    PD("unpcklpd", _mm_unpacklo_pd(a, b));
}

static void conversions(void) {
    EACH("cvtps2dq", floats, , _mm_cvtps_epi32(a));
    EACH("cvttps2dq", floats, , _mm_cvttps_epi32(a));
    EACH("cvtpd2dq", doubles, , _mm_cvtpd_epi32(a));
    EACH("cvttpd2dq", doubles, , _mm_cvttpd_epi32(a));
    EACH("cvtdq2ps", integers, _mm_castps_si128, _mm_cvtepi32_ps(a));
    EACH("cvtdq2pd", integers, _mm_castpd_si128, _mm_cvtepi32_pd(a));
    EACH("cvtps2pd", floats, _mm_castpd_si128, _mm_cvtps_pd(a));
    EACH("cvtpd2ps", doubles, _mm_castps_si128, _mm_cvtpd_ps(a));
    EACH("cvtss2si", floats, , _mm_cvtsi32_si128(_mm_cvtss_si32(a) ^ _mm_cvttss_si32(b)));
    EACH("cvtsd2si", doubles, , _mm_cvtsi32_si128(_mm_cvtsd_si32(a) ^ _mm_cvttsd_si32(b)));
    EACH("movmsk", doubles, , _mm_cvtsi32_si128(_mm_movemask_pd(a)));
    EACH("comi", doubles, , _mm_cvtsi32_si128(_mm_comilt_sd(a, b) * 2 + _mm_ucomigt_sd(a, b)));
}

static void packed_integer(void) {
    PI("paddb", _mm_add_epi8(a, b));
    PI("paddsw", _mm_adds_epi16(a, b));
    PI("psubusb", _mm_subs_epu8(a, b));
    PI("psubq", _mm_sub_epi64(a, b));
    PI("pmullw", _mm_mullo_epi16(a, b));
    PI("pmulhuw", _mm_mulhi_epu16(a, b));
    PI("pmuludq", _mm_mul_epu32(a, b));
    PI("pmaddwd", _mm_madd_epi16(a, b));
    PI("psadbw", _mm_sad_epu8(a, b));
    PI("pavgb", _mm_avg_epu8(a, b));
    PI("pminsw", _mm_min_epi16(a, b));
    PI("pcmpgtd", _mm_cmpgt_epi32(a, b));
    PI("packssdw", _mm_packs_epi32(a, b));
    PI("packuswb", _mm_packus_epi16(a, b));
    PI("punpcklbw", _mm_unpacklo_epi8(a, b));
    PI("punpckhdq", _mm_unpackhi_epi32(a, b));
    PI("psrldq", _mm_srli_si128(a, 5));
    PI("pslldq", _mm_slli_si128(a, 11));
    PI("psrad", _mm_srai_epi32(a, 7));
    PI("psllq", _mm_sll_epi64(a, _mm_and_si128(b, _mm_cvtsi32_si128(127))));
    PI("pshufd", _mm_shuffle_epi32(a, 0x4e));
    PI("pshufhw", _mm_shufflehi_epi16(a, 0x1b));
    PI("pinsrw", _mm_insert_epi16(a, _mm_extract_epi16(b, 6), 3));
    PI("pmovmskb", _mm_cvtsi32_si128(_mm_movemask_epi8(a)));
    for (int i = 0; i < 50; i++) {
        char bytes[40];
        memset(bytes, 7, sizeof bytes);
        _mm_maskmoveu_si128(integers(), integers(), bytes + i % 20);
        mix(_mm_loadu_si128((const __m128i *)(bytes + 8)));
    }
    report("maskmov");
}

static void mmx(void) {
    for (int i = 0; i < ROUNDS; i++) {
        __m64 a = _mm_movepi64_pi64(integers()), b = _mm_movepi64_pi64(integers());
        a = _mm_add_pi16(_mm_madd_pi16(a, b), _mm_packs_pu16(a, b));
        a = _mm_xor_si64(_mm_shuffle_pi16(a, 0x2d), _mm_srl_pi32(b, _mm_cvtsi32_si64(i % 40)));
        a = _mm_or_si64(_mm_slli_pi16(a, 3), _mm_insert_pi16(_mm_avg_pu8(a, b), i, 2));
        a = _mm_unpacklo_pi8(_mm_sub_pi32(a, b), _mm_cmpgt_pi16(a, b));
        __m128 f = _mm_cvtpi32_ps(floats(), a);
        __m64 c = _mm_cvtps_pi32(f);
        mix(_mm_xor_si128(_mm_movpi64_epi64(_mm_sad_pu8(a, c)), _mm_castps_si128(f)));
    }
    /* A masked store through a segment override, amid MMX code. */
    static char bytes[24];
    for (int i = 0; i < 50; i++) {
        __m64 a = _mm_movepi64_pi64(integers()), b = _mm_movepi64_pi64(integers());
        uintptr_t base; /* of the thread's own segment, by its first word */
        __asm__("mov %%" SEGMENT ":0, %0" : "=r"(base));
        uintptr_t offset = (uintptr_t)(bytes + i % 16) - base;
        __asm__ volatile(SEGMENT "\n maskmovq %1, %0" : "+y"(a) : "y"(b), "D"(offset) : "memory");
        a = _mm_add_pi8(a, b);
        mix(_mm_xor_si128(_mm_movpi64_epi64(a), _mm_loadu_si128((const __m128i *)bytes)));
    }
    _mm_empty();
    report("mmx");
}

static double scalar(void) {
    double total = 0;
    for (int i = 1; i < 20000; i++) {
        double x = (double)(int32_t)next() / 1024;
        total += sqrt(fabs(x)) / i - (float)x * 1e-7f + (int)x % 7 + floor(x / 3) * 1e-9;
        if (x > total) {
            total -= 0.5;
        }
    }
    return total;
}

int main(void) {
    packed_float();
    conversions();
    packed_integer();
    mmx();
    printf("scalar %a\n", scalar());
    return 0;
}
