/* Vector registers of 256 bits: gathers, also such that fault half-way; XSAVE, XSAVEC and XRSTOR;
 * upper halves across signals, edited frames, threads and fork. Says nothing on a processor without
 * AVX2. */
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <signal.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define AVX2 __attribute__((target("avx2,xsave,xsavec,xsaveopt"), noinline))

static void show(const char *name, const void *bytes, int count) {
    printf("%s", name);
    for (int i = 0; i < count; i++) {
        printf("%s%02x", i % 4 ? "" : " ", ((const uint8_t *)bytes)[i]);
    }
    printf("\n");
}

static int32_t table[64];
static int64_t wide[64];

AVX2 static void gathers(void) {
    __m256i d8 = _mm256_setr_epi32(3, 0, 9, -2, 20, 31, 7, 1), out;
    __m128i d4 = _mm_setr_epi32(5, -1, 8, 2), q2 = _mm_set_epi64x(-3, 6), out4;
    __m256i q4 = _mm256_setr_epi64x(4, -4, 11, 0);
    const int *from = table + 16;
    const long long *fromw = (const long long *)wide + 16;
    out = _mm256_i32gather_epi32(from, d8, 4);
    show("dd", &out, 32);
    out = _mm256_i32gather_epi64(fromw, d4, 8);
    show("dq", &out, 32);
    out4 = _mm256_i64gather_epi32(from, q4, 4);
    show("qd", &out4, 16);
    out = _mm256_i64gather_epi64(fromw, q4, 2);
    show("qq", &out, 32);
    out4 = _mm_i64gather_epi32(from, q2, 4);
    show("qd of two", &out4, 16);
    out4 = _mm_mask_i32gather_epi32(_mm_set1_epi32(7), from, d4,
                                    _mm_setr_epi32(-1, 0, INT32_MIN, 5), 1);
    show("masked", &out4, 16);
    __m256d d = _mm256_i32gather_pd((const double *)fromw, d4, 8);
    show("pd", &d, 32);
}

static sigjmp_buf back;
static uint8_t seen[2][32];

static uint8_t *upper_of(ucontext_t *uc, int reg) {
#ifdef __x86_64__
    uint8_t *fx = (uint8_t *)uc->uc_mcontext.fpregs;
#else
    uint8_t *fx = (uint8_t *)uc->uc_mcontext.fpregs + 112;
#endif
    uint32_t magic;
    memcpy(&magic, fx + 464, 4);
    return magic == 0x46505853 ? fx + 576 + 16 * reg : NULL;
}

static uint8_t *lower_of(ucontext_t *uc, int reg) {
#ifdef __x86_64__
    return (uint8_t *)uc->uc_mcontext.fpregs + 160 + 16 * reg;
#else
    return (uint8_t *)uc->uc_mcontext.fpregs + 112 + 160 + 16 * reg;
#endif
}

static void on_fault(int signal, siginfo_t *info, void *context) {
    (void)signal;
    (void)info;
    for (int i = 0; i < 2; i++) { /* ymm0 the destination, ymm2 the mask */
        uint8_t *upper = upper_of(context, 2 * i);
        memcpy(seen[i], lower_of(context, 2 * i), 16);
        if (upper) {
            memcpy(seen[i] + 16, upper, 16);
        }
    }
    siglongjmp(back, 1);
}

AVX2 static void half_way(void) {
    uint8_t *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 4096; i++) {
        pages[i] = (uint8_t)i;
    }
    munmap(pages + 4096, 4096);
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
    static const int32_t index[8] = {0, 4, 8, 4092, 4096, 16, 20, 24};
    if (sigsetjmp(back, 1) == 0) {
        __asm__ volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0\n\t"
                         "vpcmpeqd %%ymm2, %%ymm2, %%ymm2\n\t"
                         "vmovdqu %0, %%ymm1\n\t"
                         "vpgatherdd %%ymm2, (%1,%%ymm1,1), %%ymm0"
                         :
                         : "m"(index), "r"(pages)
                         : "xmm0", "xmm1", "xmm2", "memory");
        printf("no fault\n");
    }
    show("half-way: destination", seen[0], 32);
    show("          mask", seen[1], 32);
}

static uint8_t image[2][1024] __attribute__((aligned(64)));

#define LOAD_ALL(from) "vmovdqu " from ", %%ymm0\n\tvmovdqu 32+" from ", %%ymm7\n\t"

AVX2 static void images(void) {
    static uint8_t values[64], got[64];
    for (int i = 0; i < 64; i++) {
        values[i] = (uint8_t)(i * 5 + 1);
    }
    for (int compact = 0; compact < 2; compact++) {
        memset(image, 0xcc, sizeof image);
        memset(image[0] + 512, 0, 64);
        __asm__ volatile("vzeroall\n\t"
                         "vmovdqu %0, %%ymm0\n\t"
                         "vmovdqu 32+%0, %%ymm7"
                         :
                         : "m"(values)
                         : "xmm0", "xmm7");
        if (compact) {
            __asm__ volatile("xsavec %0" : "+m"(image[0]) : "a"(6), "d"(0) : "memory");
        } else {
            __asm__ volatile("xsave %0" : "+m"(image[0]) : "a"(6), "d"(0) : "memory");
        }
        __asm__ volatile("vzeroall" : : : "xmm0", "xmm7");
        __asm__ volatile("xrstor %2\n\t"
                         "vmovdqu %%ymm0, %0\n\t"
                         "vmovdqu %%ymm7, 32+%0"
                         : "=m"(got)
                         : "a"(6), "m"(image[0]), "d"(0)
                         : "xmm0", "xmm7", "memory");
        uint64_t header[2];
        memcpy(header, image[0] + 512, 16);
        printf("%s: %s; header %x %x %x\n", compact ? "xsavec" : "xsave",
               memcmp(got, values, 64) ? "differs" : "the same", (unsigned)header[0] & 6,
               (unsigned)header[1], (unsigned)(header[1] >> 32));
        show("upper of 0", image[0] + 576, 16);
        show("upper of 1", image[0] + 592, 16);
        printf("x87 part is left: %d\n", image[0][0] == 0xcc && image[0][40] == 0xcc);
        header[0] = 2; /* AVX as after a reset */
        memcpy(image[0] + 512, header, 8);
        __asm__ volatile("xrstor %2\n\t"
                         "vmovdqu %%ymm0, %0"
                         : "=m"(got)
                         : "a"(4), "m"(image[0]), "d"(0)
                         : "xmm0", "memory");
        show("without it", got + 16, 16);
    }
    uint32_t mxcsr = 0x1f81; /* is state of SSE, too */
    memset(image, 0, sizeof image);
    __asm__ volatile("vzeroall\n\tldmxcsr %1\n\txsavec %0"
                     : "+m"(image[0])
                     : "m"(mxcsr), "a"(6), "d"(0)
                     : "memory");
    printf("xsavec of mxcsr: %d, %x\n", image[0][512] & 2, image[0][24]);
    mxcsr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
    for (int kind = 0; kind < 4; kind++) {
        memset(image, 0, sizeof image);
        uint32_t mxcsr = 0x1f80;
        memcpy(image[0] + 24, &mxcsr, 4);
        image[0][519] = kind == 1 ? 0x40 : 0; /* a component that there is not */
        image[0][520] = kind == 2;
        image[0][26] = kind == 3;
        if (sigsetjmp(back, 1) == 0) {
            __asm__ volatile("xrstor %0"
                             :
                             : "m"(image[0][kind == 0 ? 32 : 0]), "a"(6), "d"(0)
                             : "memory");
            printf("%d: no fault\n", kind);
        } else {
            printf("%d: fault\n", kind);
        }
    }
}

static volatile int handled;
static volatile int spoil; /* the frame's end, by which it says that there is extended state */

AVX2 static void on_usr1(int signal, siginfo_t *info, void *context) {
    (void)signal;
    (void)info;
    uint8_t *upper = upper_of(context, 3);
    if (upper) {
        show("in the frame", upper, 16);
        upper[0] ^= 0xff;
        uint8_t *image = upper - 16 * 3 - 576;
        uint32_t bytes;
        memcpy(&bytes, image + 480, 4);
        image[bytes] ^= spoil;
    }
    __asm__ volatile("vpcmpeqd %%ymm3, %%ymm3, %%ymm3" : : : "xmm3");
    handled++;
}

AVX2 static void across_signals(void) {
    struct sigaction action = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    uint8_t in[32], out[32];
    for (int i = 0; i < 32; i++) {
        in[i] = (uint8_t)(0x40 + i);
    }
#ifdef __x86_64__
    __asm__ volatile("vmovdqu %1, %%ymm3\n\tsyscall\n\tvmovdqu %%ymm3, %0"
                     : "=m"(out)
                     : "m"(in), "a"(62L), "D"((long)getpid()), "S"((long)SIGUSR1)
                     : "rcx", "r11", "memory", "xmm3");
#else
    __asm__ volatile("vmovdqu %1, %%ymm3\n\tint $0x80\n\tvmovdqu %%ymm3, %0"
                     : "=m"(out)
                     : "m"(in), "a"(37), "b"(getpid()), "c"(SIGUSR1)
                     : "memory", "xmm3");
#endif
    show(spoil ? "without it" : "after the handler", out, 32);
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

AVX2 static void *spin(void *arg) {
    uint8_t in[32], out[32];
    memset(in, (int)(intptr_t)arg, sizeof in);
    for (int i = 0; i < 300; i++) {
        __asm__ volatile("vmovdqu %1, %%ymm5\n\tpause\n\tpause\n\tcpuid\n\tvmovdqu %%ymm5, %0"
                         : "=m"(out)
                         : "m"(in), "a"(0), "c"(0)
                         : "ebx", "edx", "memory", "xmm5");
        if (memcmp(in, out, sizeof in)) {
            return (void *)1;
        }
    }
    return NULL;
}

/* XGETBV(1): are upper halves in use? */
AVX2 static void in_use(void) {
    unsigned eax, ebx, ecx, edx, used[2];
    if (!__get_cpuid_count(0xd, 1, &eax, &ebx, &ecx, &edx) || !(eax & 4)) {
        return;
    }
    __asm__ volatile("vpcmpeqd %%ymm3, %%ymm3, %%ymm3\n mov $1, %%ecx\n xgetbv\n mov %%eax, %0\n"
                     "vzeroupper\n xgetbv\n mov %%eax, %1"
                     : "=m"(used[0]), "=m"(used[1])
                     :
                     : "eax", "ecx", "edx", "xmm3");
    printf("in use: %x, then %x\n", used[0] & 4, used[1] & 4);
}

int main(void) {
    if (!__builtin_cpu_supports("avx2")) {
        return 0;
    }
    for (int i = 0; i < 64; i++) {
        table[i] = i * 0x01030507;
        wide[i] = i * INT64_C(0x0103050709020406);
    }
    gathers();
    half_way();
    images();
    in_use();
    across_signals();
    spoil = 1;
    across_signals();
    pthread_t thread[4];
    void *bad = NULL, *one;
    for (intptr_t i = 0; i < 4; i++) {
        pthread_create(&thread[i], NULL, spin, (void *)(i + 1));
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], &one);
        bad = one ? one : bad;
    }
    printf("threads: %s\n", bad ? "mixed" : "each its own");
    return 0;
}
