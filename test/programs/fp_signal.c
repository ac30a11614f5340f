/* Floating-point state around signals, fork, threads and exec: a handler starts with a clean unit,
 * the state of the interrupted code is in the ucontext and comes back, changed where the handler
 * changed it; children and threads inherit control words, exec resets them.
 *
 * Build: cc -O1 -msse2 -mfpmath=387 -static fp_signal.c -lpthread -lm
 *
 * Same output on a CPU and in the guest.
 * test: own */
#define _GNU_SOURCE
#include <emmintrin.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static uint16_t control(void) {
    uint16_t cw;
    __asm__ volatile("fnstcw %0" : "=m"(cw));
    return cw;
}
static uint16_t tags(void) {
    struct {
        uint16_t cw, a, sw, b, tw, c;
        uint32_t rest[4];
    } env;
    __asm__ volatile("fnstenv %0; fldenv %0" : "=m"(env));
    return env.tw;
}

static int change;
static uint32_t seen[8];
static double seen_value[2];

/* An i386 frame has the old format before the FXSAVE image (struct _fpstate, sigcontext.h). */
#ifdef __x86_64__
#define OLD_BYTES 0
#define OLD_TAG   4
#define OLD_ST0   32
#else
#define OLD_BYTES 112
#define OLD_TAG   8
#define OLD_ST0   28
#endif

static void handler(int sig, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    uint8_t *old = (uint8_t *)uc->uc_mcontext.fpregs, *fx = old + OLD_BYTES;
    seen[0] = control();
    seen[1] = tags();
    seen[2] = _mm_getcsr();
    memcpy(&seen[3], old, 4);     /* cw */
    memcpy(&seen[4], fx + 24, 4); /* mxcsr */
    memcpy(&seen[5], old + OLD_TAG, 4);
    seen[6] = fx[4]; /* abridged tag */
    memcpy(&seen_value[0], fx + 160, 8);
    long double st0;
    memcpy(&st0, old + OLD_ST0, 10);
    seen_value[1] = (double)st0;
    __asm__ volatile("fldpi; fldpi; fldpi; fldpi; fstp %st(0)"); /* left behind on purpose */
    _mm_setcsr(0x3f80);
    if (change) {
        double v = 42.5;
        memcpy(fx + 160, &v, 8);
        uint32_t csr = 0x5f80;
        memcpy(fx + 24, &csr, 4);
        uint16_t cw = 0x27f;
        memcpy(fx, &cw, 2);
        memcpy(old, &cw, 2);
        long double s = -7.25L;
        memcpy(fx + 32, &s, 10);
        memcpy(old + OLD_ST0, &s, 10);
    }
}

static void around_signal(int how) {
    change = how;
    double x0 = 1.5, out0, out1;
    uint16_t cw = 0xc7f, after_cw;
    uint32_t csr = 0x7f80, after_csr;
    __asm__ volatile(
        "fninit; fldcw %[cw]; ldmxcsr %[csr]; fld1; fldl %[x0]; movsd %[x0], %%xmm0;"
#ifdef __x86_64__
        "movl %[pid], %%edi; movl %[sig], %%esi; movl $62, %%eax; syscall;"
#else
        "pushl %%ebx; movl %[pid], %%ebx; movl %[sig], %%ecx; movl $37, %%eax; int $0x80;"
        "popl %%ebx;"
#endif
        "movsd %%xmm0, %[out0]; fstpl %[out1]; fnstcw %[acw]; stmxcsr %[acsr];"
        "fstp %%st(0)"
        : [out0] "=m"(out0), [out1] "=m"(out1), [acw] "=m"(after_cw), [acsr] "=m"(after_csr)
        : [cw] "m"(cw), [csr] "m"(csr), [x0] "m"(x0), [pid] "r"(getpid()), [sig] "i"(SIGUSR1)
        : "eax", "ecx", "xmm0", "memory"
#ifdef __x86_64__
          ,
          "rdi", "rsi", "r11"
#endif
    );
    uint16_t t = tags();
    fesetenv(FE_DFL_ENV);
    _mm_setcsr(0x1f80);
    printf("handler: cw %x tags %x mxcsr %x; saved cw %x mxcsr %x tag %x %x xmm0 %g st0 %g\n",
           seen[0], seen[1], seen[2], seen[3] & 0xffff, seen[4], seen[5] & 0xffff, seen[6],
           seen_value[0], seen_value[1]);
    printf("after:   cw %x tags %x mxcsr %x xmm0 %g st0 %g\n", after_cw, t, after_csr, out0, out1);
}

static void *thread(void *unused) {
    printf("thread: cw %x tags %x mxcsr %x\n", control(), tags(), _mm_getcsr());
    double sum = 0;
    for (int i = 1; i < 100000; i++) {
        sum += 1.0 / i;
    }
    static double result[2];
    result[(intptr_t)unused] = sum;
    return &result[(intptr_t)unused];
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 1) {
        printf("exec: cw %x tags %x mxcsr %x\n", control(), tags(), _mm_getcsr());
        return 0;
    }
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &act, NULL);
    around_signal(0);
    around_signal(1);
    uint16_t cw = 0x77f;
    __asm__ volatile("fninit; fldcw %0; fldpi" : : "m"(cw));
    _mm_setcsr(0x3f80);
    pid_t child = fork();
    if (child == 0) {
        printf("child: cw %x tags %x mxcsr %x\n", control(), tags(), _mm_getcsr());
        execl("/proc/self/exe", argv[0], "exec", (char *)NULL);
        _exit(1);
    }
    int status;
    waitpid(child, &status, 0);
    pthread_t t;
    pthread_create(&t, NULL, thread, (void *)0);
    void *sum;
    pthread_join(t, &sum);
    printf("parent: cw %x tags %x mxcsr %x\n", control(), tags(), _mm_getcsr());
    fesetenv(FE_DFL_ENV);
    _mm_setcsr(0x1f80);
    printf("status %d sum %.17g\n", status, *(double *)sum);
    return 0;
}
