/* Build: cc -static -msse2 signal_edit.c
 * Signal contexts that a handler edits: EIP, registers, flags, x87 and SSE state; the trap flag;
 * and signals that come at any time while code runs whose registers must not change.
 * test: own */
#include "engine_test.h"
#include <sys/time.h>

static uint8_t *page;

/* --- skip an instruction, change registers and flags ----------------------------------- */

static void skip(int signal, siginfo_t *info, void *pointer) {
    greg_t *regs = ((ucontext_t *)pointer)->uc_mcontext.gregs;
    (void)signal;
    (void)info;
    regs[REG_IP] += 2; /* ud2 */
    regs[REG_AX] = 0x1000;
    regs[REG_BX] ^= 0xff;
    regs[REG_EFL] ^= 0xc1; /* CF ZF SF */
}

static void edit_registers(void) {
    struct sigaction action = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    struct assembler a = {page};
    emit_mov(&a, 3, 0x0f0f);
    EMIT(&a, "\x31\xc0");     /* xor eax, eax: ZF */
    EMIT(&a, "\x0f\x0b");     /* ud2 */
    EMIT(&a, "\x83\xd0\x05"); /* adc eax, 5 */
    EMIT(&a, "\x0f\x0b");
    EMIT(&a, "\x0f\x92\xc1\x0f\x94\xc5\x0f\xb7\xc9"); /* setc cl; setz ch; movzx ecx, cx */
    EMIT(&a, "\x01\xd8\x01\xc8\xc3");                 /* add eax, ebx; add eax, ecx */
    for (int i = 0; i < 3; i++) {
        printf("edited %x\n", run(page));
    }
}

/* --- floating-point state -------------------------------------------------------------- */

static void edit_float(int signal, siginfo_t *info, void *pointer) {
    ucontext_t *context = pointer;
    struct _libc_fpstate *fp = context->uc_mcontext.fpregs;
    (void)signal;
    (void)info;
    context->uc_mcontext.gregs[REG_IP] += 2;
#ifdef __x86_64__
    uint8_t *fx = (uint8_t *)fp;
    printf("  x87 cw %x sw %x tag %x\n", fp->cwd, fp->swd, fp->ftw);
#else
    uint8_t *fx = (uint8_t *)(fp + 1); /* the FXSAVE image after the FNSAVE form */
    printf("  x87 cw %lx sw %lx tag %lx, magic %lx\n", fp->cw & 0xffff, fp->sw & 0xffff,
           fp->tag & 0xffff, fp->status >> 16);
#endif
    printf("  st0 exponent %x mantissa %x, xmm1 %x %x, mxcsr %x\n", fp->_st[0].exponent,
           fp->_st[0].significand[3], *(uint32_t *)(fx + 160 + 16), *(uint32_t *)(fx + 160 + 28),
           *(uint32_t *)(fx + 24));
    fp->_st[0].exponent++;                     /* doubles it */
    *(uint32_t *)(fx + 160 + 16) = 0xabcdef01; /* xmm1, low */
    *(uint32_t *)(fx + 24) = 0x7f80;           /* round to zero */
    /* the handler's own use must not matter */
    __asm__ volatile("finit\n fldpi\n xorps %%xmm1, %%xmm1" : : : "xmm1");
}

static void floats(void) {
    struct sigaction action = {.sa_sigaction = edit_float, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    double result;
    uint32_t low, mxcsr, high;
    uint16_t control;
    __asm__ volatile("finit\n fld1\n fldpi\n"
                     "movl $0x11223344, %%eax\n movd %%eax, %%xmm1\n pshufd $0, %%xmm1, %%xmm1\n"
                     "ud2\n"
                     "faddp\n fstpl %0\n fnstcw %1\n movd %%xmm1, %2\n stmxcsr %3\n"
                     "psrldq $12, %%xmm1\n movd %%xmm1, %4\n"
                     : "=m"(result), "=m"(control), "=r"(low), "=m"(mxcsr), "=r"(high)
                     :
                     : "eax", "xmm1");
    printf("floats %.17g cw %x xmm1 %x %x mxcsr %x\n", result, control, low, high, mxcsr);
    mxcsr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
}

/* --- trap flag ------------------------------------------------------------------------- */

static uint32_t steps[256], step_count, step_eax[256];
static int budget;

static void on_step(int signal, siginfo_t *info, void *pointer) {
    greg_t *regs = ((ucontext_t *)pointer)->uc_mcontext.gregs;
    (void)signal;
    if (step_count < 256) {
        steps[step_count] = (uint32_t)regs[REG_IP] - (uint32_t)(uintptr_t)page;
        step_eax[step_count] = (uint32_t)regs[REG_AX] ^ (uint32_t)info->si_code << 24;
    }
    step_count++;
    if (--budget <= 0) {
        regs[REG_EFL] &= ~0x100;
    }
}

static void show_steps(const char *name, uint32_t result) {
    printf("%s: %x, %u steps:", name, result, step_count);
    for (uint32_t i = 0; i < step_count && i < 256; i++) {
        if (steps[i] < PAGE) {
            printf(" %x/%x", steps[i], step_eax[i]);
        }
    }
    printf("\n");
    step_count = 0;
}

static void start_stepping(int signal, siginfo_t *info, void *pointer) {
    (void)signal;
    (void)info;
    greg_t *regs = ((ucontext_t *)pointer)->uc_mcontext.gregs;
    regs[REG_IP] += 2;
    regs[REG_EFL] |= 0x100;
}

#ifdef __x86_64__
#define INC     "\xff\xc0"     /* inc eax */
#define ROUND   "\xff\xc9\x75" /* dec ecx; jnz by */
#define BY      "\xfa"
#define INC_RET "\x03" /* bytes of inc eax; ret */
#else
#define INC     "\x40"
#define ROUND   "\x49\x75"
#define BY      "\xfb"
#define INC_RET "\x02"
#endif

static const char body[] = "\xb8\x01\0\0\0"           /* mov eax, 1 */
                           "\xb9\x03\0\0\0"           /* mov ecx, 3 */
                           "\x01\xc0"                 /* add eax, eax */
    ROUND BY                                          /* to the add */
                           "\xe8\x02\0\0\0"           /* call over */
                           "\xeb" INC_RET             /* jmp over */
                               INC "\xc3"             /* inc eax; ret */
                           "\x50\x5a"                 /* push eax; pop edx */
                           "\x8c\xd9\x8e\xd9" INC INC /* mov ecx, ds; mov ds, ecx; inc; inc */
                           "\x9c\x59"                 /* pushf; pop ecx */
                           "\x0f\xb6\xcd"             /* movzx ecx, ch */
                           "\x83\xe1\x01\x01\xc8";    /* TF as pushed */

static void single_steps(void) {
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, NULL);
    struct assembler a = {page};
    EMIT(&a, "\x9c\x81\x0c\x24\0\x01\0\0\x9d"); /* pushf; or [esp], TF; popf */
    EMIT(&a, body);
    EMIT(&a, "\x9c\x81\x24\x24\xff\xfe\xff\xff\x9d" INC INC "\xc3"); /* TF off */
    budget = 1000;
    show_steps("popf", run(page));
    action.sa_sigaction = start_stepping;
    sigaction(SIGILL, &action, NULL);
    a.at = page;
    EMIT(&a, "\x0f\x0b");
    EMIT(&a, body);
    EMIT(&a, "\x0f\xa2\x31\xc0" INC "\xc3"); /* cpuid; xor eax, eax; inc eax */
    budget = 9;
    show_steps("handler", run(page));
    budget = 17;
    show_steps("longer", run(page));
    /* self-modification while stepping */
    a.at = page;
    EMIT(&a, "\x31\xc0\x0f\x0b");
    emit_store8(&a, page + 4 + 7 + 1, 0x77);
    emit_mov(&a, 0, 0);
    EMIT(&a, INC INC "\xc3");
    budget = 4;
    show_steps("modified", run(page));
}

/* --- signals at any time --------------------------------------------------------------- */

static volatile sig_atomic_t alarms;

static void on_alarm(int signal) {
    (void)signal;
    alarms++;
    volatile double x = alarms;
    for (int i = 0; i < 20; i++) {
        x = x * 1.5 + (double)i;
    }
    __asm__ volatile("pxor %%xmm0, %%xmm0\n pcmpeqb %%xmm7, %%xmm7\n stc\n std\n cld"
                     :
                     :
                     : "xmm0", "xmm7", "cc");
}

static void interrupted(void) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &timer, NULL);
    uint32_t a = 1, b = 2, c = 3;
    double d = 1;
    /* flags live over the back edge, x87 and SSE state in registers */
    for (int round = 0; round < 60 || (alarms < 20 && round < 20000); round++) {
        uint32_t n = 200000;
        a = 1, b = 2, c = 3, d = 1;
        __asm__ volatile("clc\n"
                         "movd %[a], %%xmm0\n movd %[b], %%xmm7\n"
                         "1: adc %[b], %[a]\n rcl $3, %[b]\n adc $0x1234567, %[c]\n"
                         "paddd %%xmm7, %%xmm0\n pxor %%xmm0, %%xmm7\n"
                         "sbb %[a], %[b]\n"
                         "lea -1(%[n]), %[n]\n"
                         "inc %[n]\n dec %[n]\n jnz 1b\n"
                         "movd %%xmm7, %[n]\n xor %[n], %[c]\n"
                         : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [n] "+r"(n)
                         :
                         : "xmm0", "xmm7", "cc");
        for (int i = 0; i < 500; i++) {
            d = d * 1.0001 + 0.5 / (1 + i);
        }
    }
    memset(&timer, 0, sizeof timer);
    setitimer(ITIMER_REAL, &timer, NULL);
    printf("interrupted: %x %x %x %.17g, alarms %d\n", a, b, c, d, alarms >= 20);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    page = code_pages(1);
    edit_registers();
    floats();
    single_steps();
    interrupted();
    return 0;
}
