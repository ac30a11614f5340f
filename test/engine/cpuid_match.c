/* CPUID says exactly what there is: each feature's instruction runs when its bit is set and is an
 * illegal instruction when it is not. Also the time stamp counter. (A hypervisor hides bits of
 * what its processor has, so a native run says nothing.) With an argument: what is claimed and what
 * there is, for the suite cpuid.
 * test: self */
#include "engine_test.h"
#include <cpuid.h>
#include <setjmp.h>

static sigjmp_buf back;

static void on_signal(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}

struct feature {
    const char *name;
    uint32_t leaf;
    enum { EBX, ECX, EDX } reg;
    unsigned bit;
    const char *code; /* ends in ret; edi: 512 bytes of memory, aligned to 64 */
    unsigned length;
};
#define CODE(text) text, sizeof(text) - 1

/* There are bases to read in 64-bit mode alone; FSGSBASE is then for the kernel to allow. */
#ifdef __x86_64__
#define FSGSBASE CODE("\xf3\x0f\xae\xc0\xc3")
#else
#define FSGSBASE NULL, 0
#endif

static const struct feature features[] = {
    {"fpu", 1, EDX, 0, CODE("\xd9\xe8\xdd\xd8\xc3")},
    {"tsc", 1, EDX, 4, CODE("\x0f\x31\xc3")},
    {"cx8", 1, EDX, 8, CODE("\x0f\xc7\x0f\xc3")},
    {"cmov", 1, EDX, 15, CODE("\x0f\x44\xc0\xc3")},
    {"fcmov", 1, EDX, 15, CODE("\xd9\xe8\xda\xc0\xdd\xd8\xc3")},
    {"clfsh", 1, EDX, 19, CODE("\x0f\xae\x3f\xc3")},
    {"mmx", 1, EDX, 23, CODE("\x0f\xef\xc0\x0f\x77\xc3")},
    {"fxsr", 1, EDX, 24, CODE("\x0f\xae\x07\xc3")},
    {"sse", 1, EDX, 25, CODE("\x0f\x58\xc0\xc3")},
    {"sse on mmx", 1, EDX, 25, CODE("\x0f\xe0\xc0\x0f\x77\xc3")},
    {"sse2", 1, EDX, 26, CODE("\x66\x0f\x58\xc0\xc3")},
    {"sse2 paddq", 1, EDX, 26, CODE("\x66\x0f\xd4\xc0\xc3")},
    {"sse3", 1, ECX, 0, CODE("\x66\x0f\x7c\xc0\xc3")},
    {"fisttp", 1, ECX, 0, CODE("\xd9\xe8\xdb\x0f\xc3")},
    {"pclmul", 1, ECX, 1, CODE("\x66\x0f\x3a\x44\xc0\x00\xc3")},
    {"ssse3", 1, ECX, 9, CODE("\x66\x0f\x38\x00\xc0\xc3")},
    {"sse4.1", 1, ECX, 19, CODE("\x66\x0f\x38\x17\xc0\xc3")},
    {"sse4.2", 1, ECX, 20, CODE("\xf2\x0f\x38\xf1\xc0\xc3")},
    {"movbe", 1, ECX, 22, CODE("\x0f\x38\xf0\x07\xc3")},
    {"popcnt", 1, ECX, 23, CODE("\xf3\x0f\xb8\xc0\xc3")},
    {"aes", 1, ECX, 25, CODE("\x66\x0f\x38\xdc\xc0\xc3")},
    {"xsave", 1, ECX, 27, CODE("\x31\xc9\x0f\x01\xd0\xc3")},
    {"avx", 1, ECX, 28, CODE("\xc5\xfc\x58\xc0\xc5\xf8\x77\xc3")},
    {"f16c", 1, ECX, 29, CODE("\xc4\xe2\x79\x13\xc0\xc3")},
    {"rdrand", 1, ECX, 30, CODE("\x0f\xc7\xf0\xc3")},
    {"bmi1", 7, EBX, 3, CODE("\xc4\xe2\x78\xf2\xc0\xc3")},
    {"avx2", 7, EBX, 5, CODE("\xc5\xfd\xfc\xc0\xc5\xf8\x77\xc3")},
    {"bmi2", 7, EBX, 8, CODE("\xc4\xe2\x7b\xf5\xc0\xc3")},
    {"adx", 7, EBX, 19, CODE("\x66\x0f\x38\xf6\xc0\xc3")},
    {"sha", 7, EBX, 29, CODE("\x0f\x38\xc8\xc0\xc3")},
    {"fsgsbase", 7, EBX, 0, FSGSBASE},
    {"rdseed", 7, EBX, 18, CODE("\x0f\xc7\xf8\xc3")},
    {"clflushopt", 7, EBX, 23, CODE("\x66\x0f\xae\x3f\xc3")},
    {"clwb", 7, EBX, 24, CODE("\x66\x0f\xae\x37\xc3")},
    {"rdpid", 7, ECX, 22, CODE("\xf3\x0f\xc7\xf8\xc3")},
    {"movdiri", 7, ECX, 27, CODE("\x0f\x38\xf9\x07\xc3")},
    {"serialize", 7, EDX, 14, CODE("\x0f\x01\xe8\xc3")},
    {"lahf_lm", 0x80000001, ECX, 0, CODE("\x9f\xc3")},
    {"rdtscp", 0x80000001, EDX, 27, CODE("\x0f\x01\xf9\xc3")},
    {"sse4a", 0x80000001, ECX, 6, CODE("\x66\x0f\x79\xc0\xc3")},
    {"prefetchw", 0x80000001, ECX, 8, CODE("\x0f\x0d\x0f\xc3")},
    {"3dnow", 0x80000001, EDX, 31, CODE("\x0f\x0f\xc0\x9e\x0f\x77\xc3")},
};

/* LAHF needs no bit outside of 64-bit mode. */
static int always(const struct feature *f) {
    return !f->code || (sizeof(long) == 4 && !strcmp(f->name, "lahf_lm"));
}

static int claims(const struct feature *f) {
    uint32_t out[4] = {0};
    if (__get_cpuid_max(f->leaf & 0x80000000, NULL) < f->leaf) {
        return 0;
    }
    __cpuid_count(f->leaf, 0, out[3], out[EBX], out[ECX], out[EDX]);
    return out[f->reg] >> f->bit & 1;
}

static int works(const struct feature *f, uint8_t *page) {
    struct assembler a = {page};
    emit_mov(&a, 7, (uint32_t)(uintptr_t)page + 2048);
    emit_mov(&a, 0, 1);
    emit_bytes(&a, f->code, f->length);
    if (sigsetjmp(back, 1)) {
        return 0;
    }
    run(page);
    return 1;
}

int main(int argc, char **argv) {
    (void)argv;
    int wrong = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    uint8_t *page = code_pages(1);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGILL, &action, NULL);
    for (unsigned i = 0; i < sizeof features / sizeof features[0]; i++) {
        const struct feature *f = &features[i];
        int claimed = claims(f), there = always(f) ? claimed : works(f, page);
        if (argc > 1) { /* for a processor that was chosen: what it has */
            printf("%s %d %d\n", f->name, claimed, there);
            continue;
        }
        if (claimed != there) {
            printf("%s: %s\n", f->name, claimed ? "claimed, not there" : "there, not claimed");
            wrong = 1;
        }
    }
    if (argc > 1) {
        return 0;
    }
    uint32_t a, b, c, d;
    __cpuid(0, a, b, c, d);
    wrong |= a < 1;
    uint64_t before = __builtin_ia32_rdtsc();
    usleep(2000);
    uint64_t after = __builtin_ia32_rdtsc();
    if (after <= before) {
        printf("rdtsc stands still\n");
        wrong = 1;
    }
    /* EFLAGS.ID can be changed: that is how programs find CPUID */
    unsigned long flags, changed;
    __asm__ volatile("pushf\n pop %0\n mov %0, %1\n xor $0x200000, %1\n push %1\n popf\n pushf\n"
                     "pop %1\n push %0\n popf"
                     : "=&r"(flags), "=&r"(changed)
                     :
                     : "cc", "memory");
    if (!((flags ^ changed) & 0x200000)) {
        printf("the ID bit cannot be changed\n");
        wrong = 1;
    }
    return wrong;
}
