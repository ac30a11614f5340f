/* Loops of one family of vector instructions each, chosen by -DNAME; the sum printed depends on all
 * of it. Rows of the group "simd". */
#include "common.h"
#include <cpuid.h>
#include <immintrin.h>
#include <math.h>

enum { BYTES = 8192 };
static uint8_t a[BYTES] __attribute__((aligned(64))), b[BYTES] __attribute__((aligned(64)));
static uint8_t c[BYTES] __attribute__((aligned(64)));

static uint32_t sum_of(const void *bytes, size_t count) {
    uint32_t sum = 1;
    for (size_t i = 0; i < count; i++) {
        sum = sum * 31 + ((const uint8_t *)bytes)[i];
    }
    return sum;
}

#if defined SSE2INT /* bytes blended, words scaled: what codecs do */
static void turn(void) {
    const __m128i *x = (const __m128i *)a, *y = (const __m128i *)b;
    __m128i *z = (__m128i *)c, zero = _mm_setzero_si128(), by = _mm_set1_epi16(0x1234);
    for (int i = 0; i < BYTES / 16; i++) {
        __m128i mean = _mm_avg_epu8(x[i], y[i]), most = _mm_max_epu8(x[i], z[i]);
        __m128i low = _mm_mulhi_epu16(_mm_unpacklo_epi8(mean, zero), by);
        __m128i high = _mm_mulhi_epu16(_mm_unpackhi_epi8(most, zero), by);
        __m128i same = _mm_cmpeq_epi8(mean, most);
        __m128i packed = _mm_packus_epi16(_mm_slli_epi16(low, 2), _mm_srli_epi16(high, 1));
        packed = _mm_add_epi8(packed, _mm_andnot_si128(same, y[i]));
        z[i] = _mm_xor_si128(_mm_shuffle_epi32(packed, 0x4e), _mm_add_epi32(z[i], x[i]));
    }
}
#elif defined SSE41 /* hexadecimal text, widened sums, minima */
static void turn(void) {
    const __m128i *x = (const __m128i *)a;
    __m128i *z = (__m128i *)c, nibble = _mm_set1_epi8(15), sums = _mm_setzero_si128();
    const __m128i digits = _mm_setr_epi8('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b',
                                         'c', 'd', 'e', 'f');
    for (int i = 0; i < BYTES / 32; i++) {
        __m128i low = _mm_and_si128(x[i], nibble);
        __m128i high = _mm_and_si128(_mm_srli_epi16(x[i], 4), nibble);
        __m128i text = _mm_shuffle_epi8(digits, low), more = _mm_shuffle_epi8(digits, high);
        z[2 * i] = _mm_alignr_epi8(text, more, 3);
        z[2 * i + 1] = _mm_blendv_epi8(_mm_unpackhi_epi8(more, text), z[2 * i], low);
        sums = _mm_add_epi32(sums, _mm_maddubs_epi16(x[i], _mm_abs_epi8(text)));
        sums = _mm_min_epi32(sums, _mm_mullo_epi32(_mm_cvtepu8_epi32(more), sums));
    }
    z[0] = _mm_xor_si128(z[0], sums);
}
#elif defined AVX2INT
static void turn(void) {
    const __m256i *x = (const __m256i *)a, *y = (const __m256i *)b;
    __m256i *z = (__m256i *)c, found = _mm256_setzero_si256(), key = _mm256_set1_epi8(17);
    for (int i = 0; i < BYTES / 32; i++) {
        __m256i same = _mm256_cmpeq_epi8(x[i], key), both = _mm256_and_si256(x[i], y[i]);
        found = _mm256_or_si256(found, _mm256_sub_epi8(found, same));
        __m256i sum = _mm256_add_epi32(_mm256_xor_si256(both, z[i]), y[i]);
        sum = _mm256_add_epi64(sum, _mm256_shuffle_epi8(y[i], both));
        z[i] = _mm256_add_epi32(sum, _mm256_srli_epi32(found, 3));
        if (_mm256_movemask_epi8(_mm256_cmpeq_epi8(z[i], key)) == -1) {
            break;
        }
    }
}
#elif defined AVXFP
static void turn(void) {
    const float *x = (const float *)a, *y = (const float *)b;
    float *z = (float *)c;
    for (int i = 0; i < BYTES / 4; i++) { /* vectorised */
        z[i] = (x[i] * y[i] + z[i] * 0.5f) / (1.5f + x[i] - y[i] * 0.25f);
    }
}
#elif defined FMAFP
static void turn(void) {
    const double *x = (const double *)a, *y = (const double *)b;
    double *z = (double *)c;
    for (int i = 0; i < BYTES / 8; i++) {
        double t = x[i] * 0.125;
        t = t * x[i] + y[i];
        t = t * x[i] - 0.75;
        z[i] = z[i] * 0.5 + t * x[i];
    }
}
#elif defined AESNI
static void turn(void) {
    const __m128i *key = (const __m128i *)b;
    __m128i *z = (__m128i *)c;
    for (int i = 0; i < BYTES / 16; i += 4) { /* counter mode, four blocks at a time */
        __m128i block[4];
        for (int k = 0; k < 4; k++) {
            block[k] = _mm_xor_si128(_mm_set_epi64x(i + k, (int)sum_of(c, 1)), key[0]);
        }
        for (int round = 1; round < 10; round++) {
            for (int k = 0; k < 4; k++) {
                block[k] = _mm_aesenc_si128(block[k], key[round]);
            }
        }
        for (int k = 0; k < 4; k++) {
            block[k] = _mm_aesenclast_si128(block[k], key[10]);
            z[i + k] = _mm_xor_si128(z[i + k], _mm_clmulepi64_si128(block[k], key[k], 0x10));
        }
    }
}
#elif defined SHANI
static uint32_t state[8];
static const uint32_t *constants(void) {
    static uint32_t k[64];
    for (int n = 2, at = 0; at < 64 && !k[63]; n++) {
        int prime = 1;
        for (int d = 2; d * d <= n; d++) {
            prime &= n % d != 0;
        }
        if (prime) {
            double root = cbrt(n);
            k[at++] = (uint32_t)((root - floor(root)) * 4294967296.0);
        }
    }
    return k;
}
static uint32_t ror(uint32_t x, int by) {
    return x >> by | x << (32 - by);
}
static void plain(const uint32_t *block, const uint32_t *k) { /* where the processor has no SHA */
    uint32_t w[64], v[8];
    memcpy(w, block, 64);
    memcpy(v, state, 32);
    for (int i = 0; i < 64; i++) {
        if (i >= 16) {
            uint32_t p = w[i - 15], q = w[i - 2];
            w[i] = w[i - 16] + (ror(p, 7) ^ ror(p, 18) ^ p >> 3) + w[i - 7] +
                   (ror(q, 17) ^ ror(q, 19) ^ q >> 10);
        }
        uint32_t t = v[7] + (ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25)) +
                     ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
        uint32_t u = (ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22)) +
                     ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 28);
        v[4] += t;
        v[0] = t + u;
    }
    for (int i = 0; i < 8; i++) {
        state[i] += v[i];
    }
}
static void quick(const uint32_t *block, const uint32_t *k) {
    __m128i w[4], abef = _mm_setr_epi32((int)state[5], (int)state[4], (int)state[1], (int)state[0]);
    __m128i cdgh = _mm_setr_epi32((int)state[7], (int)state[6], (int)state[3], (int)state[2]);
    __m128i first = abef, second = cdgh;
    memcpy(w, block, 64);
    for (int i = 0; i < 16; i++) {
        __m128i *now = &w[i & 3], four;
        if (i >= 4) {
            four = _mm_sha256msg1_epu32(*now, w[(i + 1) & 3]);
            four = _mm_add_epi32(four, _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
            *now = _mm_sha256msg2_epu32(four, w[(i + 3) & 3]);
        }
        four = _mm_add_epi32(*now, _mm_loadu_si128((const __m128i *)(k + 4 * i)));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, four);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(four, 0x0e));
    }
    abef = _mm_add_epi32(abef, first);
    cdgh = _mm_add_epi32(cdgh, second);
    uint32_t p[4], q[4];
    memcpy(p, &abef, 16);
    memcpy(q, &cdgh, 16);
    uint32_t all[8] = {p[3], p[2], q[3], q[2], p[1], p[0], q[1], q[0]};
    memcpy(state, all, 32);
}
static void turn(void) {
    static const uint32_t *k;
    unsigned out[4] = {0};
    if (!k) {
        k = constants();
    }
    int have = __get_cpuid_count(7, 0, &out[0], &out[1], &out[2], &out[3]) && out[1] >> 29 & 1;
    for (int i = 0; i < BYTES; i += 64) {
        (have ? quick : plain)((const uint32_t *)(a + i), k);
    }
    memcpy(c, state, 32);
}
#elif defined CRC
static void turn(void) {
    uint32_t crc = ~0u, ones = 0;
    for (int i = 0; i < BYTES; i += 4) {
        uint32_t word;
        memcpy(&word, a + i, 4);
        crc = _mm_crc32_u32(crc, word);
        crc = _mm_crc32_u8(crc, b[i]);
        ones += (uint32_t)__builtin_popcount(word ^ crc);
    }
    memcpy(c, &crc, 4);
    memcpy(c + 4, &ones, 4);
    memcpy(a, &crc, 4);
}
#elif defined BMI2
static void turn(void) {
    uint32_t x = 1, mask = 0x0f0f3355;
    for (int i = 0; i < BYTES; i += 4) {
        uint32_t word;
        memcpy(&word, a + i, 4);
        x ^= _pdep_u32(_pext_u32(word, mask), 0x33333333u);
        x += _bzhi_u32(word, b[i] & 31) ^ _blsr_u32(word | 1);
        x = x << (word & 7) | x >> 19;
        mask += _andn_u32(x, word) & 3;
    }
    memcpy(c, &x, 4);
    memcpy(a, &x, 4);
}
#elif defined X87
static void turn(void) {
    static long double z[64];
    const uint16_t *x = (const uint16_t *)a;
    for (int i = 0; i < BYTES / 2; i++) {
        long double t = x[i] * 0.001L + z[i & 63] * 0.25L;
        z[i & 63] = t / (1 + t * t) - fabsl(z[(i + 7) & 63]) * 0.5L;
    }
    for (int i = 0; i < 64; i++) {
        double d = (double)z[i];
        memcpy(c + 8 * i, &d, 8);
    }
}
#elif defined MMX /* compilers make SSE of it in 64-bit mode: by hand */
static void turn(void) {
    static const uint64_t by = 0x0123012301230123;
    __asm__ volatile("pxor %%mm7, %%mm7\n movq %0, %%mm6" : : "m"(by));
    for (int i = 0; i < BYTES; i += 8) {
        __asm__ volatile("movq %1, %%mm0\n movq %2, %%mm1\n movq %0, %%mm2\n movq %%mm0, %%mm3\n"
                         "movq %%mm1, %%mm4\n punpcklbw %%mm7, %%mm3\n punpckhbw %%mm7, %%mm4\n"
                         "pmullw %%mm6, %%mm3\n pmaddwd %%mm6, %%mm4\n pcmpgtb %%mm0, %%mm2\n"
                         "psrlw $4, %%mm3\n packuswb %%mm4, %%mm3\n pand %%mm1, %%mm2\n"
                         "paddb %%mm2, %%mm3\n paddusb %%mm1, %%mm0\n pxor %%mm3, %%mm0\n"
                         "movq %%mm0, %0"
                         : "+m"(*(uint64_t *)(c + i))
                         : "m"(*(uint64_t *)(a + i)), "m"(*(uint64_t *)(b + i)));
    }
    __asm__ volatile("emms");
}
#endif

int main(int argc, char **argv) {
    uint32_t state_of = 9;
    for (int i = 0; i < BYTES; i++) {
        a[i] = (uint8_t)next_random(&state_of);
        b[i] = (uint8_t)next_random(&state_of);
    }
#if defined AVXFP /* numbers near 1 */
    for (int i = 0; i < BYTES / 4; i++) {
        ((float *)a)[i] = 0.5f + (float)a[4 * i] / 256;
        ((float *)b)[i] = 0.25f + (float)b[4 * i] / 512;
    }
#elif defined FMAFP
    for (int i = 0; i < BYTES / 8; i++) {
        ((double *)a)[i] = 0.5 + a[8 * i] / 256.0;
        ((double *)b)[i] = 0.25 + b[8 * i] / 512.0;
    }
#endif
    for (int r = rounds(argc, argv, 1000); r > 0; r--) {
        turn();
    }
    printf("%u\n", sum_of(c, sizeof c));
}
