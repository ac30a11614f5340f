/* Instructions whose operands, stack or code are far from everything else: in the upper parts of 47
 * bits of addresses, over the ends of 64 GiB, at once in several places. The engine reaches such
 * memory in another way than a program's usual one.
 * test: only x86-64
 * test: check-memory
 * test: limit 60
 * Build: cc -O1 -mavx2 -static -pthread far.c */
#include "engine_test.h"
#include <errno.h>
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/wait.h>

#define CHUNK ((uintptr_t)1 << 36)
#define FAR   ((uint8_t *)0x600000000000)
#define AREA  (64 * CHUNK)

static sigjmp_buf jump;
static volatile int code;
static void *volatile address;

static void on_signal(int signo, siginfo_t *info, void *context) {
    code = info->si_code;
    address = info->si_addr;
    siglongjmp(jump, signo);
}

static void report(const char *what, int signo) {
    printf("%s: %s code %d at %p\n", what, strsignal(signo), code, address);
}

/* What an access does, as one line. */
#define TRY(what, access)                                                                          \
    do {                                                                                           \
        int signo = sigsetjmp(jump, 1);                                                            \
        if (signo) {                                                                               \
            report(what, signo);                                                                   \
        } else {                                                                                   \
            access;                                                                                \
            printf("%s: done\n", what);                                                            \
        }                                                                                          \
    } while (0)

static uint64_t sum(const void *at, size_t len) {
    uint64_t all = 0;
    for (size_t i = 0; i < len; i++) {
        all = all * 31 + ((const uint8_t *)at)[i];
    }
    return all;
}

static void show(const char *what, const void *at, size_t len) {
    printf("%s %016lx\n", what, (unsigned long)sum(at, len));
}

/* Plain operands of all kinds at `at`, of which 1024 bytes are used. */
static void operands(const char *what, uint8_t *at) {
    uint64_t value = 0x1122334455667788, low = 1, high = 2;
    uint8_t flag;
    for (int i = 0; i < 1024; i++) {
        at[i] = (uint8_t)(i * 7);
    }
    *(volatile uint64_t *)at += value;
    __asm__ volatile("lock xaddq %0, %1" : "+r"(value), "+m"(*(uint64_t *)(at + 8)));
    __asm__ volatile("lock cmpxchg16b %0; setz %1"
                     : "+m"(*(__int128 *)(((uintptr_t)at + 31) & ~UINT64_C(15))), "=q"(flag),
                       "+a"(low), "+d"(high)
                     : "b"(3ul), "c"(4ul));
    printf("%s: %lx %lx %lx %d\n", what, value, low, high, flag);
    __asm__ volatile("lock incl %0; rolw $3, %1; notb %2; xchgb %b3, %4; shlq %%cl, %5"
                     : "+m"(at[64]), "+m"(at[70]), "+m"(at[73]), "+r"(value), "+m"(at[75]),
                       "+m"(at[80])
                     : "c"(5));
    for (long bit = -100; bit < 300; bit += 37) {
        __asm__ volatile("lock btsq %1, %0; btcl %k1, 32%0" : "+m"(at[256]) : "r"(bit) : "cc");
    }
    __m128i v = _mm_loadu_si128((__m128i *)(at + 1));
    _mm_storeu_si128((__m128i *)(at + 100), _mm_shuffle_epi32(v, 27));
    __m256i w = _mm256_loadu_si256((__m256i *)(at + 33));
    _mm256_storeu_si256((__m256i *)(at + 201), _mm256_add_epi16(w, w));
    __m256i part = _mm256_set_epi32(-1, 0, -1, 0, 0, -1, 0, -1);
    _mm256_maskstore_epi32((int *)(at + 301), part, w);
    w = _mm256_maskload_epi32((int *)(at + 341), part);
    w = _mm256_add_epi64(
        w, _mm256_i32gather_epi32((int *)at, _mm256_set_epi32(7, 6, 50, 4, 33, 2, 101, 0), 4));
    _mm256_storeu_si256((__m256i *)(at + 401), w);
    _mm_maskmoveu_si128(v, _mm_set1_epi16(0x80), (char *)(at + 450));
    __asm__ volatile("fldt %0; fld1; faddp; fstpt %1; fnstcw %2; filds %3; fistpll %4"
                     : "+m"(at[500]), "=m"(at[520]), "=m"(at[540]), "=m"(at[550]), "=m"(at[560]));
    __asm__ volatile("cld; rep movsb" : : "S"(at), "D"(at + 600), "c"(100) : "memory");
    __asm__ volatile("std; rep movsw; cld" : : "S"(at + 90), "D"(at + 790), "c"(20) : "memory");
    __asm__ volatile("rep stosq" : : "a"(value), "D"(at + 800), "c"(5) : "memory");
    long left = 500;
    uint8_t *found = at + 600;
    __asm__ volatile("repne scasb" : "+D"(found), "+c"(left) : "a"(at[650]) : "cc");
    printf("found %ld, left %ld\n", (long)(found - at), left);
    show("bytes", at, 1024);
    static uint8_t image[1024] __attribute__((aligned(64)));
    uint8_t *aligned = (uint8_t *)(((uintptr_t)at + 63) & ~UINT64_C(63));
    __asm__ volatile("fxsave64 %0" : "=m"(*aligned));
    memcpy(image, aligned, 512);
    __asm__ volatile("fxrstor64 %0" : : "m"(*aligned));
    printf("image %x %x\n", image[0] | image[1] << 8, image[24] | image[25] << 8);
}

/* The stack there: PUSH, POP, CALL, RET, LEAVE, ENTER, PUSHF. */
static void stack_at(uint8_t *top) {
    uint64_t value = 7, flags = 0;
    __asm__ volatile("mov %%rsp, %%r12\n mov %%rbp, %%r13\n mov %2, %%rsp\n"
                     "push $0x11\n push %%rsp\n pop %%rax\n sub %%rsp, %%rax\n"
                     "call 1f\n jmp 2f\n"
                     "1: enter $32, $0\n movq $5, -8(%%rbp)\n push -8(%%rbp)\n pop -16(%%rbp)\n"
                     "add -16(%%rbp), %%rax\n leave\n ret $0\n"
                     "2: pop %%rcx\n add %%rcx, %%rax\n push %%fs\n pop %%rcx\n"
                     "lea 3f(%%rip), %%rcx\n push %%rcx\n call *(%%rsp)\n add $8, %%rsp\n jmp 4f\n"
                     "3: add $0x100, %%rax\n ret\n"
                     "4: cmp %%rax, %%rax\n pushf\n pop %1\n"
                     "mov %%r12, %%rsp\n mov %%r13, %%rbp\n"
                     : "=&a"(value), "=&r"(flags)
                     : "r"(top)
                     : "rcx", "r12", "r13", "memory", "cc");
    printf("stack %lx, flags %lx\n", value, flags & 0x40);
}

/* Code there: run, changed, run, by itself too; over the end of a page. */
static void code_at(uint8_t *at) {
    static const uint8_t bytes[] = {0x8b, 0x05, 10, 0, 0, 0,    /* mov eax, [rip + 10] */
                                    0xc6, 0x05, 1,  0, 0, 0, 8, /* mov byte [rip + 1], 8 */
                                    0x04, 7,                    /* add al, 7 */
                                    0xc3, 42,   0,  0, 0};
    memcpy(at, bytes, sizeof bytes);
    uint32_t first = run(at);
    at[16] = 50;
    uint32_t second = run(at);
    for (int i = 0; i < 100; i++) { /* so often that the page is hot */
        at[14] = (uint8_t)i;
        at[16]++;
        second += run(at);
    }
    printf("code %u %u\n", first, second);
}

static void *thread(void *at) {
    for (int i = 0; i < 20000; i++) {
        atomic_fetch_add((_Atomic int *)at, 1);
        __asm__ volatile("lock btcl %1, %0" : "+m"(*(int *)((uint8_t *)at + 64)) : "r"(3) : "cc");
    }
    return at;
}

static void threads(uint8_t *at) {
    pthread_t made[3];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    for (int i = 0; i < 3; i++) { /* their stacks are there, too */
        pthread_attr_setstack(&attr, at + CHUNK * (unsigned)(i + 1), 1 << 20);
        if ((errno = pthread_create(&made[i], &attr, thread, at))) {
            die("pthread_create");
        }
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(made[i], NULL);
    }
    printf("threads %d %d\n", *(int *)at, *(int *)(at + 64));
}

static void on_stack(int signo, siginfo_t *info, void *context) {
    uint8_t here;
    uintptr_t at = (uintptr_t)&here - (uintptr_t)FAR;
    printf("signal on stack %d, context %d\n", at < AREA,
           (uintptr_t)context - (uintptr_t)FAR < AREA);
    (void)signo;
    (void)info;
}

static void signals(uint8_t *at) {
    stack_t stack = {.ss_sp = at, .ss_size = 1 << 16};
    struct sigaction action = {.sa_sigaction = on_stack, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

static void faults(uint8_t *at) {
    volatile uint8_t *page = at;
    uint8_t *none = at + 8 * PAGE;
    uint64_t odd = (uint64_t)1 << 50;
    mprotect(at + PAGE, PAGE, PROT_READ);
    mprotect(at + 2 * PAGE, PAGE, PROT_NONE);
    munmap(none, PAGE);
    TRY("read", (void)page[PAGE]);
    TRY("write", page[PAGE] = 1);
    TRY("none", (void)page[2 * PAGE]);
    TRY("hole", *(volatile uint8_t *)none = 1);
    TRY("into the hole", *(volatile uint64_t *)(none - 4) = 1);
    TRY("into none", *(volatile uint64_t *)(at + 2 * PAGE - 4));
    TRY("odd", *(volatile uint64_t *)odd = 1);
    TRY("not aligned", _mm_store_si128((__m128i *)(at + 8), _mm_setzero_si128()));
    TRY("string", memset(none - 100, 1, 200));
    __asm__ volatile("" : : : "memory");
    TRY("jump", ((void (*)(void))(uintptr_t)none)());
    TRY("stack", stack_at(none + 16));
    printf("before the hole %d\n", none[-1]);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    void *got = mmap(FAR, AREA, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
    if (got != FAR) {
        die("mmap");
    }
    operands("far", FAR + 128);
    for (unsigned i = 0; i < 1024; i += 61) { /* some of it is over the end, another each time */
        operands("over the end", FAR + 2 * CHUNK - i);
    }
    __asm__ volatile("rep movsb"
                     :
                     : "S"(FAR + 3 * CHUNK - 100), "D"(FAR + 5 * CHUNK - 50), "c"(200)
                     : "memory");
    stack_at(FAR + 6 * CHUNK + PAGE);
    stack_at(FAR + 8 * CHUNK + 12);
    uint8_t *text = FAR + 20 * CHUNK;
    mprotect(text - PAGE, 3 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    code_at(text + 8);
    code_at(text + PAGE - 8);
    faults(FAR + 30 * CHUNK);
    signals(FAR + 31 * CHUNK);
    threads(FAR + 40 * CHUNK);
    pid_t child = fork();
    int status;
    if (!child) {
        operands("child", FAR + 128);
        FAR[0] = 1;
        code_at(text + 8);
        _exit(FAR[1]);
    }
    waitpid(child, &status, 0);
    printf("child %x, %d\n", status, FAR[0]);
    return 0;
}
