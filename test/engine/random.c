/* Instructions whose results differ from run to run: RDRAND and RDSEED in every width, RDPID and
 * RDTSCP beside getcpu(2), and that WRFSBASE and arch_prctl(2) mean the same base. What CPUID does
 * not show is not run, and says the same.
 * test: own */
#include <cpuid.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

static int shown(unsigned leaf, unsigned reg, unsigned bit) {
    unsigned out[4] = {0};
    return __get_cpuid_count(leaf, 0, &out[0], &out[1], &out[2], &out[3]) && out[reg] >> bit & 1;
}

/* Every bit is 0 at some time and 1 at another, carry says so, and what is above the width is as it
 * should be: kept with 16 bits, zero with 32. */
#define TRY(name, type, reg, start)                                                                \
    do {                                                                                           \
        unsigned long ones = 0, zeros = 0, above = 0, misses = 0;                                  \
        unsigned long mask = (unsigned long)(type)-1;                                              \
        for (int i = 0; i < 400; i++) {                                                            \
            unsigned long got = start;                                                             \
            unsigned char carry, other;                                                            \
            __asm__ volatile("stc\n " name " %" reg "0\n setc %1\n seta %2"                        \
                             : "+r"(got), "=q"(carry), "=q"(other)                                 \
                             :                                                                     \
                             : "cc");                                                              \
            if (!carry) {                                                                          \
                misses++;                                                                          \
                continue;                                                                          \
            }                                                                                      \
            ones |= got & mask;                                                                    \
            zeros |= ~got & mask;                                                                  \
            above |= (got & ~mask) ^ (sizeof(type) == 2 ? start & ~mask : 0);                      \
        }                                                                                          \
        printf("%s %d: %d %d %d\n", name, (int)sizeof(type) * 8,                                   \
               misses == 400 || (ones == mask && zeros == mask), above == 0, misses <= 400);       \
    } while (0)

static void random_numbers(void) {
    if (shown(1, 2, 30)) {
        TRY("rdrand", uint16_t, "w", 0x12345678ul);
        TRY("rdrand", uint32_t, "k", ~0ul);
    } else {
        puts("rdrand 16: 1 1 1\nrdrand 32: 1 1 1");
    }
    if (shown(7, 1, 18)) {
        TRY("rdseed", uint16_t, "w", 0x12345678ul);
        TRY("rdseed", uint32_t, "k", ~0ul);
    } else {
        puts("rdseed 16: 1 1 1\nrdseed 32: 1 1 1");
    }
}

static void number(void) {
    unsigned cpu = 0, node = 0, low, high, aux, later;
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof all, &all);
    syscall(SYS_getcpu, &cpu, &node, NULL);
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    syscall(SYS_getcpu, &cpu, &node, NULL);
    unsigned wanted = node << 12 | cpu;
    unsigned long pid = ~0ul;
    if (shown(7, 2, 22)) {
        __asm__ volatile("rdpid %0" : "+r"(pid));
    } else {
        pid = wanted;
    }
    printf("rdpid: %d\n", pid == wanted);
    if (shown(0x80000001, 3, 27)) {
        __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
        uint64_t first = (uint64_t)high << 32 | low;
        __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(later));
        printf("rdtscp: %d %d\n", aux == wanted && later == wanted,
               ((uint64_t)high << 32 | low) > first);
    } else {
        puts("rdtscp: 1 1");
    }
    sched_setaffinity(0, sizeof all, &all);
}

#ifdef __x86_64__
static void wide(void) {
    if (shown(1, 2, 30)) {
        TRY("rdrand", uint64_t, "q", 0ul);
        unsigned long first, second; /* a register that is not one of the first eight */
        __asm__ volatile("rdrand %%r9\n mov %%r9, %0\n rdrand %%r9\n mov %%r9, %1"
                         : "=&r"(first), "=&r"(second)
                         :
                         : "r9", "cc");
        printf("r9: %d\n", first != second);
    } else {
        puts("rdrand 64: 1 1 1\nr9: 1");
    }
}

/* arch_prctl(2) sees what WRGSBASE wrote, RDGSBASE what it set; the kernel's hint agrees. */
static void bases(void) {
    static unsigned long words[2] = {0x1111, 0x2222};
    unsigned long base = 0, word = 0;
    if (!(getauxval(AT_HWCAP2) & 2)) {
        puts("bases: 1 1 1");
        return;
    }
    __asm__ volatile("wrgsbase %1\n mov %%gs:8, %0" : "=r"(word) : "r"(words));
    syscall(SYS_arch_prctl, 0x1004, &base); /* ARCH_GET_GS */
    int same = word == 0x2222 && base == (unsigned long)words;
    syscall(SYS_arch_prctl, 0x1001, words + 1); /* ARCH_SET_GS */
    __asm__ volatile("rdgsbase %0" : "=r"(base));
    printf("bases: %d %d %d\n", same, base == (unsigned long)(words + 1), shown(7, 1, 0));
}
#endif

int main(void) {
    random_numbers();
    number();
#ifdef __x86_64__
    wide();
    bases();
#endif
    return 0;
}
