/* mmap and munmap: arguments, placement, errors.
 * test: own */
#include "mm_test.h"

/* Where addresses end for a program. */
#ifdef __x86_64__
#define END 0x7ffffffff000
#else
#define END 0xfffff000
#endif

int main(void) {
    char *area = map_anon(16 * PAGE, PROT_READ | PROT_WRITE);
    int anon = MAP_PRIVATE | MAP_ANONYMOUS;
    SHOW(mmap(NULL, 0, PROT_READ, anon, -1, 0));
    SHOW(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0));
    SHOW(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
    SHOW(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0));
    SHOW(mmap(area + 1, PAGE, PROT_READ, anon | MAP_FIXED, -1, 0));
    SHOW(mmap((void *)END, PAGE, PROT_READ, anon | MAP_FIXED, -1, 0));
#ifdef __i386__
    SHOW(mmap((void *)0xffffe000, PAGE, PROT_READ, anon | MAP_FIXED, -1, 0));
#endif
    SHOW(mmap(NULL, END, PROT_NONE, anon | MAP_NORESERVE, -1, 0));
    SHOW(mmap(NULL, -1ul, PROT_NONE, anon | MAP_NORESERVE, -1, 0));
    SHOW_AT(area, mmap(area, PAGE, PROT_READ, anon | MAP_FIXED_NOREPLACE, -1, 0));
    SHOW(munmap(area + 4 * PAGE, 4 * PAGE));
    SHOW_AT(area, mmap(area + 4 * PAGE, PAGE, PROT_READ, anon | MAP_FIXED_NOREPLACE, -1, 0));
    SHOW_AT(area, mmap(area + 4 * PAGE, 2 * PAGE, PROT_READ, anon | MAP_FIXED_NOREPLACE, -1, 0));
    SHOW_AT(area, mmap(area + 6 * PAGE + 123, PAGE, PROT_READ, anon, -1, 0));
    area[0] = area[15 * PAGE] = 'x';
    SHOW_AT(area, mmap(area, 2 * PAGE, PROT_READ | PROT_WRITE, anon | MAP_FIXED, -1, 0));
    SHOW(area[0]);
    SHOW(area[15 * PAGE]);
    SHOW(munmap(area + 1, PAGE));
    SHOW(munmap(area, 0));
    SHOW(munmap((void *)END, 2 * PAGE));
    SHOW(munmap(area + 10 * PAGE, PAGE));
    SHOW(munmap(area + 10 * PAGE, PAGE));

    int fd = letters(3 * PAGE);
    SHOW(syscall(SYS_mmap2, 0, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0L));
    SHOW(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x200, fd, 0));
    SHOW(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0));
    char *file = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
    SHOW(file[0]);
    SHOW(file[PAGE]);
#ifdef __i386__ /* the call of before there were six arguments */
    unsigned args[6] = {0, PAGE, PROT_READ, MAP_PRIVATE, (unsigned)fd, 2 * PAGE};
    char *old = (char *)syscall(SYS_mmap, args);
    SHOW(old[0]);
    args[5] = 100;
    SHOW(syscall(SYS_mmap, args));
    SHOW(syscall(SYS_mmap, 8));
#else
    SHOW(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 100ul));
    SHOW(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, -4096ul));
#endif

    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int reader = open(link, O_RDONLY), writer = open(link, O_WRONLY), path = open(link, O_PATH);
    SHOW(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0));
    char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0);
    SHOW(mprotect(shared, PAGE, PROT_READ | PROT_WRITE));
    SHOW(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, writer, 0));
    SHOW(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, path, 0));
    int dir = open("/", O_RDONLY | O_DIRECTORY), pipes[2];
    SHOW(pipe(pipes));
    SHOW(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0));
    SHOW(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0));
    int zero = open("/dev/zero", O_RDWR);
    char *zeros = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    zeros[5] = 1;
    SHOW(zeros[4] + zeros[5]);

    /* Anonymous mappings lie one below the other. */
    char *a = map_anon(PAGE, PROT_NONE), *b = map_anon(PAGE, PROT_NONE);
    SHOW((a - b) / PAGE);
    char *big = mmap(NULL, 0x40000000, PROT_NONE, anon | MAP_NORESERVE, -1, 0);
    SHOW(big != MAP_FAILED);
    SHOW(munmap(big, 0x40000000));
    return 0;
}
