/* Mappings of hundreds of GiB: what is in them, what a child of them gets, what becomes of their
 * parts.
 * test: only x86-64
 * test: check-memory */
#include "mm_test.h"

#define GIB      ((size_t)1 << 30)
#define BIG      (256 * GIB)
#define TOUCHED  64
#define ANYTHING (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static char *reserve(size_t len, int prot) {
    char *at = mmap(NULL, len, prot, ANYTHING, -1, 0);
    if (at == MAP_FAILED) {
        printf("no %zu GiB: %s\n", len / GIB, strerrorname_np(errno));
        exit(1);
    }
    return at;
}

static char *place(char *base, int i) {
    return base + (size_t)i * (BIG / TOUCHED) + (size_t)i * PAGE + (size_t)i;
}

/* Sum of what is there; each byte in its own page, far from the next. */
static int sum(char *base) {
    int all = 0;
    for (int i = 0; i < TOUCHED; i++) {
        all = all * 7 + *place(base, i);
    }
    return all;
}

static void finish(const char *what, pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    printf("%s: %x\n", what, status);
}

/* 0, or the signal and its code. */
static int access_to(volatile char *at, int write) {
    int signo = sigsetjmp(fault_jump, 1);
    if (signo) {
        return signo * 100 + fault_info.si_code;
    }
    if (write) {
        *at = 1;
    } else {
        (void)*at;
    }
    return 0;
}

/* Resident pages of this process in MiB, roughly. */
static long resident(void) {
    long size = 0, pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (!statm || fscanf(statm, "%ld %ld", &size, &pages) != 2) {
        return -1;
    }
    fclose(statm);
    return pages / 256 / 64;
}

static int grandchild(char *base) {
    pid_t child = fork();
    if (!child) {
        *place(base, 3) = 99;
        _exit(sum(base) & 0x7f);
    }
    finish("grandchild", child);
    return sum(base) & 0x7f;
}

static void forks(char *base) {
    pid_t child = fork();
    if (!child) {
        *place(base, 2) = 44;
        char *more = reserve(BIG, PROT_READ | PROT_WRITE);
        more[BIG - 1] = 1;
        printf("child: %d %d\n", sum(base), more[BIG / 2] + more[BIG - 1]);
        fflush(stdout);
        _exit(grandchild(base));
    }
    finish("child", child);
    printf("parent: %d\n", sum(base));
}

/* Protections of parts, and what is left after. */
static void parts(char *base) {
    char *middle = base + BIG / 2;
    SHOW(mprotect(middle, 64 * GIB, PROT_READ));
    printf("read-only %d %d, before %d, after %d\n", access_to(middle, 0), access_to(middle, 1),
           access_to(middle - 1, 1), access_to(middle + 64 * GIB, 1));
    SHOW(mprotect(middle + GIB + PAGE, 30 * GIB, PROT_NONE));
    printf("none %d %d, before %d, after %d\n", access_to(middle + 2 * GIB, 0),
           access_to(middle + GIB + PAGE, 1), access_to(middle + GIB + PAGE - 1, 0),
           access_to(middle + 31 * GIB + PAGE, 0));
    SHOW(mprotect(middle, 64 * GIB, PROT_READ | PROT_WRITE));
    printf("again %d\n", access_to(middle + 2 * GIB, 1));
    SHOW(munmap(middle + 3 * PAGE, 40 * GIB));
    printf("gone %d %d, before %d, after %d\n", access_to(middle + 3 * PAGE, 0),
           access_to(middle + 40 * GIB, 1), access_to(middle + 2 * PAGE, 1),
           access_to(middle + 40 * GIB + 3 * PAGE, 1));
    SHOW(mmap(middle + GIB, 20 * GIB, PROT_READ | PROT_WRITE, ANYTHING | MAP_FIXED, -1, 0) ==
         middle + GIB);
    printf("new %d %d\n", access_to(middle + GIB, 1), middle[GIB + 1]);
    SHOW(madvise(base, BIG / 4, MADV_DONTNEED));
    printf("sum %d\n", sum(base) != 0);
    SHOW(madvise(base, BIG, MADV_DONTNEED)); /* there is a hole */
    SHOW(mprotect(base, BIG, PROT_READ));
    printf("up to the hole %d %d\n", access_to(base, 1), access_to(middle + GIB, 1));
}

static void moves(void) {
    char *at = reserve(20 * GIB, PROT_READ | PROT_WRITE);
    at[7] = 7;
    at[20 * GIB - 1] = 8;
    char *grown = mremap(at, 20 * GIB, 90 * GIB, MREMAP_MAYMOVE);
    printf("moved %d: %d %d %d\n", grown != MAP_FAILED, grown[7], grown[20 * GIB - 1],
           grown[90 * GIB - 1]);
    grown = mremap(grown, 90 * GIB, 10 * GIB, 0);
    printf("smaller: %d, after %d\n", grown[7], access_to(grown + 10 * GIB, 0));
    munmap(grown, 10 * GIB);
}

static void shared(void) {
    int fd = memfd_create("large", 0);
    SHOW(ftruncate(fd, (off_t)BIG));
    char *at = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *again = mmap(NULL, BIG, PROT_READ, MAP_SHARED, fd, 0);
    *place(at, 5) = 5;
    pid_t child = fork();
    if (!child) {
        *place(at, 6) = 6;
        _exit(*place(again, 5));
    }
    finish("child of shared memory", child);
    printf("seen: %d %d\n", *place(again, 5), *place(again, 6));
    munmap(at, BIG);
    munmap(again, BIG);
    close(fd);
}

/* Code above all that is usual: made, called, changed, called in a child. */
static void runs(char *at) {
    static const unsigned char bytes[] = {0xb8, 42, 0, 0, 0, 0xc3};
    mprotect(at, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    memcpy(at, bytes, sizeof bytes);
    int (*function)(void) = (int (*)(void))(uintptr_t)at;
    int first = function();
    at[1] = 43;
    printf("code: %d %d\n", first, function());
    pid_t child = fork();
    if (!child) {
        at[1] = 44;
        _exit(function());
    }
    finish("child's code", child);
    printf("code: %d\n", function());
}

/* More than any machine has is refused, unless nobody means to use it. */
static void too_much(void) {
    const size_t huge = 900 * GIB;
    SHOW(mmap(NULL, huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    char *at = mmap(NULL, huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("without access: %d\n", at != MAP_FAILED);
    SHOW(mprotect(at, huge, PROT_READ | PROT_WRITE));
    SHOW(mprotect(at + GIB, PAGE, PROT_READ | PROT_WRITE));
    munmap(at, huge);
    SHOW(mmap(NULL, huge, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    catch_faults();
    char *base = reserve(BIG, PROT_READ | PROT_WRITE);
    for (int i = 0; i < TOUCHED; i++) {
        *place(base, i) = (char)(i + 1);
    }
    printf("sum %d, resident %ld\n", sum(base), resident());
    forks(base);
    char *none = reserve(BIG, PROT_NONE);
    printf("none %d %d\n", access_to(none, 0), access_to(none + BIG - 1, 1));
    SHOW(mprotect(none + BIG / 2, GIB, PROT_READ | PROT_WRITE));
    printf("a part of it %d %d\n", access_to(none + BIG / 2, 1), access_to(none, 1));
    forks(base);
    runs(none + BIG / 2);
    SHOW(munmap(none, BIG));
    parts(base);
    SHOW(munmap(base, BIG));
    printf("gone %d\n", access_to(base, 0));
    too_much();
    moves();
    shared();
    for (int i = 0; i < 200; i++) {
        munmap(reserve(600 * GIB, i & 1 ? PROT_NONE : PROT_READ | PROT_WRITE), 600 * GIB);
    }
    return 0;
}
