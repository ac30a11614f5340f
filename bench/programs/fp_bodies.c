/* Floating point: five bodies that attract each other (square roots and divisions). */
#include "common.h"
#include <math.h>

struct body {
    double x[3], v[3], mass;
};

static struct body bodies[5] = {
    {{0, 0, 0}, {0, 0, 0}, 39.47},
    {{4.84, -1.16, -.10}, {.606, 2.81, -.02}, .037},
    {{8.34, 4.12, -.4}, {-1.01, 1.82, .008}, .011},
    {{12.89, -15.11, -.22}, {1.08, .868, -.01}, .0017},
    {{15.37, -25.9, .179}, {.979, .594, -.034}, .002},
};

static void step(double dt) {
    for (int i = 0; i < 5; i++)
        for (int j = i + 1; j < 5; j++) {
            double d[3], square = 0;
            for (int k = 0; k < 3; k++) {
                d[k] = bodies[i].x[k] - bodies[j].x[k];
                square += d[k] * d[k];
            }
            double magnitude = dt / (square * sqrt(square));
            for (int k = 0; k < 3; k++) {
                bodies[i].v[k] -= d[k] * bodies[j].mass * magnitude;
                bodies[j].v[k] += d[k] * bodies[i].mass * magnitude;
            }
        }
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 3; k++)
            bodies[i].x[k] += dt * bodies[i].v[k];
}

int main(int argc, char **argv) {
    for (int r = rounds(argc, argv, 300000); r > 0; r--)
        step(0.001);
    printf("%.15g %.15g\n", bodies[0].x[0], bodies[1].v[2]);
}
