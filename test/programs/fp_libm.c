/* Floating point as C programs see it: libm, printf, strtod and conversions in the three formats.
 * Build: cc -O1 -static fp_libm.c -lm. Prints the same on a CPU and in the guest, digit for
 * digit (hexadecimal floats show the last bit); not for hosts whose libm differs.
 * test: own */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static volatile double values[] = {0.0,   -0.0,    1.0,  -1.0,  0.1,   1e-310,        4.9e-324,
                                   1e308, 3.14159, 2.5,  -2.5,  1e10,  123456789.125, 1e-5,
                                   0.5,   1.5,     1e22, -7.25, 709.5, INFINITY};
#define COUNT (sizeof(values) / sizeof(values[0]))

static void show(const char *what, double x, long double y) {
    printf("%-8s %a -> %.17g %La %.21Lg\n", what, x, (double)y, y, y);
}

static void functions(double x) {
    show("sin", x, sin(x));
    show("cosl", x, cosl(x));
    show("tan", x, tan(x));
    show("atan", x, atan(x));
    show("atan2l", x, atan2l(x, 0.75L));
    show("exp", x, exp(x));
    show("expm1l", x, expm1l(x));
    show("exp2l", x, exp2l(x));
    show("sqrt", x, sqrt(fabs(x)));
    show("sqrtl", x, sqrtl(fabs(x)));
    show("cbrt", x, cbrt(x));
    show("logl", x, logl(fabs(x)));
    show("log1p", x, log1p(fabs(x)));
    show("log2l", x, log2l(fabs(x)));
    show("log10", x, log10(fabs(x)));
    show("pow", x, pow(fabs(x), 0.3));
    show("powl", x, powl(fabs(x), -1.7L));
    show("fmodl", x, fmodl(x, 0.7L));
    show("remaind", x, remainder(x, 0.7));
    show("sinh", x, sinh(x));
    show("tanhl", x, tanhl(x));
    show("tgamma", x, tgamma(x));
    show("rintl", x, rintl(x));
    show("floor", x, floor(x));
    show("ceill", x, ceill(x));
    show("trunc", x, trunc(x));
    show("logb", x, logb(x));
    show("scalbl", x, scalbnl(x, 17));
    show("hypot", x, hypot(x, 3.0));
    int exponent;
    long double fraction = frexpl(x, &exponent);
    printf("frexpl   %La %d\n", fraction, isfinite(x) ? exponent : 0);
}

static void conversions(double x) {
    float f = (float)x;
    long double l = (long double)x;
    printf("as float %a %.9g  class %d%d%d%d\n", f, f, !!isnan(x), !!isinf(x), !!isnormal(x),
           !!signbit(x));
    if (fabs(x) < 2e9) {
        printf("to int %d, to unsigned %u\n", (int)x, (unsigned)fabs(x));
    }
    if (fabs(x) < 9e18) {
        printf("to int64 %lld, from %.21Lg, lrint %ld\n", (long long)l, (long double)(long long)x,
               fabs(x) < 2e9 ? lrint(x) : 0L);
    }
    char text[64];
    snprintf(text, sizeof text, "%.17g", x);
    printf("round trip %d, strtold %La\n", strtod(text, NULL) == x, strtold(text, NULL));
}

int main(void) {
    for (size_t i = 0; i < COUNT; i++) {
        functions(values[i]);
        conversions(values[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            double x = values[i], y = values[j];
            printf("%d%d%d%d %a %a %a %a\n", x < y, x <= y, x == y, !!isunordered(x, y - y), x + y,
                   x - y, x * y, x / y);
        }
    }
    unsigned long long big[] = {
        0, 1, ULLONG_MAX, 1ULL << 63, (1ULL << 53) + 1, 12345678901234567ULL};
    for (size_t i = 0; i < sizeof big / sizeof big[0]; i++) {
        printf("%llu %a %a %La\n", big[i], (double)big[i], (float)big[i], (long double)big[i]);
    }
    printf("%s %.3Lf %Lg %.40Lf\n", "1/3", 1.0L / 3, 1e4000L, 2.0L / 3);
    return 0;
}
