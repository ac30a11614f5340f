/* What a program finds when it starts: auxiliary vector, stack, registers, mappings, vDSO.
 * test: own */
#include "test/syscalls/mm/mm_test.h"
#include <elf.h>
#include <fenv.h>
#include <link.h>
#include <sys/auxv.h>
#include <time.h>

extern char __executable_start, etext, end;

static int has(unsigned long type) {
    errno = 0;
    unsigned long value = getauxval(type);
    return value != 0 || errno == 0;
}

static void vdso(void) {
    const char *image = (const char *)getauxval(AT_SYSINFO_EHDR);
    const ElfW(Ehdr) *head = (const ElfW(Ehdr) *)image;
    printf("vdso: %d %d\n", memcmp(head->e_ident, ELFMAG, 4), head->e_machine);
    const ElfW(Phdr) *phdr = (const ElfW(Phdr) *)(image + head->e_phoff);
    const ElfW(Sym) *sym = NULL;
    const char *text = NULL;
    const uint32_t *hash = NULL;
    for (int i = 0; i < head->e_phnum; i++) {
        if (phdr[i].p_type != PT_DYNAMIC) {
            continue;
        }
        for (const ElfW(Dyn) *dyn = (const ElfW(Dyn) *)(image + phdr[i].p_offset); dyn->d_tag;
             dyn++) {
            if (dyn->d_tag == DT_SYMTAB) {
                sym = (const ElfW(Sym) *)(image + dyn->d_un.d_ptr);
            }
            if (dyn->d_tag == DT_STRTAB) {
                text = image + dyn->d_un.d_ptr;
            }
            if (dyn->d_tag == DT_HASH) {
                hash = (const uint32_t *)(image + dyn->d_un.d_ptr);
            }
        }
    }
    static const char *const names[] = {
#ifdef __i386__
        "__kernel_vsyscall",    "__kernel_sigreturn",     "__kernel_rt_sigreturn",
        "__vdso_clock_gettime", "__vdso_clock_gettime64", "__vdso_gettimeofday",
        "__vdso_time",          "__vdso_clock_getres",
#else /* at the same numbers */
        "__vdso_getcpu", "no_such_name",        "none_such_either", "__vdso_clock_gettime",
        "clock_gettime", "__vdso_gettimeofday", "__vdso_time",      "__vdso_clock_getres",
#endif
    };
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        const char *found = NULL;
        for (unsigned i = 0; sym && i < (hash ? hash[1] : 64); i++) {
            if (!strcmp(text + sym[i].st_name, names[n])) {
                found = image + sym[i].st_value;
            }
        }
        printf("%s: %s\n", names[n], found ? "there" : "missing");
#ifdef __i386__
        if (found && n == 0) {
            printf("AT_SYSINFO: %d\n", found == (const char *)getauxval(AT_SYSINFO));
        }
        if (found && n == 1) {
            printf("bytes: %d\n", memcmp(found, "\x58\xb8\x77\0\0\0\xcd\x80", 8));
        }
        if (found && n == 2) {
            printf("bytes: %d\n", memcmp(found, "\xb8\xad\0\0\0\xcd\x80", 7));
        }
#endif
        if (found && n == 3) {
            struct {
                long sec, nsec;
            } ts = {0, -1};
            int result = ((int (*)(int, void *))found)(CLOCK_MONOTONIC, &ts);
            printf("works: %d %d\n", result, ts.nsec >= 0);
            printf("bad clock: %d\n", ((int (*)(int, void *))found)(9999, &ts));
        }
        if (found && n == 6) {
            printf("time: %d\n", labs(((long (*)(long *))found)(NULL) - (long)time(NULL)) <= 1);
        }
    }
#ifdef __i386__
    /* __kernel_vsyscall: getpid */
    long pid;
    __asm__ volatile("call *%1"
                     : "=a"(pid)
                     : "r"(getauxval(AT_SYSINFO)), "0"(SYS_getpid)
                     : "memory");
    printf("vsyscall: %d\n", pid == getpid());
#endif
}

int main(int argc, char **argv, char **envp) {
    printf("page %lu, ticks %lu, phent %lu, entry %d, phdr %d\n", getauxval(AT_PAGESZ),
           getauxval(AT_CLKTCK), getauxval(AT_PHENT),
           getauxval(AT_ENTRY) >= (unsigned long)&__executable_start &&
               getauxval(AT_ENTRY) < (unsigned long)&etext,
           getauxval(AT_PHDR) == (unsigned long)&__executable_start + sizeof(ElfW(Ehdr)));
    printf("ids %d %d %d %d, secure %lu\n", getauxval(AT_UID) == getuid(),
           getauxval(AT_EUID) == geteuid(), getauxval(AT_GID) == getgid(),
           getauxval(AT_EGID) == getegid(), getauxval(AT_SECURE));
    printf("platform %s, base %lu, flags %lu\n", (char *)getauxval(AT_PLATFORM), getauxval(AT_BASE),
           getauxval(AT_FLAGS));
    printf("hwcap: fpu %lu tsc %lu cx8 %lu cmov %lu\n", getauxval(AT_HWCAP) & 1,
           getauxval(AT_HWCAP) >> 4 & 1, getauxval(AT_HWCAP) >> 8 & 1,
           getauxval(AT_HWCAP) >> 15 & 1);
    printf("random %d, hwcap2 %d, minsigstksz %d, execfn %d\n", has(AT_RANDOM), has(AT_HWCAP2),
           has(51), !strcmp((char *)getauxval(AT_EXECFN), argv[0]));
    unsigned char *random = (unsigned char *)getauxval(AT_RANDOM);
    int sum = 0;
    for (int i = 0; i < 16; i++) {
        sum |= random[i];
    }
    printf("random bytes %d\n", sum != 0);

    /* Strings: argv[0] up, environment behind, then the file name and eight zero bytes. */
    char *last = argv[argc - 1];
    printf("environment behind arguments %d\n", *envp == NULL || *envp == last + strlen(last) + 1);
    char *name = (char *)getauxval(AT_EXECFN);
    unsigned long top = ((unsigned long)name + strlen(name) + 1 + 8);
    printf("top %d\n", (top & 0xfff) == 0);
    printf("argc under argv %d, aligned %d\n", ((long *)argv)[-1] == argc,
           (((unsigned long)argv - sizeof(long)) & 15) == 0);

    unsigned short cs, ds, es, ss, fs, cw;
    unsigned mxcsr;
    __asm__("mov %%cs, %0; mov %%ds, %1; mov %%es, %2; mov %%ss, %3; mov %%fs, %4"
            : "=r"(cs), "=r"(ds), "=r"(es), "=r"(ss), "=r"(fs));
    __asm__("fnstcw %0; stmxcsr %1" : "=m"(cw), "=m"(mxcsr));
    printf("cs %x ds %x es %x ss %x fs %x cw %x mxcsr %x\n", cs, ds, es, ss, fs, cw, mxcsr);
    vdso();

    /* bss starts clean up to its page's end, and the break follows it. */
    char *brk = sbrk(0);
    int clean = 1;
    for (char *at = &end; ((unsigned long)at & 0xfff) != 0; at++) {
        clean &= *at == 0;
    }
    printf("clean %d, break behind the program %d\n", clean, brk >= &end);
    return 0;
}
