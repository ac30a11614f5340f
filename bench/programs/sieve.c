/* The sieve of Eratosthenes over bytes and over bits. */
#include "common.h"

enum { N = 1000000 };
static unsigned char bytes[N + 1];
static uint32_t bits[N / 32 + 1];

int main(int argc, char **argv) {
    int count = 0;
    for (int r = rounds(argc, argv, 60); r > 0; r--) {
        count = 0;
        if (r & 1) {
            memset(bytes, 1, sizeof bytes);
            for (int i = 2; i <= N; i++) {
                if (!bytes[i])
                    continue;
                count++;
                for (int j = i + i; j <= N; j += i)
                    bytes[j] = 0;
            }
        } else {
            memset(bits, 0, sizeof bits);
            for (int i = 2; i <= N; i++) {
                if (bits[i >> 5] >> (i & 31) & 1)
                    continue;
                count++;
                for (int j = i + i; j <= N; j += i)
                    bits[j >> 5] |= 1u << (j & 31);
            }
        }
    }
    printf("%d\n", count);
}
