/* Quicksort by hand and the library's qsort, over random integers. */
#include "common.h"

static void quick(int *a, int n) {
    while (n > 16) {
        int pivot = a[n / 2], i = 0, j = n - 1;
        while (i <= j) {
            while (a[i] < pivot)
                i++;
            while (a[j] > pivot)
                j--;
            if (i <= j) {
                int t = a[i];
                a[i++] = a[j];
                a[j--] = t;
            }
        }
        quick(a, j + 1);
        a += i;
        n -= i;
    }
    for (int i = 1; i < n; i++) {
        int v = a[i], j = i;
        for (; j > 0 && a[j - 1] > v; j--)
            a[j] = a[j - 1];
        a[j] = v;
    }
}

static int compare(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    enum { N = 100000 };
    static int a[N];
    uint32_t state = 1, sum = 0;
    for (int r = rounds(argc, argv, 24); r > 0; r--) {
        for (int i = 0; i < N; i++)
            a[i] = (int)next_random(&state);
        if (r % 4)
            quick(a, N);
        else
            qsort(a, N, sizeof *a, compare);
        for (int i = 0; i < N; i += 997)
            sum = sum * 31 + (uint32_t)a[i];
    }
    printf("%u\n", sum);
}
