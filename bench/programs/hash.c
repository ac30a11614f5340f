/* A hash table with open addressing, and byte-wise hashes (FNV, CRC-32, Adler). */
#include "common.h"

enum { SIZE = 1 << 16 };
static uint32_t keys[SIZE], values[SIZE], crc_table[256];

static uint32_t *slot(uint32_t key) {
    uint32_t at = (key * 2654435761u) >> 16;
    while (keys[at] && keys[at] != key)
        at = (at + 1) & (SIZE - 1);
    keys[at] = key;
    return &values[at];
}

int main(int argc, char **argv) {
    static unsigned char text[40000];
    uint32_t state = 7, sum = 0;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
        crc_table[i] = c;
    }
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)next_random(&state);
    for (int r = rounds(argc, argv, 260); r > 0; r--) {
        for (int i = 0; i < 20000; i++)
            ++*slot(next_random(&state) % 40000 + 1);
        uint32_t fnv = 2166136261u, crc = ~0u, a = 1, b = 0;
        for (size_t i = 0; i < sizeof text; i++) {
            fnv = (fnv ^ text[i]) * 16777619u;
            crc = crc_table[(crc ^ text[i]) & 255] ^ (crc >> 8);
            a += text[i];
            b += a;
        }
        text[r % sizeof text] ^= (unsigned char)fnv;
        sum ^= fnv ^ crc ^ (a % 65521) ^ (b % 65521);
    }
    printf("%u %u\n", sum, *slot(77));
}
