/* Bits and wide integers: 64-bit arithmetic, shifts, population counts, division, a block cipher.
 */
#include "common.h"

static uint64_t mix(uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 29;
    return x;
}

static void xtea(uint32_t v[2], const uint32_t key[4]) {
    uint32_t sum = 0;
    for (int i = 0; i < 32; i++) {
        v[0] += ((v[1] << 4 ^ v[1] >> 5) + v[1]) ^ (sum + key[sum & 3]);
        sum += 0x9e3779b9u;
        v[1] += ((v[0] << 4 ^ v[0] >> 5) + v[0]) ^ (sum + key[sum >> 11 & 3]);
    }
}

int main(int argc, char **argv) {
    const uint32_t key[4] = {1, 2, 3, 4};
    uint32_t block[2] = {5, 6};
    uint64_t x = 1;
    uint32_t count = 0;
    for (int r = rounds(argc, argv, 700000); r > 0; r--) {
        x = mix(x + (uint64_t)r);
        for (uint32_t w = (uint32_t)x; w; w &= w - 1)
            count++;
        if (r % 8 == 0) {
            xtea(block, key);
            x += x / (block[0] | 1);
        }
    }
    printf("%llu %u %u\n", (unsigned long long)x, count, block[0]);
}
