/* Signal frames of i386: every register is in them, and what a handler edits is loaded.
 * test: only i386 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <ucontext.h>

static volatile greg_t seen[NGREG];
uint32_t out[8];

/* ud2 is stepped over, and every register that may be is another one afterwards. */
static void on_step(int signo, siginfo_t *info, void *context) {
    greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)signo, (void)info;
    for (int i = 0; i < NGREG; i++) {
        seen[i] = reg[i];
    }
    reg[REG_EIP] += 2;
    for (int i = REG_EDI; i <= REG_EAX; i++) {
        if (i != REG_ESP) {
            reg[i] ^= 0x0f0f0f0f;
        }
    }
    reg[REG_EFL] ^= 0x8d5; /* OF, SF, ZF, AF, PF, CF */
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    asm volatile("pusha\n"
                 "mov $0x11111111,%%eax; mov $0x22222222,%%ebx; mov $0x33333333,%%ecx\n"
                 "mov $0x44444444,%%edx; mov $0x55555555,%%esi; mov $0x66666666,%%edi\n"
                 "mov $0x77777777,%%ebp\n"
                 "cmp %%eax,%%eax\n"
                 "ud2\n"
                 "mov %%eax,out; mov %%ebx,out+4; mov %%ecx,out+8; mov %%edx,out+12\n"
                 "mov %%esi,out+16; mov %%edi,out+20; mov %%ebp,out+24\n"
                 "pushf; popl out+28\n"
                 "popa"
                 :
                 :
                 : "memory", "cc");
    for (int i = 0; i < NGREG; i++) {
        if (i != REG_ESP && i != REG_UESP && i != REG_EIP && i != REG_GS) {
            printf("%d: %x\n", i, i == REG_EFL ? seen[i] & 0xcd5 : seen[i]);
        }
    }
    printf("both stack pointers: %d\n", seen[REG_ESP] == seen[REG_UESP]);
    for (int i = 0; i < 8; i++) {
        printf("then %x\n", i == 7 ? out[i] & 0xcd5 : out[i]);
    }
    return 0;
}
