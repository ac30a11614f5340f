/* Instructions that few hosts have yet, beside models of their own: GFNI, AVX-VNNI, AVX-IFMA,
 * MOVDIRI, MOVDIR64B, CLDEMOTE, SERIALIZE. What CPUID does not show is not run, and says so; suite
 * cpuid runs it with all of them (--cpu=max). The models are written by the manual's definitions.
 */
#include "engine_test.h"
#include <cpuid.h>
#include <setjmp.h>

#define VECTOR __attribute__((aligned(64)))
union value {
    uint8_t b[32];
    int16_t w[16];
    int32_t d[8];
    uint64_t q[4];
};
static union value a VECTOR, b VECTOR, c VECTOR, got VECTOR, want VECTOR;
static uint64_t state = 1;

static uint64_t any(void) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    uint64_t x = state >> 29;
    return x % 5 == 0 ? UINT64_C(0x8000800080008000) : x % 7 == 0 ? UINT64_MAX : state ^ x << 31;
}

static int shown(unsigned subleaf, unsigned reg, unsigned bit) {
    unsigned out[4] = {0};
    return __get_cpuid_count(7, subleaf, &out[0], &out[1], &out[2], &out[3]) && out[reg] >> bit & 1;
}

/* --- models ------------------------------------------------------------------------------ */

static uint8_t times(uint8_t x, uint8_t y) { /* the whole product, then its remainder by 11B */
    unsigned product = 0;
    for (int i = 0; i < 8; i++) {
        product ^= y >> i & 1 ? (unsigned)x << i : 0;
    }
    for (int i = 14; i >= 8; i--) {
        product ^= product >> i & 1 ? 0x11bu << (i - 8) : 0;
    }
    return (uint8_t)product;
}

static uint8_t inverse(uint8_t x) {
    for (unsigned y = 1; y < 256; y++) {
        if (times(x, (uint8_t)y) == 1) {
            return (uint8_t)y;
        }
    }
    return 0;
}

static uint8_t affine(const uint8_t *matrix, uint8_t x, uint8_t added) {
    uint8_t out = 0;
    for (int bit = 0; bit < 8; bit++) {
        int sum = added >> bit & 1;
        for (int k = 0; k < 8; k++) {
            sum += (matrix[7 - bit] >> k & 1) * (x >> k & 1);
        }
        out |= (uint8_t)((sum & 1) << bit);
    }
    return out;
}

static int64_t limited(int64_t x) {
    return x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x;
}

enum { MULTIPLY, AFFINE, AFFINE_INVERSE, BUSD, BUSDS, WSSD, WSSDS, LOW52, HIGH52 };

static uint64_t part52(uint64_t x, uint64_t y, int high) { /* by halves of 26 bits */
    const uint64_t m = (1u << 26) - 1;
    uint64_t x0 = x & m, x1 = x >> 26 & m, y0 = y & m, y1 = y >> 26 & m;
    uint64_t middle = x0 * y1 + (x0 * y0 >> 26), second = x1 * y0 + (middle & m);
    uint64_t low = (second & m) << 26 | (x0 * y0 & m);
    return high ? x1 * y1 + (middle >> 26) + (second >> 26) : low;
}

/* want = what an instruction makes of c (destination), a, b; `bytes` wide. */
static void model(int what, int bytes) {
    want = c;
    for (int i = 0; i < bytes && what <= AFFINE_INVERSE; i++) {
        const uint8_t *matrix = b.b + i / 8 * 8;
        want.b[i] = what == MULTIPLY
                        ? times(a.b[i], b.b[i])
                        : affine(matrix, what == AFFINE ? a.b[i] : inverse(a.b[i]), 0xa5);
    }
    for (int i = 0; i < bytes / 4 && what >= BUSD && what <= WSSDS; i++) {
        int64_t sum = c.d[i];
        for (int k = 0; k < 4; k++) {
            sum += what <= BUSDS ? (int64_t)a.b[4 * i + k] * (int8_t)b.b[4 * i + k]
                   : k < 2       ? (int64_t)a.w[2 * i + k] * b.w[2 * i + k]
                                 : 0;
        }
        want.d[i] = (int32_t)(what == BUSDS || what == WSSDS ? limited(sum) : sum);
    }
    for (int i = 0; i < bytes / 8 && what >= LOW52; i++) {
        want.q[i] = c.q[i] + part52(a.q[i], b.q[i], what == HIGH52);
    }
}

/* --- instructions ------------------------------------------------------------------------ */

static int failures;

static void compare(const char *name, int what, int bytes, int legacy) {
    model(what, bytes);
    if (legacy) { /* what is above stays; this test does not look there */
        bytes = 16;
    } else if (bytes < 32) {
        memset(want.b + bytes, 0, (size_t)(32 - bytes));
        bytes = 32;
    }
    if (memcmp(want.b, got.b, (size_t)bytes)) {
        if (!failures++) {
            printf("%s differs\n", name);
        }
    }
}

#define IN "vmovdqu %1, %%ymm1\n vmovdqu %2, %%ymm2\n vmovdqu %3, %%ymm3\n"
#ifdef __SSE__
#define CLOBBERED "memory", "xmm0", "xmm1", "xmm2", "xmm3"
#else
#define CLOBBERED "memory"
#endif
#define ASM(text) __asm__ volatile(text : "=m"(got) : "m"(a), "m"(b), "m"(c) : CLOBBERED)
/* Without VEX: destination and first source are one. */
#define LEGACY(text, what)                                                                         \
    do {                                                                                           \
        ASM("movdqu %1, %%xmm1\n movdqu %2, %%xmm2\n" text " %%xmm2, %%xmm1\n movdqu %%xmm1, %0"); \
        compare(text, what, 16, 1);                                                                \
        ASM("movdqu %1, %%xmm1\n" text " %2, %%xmm1\n movdqu %%xmm1, %0");                         \
        compare(text " of memory", what, 16, 1);                                                   \
    } while (0)
#define VEX3(text, what)                                                                           \
    do {                                                                                           \
        ASM(IN text " %%xmm2, %%xmm1, %%xmm3\n vmovdqu %%ymm3, %0\n vzeroupper");                  \
        compare(text " xmm", what, 16, 0);                                                         \
        ASM(IN text " %%ymm2, %%ymm1, %%ymm3\n vmovdqu %%ymm3, %0\n vzeroupper");                  \
        compare(text " ymm", what, 32, 0);                                                         \
        ASM(IN text " %2, %%ymm1, %%ymm3\n vmovdqu %%ymm3, %0\n vzeroupper");                      \
        compare(text " of memory", what, 32, 0);                                                   \
    } while (0)

static int has_avx2(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx >> 28 & 1 && shown(0, 1, 5);
}

static void gfni(void) {
    LEGACY("gf2p8mulb", MULTIPLY);
    LEGACY("gf2p8affineqb $0xa5,", AFFINE);
    LEGACY("gf2p8affineinvqb $0xa5,", AFFINE_INVERSE);
    if (has_avx2()) {
        VEX3("vgf2p8mulb", MULTIPLY);
        VEX3("vgf2p8affineqb $0xa5,", AFFINE);
        VEX3("vgf2p8affineinvqb $0xa5,", AFFINE_INVERSE);
    }
}

static void vnni(void) {
    VEX3("%{vex%} vpdpbusd", BUSD);
    VEX3("%{vex%} vpdpbusds", BUSDS);
    VEX3("%{vex%} vpdpwssd", WSSD);
    VEX3("%{vex%} vpdpwssds", WSSDS);
}

static void ifma(void) {
    VEX3("%{vex%} vpmadd52luq", LOW52);
    VEX3("%{vex%} vpmadd52huq", HIGH52);
}

static sigjmp_buf back;
static void on_signal(int signal) {
    siglongjmp(back, signal);
}

static void movdir64b(void) {
    static uint8_t from[72], to[192] VECTOR;
    uint8_t wanted[192];
    for (unsigned i = 0; i < sizeof from; i++) {
        from[i] = (uint8_t)any();
    }
    for (unsigned i = 0; i < sizeof to; i++) {
        to[i] = wanted[i] = (uint8_t)i;
    }
    memcpy(wanted + 64, from + 3, 64);
    __asm__ volatile("movdir64b %0, %1" : : "m"(from[3]), "r"(to + 64) : "memory");
    if (memcmp(to, wanted, sizeof to) != 0) {
        failures++;
    }
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
    if (!sigsetjmp(back, 1)) { /* not aligned */
        __asm__ volatile("movdir64b %0, %1" : : "m"(from[3]), "r"(to + 68) : "memory");
        failures++;
    }
    if (!sigsetjmp(back, 1)) { /* nothing there */
        __asm__ volatile("movdir64b %0, %1" : : "m"(from[3]), "r"((char *)4096) : "memory");
        failures++;
    }
    if (memcmp(to, wanted, sizeof to) != 0) {
        failures++;
    }
}

static void movdiri(void) {
    static long to[3];
    long value = (long)any();
    __asm__ volatile("movdiri %1, %0" : "=m"(to[1]) : "r"(value) : "memory");
    failures += to[0] != 0 || to[1] != value || to[2] != 0;
}

static void hints(void) {
    __asm__ volatile("cldemote %0" : : "m"(a) : "memory");
    __asm__ volatile("cldemote %0" : : "m"(*(char *)4096) : "memory"); /* a hint does not fault */
}

static void serialize(void) {
    __asm__ volatile("serialize" ::: "memory");
}

int main(void) {
    static const struct {
        const char *name;
        void (*run)(void);
        unsigned subleaf, reg, bit;
    } parts[] = {{"gfni", gfni, 0, 2, 8},
                 {"avx_vnni", vnni, 1, 0, 4},
                 {"avx_ifma", ifma, 1, 0, 23},
                 {"movdiri", movdiri, 0, 2, 27},
                 {"movdir64b", movdir64b, 0, 2, 28},
                 {"cldemote", hints, 0, 2, 25},
                 {"serialize", serialize, 0, 3, 14}};
    for (unsigned p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        failures = 0;
        if (!shown(parts[p].subleaf, parts[p].reg, parts[p].bit)) {
            printf("%s: not there\n", parts[p].name);
            continue;
        }
        for (int round = 0; round < 300; round++) {
            for (int i = 0; i < 4; i++) {
                a.q[i] = any();
                b.q[i] = any();
                c.q[i] = any();
            }
            parts[p].run();
        }
        printf("%s: %s\n", parts[p].name, failures ? "differs" : "as the model");
    }
    return 0;
}
