/* Random system calls with hostile arguments: the guest may fail in any way, the engine may not.
 *
 *     fuzz_syscalls SEED CALLS     runs CALLS calls in each of some children; prints "done"
 *
 * Run by test/suites/fuzz_syscalls.py in a root of its own. Calls that would reach beyond the guest
 * by design (clocks of the host) or only end the run are left out. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN  8
#define LAST_CALL 460

static const int left_out[] = {
    1,   252,                          /* exit, exit_group */
    25,  79,  124, 264, 343, 404, 405, /* clocks */
    88,  74,  121,                     /* reboot, sethostname, setdomainname */
    29,  72,  179,                     /* pause, sigsuspend */
    119, 173,                          /* sigreturn: signal_hostile.c */
    37,  238, 270, 178, 335, 424,      /* kill: not the parent */
    111, 66,  36,  344,                /* vhangup, setsid, sync, syncfs */
};

static uint32_t state;
static int gentle;
static uint32_t rnd(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static char *area, *readonly, *none;
static char names[8][32] = {"/tmp/a", "/tmp/b",          "/tmp",      ".",
                            "..",     "/proc/self/maps", "/dev/null", ""};

static uint32_t argument(void) {
    switch (rnd() % 16) {
    case 0:
        return 0;
    case 1:
        return (uint32_t)-1;
    case 2:
        return rnd();
    case 3:
        return 1u << rnd() % 32;
    case 4:
        return 0xfffff000u + rnd() % 4096;
    case 5:
        return (uint32_t)(uintptr_t)(area + rnd() % 8192);
    case 6:
        return (uint32_t)(uintptr_t)(area + 8192 - rnd() % 64);
    case 7:
        return (uint32_t)(uintptr_t)(readonly + rnd() % 4096);
    case 8:
        return (uint32_t)(uintptr_t)none;
    case 9:
        return (uint32_t)(uintptr_t)names[rnd() % 8];
    case 10:
        return (uint32_t)getpid();
    case 11:
        return rnd() % 4096;
    default:
        return rnd() % 12;
    }
}

static void fill(void) {
    uint32_t *word = (uint32_t *)area;
    for (int i = 0; i < 64; i++) {
        word[rnd() % 2048] = argument();
    }
    for (int i = 0; i < 8; i++) { /* iovecs, message headers: pointer, length */
        uint32_t at = rnd() % 2046;
        word[at] = (uint32_t)(uintptr_t)(area + rnd() % 8192);
        word[at + 1] = rnd() % 2 ? rnd() % 8192 : argument();
    }
}

static long call(uint32_t number, const uint32_t *arg) {
    long result;
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
                 : "ecx", "edx", "edi", "memory");
    return result;
}

/* These take the ground from under the process's feet: one child in four does without mercy. */
static const int deadly[] = {45,  90,  91,  92,  125, 163, 192, 193, 11,  358,
                             190, 120, 2,   435, 75,  340, 125, 329, 243, 219,
                             257, 117, 397, 398, 386, 6,   436, 119, 27};

static int is_left_out(uint32_t number) {
    for (unsigned i = 0; i < sizeof left_out / sizeof *left_out; i++) {
        if (left_out[i] == (int)number) {
            return 1;
        }
    }
    for (unsigned i = 0; gentle && i < sizeof deadly / sizeof *deadly; i++) {
        if (deadly[i] == (int)number) {
            return 1;
        }
    }
    return 0;
}

static void on_alarm(int signo) {
    (void)signo; /* ends calls that would sleep */
}

static void child(uint32_t seed, int calls) {
    state = seed | 1;
    area = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    none = area + 8192;
    mprotect(none, 4096, PROT_NONE);
    readonly = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fds[2];
    unlink("/tmp/a");
    int file = open("/tmp/a", O_RDWR | O_CREAT | O_TRUNC | O_LARGEFILE, 0600);
    int ok = file >= 0 && dup2(file, 0) == 0 && dup2(file, 1) == 1 && dup2(file, 2) == 2;
    ok &= pipe(fds) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0;
    ok &= open("/tmp", O_RDONLY) >= 0;
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    for (int i = 0; i < calls && ok; i++) {
        uint32_t number, arg[6];
        do {
            number = rnd() % LAST_CALL;
        } while (is_left_out(number));
        for (int j = 0; j < 6; j++) {
            arg[j] = argument();
        }
        if (i % 8 == 0) {
            fill();
        }
        ualarm(3000, 3000);
        pid_t self = getpid();
        call(number, arg);
        if (getpid() != self) {
            _exit(0); /* fork and its like: one of us is enough */
        }
    }
}

int main(int argc, char **argv) {
    uint32_t seed = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    int calls = argc > 2 ? atoi(argv[2]) : 1000;
    for (uint32_t i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            setsid();
            gentle = i % 4 != 0;
            child(seed * 2654435761u + i * 40503u, calls);
            _exit(0);
        }
        for (int tries = 0; tries < 400; tries++) {
            if (waitpid(pid, NULL, WNOHANG) != 0) {
                break;
            }
            usleep(5000);
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, WNOHANG);
    }
    printf("done\n");
    return 0;
}
