/* Integer matrices: product and transposition. */
#include "common.h"

enum { N = 120 };
static int a[N][N], b[N][N], c[N][N];

int main(int argc, char **argv) {
    uint32_t state = 3, sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (int)(next_random(&state) & 1023);
            b[i][j] = (int)(next_random(&state) & 1023);
        }
    for (int r = rounds(argc, argv, 160); r > 0; r--) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                int s = 0;
                for (int k = 0; k < N; k++)
                    s += a[i][k] * b[k][j];
                c[i][j] = s;
            }
        for (int i = 0; i < N; i++)
            for (int j = 0; j < i; j++) {
                int t = c[i][j];
                c[i][j] = c[j][i];
                c[j][i] = t;
            }
        sum += (uint32_t)c[r % N][(r * 7) % N];
        a[r % N][0] = (int)(sum & 1023);
    }
    printf("%u\n", sum);
}
