/* Work for the profile: floating point code as compilers make it of common algorithms. */
#include <math.h>
#include <stdio.h>

#define BODIES 5
static double pos[BODIES][3], vel[BODIES][3], mass[BODIES];

static double gravity(int steps) {
    for (int i = 0; i < BODIES; i++) {
        mass[i] = 1.0 + i;
        for (int k = 0; k < 3; k++) {
            pos[i][k] = (i + 1) * (k + 1) * 0.37;
            vel[i][k] = (i - 2) * 0.01 * (k - 1);
        }
    }
    for (int s = 0; s < steps; s++) {
        for (int i = 0; i < BODIES; i++) {
            for (int j = i + 1; j < BODIES; j++) {
                double d[3], r2 = 0.05;
                for (int k = 0; k < 3; k++) {
                    d[k] = pos[i][k] - pos[j][k];
                    r2 += d[k] * d[k];
                }
                double f = 0.001 / (r2 * sqrt(r2));
                for (int k = 0; k < 3; k++) {
                    vel[i][k] -= d[k] * mass[j] * f;
                    vel[j][k] += d[k] * mass[i] * f;
                }
            }
        }
        for (int i = 0; i < BODIES; i++)
            for (int k = 0; k < 3; k++)
                pos[i][k] += 0.001 * vel[i][k];
    }
    return pos[0][0] + vel[4][2];
}

#define POINTS 1024
static double re[POINTS], im[POINTS];
static double transform(void) {
    for (int i = 0; i < POINTS; i++) {
        re[i] = (i * 37 % 101) * 0.01;
        im[i] = 0;
    }
    for (int i = 1, j = 0; i < POINTS; i++) {
        int bit = POINTS >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            double t = re[i];
            re[i] = re[j];
            re[j] = t;
        }
    }
    for (int len = 2; len <= POINTS; len <<= 1) {
        double angle = -6.283185307179586 / len, wr = cos(angle), wi = sin(angle);
        for (int i = 0; i < POINTS; i += len) {
            double cr = 1, ci = 0;
            for (int k = 0; k < len / 2; k++) {
                int u = i + k, v = u + len / 2;
                double xr = re[v] * cr - im[v] * ci, xi = re[v] * ci + im[v] * cr;
                re[v] = re[u] - xr;
                im[v] = im[u] - xi;
                re[u] += xr;
                im[u] += xi;
                double next = cr * wr - ci * wi;
                ci = cr * wi + ci * wr;
                cr = next;
            }
        }
    }
    return re[5] + im[9];
}

#define N 48
static double a[N][N], x[N];
static double solve(void) {
    for (int i = 0; i < N; i++) {
        x[i] = i;
        for (int j = 0; j < N; j++)
            a[i][j] = 1.0 / (i + j + 1) + (i == j);
    }
    for (int p = 0; p < N; p++)
        for (int i = p + 1; i < N; i++) {
            double f = a[i][p] / a[p][p];
            for (int j = p; j < N; j++)
                a[i][j] -= f * a[p][j];
            x[i] -= f * x[p];
        }
    for (int i = N - 1; i >= 0; i--) {
        for (int j = i + 1; j < N; j++)
            x[i] -= a[i][j] * x[j];
        x[i] /= a[i][i];
    }
    return x[3];
}

static int julia(int size) {
    int inside = 0;
    for (int py = 0; py < size; py++)
        for (int px = 0; px < size; px++) {
            float zr = 3.0f * px / size - 1.5f, zi = 3.0f * py / size - 1.5f;
            int n = 0;
            while (n < 60 && zr * zr + zi * zi < 4) {
                float t = zr * zr - zi * zi - 0.8f;
                zi = 2 * zr * zi + 0.156f;
                zr = t;
                n++;
            }
            inside += n == 60;
        }
    return inside;
}

static float blur[4096];
static float smooth(int rounds) {
    for (int i = 0; i < 4096; i++)
        blur[i] = (float)(i % 97);
    for (int r = 0; r < rounds; r++)
        for (int i = 1; i < 4095; i++)
            blur[i] = (blur[i - 1] + 2 * blur[i] + blur[i + 1]) * 0.25f;
    return blur[100];
}

static double integrate(int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double t = (i + 0.5) / n;
        sum += exp(-t * t) + log(1 + t) * fabs(sin(3 * t)) + pow(t, 1.5) + floor(t * 10) / 10;
    }
    return sum / n;
}

int main(void) {
    double total = 0;
    int counts = 0;
    for (int round = 0; round < 3; round++) {
        total += gravity(4000) + transform() + solve() + smooth(30) + integrate(6000);
        counts += julia(80);
        long long big = (long long)(total * 1e6);
        total += (double)(big % 1000) * 1e-9 + (unsigned)counts * 1e-12;
    }
    printf("%.6f %d\n", total, counts);
    return 0;
}
