/* clone, clone3, fork and vfork by their edges: who is the parent, which handlers, registers,
 * stacks and descriptors the child has, where numbers are written, structures of other lengths, how
 * many processes a user may have, and what a child of another program's child tells its parent.
 * test: own */
#include "test/syscalls/io_test.h"
#include <asm/ldt.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define BAD ((void *)8)

/* A system call without a frame of its own, for children that share the stack. */
__attribute__((always_inline)) static inline long raw(long number, long a, long b, long c, long d,
                                                      long e) {
    long result;
#ifdef __x86_64__
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
#else
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
#endif
    if (result < 0 && result >= -4095) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static long clone3(struct clone_args *args, size_t size) {
    fflush(stdout);
    return syscall(SYS_clone3, args, size);
}

static void show_end(const char *what, int options) {
    int status = -1;
    pid_t got = waitpid(-1, &status, options);
    printf("%s: %s, status %x\n", what, got > 0 ? "a child" : strerrorname_np(errno), status);
}

/* Lengths of the structure, and what is in the part that this kernel does not know. */
static void lengths(void) {
    static const size_t sizes[] = {0, 63, 64, 72, 80, 87, 88, 96, 4096, 4097};
    struct {
        struct clone_args args;
        char more[4096];
    } wide;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(&wide, 0, sizeof wide);
        wide.args.exit_signal = SIGCHLD;
        long child = clone3(&wide.args, sizes[i]);
        if (child == 0) {
            _exit((int)i);
        }
        printf("%d bytes: ", (int)sizes[i]);
        show_end(child < 0 ? strerrorname_np(errno) : "made", 0);
    }
    wide.more[4000] = 1;
    printf("one that is not 0: %s\n",
           clone3(&wide.args, 4090) < 0 ? strerrorname_np(errno) : "made");
    char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(edge + 4096, 4096);
    struct clone_args *last = (void *)(edge + 4096 - sizeof *last);
    printf("beyond what is there: %s\n",
           clone3(last, sizeof *last + 8) < 0 ? strerrorname_np(errno) : "made");
}

static void combinations(void) {
    static const struct clone_args args[] = {
        {.exit_signal = 64},
        {.exit_signal = 65},
        {.exit_signal = 1ull << 32 | SIGCHLD},
        {.exit_signal = SIGCHLD, .flags = SIGCHLD},
        {.exit_signal = SIGCHLD, .flags = 0x00400000},
        {.exit_signal = SIGCHLD, .flags = CLONE_SIGHAND},
        {.exit_signal = SIGCHLD, .flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND},
        {.exit_signal = 0, .flags = CLONE_THREAD | CLONE_VM},
        {.exit_signal = 0, .flags = CLONE_THREAD | CLONE_SIGHAND},
        {.exit_signal = SIGCHLD, .stack = 4096},
        {.exit_signal = SIGCHLD, .stack_size = 4096},
        {.exit_signal = SIGCHLD, .set_tid_size = 1},
        {.exit_signal = SIGCHLD, .set_tid = 4096},
        {.exit_signal = SIGCHLD, .flags = 1ull << 34},
        {.exit_signal = SIGCHLD, .flags = 1ull << 63},
    };
    signal(64, SIG_IGN);
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        struct clone_args copy = args[i];
        long child = clone3(&copy, sizeof copy);
        if (child == 0) {
            _exit(0);
        }
        printf("combination %d: %s\n", (int)i, child < 0 ? strerrorname_np(errno) : "made");
        if (child > 0) {
            while (waitpid((pid_t)child, NULL, __WALL) < 0 && errno == EINTR) {
            }
        }
    }
}

/* Where numbers are told. */
static void numbers(void) {
    static volatile int child_tid = -1, parent_tid = -1, pidfd = -1;
    struct clone_args args = {.flags = CLONE_CHILD_SETTID | CLONE_PARENT_SETTID | CLONE_PIDFD,
                              .exit_signal = SIGCHLD,
                              .child_tid = (uintptr_t)&child_tid,
                              .parent_tid = (uintptr_t)&parent_tid,
                              .pidfd = (uintptr_t)&pidfd};
    long child = clone3(&args, sizeof args);
    if (child == 0) {
        _exit(child_tid == getpid() && parent_tid == getpid() ? 5 : 6);
    }
    printf("in the parent: child %d parent %d pidfd %d, close-on-exec %d\n", child_tid,
           parent_tid == child, pidfd > 2, fcntl(pidfd, F_GETFD));
    show_end("in the child", 0);
    close(pidfd);
    args.flags = CLONE_CHILD_SETTID | CLONE_PARENT_SETTID;
    args.child_tid = args.parent_tid = (uintptr_t)BAD; /* no failure of the call */
    child = clone3(&args, sizeof args);
    if (child == 0) {
        _exit(7);
    }
    show_end("nowhere", 0);
    args.flags = CLONE_PIDFD;
    args.pidfd = (uintptr_t)BAD;
    SHOW(clone3(&args, sizeof args));
    show_end("that was none", WNOHANG);
    args = (struct clone_args){.flags = CLONE_CHILD_CLEARTID | CLONE_VM | CLONE_VFORK,
                               .exit_signal = SIGCHLD,
                               .child_tid = (uintptr_t)&child_tid};
    child_tid = 77;
    child = raw(SYS_clone3, (long)&args, sizeof args, 0, 0, 0);
    if (child == 0) {
        _exit(0);
    }
    printf("cleared at its end: %d\n", child_tid);
    show_end("of shared memory", 0);
}

static void on_usr(int signo) {
    _exit(signo == SIGUSR1 ? 41 : 42);
}

/* Handlers: kept, forgotten but for what is ignored. */
static void handlers(void) {
    signal(SIGUSR1, on_usr);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGWINCH, on_usr);
    for (int clear = 0; clear < 2; clear++) {
        struct clone_args args = {.flags = clear ? CLONE_CLEAR_SIGHAND : 0, .exit_signal = SIGCHLD};
        long child = clone3(&args, sizeof args);
        if (child == 0) {
            struct sigaction action[4];
            static const int numbers[] = {SIGUSR1, SIGUSR2, SIGWINCH, SIGTERM};
            for (int i = 0; i < 4; i++) {
                sigaction(numbers[i], NULL, &action[i]);
                printf("clear %d: signal %d is %s\n", clear, numbers[i],
                       action[i].sa_handler == SIG_IGN   ? "ignored"
                       : action[i].sa_handler == SIG_DFL ? "by default"
                                                         : "handled");
            }
            fflush(stdout);
            raise(SIGUSR1);
            _exit(0);
        }
        show_end("with handlers", 0);
    }
    signal(SIGUSR1, SIG_DFL);
    signal(SIGWINCH, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

/* CLONE_PARENT: a sibling, which tells the same parent in the same way. */
static void siblings(void) {
    fflush(stdout);
    pid_t middle = fork();
    if (middle == 0) {
        struct clone_args args = {.flags = CLONE_PARENT};
        pid_t parent = getppid();
        long child = clone3(&args, sizeof args);
        if (child == 0) {
            _exit(getppid() == parent ? 11 : 12);
        }
        show_end("not its own", WNOHANG);
        fflush(stdout);
        _exit(0);
    }
    int status, found[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        pid_t got = waitpid(-1, &status, 0);
        found[got == middle] = status;
    }
    printf("the middle one %x, its sibling %x\n", found[1], found[0]);
    show_end("no more", WNOHANG);
}

/* The child's stack, and a segment of its own. */
static char stack[2][32768] __attribute__((aligned(16)));
static volatile int seen[2];

static int on_stack(void *arg) {
    char here;
    int number = *(int *)arg;
    seen[number] = &here > stack[number] && &here < stack[number] + sizeof stack[number];
    return 3 + number;
}

static void stacks(void) {
    for (int i = 0; i < 2; i++) {
        clone(on_stack, stack[i] + sizeof stack[i], CLONE_VM | CLONE_VFORK | SIGCHLD, &i);
        printf("on its stack %d\n", seen[i]);
        show_end("ended", 0);
    }
    static long area[64] = {1234567};
    static volatile int there;
    there = 0;
    unsigned long flags = CLONE_SETTLS | CLONE_VM | CLONE_VFORK | SIGCHLD;
#ifdef __x86_64__
    long child = raw(SYS_clone, (long)flags, 0, 0, 0, (long)area);
    if (child == 0) {
        __asm__ volatile(
            "mov %%fs:0, %%rax\n mov %%eax, %0\n mov $60, %%eax\n mov $9, %%edi\n syscall"
            : "=m"(there)::"rax", "rdi");
    }
#else
    unsigned short gs = 0;
    __asm__("mov %%gs, %0" : "=r"(gs));
    struct user_desc desc = {.entry_number = gs >> 3,
                             .base_addr = (unsigned)(uintptr_t)area,
                             .limit = 0xfffff,
                             .seg_32bit = 1,
                             .limit_in_pages = 1,
                             .useable = 1};
    long child = raw(SYS_clone, (long)flags, 0, 0, (long)&desc, 0);
    if (child == 0) {
        int value;
        __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
        there = value;
        __asm__ volatile("mov $1, %%eax\n mov $9, %%ebx\n int $0x80" ::: "eax", "ebx");
    }
#endif
    printf("its own segment %d\n", there);
    show_end("ended", 0);
#ifdef __i386__
    SHOW(syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, 0, 0, BAD, 0));
    desc.entry_number = 3;
    SHOW(syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, 0, 0, &desc, 0));
#else
    SHOW(syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, 0, 0, 0, 0x7ffffffff000));
    SHOW(syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, 0, 0, 0, 0x8000000000000000));
#endif
    show_end("none", WNOHANG);
}

/* Alternative signal stacks: kept by processes, not by who shares memory. */
static void alternative_stack(void) {
    static char alternative[16384];
    stack_t now = {.ss_sp = alternative, .ss_size = sizeof alternative};
    sigaltstack(&now, NULL);
    static const unsigned flags[] = {0, CLONE_VM | CLONE_VFORK};
    for (int i = 0; i < 2; i++) {
        fflush(stdout);
        long child = raw(SYS_clone, (long)flags[i] | SIGCHLD, 0, 0, 0, 0);
        if (child == 0) {
            stack_t mine;
            sigaltstack(NULL, &mine);
            _exit(mine.ss_sp == alternative && mine.ss_size == sizeof alternative &&
                  !(mine.ss_flags & SS_DISABLE));
        }
        show_end("the same stack for signals", 0);
    }
    now.ss_flags = SS_DISABLE;
    sigaltstack(&now, NULL);
}

/* Descriptors and directories: shared or copied. */
static void shared(void) {
    static const unsigned flags[] = {0, CLONE_FILES, CLONE_FS, CLONE_FILES | CLONE_FS};
    char before[200], after[200];
    for (int i = 0; i < 4; i++) {
        int fd = dup(1);
        umask(022);
        (void)!chdir("/tmp");
        (void)!getcwd(before, sizeof before);
        fflush(stdout);
        long child = syscall(SYS_clone, flags[i] | SIGCHLD, 0, 0, 0, 0);
        if (child == 0) {
            close(fd);
            umask(077);
            (void)!chdir("/");
            _exit(0);
        }
        waitpid((pid_t)child, NULL, 0);
        (void)!getcwd(after, sizeof after);
        printf("flags %x: descriptor %s, directory %s, mask %03o\n", flags[i],
               fcntl(fd, F_GETFD) < 0 ? "gone" : "there", strcmp(before, after) ? "other" : "same",
               umask(022));
        close(fd);
    }
}

/* How many processes a user may have: not root, nor who has its capabilities. */
static void limited(void) {
    if (getuid()) {
        return;
    }
    fflush(stdout);
    if (fork()) {
        wait(NULL);
        return;
    }
    setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 5});
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    printf("root: %s\n", child < 0 ? strerrorname_np(errno) : "made");
    wait(NULL);
    (void)!setgid(54321);
    (void)!setuid(54321); /* nobody else's */
    pid_t children[8];
    for (int limit = 0; limit < 4; limit++) {
        setrlimit(RLIMIT_NPROC, &(struct rlimit){(rlim_t)limit, 5});
        int made = 0;
        for (int i = 0; i < 8; i++) {
            fflush(stdout);
            child = fork();
            if (child == 0) {
                pause();
                _exit(0);
            }
            if (child < 0) {
                break;
            }
            children[made++] = child;
        }
        printf("limit %d: %d, then %s\n", limit, made, strerrorname_np(errno));
        for (int i = 0; i < made; i++) {
            kill(children[i], SIGKILL);
        }
        while (wait(NULL) > 0) {
        }
    }
    fflush(stdout);
    _exit(0);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGUSR1, SIG_DFL);
    alarm(60);
    lengths();
    combinations();
    numbers();
    handlers();
    siblings();
    stacks();
    alternative_stack();
    shared();
    limited();
    return 0;
}
