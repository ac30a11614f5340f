/* Floating point: the Mandelbrot set (compares and branches on floating-point results). */
#include "common.h"

int main(int argc, char **argv) {
    int size = rounds(argc, argv, 320), total = 0;
    for (int row = 0; row < size; row++)
        for (int column = 0; column < size; column++) {
            double cr = column * 3.0 / size - 2.2, ci = row * 2.4 / size - 1.2, zr = 0, zi = 0;
            int n = 0;
            while (n < 120 && zr * zr + zi * zi < 4.0) {
                double t = zr * zr - zi * zi + cr;
                zi = 2 * zr * zi + ci;
                zr = t;
                n++;
            }
            total += n;
        }
    printf("%d\n", total);
}
