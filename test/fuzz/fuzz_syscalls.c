/* Random system calls by several processes, users and threads at once: whatever becomes of the
 * guest, the engine neither dies nor hangs.
 *
 *     fuzz_syscalls SEED SECONDS [PROCESSES [THREADS [CALLS [ALARM]]]]
 *
 * Process 1, which makes no random calls, keeps PROCESSES others alive (each some hundred CALLS
 * long, with THREADS threads that share everything) until the time is over, ends all that is left,
 * and prints how many calls there were. Calls that would sleep end after ALARM microseconds. Run by
 * test/lib/fuzzing.py in a root of its own; one process of one thread does the same every time.
 * Compiled for either ABI; a program of 64 bits makes calls of i386 as well, by int $0x80. */
#include "fuzz_args.h"
#include "guest_only.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 8, BOARD = 0x70000000 };

/* Where random calls seldom point. */
struct board {
    volatile uint32_t calls;
    volatile uint32_t lives;
    volatile int32_t tids[16];
};
static struct board *board;
static useconds_t alarm_us = 3000;

/* The call of i386's number. */
#ifdef __x86_64__
static void raw_i386(uint32_t number, const word *arg) {
    word result = number;
    register word bp asm("r9") = arg[5];
    asm volatile("push %%rbp\n"
                 "mov %%r9,%%rbp\n"
                 "int $0x80\n"
                 "pop %%rbp"
                 : "+a"(result)
                 : "b"(arg[0]), "c"(arg[1]), "d"(arg[2]), "S"(arg[3]), "D"(arg[4]), "r"(bp)
                 : "r8", "r10", "r11", "memory", "cc");
}

static void raw_x86_64(uint32_t number, const word *arg) {
    word result = number;
    register word r10 asm("r10") = arg[3], r8 asm("r8") = arg[4], r9 asm("r9") = arg[5];
    asm volatile("syscall"
                 : "+a"(result)
                 : "D"(arg[0]), "S"(arg[1]), "d"(arg[2]), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory", "cc");
}
#else
static void raw_i386(uint32_t number, const word *arg) {
    word result;
    asm volatile("push %%ebp\n"
                 "push %%ebx\n"
                 "mov 20(%%esi),%%ebp\n"
                 "mov 16(%%esi),%%edi\n"
                 "mov 8(%%esi),%%edx\n"
                 "mov 4(%%esi),%%ecx\n"
                 "mov (%%esi),%%ebx\n"
                 "mov 12(%%esi),%%esi\n"
                 "int $0x80\n"
                 "pop %%ebx\n"
                 "pop %%ebp"
                 : "=a"(result)
                 : "a"(number), "S"(arg)
                 : "ecx", "edx", "edi", "memory", "cc");
}
#endif

/* Writes a small function into the pages that all threads execute, and calls one. */
static void run_code(struct fuzz *f) {
    uint8_t *at = (uint8_t *)(CODE + 64 * (word)below(f, CODE_BYTES / 64));
    if (one_in(f, 2)) {
        at[0] = 0xb8; /* mov $N,%eax; ret */
        *(volatile uint32_t *)(at + 1) = rnd(f);
        at[5] = 0xc3;
    }
    if (at[0] == 0xb8 && at[5] == 0xc3) {
        ((int (*)(void))at)();
    }
}

/* The process that watches, and everybody at once, are spared. */
static void before(struct fuzz *f, const struct call *call, word *arg) {
    if (strcmp(call->name, "clone") == 0) {
        arg[0] &= ~(word)CLONE_PARENT; /* its end would send any signal to that process */
    }
    if (strcmp(call->name, "clone3") == 0 && arg[0] - f->scratch < 4 * PAGE - 4) {
        words(arg[0])[0] &= ~(word)CLONE_PARENT;
    }
    if (call->spares) { /* ids are ints: the upper halves of registers do not count */
        for (int i = 0; i < 2; i++) {
            uint32_t id = (uint32_t)arg[i];
            if (id == f->parent || id == -f->parent || id == (uint32_t)-1) {
                arg[i] = (uint32_t)f->tids[below(f, 16)];
            }
        }
        if ((uint32_t)arg[0] == (uint32_t)-1 || (uint32_t)arg[0] <= 1) {
            arg[0] = 0;
        }
    }
}

static const struct call *some_call(struct fuzz *f, const struct call *table, uint32_t count) {
    const struct call *call;
    do {
        call = &table[below(f, count)];
    } while ((f->gentle && call->deadly) || (call->rare && !one_in(f, 10)));
    return call;
}

static void random_call(struct fuzz *f) {
    word arg[6];
    const struct call *call;
    void (*raw)(uint32_t, const word *) = raw_i386;
#ifdef __x86_64__
    if (!one_in(f, 10)) {
        raw = raw_x86_64;
        call = some_call(f, calls_x86_64, ARRAY(calls_x86_64));
    } else
#endif
    {
        call = some_call(f, calls_i386, ARRAY(calls_i386));
    }
    for (int i = 0; i < 6; i++) {
        arg[i] = argument(f, call->kind[i], call->at);
    }
    before(f, call, arg);
    int32_t self = getpid();
    raw((uint32_t)call->number, arg);
    if (getpid() != self) {
        _exit(0); /* fork and its like: one of us is enough */
    }
}

struct thread {
    struct fuzz fuzz;
    uint32_t calls;
    int index;
};

static int run_thread(void *arg) {
    struct thread *thread = arg;
    struct fuzz *f = &thread->fuzz;
    board->tids[thread->index % 16] = (int32_t)syscall(SYS_gettid);
    for (uint32_t i = 0; i < thread->calls; i++) {
        if (one_in(f, 16)) {
            run_code(f);
        }
        random_call(f);
        __atomic_add_fetch(&board->calls, 1, __ATOMIC_RELAXED);
    }
    return 0;
}

static void on_signal(int signo) {
    (void)signo; /* ends calls that would sleep */
}

static void *fixed(word at, word bytes, int prot) {
    return mmap((void *)at, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* Descriptors of every kind from 0 on. */
static void open_files(void) {
    int pair[2];
    struct sockaddr_un_like {
        short family;
        char path[30];
    } name = {1, "/tmp/s1"};
    sigset_t set;
    sigfillset(&set);
    for (int i = 0; i < 3; i++) {
        close(i);
        (void)!open("/tmp/out", O_RDWR | O_CREAT | O_APPEND, 0666);
    }
    (void)!open("/tmp/a", O_RDWR | O_CREAT, 0666);
    (void)!open("/tmp", O_RDONLY | O_DIRECTORY);
    (void)!pipe(pair);
    (void)!pipe2(pair, O_NONBLOCK);
    (void)!socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    (void)!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(name.path);
    bind(listener, (struct sockaddr *)&name, sizeof name);
    listen(listener, 4);
    (void)!socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)!socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    (void)!socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, 0);
    (void)!epoll_create1(0);
    (void)!eventfd(1, EFD_NONBLOCK);
    (void)!timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    (void)!signalfd(-1, &set, SFD_NONBLOCK);
    (void)!inotify_init1(IN_NONBLOCK);
    (void)!memfd_create("m", MFD_ALLOW_SEALING);
    (void)!(int)syscall(SYS_pidfd_open, getpid(), 0);
    (void)!open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    (void)!open("/proc/self/mem", O_RDWR);
    (void)!open("/proc/self/maps", O_RDONLY);
    (void)!open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
    (void)!open("/dev/zero", O_RDWR);
    (void)!open("/dev/null", O_RDWR);
    (void)!open("/tmp/b", O_PATH | O_CREAT, 0666);
    (void)!open("/tmp/map", O_RDWR | O_CREAT, 0666);
    (void)!open("/tmp/fifo", O_RDWR | O_NONBLOCK);
}

static void limit(int what, rlim_t value) {
    struct rlimit both = {value, value};
    setrlimit(what, &both);
}

static void become(uint32_t index) {
    static const uid_t users[] = {0, 1000, 1001, 1000};
    uid_t user = users[index % ARRAY(users)];
    if (user && setgid(user) == 0) {
        (void)!setresuid(user, user, index == 3 ? 0 : user); /* one may go back */
    }
}

/* The life of a process: some hundred calls by each of its threads. */
static void life(uint32_t seed, uint32_t index, uint32_t threads, uint32_t calls, int parent) {
    static struct thread state[MOST];
    static char stack[MOST][16384] __attribute__((aligned(16)));
    setsid();
    limit(RLIMIT_NOFILE, 64);
    limit(RLIMIT_FSIZE, 1 << 20);
    limit(RLIMIT_NPROC, 60);
    limit(RLIMIT_AS, 256 << 20);
    limit(RLIMIT_MSGQUEUE, 1 << 20);
    open_files();
    for (uint32_t i = 0; i < threads; i++) {
        word at = SCRATCH + i * SCRATCH_STEP;
        fixed(at, 4 * PAGE, PROT_READ | PROT_WRITE);
        fixed(at + 4 * PAGE, PAGE, PROT_READ);
        fixed(at + 5 * PAGE, PAGE, PROT_NONE);
        state[i] = (struct thread){{(seed + i * 2654435761u) | 1, at,
                                    index % 4 != 3 || one_in(&(struct fuzz){.state = seed | 1}, 2),
                                    (uint32_t)parent, board->tids},
                                   calls,
                                   (int)(index * threads + i)};
    }
    fixed(PLAY, PLAY_BYTES, PROT_READ | PROT_WRITE);
    fixed(CODE, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
    become(index);
    struct sigaction action = {.sa_handler = on_signal};
    for (int signo = 1; signo < 32; signo++) {
        int fault = signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE;
        action.sa_handler = fault ? SIG_DFL : on_signal;
        sigaction(signo, &action, NULL);
    }
    ualarm(alarm_us, alarm_us);
    for (uint32_t i = 1; i < threads; i++) {
        clone(run_thread, stack[i] + sizeof stack[i],
              CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
              &state[i]);
    }
    run_thread(&state[0]);
    syscall(SYS_exit_group, 0);
}

static void tell(int signo, siginfo_t *info, void *context) {
    (void)context;
    printf("the watching process got signal %d, code %d, pid %d, address %p\n", signo,
           info->si_code, info->si_pid, info->si_addr);
    _exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    in_guest_only();
    uint32_t seed = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 1;
    double seconds = argc > 2 ? atof(argv[2]) : 5;
    uint32_t processes = argc > 3 ? (uint32_t)atoi(argv[3]) : 4;
    uint32_t threads = argc > 4 ? (uint32_t)atoi(argv[4]) : 3;
    uint32_t calls = argc > 5 ? (uint32_t)atoi(argv[5]) : 400;
    alarm_us = argc > 6 ? (useconds_t)atoi(argv[6]) : alarm_us;
    processes = processes > MOST ? MOST : processes;
    threads = threads > MOST ? MOST : threads;
    umask(0);
    mmap((void *)SHARED, SHARED_BYTES, PROT_READ | PROT_WRITE,
         MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    board = mmap((void *)BOARD, PAGE, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    pid_t living[MOST] = {0};
    uint32_t generation[MOST] = {0};
    double end = now() + seconds, born[MOST] = {0};
    int parent = getpid();
    for (int signo = 1; signo < 65; signo++) {
        if (signo != SIGCHLD) {
            signal(signo, SIG_IGN);
        }
    }
    struct sigaction action = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    (void)!mknod("/tmp/fifo", S_IFIFO | 0666, 0);
    mkdir("/tmp/d", 0777);
    (void)!symlink("d", "/tmp/l");
    (void)!symlink("loop", "/tmp/loop");
    (void)!chdir("/tmp");
    while (now() < end) {
        for (uint32_t i = 0; i < processes; i++) {
            if (living[i] && waitpid(living[i], NULL, WNOHANG) == living[i]) {
                living[i] = 0;
            }
            if (living[i] && now() - born[i] > 2) {
                kill(living[i], SIGKILL);
            }
            if (!living[i] && now() < end) {
                uint32_t own = seed * 2654435761u + i * 40503u + generation[i]++ * 7919u;
                born[i] = now();
                living[i] = fork();
                if (living[i] == 0) {
                    life(own, i, threads, calls, parent);
                }
                board->tids[i] = living[i];
                board->lives++;
            }
        }
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        usleep(2000);
    }
    printf("%u calls by %u processes\n", board->calls, board->lives);
    return 0;
}
