/* Memory policies as a kernel with NUMA and one node takes them, advice by pidfd, advice on each
 * kind of mapping, mappings at the bottom of the address space.
 * test: own */
#include "mm_test.h"

#define SYS_process_madvise_         440
#define SYS_set_mempolicy_home_node_ 450

enum { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL, MANY };

static unsigned long mask[40];
static int mode;

static long set(int policy, unsigned long nodes, unsigned bits) {
    mask[0] = nodes;
    return syscall(SYS_set_mempolicy, policy, mask, bits);
}

static long get(void *addr, unsigned bits, unsigned flags) {
    mode = -7;
    memset(mask, 0xff, sizeof mask);
    return syscall(SYS_get_mempolicy, &mode, bits ? mask : NULL, bits, addr, flags);
}

static void show_policy(void) {
    long result = get(NULL, 128, 0);
    printf("policy: %ld mode %#x nodes %lx %lx %d\n", result, mode, mask[0], mask[1],
           mask[4] == ~0ul);
}

static void policies(void) {
    show_policy();
    for (int policy = -1; policy < 9; policy++) {
        static const unsigned long nodes[] = {0, 1, 2, 3};
        for (unsigned i = 0; i < 4; i++) {
            if (policy == 6) {
                continue; /* newer than some kernels */
            }
            printf("set %d nodes %lx: ", policy, nodes[i]);
            SHOW_AS("", set(policy, nodes[i], 32));
            show_policy();
        }
    }
    SHOW(set(BIND | 0x8000, 1, 32));
    show_policy();
    SHOW(set(BIND | 0x4000, 1, 32));
    SHOW(set(BIND | 0xc000, 1, 32));
    SHOW(set(INTERLEAVE | 0x2000, 1, 32));
    SHOW(set(LOCAL | 0x8000, 0, 32));
    SHOW(set(BIND, 1, 1));
    SHOW(set(BIND, 1, 2));
    SHOW(set(BIND, 1, 40000));
    SHOW(syscall(SYS_set_mempolicy, BIND, (void *)16, 32));
    SHOW(syscall(SYS_set_mempolicy, DEFAULT, NULL, 0));
    SHOW(get(NULL, 1, 0));
    SHOW(get(NULL, 0, 0));
    SHOW(get(NULL, 1024, 4));
    printf("%d %lx %lx %lx\n", mode, mask[0], mask[31], mask[32]);
    SHOW(get(NULL, 32, 8));
    SHOW(get(NULL, 32, 5));
    SHOW(get(NULL, 32, 1));
    SHOW(get(NULL, 32, 2));
    SHOW(get(&mode, 32, 0));
    SHOW(get(&mode, 32, 3));
    printf("node %d\n", mode);
    SHOW(set(INTERLEAVE, 1, 32));
    SHOW(get(NULL, 0, 1));
    printf("next node %d\n", mode);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        show_policy();
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    SHOW(set(DEFAULT, 0, 32));
    show_policy();
}

static void ranges(void) {
    char *at = map_anon(8 * PAGE, PROT_READ | PROT_WRITE);
    mask[0] = 1;
    SHOW(syscall(SYS_mbind, at + PAGE, 2 * PAGE, BIND, mask, 32, 0L));
    SHOW(get(at, 64, 2));
    printf("%#x\n", mode);
    SHOW(get(at + 2 * PAGE, 64, 2));
    printf("%#x %lx\n", mode, mask[0]);
    SHOW(get(at + 3 * PAGE, 64, 2));
    printf("%#x\n", mode);
    mask[0] = 1;
    SHOW(syscall(SYS_mbind, at + 1, PAGE, BIND, mask, 32, 0L));
    SHOW(syscall(SYS_mbind, at, PAGE, BIND, mask, 32, 255));
    SHOW(syscall(SYS_mbind, at, 0, BIND, mask, 32, 0L));
    SHOW(syscall(SYS_mbind, at, PAGE, 77, mask, 32, 0L));
    SHOW(syscall(SYS_mbind, at, PAGE, BIND, mask, 32, 3));
    SHOW(munmap(at + 5 * PAGE, PAGE));
    SHOW(syscall(SYS_mbind, at, 8 * PAGE, BIND, mask, 32, 0L));
    SHOW(syscall(SYS_set_mempolicy_home_node_, at, PAGE, 0, 0));
    SHOW(syscall(SYS_set_mempolicy_home_node_, at, PAGE, 1, 0));
    SHOW(syscall(SYS_set_mempolicy_home_node_, at, PAGE, 0, 1));
    SHOW(syscall(SYS_set_mempolicy_home_node_, at + 1, PAGE, 0, 0));
    SHOW(syscall(SYS_set_mempolicy_home_node_, at + 5 * PAGE, PAGE, 0, 0));
    SHOW(syscall(SYS_mbind, at, PAGE, INTERLEAVE, mask, 32, 0L));
    SHOW(syscall(SYS_set_mempolicy_home_node_, at, PAGE, 0, 0));
    SHOW(syscall(SYS_migrate_pages, 0, 32, mask, mask));
    SHOW(syscall(SYS_migrate_pages, 99999999, 32, mask, mask));
}

static void by_pidfd(void) {
    char *at = map_anon(4 * PAGE, PROT_READ | PROT_WRITE);
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    struct iovec {
        void *base;
        size_t len;
    } span[2] = {{at, PAGE}, {at + 2 * PAGE, 2 * PAGE}};
    memset(at, 1, 4 * PAGE);
    SHOW(syscall(SYS_process_madvise_, fd, span, 2, 20 /* COLD */, 0));
    SHOW(syscall(SYS_process_madvise_, fd, span, 2, MADV_WILLNEED, 0));
    SHOW(syscall(SYS_process_madvise_, fd, span, 2, 20, 1));
    SHOW(syscall(SYS_process_madvise_, 99, span, 2, 20, 0));
    SHOW(syscall(SYS_process_madvise_, 0, span, 2, 20, 0));
    SHOW(syscall(SYS_process_madvise_, fd, span, 2000, 20, 0));
    SHOW(syscall(SYS_process_madvise_, fd, NULL, 1, 20, 0));
    SHOW(syscall(SYS_process_madvise_, fd, span, 0, 20, 0));
    span[1].base = (void *)PAGE;
    SHOW(syscall(SYS_process_madvise_, fd, span, 2, 20, 0));
    span[0].base = at + 1;
    SHOW(syscall(SYS_process_madvise_, fd, span, 2, 20, 0));
}

static void each_advice(void) {
    for (int advice = 0; advice < 30; advice++) {
        if (advice >= 12 && advice <= 15) /* a matter of the kernel's configuration */
        {
            continue;
        }
        char *at[] = {
            map_anon(2 * PAGE, PROT_READ),
            mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
            map_anon(2 * PAGE, PROT_NONE),
            mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open("/proc/self/exe", O_RDONLY), 0),
        };
        printf("advice %d:", advice);
        for (unsigned i = 0; i < 4; i++) {
            printf(" %s", madvise(at[i], PAGE, advice) ? strerrorname_np(errno) : "0");
        }
        printf("\n");
    }
}

static void bottom(void) {
    static const uintptr_t at[] = {0, PAGE, 8 * PAGE, 16 * PAGE};
    for (int user = 0; user < 2; user++) {
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            if (user && setresuid(65534, 65534, 65534)) {
                _exit(1);
            }
            for (unsigned i = user ? 3 : 0; i < 4; i++) {
                char *got = mmap((void *)at[i], PAGE, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
                printf("%s at %#x: %s\n", user ? "user" : "root", (unsigned)at[i],
                       got == MAP_FAILED ? strerrorname_np(errno) : "mapped");
                if (got != MAP_FAILED) {
                    *(volatile char *)(got + 5) = 1;
                }
            }
            if (user) {
                printf("user at 0: %s\n",
                       mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                            0) == MAP_FAILED
                           ? strerrorname_np(errno)
                           : "mapped");
            }
            fflush(stdout);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
}

int main(void) {
    policies();
    ranges();
    by_pidfd();
    each_advice();
    if (getuid() == 0) {
        bottom();
    }
    return 0;
}
