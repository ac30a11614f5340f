/* Work for the profile: integer code as compilers make it of common algorithms. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t seed = 2463534242u;
static uint32_t rnd(void) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    return seed ^= seed << 5;
}

static uint32_t crc(const unsigned char *p, size_t n) {
    static uint32_t table[256];
    for (uint32_t i = 0; !table[255] && i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
        table[i] = c;
    }
    uint32_t c = ~0u;
    while (n--)
        c = table[(c ^ *p++) & 255] ^ (c >> 8);
    return ~c;
}

static void heap_sort(int *a, int n) {
    for (int start = n / 2 - 1, end = n; end > 1;) {
        int root;
        if (start >= 0) {
            root = start--;
        } else {
            int t = a[--end];
            a[end] = a[0];
            a[0] = t;
            root = 0;
        }
        for (int child; (child = 2 * root + 1) < end; root = child) {
            if (child + 1 < end && a[child + 1] > a[child])
                child++;
            if (a[root] >= a[child])
                break;
            int t = a[root];
            a[root] = a[child];
            a[child] = t;
        }
    }
}

static int compare(const void *x, const void *y) {
    int a = *(const int *)x, b = *(const int *)y;
    return (a > b) - (a < b);
}

struct item {
    struct item *next;
    char key[12];
    int value;
};
static struct item *bucket[512];
static int count_words(const char *text) {
    int words = 0;
    while (*text) {
        char key[12];
        unsigned n = 0, h = 5381;
        while (*text && !isalnum((unsigned char)*text))
            text++;
        while (isalnum((unsigned char)*text) && n < sizeof key - 1)
            h = h * 33 + (unsigned char)(key[n++] = (char)tolower((unsigned char)*text++));
        key[n] = 0;
        struct item *at = bucket[h & 511];
        while (at && strcmp(at->key, key))
            at = at->next;
        if (!at) {
            at = malloc(sizeof *at);
            strcpy(at->key, key);
            at->value = 0;
            at->next = bucket[h & 511];
            bucket[h & 511] = at;
        }
        words += ++at->value == 1;
    }
    return words;
}

static int distance(const char *a, const char *b) {
    int row[64], n = (int)strlen(b);
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int corner = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int up = row[j], cost = corner + (a[i - 1] != b[j - 1]);
            if (up + 1 < cost)
                cost = up + 1;
            if (row[j - 1] + 1 < cost)
                cost = row[j - 1] + 1;
            corner = up;
            row[j] = cost;
        }
    }
    return row[n];
}

/* A machine with a handful of instructions. */
static long machine(const unsigned char *code, long steps) {
    long r[4] = {0, 1, 0, 0};
    const unsigned char *pc = code;
    while (steps-- > 0) {
        unsigned op = pc[0] >> 4, x = pc[0] & 3, y = pc[0] >> 2 & 3;
        switch (op) {
        case 0:
            r[x] += r[y];
            pc++;
            break;
        case 1:
            r[x] ^= r[y] << 1;
            pc++;
            break;
        case 2:
            r[x] -= pc[1];
            pc += 2;
            break;
        case 3:
            r[x] = (r[x] >> 1) | (r[y] & 1) << 30;
            pc++;
            break;
        case 4:
            r[x]++;
            pc++;
            break;
        default:
            pc = r[x] % 3 ? code : pc + 1;
            if (*pc == 0xff)
                pc = code;
        }
    }
    return r[0] ^ r[1] ^ r[2] ^ r[3];
}

static int queens(unsigned cols, unsigned left, unsigned right, unsigned all) {
    int found = 0;
    if (cols == all)
        return 1;
    for (unsigned free = ~(cols | left | right) & all; free;) {
        unsigned bit = free & -free;
        free ^= bit;
        found += queens(cols | bit, (left | bit) << 1, (right | bit) >> 1, all);
    }
    return found;
}

static int ack(int m, int n) {
    return m == 0 ? n + 1 : n == 0 ? ack(m - 1, 1) : ack(m - 1, ack(m, n - 1));
}

typedef int (*fn)(int, int);
static int f0(int a, int b) {
    return a + b;
}
static int f1(int a, int b) {
    return a - b;
}
static int f2(int a, int b) {
    return a * 3 ^ b;
}
static int f3(int a, int b) {
    return (a >> 2) + (b << 1);
}
static int f4(int a, int b) {
    return a < b ? b : a;
}
static fn volatile table[] = {f0, f1, f2, f3, f4};

static uint64_t wide(int n) {
    uint64_t x = 88172645463325252ull, sum = 0;
    for (int i = 1; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        sum += x % (unsigned)i + (x * (unsigned)i >> 32);
    }
    return sum;
}

#define N 60
static int ma[N][N], mb[N][N], mc[N][N];
static int multiply(void) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            ma[i][j] = (int)(rnd() & 15);
            mb[i][j] = (int)(rnd() & 15);
        }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            int s = 0;
            for (int k = 0; k < N; k++)
                s += ma[i][k] * mb[k][j];
            mc[i][j] = s;
        }
    return mc[7][9];
}

int main(void) {
    static int a[30000], b[30000];
    static char text[60001];
    static unsigned char flags[300000];
    long total = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 30000; i++)
            a[i] = b[i] = (int)(rnd() >> 8);
        heap_sort(a, 30000);
        qsort(b, 30000, sizeof *b, compare);
        total += a[100] == b[100];
        for (int i = 0; i < 60000; i++)
            text[i] = "etaoin shrdlu, ETA."[rnd() % 19];
        total += count_words(text) + (long)crc((unsigned char *)text, 60000) % 1000;
        for (int i = 0; i < 200; i++) {
            char one[40], two[40];
            snprintf(one, sizeof one, "%u-%x", rnd(), rnd());
            snprintf(two, sizeof two, "%u-%x", rnd(), rnd());
            total += distance(one, two);
        }
        unsigned char code[40];
        for (int i = 0; i < 38; i++)
            code[i] = (unsigned char)(rnd() % 0x60);
        code[38] = code[39] = 0xff;
        total += machine(code, 400000) & 1023;
        total += queens(0, 0, 0, 0xff) + ack(2, 60) + multiply();
        memset(flags, 1, sizeof flags);
        for (unsigned i = 2; i < sizeof flags; i++)
            for (unsigned j = 2 * i; flags[i] && j < sizeof flags; j += i)
                flags[j] = 0;
        for (unsigned i = 2; i < sizeof flags; i++)
            total += flags[i];
        int v = 1;
        for (int i = 0; i < 200000; i++)
            v = table[(unsigned)(v ^ i) % 5](v, i);
        total += v & 255;
        total += (long)(wide(30000) & 1023);
        char *copy = strdup(text), *save;
        for (char *w = strtok_r(copy, " ,.", &save); w; w = strtok_r(NULL, " ,.", &save))
            total += (long)strlen(w) * (strstr(w, "ta") != NULL) + (memchr(w, 'h', 3) != NULL);
        free(copy);
    }
    printf("%ld\n", total);
    return 0;
}
