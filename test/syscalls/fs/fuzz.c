/* Random file calls with random and hostile arguments, in a private root: test/suites/fs.py runs it
 * with a seed and seconds. Nothing may crash or hang; what lies outside stays as it was. Without
 * arguments there is nothing to do. */
#include "fs_test.h"
#include <stdbool.h>

static uint32_t state;

static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* i386 numbers of what is tried. */
static const int calls[] = {
    3,   4,   5,   6,   8,   9,   10,  12,  14,  15,  16,  18,  19,  28,  30,  33,  38,
    39,  40,  41,  54,  55,  60,  61,  63,  83,  84,  85,  89,  92,  93,  94,  95,  99,
    100, 106, 107, 108, 118, 133, 140, 141, 143, 145, 146, 148, 180, 181, 182, 183, 187,
    193, 194, 195, 196, 197, 198, 207, 212, 220, 221, 225, 226, 227, 228, 229, 230, 231,
    232, 233, 234, 235, 236, 237, 239, 250, 268, 269, 271, 272, 291, 292, 293, 295, 296,
    297, 298, 299, 300, 301, 302, 303, 304, 305, 306, 307, 313, 314, 315, 316, 320, 324,
    330, 332, 333, 334, 344, 353, 356, 377, 378, 379, 383, 412, 436, 437, 439};

static const char *const paths[] = {"a",
                                    "b",
                                    "c",
                                    "d",
                                    "d/e",
                                    "d/f",
                                    "l",
                                    "d/l2",
                                    "/proc/self",
                                    "/proc/self/fd/3",
                                    "/proc/self/fd",
                                    "/proc/self/cwd/a",
                                    "/proc/1/fd",
                                    "/proc/self/task",
                                    "/proc/self/mem",
                                    "/proc/self/maps",
                                    "/dev/null",
                                    "/dev/zero",
                                    "/dev/ptmx",
                                    "/dev/pts",
                                    "/dev/pts/0",
                                    "/dev/tty",
                                    "/dev/shm",
                                    "/dev/shm/x",
                                    "/dev/fd/4",
                                    "/dev",
                                    "/",
                                    "..",
                                    "../..",
                                    ".",
                                    "",
                                    "a/",
                                    "d/",
                                    "l/",
                                    "/sys/devices",
                                    "/proc/sys/kernel/random/uuid",
                                    "/dev/stdin",
                                    "user.x",
                                    "user.containers.override_stat",
                                    "/w/d/../a",
                                    "nothing/x",
                                    "loop",
                                    "../../canary",
                                    "/../canary"};

static char *memory; /* two writable pages, a read-only one, one that is missing */

static long argument(void) {
    switch (next() % 12) {
    case 0:
        return next() % 24;
    case 1:
        return -1;
    case 2:
        return AT_FDCWD;
    case 3 ... 6: {
        char *at = memory + next() % 64 * 64;
        if (next() % 4) {
            strcpy(at, paths[next() % (sizeof paths / sizeof *paths)]);
        }
        return (long)at;
    }
    case 7:
        return next() & 0777777;
    case 8:
        return 1 << next() % 31;
    case 9:
        return (long)next();
    case 10:
        return next() % 5000;
    default:
        return (long)(memory + 4096 * (1 + next() % 3) - next() % 40);
    }
}

static void on_alarm(int sig) {
    (void)sig;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        return 0;
    }
    state = (uint32_t)atoi(argv[1]) * 2654435761u + 1;
    time_t end = time(NULL) + atoi(argv[2]);
    memory = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(memory + 8192, 4096, PROT_READ);
    munmap(memory + 12288, 4096);
    for (int i = 1; i < 32; i++) {
        signal(i, SIG_IGN);
    }
    struct sigaction sa = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &sa, NULL); /* ends calls that wait */
    struct itimerval ticks = {{0, 50000}, {0, 50000}};
    setitimer(ITIMER_REAL, &ticks, NULL);
    mkdir("d", 0777);
    symlink("a", "l");
    symlink("loop", "loop");
    long count = 0;
    for (; time(NULL) < end; count++) {
        long a[6];
        for (int i = 0; i < 6; i++) {
            a[i] = argument();
        }
        int call = calls[next() % (sizeof calls / sizeof *calls)];
        bool sizes = call == SYS_truncate || call == SYS_ftruncate || call == SYS_truncate64 ||
                     call == SYS_ftruncate64 || call == SYS_fallocate;
        if (sizes) { /* no files that fill the disk */
            a[1] &= 0xffff;
            a[2] = a[3] = a[4] = a[5] = 0;
        }
        syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (next() % 200 == 0) {
            for (int i = 3; i < 24; i++) {
                close(i);
            }
        }
        if (next() % 500 == 0) {
            chdir("/w");
            mkdir("d", 0777);
        }
    }
    return count < 100;
}
