/* More code than there is memory for (--code-size 1), by many threads that share it, while some of
 * it is written to, mapped elsewhere and unmapped, and while signals and forks come in between.
 * Each call's result is compared with what it must be.
 *
 *     fuzz_code SEED SECONDS [PROCESSES THREADS]     as a program of i386 or of x86-64
 *
 * A process lives for up to a second, its threads for some hundred steps. Harmless: it may be run
 * natively, too. */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FUNCTIONS = 8000, STRIDE = 32, JIT_SLOT = 16, MOST_THREADS = 32, PAGE = 4096 };

/* FUNCTIONS of them, each of STRIDE bytes and three blocks; and one that calls all of them. */
#ifdef __x86_64__
#define TAKE "mov %edi, %eax\n"
#define PASS "mov %eax, %edi\n"
typedef uint32_t function(uint32_t value);
#else
#define TAKE ""
#define PASS ""
typedef uint32_t function(uint32_t value) __attribute__((regparm(1)));
#endif
#define TEXT(x)  TEXT_(x)
#define TEXT_(x) #x
__asm__(".text\n"
        ".balign 4096\n"
        "functions:\n"
        ".set number, 0\n"
        ".rept 8000\n"
        ".balign 32\n" TAKE "imul $5, %eax, %eax\n"
        "add $number + 0x1000, %eax\n"
        "test $16, %al\n"
        "jnz 1f\n"
        "xor $0x55aa, %eax\n"
        "1: ret\n"
        ".set number, number + 1\n"
        ".endr\n"
        ".balign 4096\n"
        "chain:\n" TAKE ".set number, 0\n"
        ".rept 8000\n" PASS "call functions + 32 * number\n"
        ".set number, number + 1\n"
        ".endr\n"
        "ret\n");
extern const uint8_t functions[];
extern function chain;

static uint32_t expected(uint32_t number, uint32_t value) {
    value = value * 5 + number + 0x1000;
    return value & 16 ? value : value ^ 0x55aa;
}

struct thread {
    pthread_t id;
    uint32_t state, index;
};

static double end;
static uint8_t *jit; /* written and executed: a slot a thread, next to each other */
static int program;
static off_t offset; /* of the functions in the program's file */
static struct thread threads[MOST_THREADS];
static uint32_t thread_count;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t rnd(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void mistake(const char *what, uint32_t number, uint32_t got, uint32_t wanted) {
    char line[128];
    int length = snprintf(line, sizeof line, "MISTAKE: %s %u: %x instead of %x\n", what, number,
                          got, wanted);
    (void)!write(2, line, (size_t)length);
    syscall(SYS_exit_group, 1);
}

static uint32_t check_call(const char *what, const uint8_t *base, uint32_t number, uint32_t value) {
    function *call = (function *)(uintptr_t)(base + STRIDE * number);
    uint32_t got = call(value), wanted = expected(number, value);
    if (got != wanted) {
        mistake(what, number, got, wanted);
    }
    return got;
}

/* Some in a row, or spread. */
static void call_some(uint32_t *state, const char *what, const uint8_t *base, uint32_t most) {
    uint32_t at = rnd(state) % most, step = rnd(state) % 4 ? 1 : 1 + rnd(state) % 500;
    uint32_t value = rnd(state);
    for (uint32_t n = rnd(state) % 1000; n > 0; n--) {
        value = check_call(what, base, at, value);
        at = (at + step) % most;
    }
}

static void call_chain(uint32_t *state) {
    uint32_t value = rnd(state), wanted = value, got = chain(value);
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        wanted = expected(i, wanted);
    }
    if (got != wanted) {
        mistake("chain", 0, got, wanted);
    }
}

/* mov $value, %eax; ret, in the thread's slot; now and then the page's rights change meanwhile. */
static void write_code(struct thread *self) {
    uint8_t *slot = jit + JIT_SLOT * self->index;
    function *call = (function *)(uintptr_t)slot;
    for (uint32_t n = rnd(&self->state) % 60; n > 0; n--) {
        uint32_t value = rnd(&self->state);
        memcpy(slot + 1, &value, sizeof value);
        slot[5] = 0xc3;
        slot[0] = 0xb8;
        for (uint32_t runs = rnd(&self->state) % 8; runs > 0; runs--) {
            uint32_t got = call(0);
            if (got != value) {
                mistake("written code", self->index, got, value);
            }
        }
    }
    if (rnd(&self->state) % 8 == 0) {
        mprotect(jit, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    }
}

/* The functions once more, at another place: shared or a copy that is written to. */
static void map_code(struct thread *self) {
    const size_t bytes = 8 * PAGE;
    const uint32_t most = bytes / STRIDE;
    uint8_t *wanted =
        (uint8_t *)(uintptr_t)(0x30000000 + 0x100000 * (rnd(&self->state) % 4 + 4 * self->index));
    uint8_t *at =
        mmap(wanted, bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, program, offset);
    if (at != wanted) {
        return; /* out of memory */
    }
    call_some(&self->state, "mapped", at, most);
    if (rnd(&self->state) % 2 == 0 &&
        mprotect(at, bytes, PROT_READ | PROT_WRITE | PROT_EXEC) == 0) {
        uint32_t number = rnd(&self->state) % most;
        uint8_t *ret = at + STRIDE * number; /* a function of the number before, at its place */
        memcpy(ret, functions + STRIDE * (number + 1), STRIDE);
        uint32_t value = rnd(&self->state), got = ((function *)(uintptr_t)ret)(value);
        if (got != expected(number + 1, value)) {
            mistake("changed copy", number, got, expected(number + 1, value));
        }
    }
    if (rnd(&self->state) % 2) {
        munmap(at, bytes);
    }
}

static void fork_one(uint32_t *state) {
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 4; i++) {
            call_some(state, "child's", functions, FUNCTIONS);
        }
        _exit(0);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0) {
    }
    if (child > 0 && status) {
        mistake("child", 0, (uint32_t)status, 0);
    }
}

static void on_signal(int signo) {
    uint32_t state = (uint32_t)signo * 2654435761u ^ (uint32_t)time(NULL);
    for (int i = 0; i < 20; i++) {
        check_call("signal's", functions, rnd(&state) % FUNCTIONS, state);
    }
}

static void *live(void *arg) {
    struct thread *self = arg;
    for (int step = 0; step < 300 && now() < end; step++) {
        switch (rnd(&self->state) % 12) {
        case 0:
        case 1:
            write_code(self);
            break;
        case 2:
        case 3:
            map_code(self);
            break;
        case 4:
            call_chain(&self->state);
            break;
        case 5:
            if (rnd(&self->state) % 4 == 0) {
                fork_one(&self->state);
            }
            break;
        case 6:
            pthread_kill(pthread_self(), SIGUSR1);
            break;
        default:
            call_some(&self->state, "function", functions, FUNCTIONS);
        }
    }
    return NULL;
}

static void process(uint32_t seed, double until) {
    end = until;
    struct itimerval often = {{0, 5000}, {0, 5000}};
    setitimer(ITIMER_REAL, &often, NULL);
    for (uint32_t i = 0; i < thread_count; i++) {
        threads[i] = (struct thread){.state = (seed * 31 + i) * 2654435761u | 1, .index = i};
        if (pthread_create(&threads[i].id, NULL, live, &threads[i])) {
            _exit(0);
        }
    }
    for (uint32_t i = 0; i < thread_count; i++) {
        pthread_join(threads[i].id, NULL);
    }
    exit(0);
}

static void find_program(void) {
    extern const ElfW(Ehdr) __ehdr_start;
    const ElfW(Phdr) *header =
        (const ElfW(Phdr) *)((const char *)&__ehdr_start + __ehdr_start.e_phoff);
    for (int i = 0; i < __ehdr_start.e_phnum; i++) {
        uintptr_t at = (uintptr_t)functions - header[i].p_vaddr;
        if (header[i].p_type == PT_LOAD && at < header[i].p_memsz) {
            offset = (off_t)(header[i].p_offset + at);
        }
    }
    program = open("/proc/self/exe", O_RDONLY);
}

int main(int argc, char **argv) {
    uint32_t seed = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 1, lives = 0;
    double last = now() + (argc > 2 ? atof(argv[2]) : 5);
    uint32_t processes = argc > 3 ? (uint32_t)atoi(argv[3]) : 2;
    thread_count = argc > 4 ? (uint32_t)atoi(argv[4]) % (MOST_THREADS + 1) : 4;
    jit = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    find_program();
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    while (now() < last) {
        double until = now() + 1;
        for (uint32_t i = 0; i < processes; i++) {
            if (fork() == 0) {
                process(seed + lives * 1000 + i, until < last ? until : last);
            }
            lives++;
        }
        for (uint32_t i = 0; i < processes; i++) {
            int status = 0;
            if (wait(&status) < 0 || status) {
                mistake("process", i, (uint32_t)status, 0);
            }
        }
    }
    printf("%u lives\n", lives);
    return 0;
}
