/* The C library's string functions in each of its variants for processors (GLIBC_TUNABLES hides
 * what it would choose): the program runs itself anew with each, and compares the functions with
 * plain loops over lengths, alignments and ends of pages. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#define PAGE 4096
static unsigned state = 1, bad;

static unsigned any(unsigned below) {
    state = state * 1103515245u + 12345u;
    return (state >> 8) % below;
}

static void check(int well, const char *what) {
    if (!well && bad++ < 5) {
        printf("wrong: %s\n", what);
    }
}

/* The last byte before a page that is not there. */
static char *edge(void) {
    char *at = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(at + 2 * PAGE, PAGE, PROT_NONE);
    return at + 2 * PAGE;
}

static int sign(int x) {
    return (x > 0) - (x < 0);
}

static void searches(char *s, size_t len) {
    char wanted = (char)('a' + any(5));
    size_t first = len, last = len;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == wanted) {
            first = first == len ? i : first;
            last = i;
        }
    }
    char *at = first == len ? NULL : s + first;
    check(strlen(s) == len, "strlen");
    check(strnlen(s, len / 2) == len / 2, "strnlen");
    check(strchr(s, wanted) == at, "strchr");
    check(strchrnul(s, wanted) == s + first, "strchrnul");
    check(strrchr(s, wanted) == (at ? s + last : NULL), "strrchr");
    check(memchr(s, wanted, len) == at, "memchr");
    check(memrchr(s, wanted, len) == (at ? s + last : NULL), "memrchr");
    check(rawmemchr(s, 0) == s + len, "rawmemchr");
    char set[2] = {wanted, 0};
    check(strcspn(s, set) == first, "strcspn");
    check(strpbrk(s, set) == at, "strpbrk");
    check(strspn(s, "abcde") == len, "strspn");
    if (len > 4) {
        char part[4] = {s[len - 3], s[len - 2], s[len - 1], 0};
        char *found = strstr(s, part);
        check(found && found <= s + len - 3 && !memcmp(found, part, 3), "strstr");
    }
}

static void comparisons(char *s, char *t, size_t len) {
    memcpy(t, s, len + 1);
    check(!memcmp(s, t, len + 1) && !strcmp(s, t) && !strncmp(s, t, len) && !strcasecmp(s, t),
          "equal strings");
    if (len) {
        size_t at = any((unsigned)len);
        t[at] = 'z';
        check(sign(memcmp(s, t, len)) == -1 && sign(strcmp(s, t)) == -1, "memcmp, strcmp");
        check(strncmp(s, t, at) == 0 && sign(strncmp(s, t, at + 1)) == -1, "strncmp");
        t[at] = (char)(s[at] - 32);
        check(strcasecmp(s, t) == 0 && strncasecmp(s, t, len) == 0, "strcasecmp");
    }
}

static void copies(const char *s, char *t, size_t len) {
    memset(t - 1, '#', len + 2);
    memcpy(t, s, len);
    check(t[-1] == '#' && t[len] == '#' && !memcmp(s, t, len), "memcpy");
    memset(t, '$', len);
    for (size_t i = 0; i < len; i++) {
        check(t[i] == '$', "memset");
    }
    check(mempcpy(t, s, len) == t + len, "mempcpy");
    if (len > 8) {
        memmove(t + 3, t, len - 3);
        check(!memcmp(t + 3, s, len - 3), "memmove up");
        memmove(t, t + 3, len - 3);
        check(!memcmp(t, s, len - 3), "memmove down");
    }
    check(strcpy(t, s) == t && !strcmp(t, s), "strcpy");
    check(stpcpy(t, s) == t + len, "stpcpy");
    strncpy(t, s, len);
    check(!memcmp(t, s, len), "strncpy");
}

static void wide(void) {
    static wchar_t w[300], v[300];
    size_t len = any(290);
    for (size_t i = 0; i < len; i++) {
        w[i] = (wchar_t)(1 + any(9));
    }
    w[len] = 0;
    check(wcslen(w) == len && wcsnlen(w, 100) == (len < 100 ? len : 100), "wcslen");
    wmemcpy(v, w, len + 1);
    check(!wcscmp(w, v) && !wmemcmp(w, v, len), "wcscmp");
    check(wmemchr(w, 77, len) == NULL && wcschr(w, 0) == w + len, "wcschr");
    wmemset(v, 5, len);
    check(!len || v[len - 1] == 5, "wmemset");
}

static int run(void) {
    char *a = edge(), *b = edge();
    for (unsigned round = 0; round < 4000; round++) {
        size_t len = any(round % 16 ? 200 : 2500);
        char *s = a - len - 1 - (round & 1 ? any(70) : 0), *t = b - len - 2 - any(40);
        for (size_t i = 0; i < len; i++) {
            s[i] = (char)('a' + any(5));
        }
        s[len] = 0;
        searches(s, len);
        comparisons(s, t, len);
        copies(s, t, len);
        wide();
    }
    return bad != 0;
}

int main(int argc, char **argv) {
    static const char *const hidden[] = {
        "",
        "-AVX2",
        "-AVX2,-AVX",
        "-AVX_Fast_Unaligned_Load",
        "-AVX2,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM",
        "-AVX2,-AVX_Fast_Unaligned_Load,-SSE4_2",
        "-AVX2,-AVX_Fast_Unaligned_Load,-SSE4_2,-SSE4_1",
        "-AVX2,-AVX_Fast_Unaligned_Load,-SSE4_2,-SSE4_1,-SSSE3",
        "-AVX2,-AVX_Fast_Unaligned_Load,-SSE4_2,-SSE4_1,-SSSE3,-Fast_Unaligned_Load",
        "-BMI2,-LZCNT,-MOVBE",
        "-RTM,-Prefer_No_VZEROUPPER,-Fast_Unaligned_Copy,Slow_BSF"};
    if (argc > 1) {
        return run();
    }
    for (unsigned i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        char tunable[200];
        int status;
        snprintf(tunable, sizeof tunable, "glibc.cpu.hwcaps=%s", hidden[i]);
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            setenv("GLIBC_TUNABLES", tunable, 1);
            execl("/proc/self/exe", argv[0], "run", NULL);
            _exit(99);
        }
        waitpid(child, &status, 0);
        printf("%s: %x\n", hidden[i], status);
    }
    return 0;
}
