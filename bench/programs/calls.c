/* Calls and returns: Fibonacci, Ackermann and the towers of Hanoi. */
#include "common.h"

#define NOINLINE __attribute__((noinline, noclone))

static NOINLINE int fib(int n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static NOINLINE int ackermann(int m, int n) {
    if (m == 0)
        return n + 1;
    return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static unsigned moves;

static NOINLINE void hanoi(int n, int from, int to, int via) {
    if (n == 0)
        return;
    hanoi(n - 1, from, via, to);
    moves = moves * 3 + (unsigned)(from * 4 + to);
    hanoi(n - 1, via, to, from);
}

int main(int argc, char **argv) {
    int sum = 0;
    for (int r = rounds(argc, argv, 40); r > 0; r--) {
        sum += fib(24 + r % 4);
        sum += ackermann(2, 200 + r);
        hanoi(14, 1, 2, 3);
    }
    printf("%d %u\n", sum, moves);
}
