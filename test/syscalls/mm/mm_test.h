/* For the mm_*.c and exec_*.c programs, which print the same natively and in the guest. */
#ifndef MM_TEST_H
#define MM_TEST_H
#define _GNU_SOURCE
#include "test/syscalls/numbers.h"
#include "test/syscalls/registers.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096

/* "what: 0", "what: ENOMEM" or "what: value". */
#define SHOW(what)          show(#what, (long)(what), 0)
#define SHOW_AS(text, what) show(text, (long)(what), 0)
/* For calls that return addresses: "what: base+0x2000" or the error. */
#define SHOW_AT(base, what) show(#what, (long)(what), (long)(base))

static inline void show(const char *what, long result, long base) {
    int err = errno;
    if (result == -1) {
        printf("%s: %s\n", what, strerrorname_np(err));
    } else if (base) {
        printf("%s: base%+ld pages\n", what, (result - base) / PAGE);
    } else {
        printf("%s: %ld\n", what, result);
    }
}

static inline char *map_anon(size_t len, int prot) {
    char *at = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return at;
}

/* A file of `len` bytes whose page n holds the letter 'A' + n, already unlinked. */
static inline int letters(size_t len) {
    char name[] = "/tmp/mm_test_XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    for (size_t i = 0; i < len; i++) {
        char c = (char)('A' + i / PAGE % 26);
        if (i % PAGE == 0 && len - i >= PAGE) {
            static char page[PAGE];
            memset(page, c, PAGE);
            if (write(fd, page, PAGE) != PAGE) {
                exit(1);
            }
            i += PAGE - 1;
        } else if (write(fd, &c, 1) != 1) {
            exit(1);
        }
    }
    return fd;
}

static sigjmp_buf fault_jump;
static volatile siginfo_t fault_info;
static volatile unsigned long fault_error, fault_trap, fault_cr2;

static void on_fault(int signo, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    memcpy((void *)&fault_info, info, sizeof *info);
    fault_error = uc->uc_mcontext.gregs[REG_ERR];
    fault_trap = uc->uc_mcontext.gregs[REG_TRAPNO];
    fault_cr2 = (unsigned long)uc->uc_mcontext.FAULT_CR2;
    siglongjmp(fault_jump, signo);
}

static inline void catch_faults(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

/* Reads or writes a byte; prints what came of it, with the fault's address relative to base. */
static inline void touch(const char *what, volatile char *at, int write, char *base) {
    int signo = sigsetjmp(fault_jump, 1);
    if (signo) {
        printf("%s: %s code %d at base%+ld error %lu trap %lu cr2 %s\n", what, sigabbrev_np(signo),
               fault_info.si_code, (long)((char *)fault_info.si_addr - base), fault_error,
               fault_trap, (char *)fault_cr2 == (char *)fault_info.si_addr ? "same" : "other");
        return;
    }
    if (write) {
        *at = 'w';
    }
    printf("%s: %d\n", what, *at);
}

#endif
