/* mprotect, and the signals of forbidden accesses: code, address, page fault error code. */
#include "mm_test.h"

int main(void) {
    catch_faults();
    char *area = map_anon(8 * PAGE, PROT_READ | PROT_WRITE);
    memset(area, 'a', 8 * PAGE);
    SHOW(mprotect(area + 1, PAGE, PROT_READ));
    SHOW(mprotect(area, 0, PROT_READ));
    SHOW(mprotect(area, PAGE, 0x100));
    SHOW(mprotect(area, PAGE, PROT_GROWSDOWN | PROT_GROWSUP));
    SHOW(mprotect(area, PAGE, PROT_READ | PROT_GROWSDOWN));
    SHOW(mprotect(area, PAGE, PROT_READ));
    touch("read of r", area + 5, 0, area);
    touch("write to r", area + 5, 1, area);
    SHOW(mprotect(area + PAGE, PAGE, PROT_NONE));
    touch("read of none", area + PAGE + 7, 0, area);
    touch("write to none", area + PAGE + 7, 1, area);
    SHOW(mprotect(area + PAGE, PAGE, PROT_READ | PROT_WRITE));
    touch("read again", area + PAGE + 7, 0, area);
    SHOW(mprotect(area + 2 * PAGE, PAGE, PROT_EXEC));
    SHOW(mprotect(area + 3 * PAGE, PAGE, PROT_READ | PROT_EXEC));
    touch("read of rx", area + 3 * PAGE, 0, area);
    touch("write to rx", area + 3 * PAGE, 1, area);
    SHOW(munmap(area + 5 * PAGE, PAGE));
    touch("read of nothing", area + 5 * PAGE + 9, 0, area);
    touch("write to nothing", area + 5 * PAGE + 9, 1, area);
    SHOW(mprotect(area + 4 * PAGE, 4 * PAGE, PROT_NONE)); /* up to the hole */
    touch("before the hole", area + 4 * PAGE, 0, area);
    touch("behind the hole", area + 6 * PAGE, 1, area);
    touch("null", (char *)16, 1, NULL);

    /* An access across a boundary: the address is that of the first byte that may not be. */
    volatile unsigned *word = (volatile unsigned *)(area + 3 * PAGE - 2);
    SHOW(mprotect(area + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE));
    SHOW(mprotect(area + 3 * PAGE, PAGE, PROT_READ));
    if (!sigsetjmp(fault_jump, 1)) {
        *word = 0x12345678;
    }
    printf("across: at %ld, first half %s\n", (long)((char *)fault_info.si_addr - area),
           area[3 * PAGE - 2] == 'a' ? "unchanged" : "changed");

    /* System calls see protections, too. */
    int pipes[2];
    SHOW(pipe(pipes));
    SHOW(write(pipes[1], "0123456789", 10));
    SHOW(read(pipes[0], area + 3 * PAGE, 4));
    SHOW(read(pipes[0], area + 3 * PAGE - 3, 8));
    SHOW(write(pipes[1], area + 4 * PAGE, 4));
    SHOW(write(pipes[1], (char *)~0xful, 4));

    /* Code: runs where it may, faults where not; a jump to nothing names its own address. */
    char *code = map_anon(PAGE, PROT_READ | PROT_WRITE);
    memcpy(code, "\xb8\x2a\0\0\0\xc3", 6);
    SHOW(mprotect(code, PAGE, PROT_READ | PROT_EXEC));
    SHOW(((int (*)(void))code)());
    SHOW(mprotect(code, PAGE, PROT_READ | PROT_WRITE));
    code[1] = 43;
    SHOW(mprotect(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
    SHOW(((int (*)(void))code)());
    code[1] = 44;
    SHOW(((int (*)(void))code)());
    SHOW(mprotect(code, PAGE, PROT_READ | PROT_WRITE));
    int signo = sigsetjmp(fault_jump, 1);
    if (!signo) {
        ((void (*)(void))code)();
    }
    printf("no exec: signal %d code %d at %ld error %lu\n", signo, fault_info.si_code,
           (long)((char *)fault_info.si_addr - code), fault_error);
    munmap(code, PAGE);
    signo = sigsetjmp(fault_jump, 1);
    if (!signo) {
        ((void (*)(void))code)();
    }
    printf("no page: signal %d code %d at %ld error %lu\n", signo, fault_info.si_code,
           (long)((char *)fault_info.si_addr - code), fault_error);
    return 0;
}
