/* /proc/self/statm: what each kind of mapping adds to the pages counted there. */
#include "test/syscalls/io_test.h"
#include <fcntl.h>
#include <sys/mman.h>

enum { PAGES = 2048, FIELDS = 7, PAGE = 4096 };

static void look(long field[FIELDS]) {
    char text[256] = "", *at = text;
    int fd = open("/proc/self/statm", O_RDONLY);
    (void)!read(fd, text, sizeof text - 1);
    close(fd);
    for (int i = 0; i < FIELDS; i++) {
        field[i] = strtol(at, &at, 10);
    }
}

/* Kernels count in portions: within an eighth. */
static const char *about(long pages) {
    return labs(pages) < PAGES / 8 ? "none" : labs(pages - PAGES) < PAGES / 8 ? "all" : "else";
}

static void try(const char *what, int prot, int flags, int fd, int touch) {
    long before[FIELDS], after[FIELDS];
    look(before);
    volatile char *at = mmap(NULL, PAGES * PAGE, prot, flags, fd, 0);
    for (int i = 0; i < PAGES && touch; i++) {
        if (prot & PROT_WRITE) {
            at[i * PAGE] = 1;
        } else {
            (void)at[i * PAGE];
        }
    }
    look(after);
    printf("%s: size %s, resident %s, shared %s, data %s\n", what, about(after[0] - before[0]),
           about(after[1] - before[1]), about(after[2] - before[2]), about(after[5] - before[5]));
    munmap((void *)at, PAGES * PAGE);
}

int main(void) {
    int fd = open("statm.data", O_RDWR | O_CREAT | O_TRUNC, 0600);
    static char bytes[PAGE];
    for (int i = 0; i < PAGES; i++) {
        bytes[0] = 1;
        (void)!write(fd, bytes, PAGE);
    }
    try("memory", PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1);
    try("memory untouched", PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    try("nothing", PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    try("shared file", PROT_READ | PROT_WRITE, MAP_SHARED, fd, 1);
    try("file to read", PROT_READ, MAP_PRIVATE, fd, 1);
    unlink("statm.data");
    return 0;
}
