/* The stack and other MAP_GROWSDOWN mappings grow; guard gap and RLIMIT_STACK hold. */
#include "mm_test.h"

static char alternate[65536];

static int __attribute__((noinline)) deep(int n) {
    volatile char frame[1000];
    frame[0] = (char)n;
    return n == 0 ? 0 : deep(n - 1) + (frame[0] == (char)n);
}

int main(void) {
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    limit.rlim_cur = 16 << 20;
    SHOW(setrlimit(RLIMIT_STACK, &limit));
    SHOW(deep(12000)); /* over 12 MB, more than the usual limit */
    limit.rlim_cur = 2 << 20;
    SHOW(setrlimit(RLIMIT_STACK, &limit));
    fflush(stdout);
    pid_t pid = fork();
    int status;
    if (pid == 0) {
        int signo = sigsetjmp(fault_jump, 1);
        if (!signo) {
            deep(40000);
        }
        _exit(signo);
    }
    waitpid(pid, &status, 0);
    SHOW(WEXITSTATUS(status));

    limit.rlim_cur = 8 << 20;
    SHOW(setrlimit(RLIMIT_STACK, &limit));
    char *room = map_anon(2048 * PAGE, PROT_READ | PROT_WRITE);
    munmap(room, 2048 * PAGE);
    char *top = mmap(room + 2040 * PAGE, PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    touch("mapped", top, 1, top);
    touch("one below", top - 1, 1, top);
    touch("far below", top - 100 * PAGE, 1, top);
    /* Within 256 pages of the next mapping there is no growth. */
    char *wall = mmap(room + 1500 * PAGE, PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    wall[0] = 1;
    touch("near the wall", wall + 257 * PAGE, 1, top);
    touch("too near", wall + 255 * PAGE, 1, top);
    return 0;
}
