/* The x87 unit after XRSTOR: instructions go on with what it loaded, and where it was not for the
 * x87 (as in lazy binding by the C library) with what was there before. */
#include "engine_test.h"
#include <cpuid.h>
#include <unistd.h>

static uint8_t image[1024] __attribute__((aligned(64))), fresh[1024] __attribute__((aligned(64)));
static uint16_t fx[256] __attribute__((aligned(64)));

/* A step in asm, then what the unit has: after a call of the kernel, and without. In this order, as
 * FXSAVE may hide what the call does. */
#define STEP(name, text)                                                                           \
    for (int call = 1; call >= 0; call--) {                                                        \
        __asm__ volatile("fninit; " text ::"r"(image), "r"(fresh), "a"(components), "d"(0)         \
                         : "memory");                                                              \
        if (call) {                                                                                \
            getppid();                                                                             \
        }                                                                                          \
        show(name);                                                                                \
    }

static void show(const char *name) {
    __asm__ volatile("fxsave (%0)" ::"r"(fx) : "memory");
    printf("%s: control %04x status %04x tags %02x", name, fx[0], fx[1], fx[2]);
    for (unsigned i = 0; i < 3; i++) {
        printf(" %04x:%04x", fx[20 + 8 * i], fx[19 + 8 * i]);
    }
    printf("\n");
}

int main(void) {
    unsigned a, b, c = 0, d, components = 6;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) {
        printf("no XSAVE\n");
        return 0;
    }
    STEP("not for x87, then a pop", "fld1; fldpi; xsave (%0); xrstor (%0); fstp %%st");
    STEP("not for x87, then a push", "fld1; xsave (%0); xrstor (%0); fldz");
    STEP("not for x87, twice", "fld1; xrstor (%0); fldl2e; xrstor (%0); faddp; fchs");
    components = 7;
    STEP("x87 loaded, then a pop", "fld1; fldpi; xsave (%0); fninit; xrstor (%0); fstp %%st");
    STEP("x87 loaded, then a push", "xrstor (%0); fldl2t");
    STEP("x87 as after a reset", "fld1; xrstor (%1); fldpi");
    STEP("MMX", "xrstor (%0); pcmpeqd %%mm1, %%mm1; emms; fld1");
    return 0;
}
