// Loops that GCC vectorises, and those of the compiler's own vector types: checksums of the
// results.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
enum { N = 4096 };
static float f[N], g[N];
static double d[N];
static int32_t i32[N];
static int16_t i16[N];
static uint8_t b[N];
static int64_t l[N];
typedef int v4si __attribute__((vector_size(16)));
typedef unsigned char v16qi __attribute__((vector_size(16)));
static uint64_t sum(const void *p, size_t n) {
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ ((const uint8_t *)p)[i]) * 1099511628211u;
    }
    return h;
}
int main(void) {
    for (int i = 0; i < N; i++) {
        f[i] = (float)i * 0.37f - 700;
        d[i] = i * 1.25 - 1000;
        i32[i] = i * 2654435761u;
        i16[i] = i * 40503;
        b[i] = i * 131;
        l[i] = (int64_t)i * 0x9e3779b97f4a7c15;
    }
    for (int r = 0; r < 50; r++) {
        for (int i = 0; i < N; i++) {
            g[i] = f[i] * 1.5f + g[i] * 0.25f;
        }
        for (int i = 0; i < N; i++) {
            i32[i] = (i32[i] > i ? i32[i] : i) + i16[i] * 3;
        }
        for (int i = 0; i < N; i++) {
            i16[i] = (int16_t)(i16[i] + b[i]) >> 1;
        }
        for (int i = 0; i < N; i++) {
            b[i] = (uint8_t)(b[i] + 7 > 250 ? 250 : b[i] + 7);
        }
        for (int i = 0; i < N; i++) {
            d[i] = floor(d[i] * 0.99) + sqrt(fabs(d[i]));
        }
        for (int i = 0; i < N; i++) {
            l[i] = l[i] * 3 + (l[i] >> 7) + __builtin_popcountll(l[i]) + __builtin_ctzll(l[i] | 1) +
                   __builtin_clzll(l[i] | 1);
        }
        for (int i = 0; i < N - 8; i++) {
            f[i] = f[i + 8] < g[i] ? f[i + 8] : g[i];
        }
    }
    v16qi x, m = {15, 3, 7, 1, 0, 2, 9, 12, 5, 5, 8, 11, 14, 4, 6, 10};
    memcpy(&x, b + 5, 16);
    x = __builtin_shuffle(x, m);
    v4si y;
    memcpy(&y, i32 + 3, 16);
    y = y * y + (y >> 3) - (y == y);
    printf("%llx %llx %llx %llx %llx %llx %llx %llx\n", (long long)sum(f, sizeof f),
           (long long)sum(g, sizeof g), (long long)sum(d, sizeof d),
           (long long)sum(i32, sizeof i32), (long long)sum(i16, sizeof i16),
           (long long)sum(b, sizeof b), (long long)sum(l, sizeof l),
           (long long)(sum(&x, 16) ^ sum(&y, 16)));
    __int128 w = l[3];
    w = w * l[4] / 1000003;
    printf("%llx %llx\n", (long long)(w >> 64), (long long)w);
    long double q = 1;
    for (int i = 1; i < 60; i++) {
        q = q * i / 1.5L;
    }
    printf("%.15Lg %a\n", q, (double)expm1l(q / 1e70L));
}
