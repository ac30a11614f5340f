/* Floating point: polynomials, conversions between integers and floats, single precision. */
#include "common.h"

static double sine(double x) {
    double s = x * x;
    return x * (1 - s / 6 * (1 - s / 20 * (1 - s / 42 * (1 - s / 72 * (1 - s / 110)))));
}

int main(int argc, char **argv) {
    double sum = 0;
    float small = 0;
    int whole = 0;
    for (int r = rounds(argc, argv, 3000000); r > 0; r--) {
        double x = (r % 1000) * 0.0015;
        sum += sine(x);
        small = small * 0.75f + (float)x;
        whole += (int)(sum * 0.25) ^ (int)small;
    }
    printf("%.15g %.7g %d\n", sum, (double)small, whole);
}
