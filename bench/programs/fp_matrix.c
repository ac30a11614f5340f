/* Floating point: products of matrices and a dot product. */
#include "common.h"

enum { N = 100 };
static double a[N][N], b[N][N], c[N][N];

int main(int argc, char **argv) {
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (i * 31 + j * 17) % 101 / 101.0;
            b[i][j] = (i * 13 + j * 7) % 89 / 89.0;
        }
    for (int r = rounds(argc, argv, 150); r > 0; r--) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double s = 0;
                for (int k = 0; k < N; k++)
                    s += a[i][k] * b[k][j];
                c[i][j] = s;
            }
        sum += c[r % N][r * 7 % N];
        a[0][r % N] += 1e-3;
    }
    printf("%.17g\n", sum);
}
