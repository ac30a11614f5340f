/* test: only i386 */
/* signal(2) as System V has it, sigaction(2) of before there were 64 signals; set_thread_area(2)
 * and what get_thread_area(2) says of entries. */
#include "test/syscalls/io_test.h"
#include <asm/ldt.h>

struct old_action {
    void (*handler)(int);
    unsigned long mask, flags;
    void (*restorer)(void);
};

static void once(int signo) {
    signals_seen++;
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    printf("in the handler: blocked %d\n", sigismember(&now, signo));
}

static void signals(void) {
    struct old_action old;
    struct sigaction now;
    SHOW(syscall(SYS_signal, SIGUSR1, once));
    SHOW(syscall(SYS_sigaction, SIGUSR1, NULL, &old));
    printf("flags %lx, handler %d\n", old.flags & ~0x04000000ul, old.handler == once);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &now);
    printf("seen %d, then default %d\n", (int)signals_seen, now.sa_handler == SIG_DFL);
    SHOW(syscall(SYS_signal, SIGUSR1, SIG_IGN));
    SHOW(syscall(SYS_signal, SIGUSR1, SIG_DFL) == (long)(intptr_t)SIG_IGN);
    SHOW(syscall(SYS_signal, SIGKILL, once));
    SHOW(syscall(SYS_signal, 0, once));
    SHOW(syscall(SYS_signal, 65, once));
    old = (struct old_action){once, 1ul << (SIGUSR2 - 1), SA_NODEFER | SA_RESTART, NULL};
    SHOW(syscall(SYS_sigaction, SIGUSR1, &old, NULL));
    sigaction(SIGUSR1, NULL, &now);
    printf("mask %d %d, flags %x\n", sigismember(&now.sa_mask, SIGUSR2),
           sigismember(&now.sa_mask, SIGUSR1), now.sa_flags & ~0x04000000);
    SHOW(syscall(SYS_sigaction, SIGUSR1, 8, NULL));
    SHOW(syscall(SYS_sigaction, SIGUSR1, NULL, 8));
    SHOW(syscall(SYS_sigaction, SIGKILL, &old, NULL));
}

static void show_area(const char *what, int number) {
    struct user_desc area;
    memset(&area, 0x55, sizeof(area));
    area.entry_number = (unsigned)number;
    long result = syscall(SYS_get_thread_area, &area);
    printf("%s: %s", what, result ? strerrorname_np(errno) : "");
    if (!result)
        printf("base %x limit %x bits %d contents %d, read-only %d, pages %d, not present %d, "
               "useable %d",
               area.base_addr, area.limit, area.seg_32bit, area.contents, area.read_exec_only,
               area.limit_in_pages, area.seg_not_present, area.useable);
    puts("");
}

static long set_area(int number, unsigned base, unsigned limit, unsigned bits) {
    struct user_desc area = {.entry_number = (unsigned)number, .base_addr = base, .limit = limit};
    area.seg_32bit = bits & 1;
    area.contents = bits >> 1 & 3;
    area.read_exec_only = bits >> 3 & 1;
    area.limit_in_pages = bits >> 4 & 1;
    area.seg_not_present = bits >> 5 & 1;
    area.useable = bits >> 6 & 1;
    return syscall(SYS_set_thread_area, &area);
}

static void areas(void) {
    int first;
    struct user_desc area = {.entry_number = (unsigned)-1, .base_addr = 0x1000, .limit = 0xfffff};
    area.seg_32bit = area.limit_in_pages = area.useable = 1;
    SHOW(syscall(SYS_set_thread_area, &area));
    first = (int)area.entry_number;
    show_area("set", first);
    show_area("empty", 14);
    show_area("none", 11);
    show_area("none", 15);
    for (unsigned bits = 0; bits < 128; bits++) {
        printf("%x: ", bits);
        SHOW(set_area(14, 0x12345678, 0x54321, bits));
        show_area("now", 14);
    }
    SHOW(set_area(14, 0, 0, 0x28)); /* an empty one */
    show_area("emptied", 14);
    SHOW(set_area(11, 0, 0, 1));
    SHOW(set_area(15, 0, 0, 1));
    SHOW(syscall(SYS_set_thread_area, 8));
    SHOW(syscall(SYS_get_thread_area, 8));
    SHOW(set_area(-1, 0, 1, 1));
    SHOW(set_area(-1, 0, 1, 1)); /* all are taken */
}

int main(void) {
    signals();
    areas();
    return 0;
}
