/* The list of mappings as /proc/self/maps shows it: what joins its neighbours, what keeps apart,
 * where splits lie, what is counted; and the places that hints lead to.
 * test: own */
#include "mm_test.h"
#include <sys/prctl.h>

#define PAGES 64

static char *base;

/* The mappings within the window, in pages from its beginning. */
static void show_list(const char *what) {
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    printf("%s:", what);
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long start, end, offset;
        char prot[8];
        if (sscanf(line, "%lx-%lx %7s %lx", &start, &end, prot, &offset) != 4) {
            continue;
        }
        if (end <= (unsigned long)base || start >= (unsigned long)base + PAGES * PAGE) {
            continue;
        }
        printf(" %ld-%ld %s", ((long)start - (long)base) / PAGE, ((long)end - (long)base) / PAGE,
               prot);
        if (offset) {
            printf(" +%lu", offset / PAGE);
        }
    }
    printf("\n");
    if (maps) {
        fclose(maps);
    }
}

static long status_of(const char *key) {
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (!strncmp(line, key, strlen(key))) {
            value = atol(line + strlen(key));
        }
    }
    if (file) {
        fclose(file);
    }
    return value;
}

/* An empty window. */
static void empty(void) {
    munmap(base, PAGES * PAGE);
}

static char *at(int page, int pages, int prot) {
    return mmap(base + page * PAGE, (size_t)pages * PAGE, prot,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void joins(void) {
    empty();
    at(10, 4, PROT_READ);
    at(14, 4, PROT_READ);
    show_list("after it");
    at(6, 4, PROT_READ);
    show_list("in front");
    at(20, 2, PROT_READ);
    at(18, 2, PROT_READ);
    show_list("between");
    at(12, 2, PROT_NONE);
    show_list("other rights");
    mprotect(base + 12 * PAGE, 2 * PAGE, PROT_READ);
    show_list("the same again");
    mprotect(base + 6 * PAGE, PAGE, PROT_NONE);
    mprotect(base + 21 * PAGE, PAGE, PROT_NONE);
    show_list("both ends");
    mprotect(base + 6 * PAGE, 16 * PAGE, PROT_READ);
    show_list("all of it");
    munmap(base + 8 * PAGE, PAGE);
    munmap(base + 15 * PAGE, 3 * PAGE);
    show_list("holes");
    SHOW(mprotect(base + 6 * PAGE, 16 * PAGE, PROT_NONE));
    show_list("as far as the hole");
    munmap(base, 12 * PAGE);
    show_list("over an edge");
    munmap(base + 13 * PAGE, 30 * PAGE);
    show_list("from within");
    munmap(base + 12 * PAGE, PAGE);
    show_list("the last one");
}

/* What neighbours differ in. */
static void apart(void) {
    empty();
    at(0, 30, PROT_READ | PROT_WRITE);
    madvise(base + 2 * PAGE, 2 * PAGE, MADV_DONTFORK);
    show_list("not for children");
    madvise(base + 6 * PAGE, 2 * PAGE, MADV_WIPEONFORK);
    show_list("empty for children");
    SHOW(mlock(base + 10 * PAGE, 2 * PAGE));
    show_list("locked");
    printf("%ld locked\n", status_of("VmLck:"));
    SHOW(mlock(base + 11 * PAGE, 3 * PAGE));
    show_list("locked over");
    printf("%ld locked\n", status_of("VmLck:"));
    munmap(base + 12 * PAGE, PAGE);
    printf("%ld locked\n", status_of("VmLck:"));
    madvise(base + 2 * PAGE, 2 * PAGE, MADV_DOFORK);
    madvise(base + 6 * PAGE, 2 * PAGE, MADV_KEEPONFORK);
    SHOW(munlock(base + 10 * PAGE, 2 * PAGE));
    SHOW(munlock(base + 13 * PAGE, 1 * PAGE));
    show_list("as before");
    printf("%ld locked\n", status_of("VmLck:"));
    if (prctl(0x53564d41 /* PR_SET_VMA */, 0, base + 20 * PAGE, 2 * PAGE, "name") == 0) {
        prctl(0x53564d41, 0, base + 22 * PAGE, 2 * PAGE, "name");
        prctl(0x53564d41, 0, base + 24 * PAGE, 2 * PAGE, "other");
    }
    empty();
    long before = status_of("VmSize:");
    at(0, 10, PROT_NONE);
    at(5, 10, PROT_READ);
    printf("more %ld\n", status_of("VmSize:") - before);
    munmap(base + 3 * PAGE, 4 * PAGE);
    printf("more %ld\n", status_of("VmSize:") - before);
    empty();
    printf("more %ld\n", status_of("VmSize:") - before);
}

/* Files: joined when the offsets go on. */
static void files(void) {
    int fd = letters(20 * PAGE), other = letters(20 * PAGE);
    empty();
    static const struct {
        int page, offset, pages, flags, which;
    } maps[] = {{4, 4, 2, MAP_PRIVATE, 0},  {6, 6, 2, MAP_PRIVATE, 0},  {8, 9, 2, MAP_PRIVATE, 0},
                {10, 11, 2, MAP_SHARED, 0}, {12, 13, 2, MAP_SHARED, 0}, {14, 15, 2, MAP_SHARED, 1},
                {2, 2, 2, MAP_PRIVATE, 0}};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        mmap(base + maps[i].page * PAGE, (size_t)maps[i].pages * PAGE, PROT_READ,
             maps[i].flags | MAP_FIXED, maps[i].which ? other : fd, maps[i].offset * PAGE);
        show_list("a file");
    }
    mprotect(base + 5 * PAGE, PAGE, PROT_NONE);
    show_list("split");
    printf("%c%c%c%c\n", base[2 * PAGE], base[4 * PAGE], base[6 * PAGE], base[8 * PAGE]);
    mprotect(base + 5 * PAGE, PAGE, PROT_READ);
    show_list("joined");
    printf("%c\n", base[5 * PAGE]);
    munmap(base + 3 * PAGE, PAGE);
    show_list("a hole");
    printf("%c\n", base[4 * PAGE]);
    empty();
    close(fd);
    close(other);
}

/* Where hints lead. */
static void hints(void) {
    empty();
    at(20, 4, PROT_READ);
    static const struct {
        int page, within, pages;
    } wish[] = {{10, 0, 2}, {12, 5, 2}, {17, 0, 3}, {17, 0, 4},
                {20, 0, 1}, {23, 0, 1}, {24, 0, 2}, {30, 4095, 1}};
    for (size_t i = 0; i < sizeof wish / sizeof *wish; i++) {
        char *got = mmap(base + wish[i].page * PAGE + wish[i].within, (size_t)wish[i].pages * PAGE,
                         PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        printf("hint %d+%d of %d: %s", wish[i].page, wish[i].within, wish[i].pages,
               got == base + wish[i].page * PAGE ? "there" : "elsewhere");
        printf(", aligned %d\n", (uintptr_t)got % PAGE == 0);
        munmap(got, (size_t)wish[i].pages * PAGE);
    }
    static const uintptr_t low[] = {1, 0x1000, 0x8000, 0xf000, 0x10000, 0x10001, 0x11000};
    for (size_t i = 0; i < sizeof low / sizeof *low; i++) {
        char *got = mmap((void *)low[i], PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        printf("hint %lx: %s %lx\n", (unsigned long)low[i], (uintptr_t)got < 0x20000 ? "" : "high",
               (uintptr_t)got < 0x20000 ? (unsigned long)(uintptr_t)got : 0);
        munmap(got, PAGE);
    }
    /* the end of what there is */
    static const uintptr_t high[] = {0xffffd000, 0xffffe000, 0xfffff000};
    for (size_t i = 0; i < sizeof high / sizeof *high; i++) {
        char *got = mmap((void *)high[i], 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        printf("hint %lx: %s\n", (unsigned long)high[i],
               got == MAP_FAILED           ? strerrorname_np(errno)
               : (uintptr_t)got == high[i] ? "there"
                                           : "elsewhere");
        if (got != MAP_FAILED && (uintptr_t)got < 0xff000000) {
            munmap(got, 4 * PAGE);
        }
    }
    SHOW(mmap(NULL, 0xffffe000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
         MAP_FAILED);
    SHOW(errno);
    SHOW(mmap(NULL, 0, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    SHOW(mmap(NULL, 0xfffff001, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    SHOW(errno);
    /* what grows down keeps its distance */
    empty();
    char *grows = mmap(base + 40 * PAGE, PAGE, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    SHOW(grows == base + 40 * PAGE);
    for (int page = 30; page < 40; page += 3) {
        char *got = mmap(base + page * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        printf("%d pages below: %s\n", 40 - page,
               got == base + page * PAGE ? "there" : "elsewhere");
        munmap(got, PAGE);
    }
    empty();
}

/* Exactly as much as a gap has. */
static void gaps(void) {
    for (int size = 1; size < 6; size++) {
        char *all = map_anon((size_t)(size + 2) * PAGE, PROT_NONE);
        munmap(all + PAGE, (size_t)size * PAGE);
        char *fits = mmap(NULL, (size_t)size * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        printf("gap of %d: %s", size, fits == all + PAGE ? "filled" : "not");
        munmap(fits, (size_t)size * PAGE);
        char *more =
            mmap(NULL, (size_t)(size + 1) * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        printf(", one more %s", more > all ? "above" : "below");
        char *less = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        printf(", one page at %ld\n", (long)(less - all) / PAGE);
        munmap(more, (size_t)(size + 1) * PAGE);
        munmap(less, PAGE);
        munmap(all, (size_t)(size + 2) * PAGE);
    }
}

/* How many pages may be mapped. */
static size_t room_left(void) {
    size_t low = 0, high = 1 << 18; /* so many may, so many may not */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        char *got = mmap(NULL, middle * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (got == MAP_FAILED) {
            high = middle;
        } else {
            munmap(got, middle * PAGE);
            low = middle;
        }
    }
    return low;
}

/* What counts towards limits is given back: all of it, a part, by each way. */
static void limited(void) {
    fflush(stdout);
    if (fork()) {
        wait(NULL);
        return;
    }
    if (!getuid()) {
        (void)!setgid(1234);
        (void)!setuid(1234);
    }
    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){8 * PAGE, 8 * PAGE});
    empty();
    at(0, 20, PROT_READ | PROT_WRITE);
    SHOW(mlock(base, 8 * PAGE));
    SHOW(mlock(base + 8 * PAGE, PAGE));
    SHOW(mlock(base + 4 * PAGE, 4 * PAGE)); /* locked already */
    munmap(base + 2 * PAGE, 2 * PAGE);
    SHOW(mlock(base + 8 * PAGE, 3 * PAGE));
    SHOW(mlock(base + 8 * PAGE, 2 * PAGE));
    SHOW(munlock(base, 2 * PAGE));
    SHOW(mlock(base + 10 * PAGE, 3 * PAGE));
    SHOW(mlock(base + 10 * PAGE, 2 * PAGE));
    at(4, 4, PROT_READ); /* over locked ones */
    SHOW(mlock(base + 12 * PAGE, 5 * PAGE));
    SHOW(mlock(base + 12 * PAGE, 4 * PAGE));
    empty();
    SHOW(mmap(base, 9 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_LOCKED, -1,
              0) == base);
    SHOW(mmap(base, 8 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_LOCKED, -1,
              0) == base);
    SHOW(mlock(base + 8 * PAGE, PAGE) == -1 && (errno == ENOMEM || errno == EAGAIN));
    empty();
    long now = status_of("VmSize:") * 1024;
    setrlimit(RLIMIT_AS, &(struct rlimit){(rlim_t)now + (64 << 20), RLIM_INFINITY});
    size_t most = room_left();
    for (int i = 0; i < 3; i++) {
        at(0, 40, PROT_NONE);
        SHOW(most - room_left());
        munmap(base + 2 * PAGE, 3 * PAGE);
        at(30, 15, PROT_READ); /* over some, and beside them */
        SHOW(most - room_left());
        munmap(base + 33 * PAGE, 30 * PAGE);
        SHOW(most - room_left());
        empty();
        SHOW(most - room_left());
    }
    fflush(stdout);
    _exit(0);
}

int main(void) {
    setvbuf(stdout, NULL, _IOFBF, 65536);
    base = map_anon(PAGES * PAGE * 3, PROT_NONE);
    munmap(base, PAGES * PAGE * 3);
    base += PAGES * PAGE; /* with nothing around it */
    free(malloc(100000));
    show_list("at first");
    joins();
    apart();
    files();
    hints();
    gaps();
    limited();
    return 0;
}
