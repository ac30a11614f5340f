/* SGDT, SIDT, SLDT, STR, SMSW in user mode: Linux emulates them where the processor has UMIP, with
 * constants in place of the kernel's tables; and the signals of INT1 and of a single step. */
#define _GNU_SOURCE
#include "test/syscalls/registers.h"
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* The upper half of what SGDT and SIDT store: of a base of four bytes, or of the first six of
 * eight. */
#ifdef __x86_64__
#define GDT "00000000feffffff"
#define IDT "00000000ffffffff"
#else
#define GDT "00000000feffaaaa"
#define IDT "00000000ffffaaaa"
#endif

static sigjmp_buf back;
static siginfo_t last;
static uint8_t bytes[16];
static uint32_t value;
static int real_tables; /* a processor without UMIP: the constants are not to be seen */

static void on_signal(int signo, siginfo_t *info, void *context) {
    (void)signo;
    (void)context;
    last = *info;
    siglongjmp(back, 1);
}

static void show(const char *name, const char *bytes_wanted, uint32_t value_wanted) {
    printf("%s:", name);
    char hex[33] = "";
    for (int i = 0; i < 8; i++) {
        sprintf(hex + 2 * i, "%02x", bytes[i]);
    }
    if (real_tables) {
        printf(" no fault\n");
    } else if (strcmp(hex, bytes_wanted) == 0 && value == value_wanted) {
        printf(" no fault\n");
    } else {
        printf(" %s %08x\n", hex, value);
    }
}

#define TRY(name, code, bytes_wanted, value_wanted)                                                \
    do {                                                                                           \
        memset(bytes, 0xaa, sizeof(bytes));                                                        \
        value = 0x11223344;                                                                        \
        if (sigsetjmp(back, 1) == 0) {                                                             \
            __asm__ volatile(code : "+a"(value) : "b"(bytes) : "memory", "edi");                   \
            show(name, bytes_wanted, value_wanted);                                                \
        } else {                                                                                   \
            printf("%s: signal %d code %d addr %d\n", name, last.si_signo, last.si_code,           \
                   last.si_addr == (void *)0x10);                                                  \
        }                                                                                          \
    } while (0)

static void find_umip(void) {
    char line[8192];
    FILE *file = fopen("/proc/cpuinfo", "r");
    real_tables = 1;
    while (file && fgets(line, sizeof line, file)) {
        if (strstr(line, " umip") || strstr(line, "Fiberglass")) {
            real_tables = 0;
        }
    }
    if (file) {
        fclose(file);
    }
}

/* How often a step was seen, and with which code. */
static volatile int steps, step_code;
static void on_step(int signo, siginfo_t *info, void *context) {
    (void)signo;
    (void)context;
    steps++;
    step_code = info->si_code;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    sigaction(SIGTRAP, &action, NULL);
    find_umip();
    const char *none = "aaaaaaaaaaaaaaaa";
    TRY("sgdt", "sgdt (%%ebx)", GDT, 0x11223344);
    TRY("sidt", "sidt (%%ebx)", IDT, 0x11223344);
    TRY("sgdt with 66", ".byte 0x66; sgdt (%%ebx)", GDT, 0x11223344);
    TRY("sgdt through cs", "sgdt %%cs:(%%ebx)", GDT, 0x11223344);
    TRY("sldt eax", "sldt %%eax", none, 0);
    TRY("sldt ax", ".byte 0x66, 0x0f, 0x00, 0xc0", none, 0x11220000);
    TRY("sldt memory", "sldt (%%ebx)", "0000aaaaaaaaaaaa", 0x11223344);
    TRY("str eax", "str %%eax", none, 0x40);
    TRY("str memory", "str (%%ebx)", "4000aaaaaaaaaaaa", 0x11223344);
    TRY("smsw eax", "smsw %%eax", none, 0x80050033);
    TRY("smsw ax", ".byte 0x66, 0x0f, 0x01, 0xe0", none, 0x11220033);
    TRY("smsw memory", "smsw (%%ebx)", "3300aaaaaaaaaaaa", 0x11223344);
    TRY("smsw indexed", "mov $2, %%edi; smsw 1(%%ebx,%%edi,2)", "aaaaaaaaaa3300aa", 0x11223344);
    TRY("sgdt nowhere", "sgdt 0x10", none, 0);
    TRY("sgdt of a register", ".byte 0x0f, 0x01, 0xc0", none, 0);
    TRY("lock sgdt", ".byte 0xf0, 0x0f, 0x01, 0x03", none, 0);
    TRY("lgdt", "lgdt (%%ebx)", none, 0);
    TRY("lmsw", "lmsw (%%ebx)", none, 0);
    TRY("int1", ".byte 0xf1", none, 0);
    action.sa_sigaction = on_step;
    sigaction(SIGTRAP, &action, NULL);
    __asm__ volatile("pushf; orl $0x100, (" SP "); popf; nop; nop; pushf; andl $-0x101, (" SP
                     "); popf"
                     :
                     :
                     : "cc", "memory");
    printf("stepped: %d, code %d\n", steps, step_code);
    return 0;
}
