/* Compiled in the guest: recursion, floating point, structures, 64-bit arithmetic. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct point {
    double x, y;
};
static struct point turn(struct point p, double a) {
    struct point r = {p.x * cos(a) - p.y * sin(a), p.x * sin(a) + p.y * cos(a)};
    return r;
}
static int compare(const void *a, const void *b) {
    return strcmp(*(char **)a, *(char **)b);
}
int main(int argc, char **argv) {
    struct point p = turn((struct point){1, 0}, 0.5);
    unsigned long long h = 1469598103934665603ull;
    char *names[] = {"pear", "apple", "fig", "date"};
    for (int i = 0; i < 1000; i++) {
        h = (h ^ i) * 1099511628211ull;
    }
    qsort(names, 4, sizeof *names, compare);
    printf("%.17g %.17g %llx %lld %s %d %Lf\n", p.x, p.y, h, (long long)h / 1000003, names[0], argc,
           1.0L / 3);
    return 7;
}
