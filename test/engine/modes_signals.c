/* test: only x86-64 segments
 * Signals and system calls of 32-bit code in a 64-bit program: frames and the handler's CS go by
 * the call that registered it, returns may go to the other mode, int $0x80 is a call of the i386
 * ABI. */
#include "mode_test.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

static struct regs32 regs;
static uint64_t stack;

/* --- system calls ------------------------------------------------------------------------- */

extern const char call80[];
uint32_t words[16];
__asm__(".text\n.code32\n"
        "call80: int $0x80\n lret\n"
        ".code64\n");

static int32_t call_i386(uint32_t number, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    set_regs(&regs, call80, stack);
    regs.ax = number;
    regs.bx = a;
    regs.cx = b;
    regs.dx = c;
    regs.si = d;
    call32(&regs);
    return (int32_t)regs.ax;
}

static void system_calls(void) {
    printf("getpid %s\n", call_i386(20, 0, 0, 0, 0) == getpid() ? "right" : "wrong");
    printf("close %d\n", call_i386(6, 777, 0, 0, 0));
    static const char text[] = "written\n";
    fflush(stdout);
    printf("write %d\n", call_i386(4, 1, (uint32_t)(uintptr_t)text, 8, 0));
    set_regs(&regs, call80, stack);
    regs.ax = 192; /* mmap2 */
    regs.cx = 8192;
    regs.dx = PROT_READ | PROT_WRITE;
    regs.si = MAP_PRIVATE | MAP_ANONYMOUS;
    regs.di = (uint32_t)-1;
    call32(&regs);
    volatile uint32_t *there = (uint32_t *)(uintptr_t)regs.ax;
    there[2047] = 5;
    printf("mmap2 %x\n", there[2047] + (regs.ax & 0xfff));
    printf("r8 and others %s\n", high_kept(&regs) ? "kept" : "changed");
    set_regs(&regs, call80, stack);
    regs.ax = 2; /* fork */
    fflush(stdout);
    call32(&regs);
    if (regs.ax == 0) {
        _exit(call_i386(20, 0, 0, 0, 0) == getpid() && call_i386(64, 0, 0, 0, 0) == getppid() ? 7
                                                                                              : 8);
    }
    int status = 0;
    waitpid((pid_t)regs.ax, &status, 0);
    printf("fork %x\n", (unsigned)status);
}

/* --- handlers of 64 bits ------------------------------------------------------------------- */

static int action; /* what the handler is to do */
extern const char to_32[], fault_32[], back_64[];
static uint64_t back_sp;
static int pipe_end;

static void handler64(int signal, siginfo_t *info, void *pointer) {
    ucontext_t *context = pointer;
    greg_t *g = context->uc_mcontext.gregs;
    printf("    64-bit handler: signal %d code %d trap %d cs %x uc %lx\n", signal, info->si_code,
           signal == SIGSEGV ? (int)g[REG_TRAPNO] : 0, (unsigned)g[REG_CSGSFS] & 0xffff,
           context->uc_flags);
    switch (action) {
    case 1: /* go on in 32-bit code, on the low stack */
    case 2: /* there is none at such an address */
        back_sp = (uint64_t)g[REG_RSP];
        g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffff) | CS32;
        g[REG_RIP] = (greg_t)(uintptr_t)to_32 | (action == 2 ? (greg_t)1 << 32 : 0);
        g[REG_R13] = g[REG_RSP];
        g[REG_RSP] = (greg_t)stack;
        action = 3;
        break;
    case 3: /* the fault of 2 */
        printf("    at %llx\n", (unsigned long long)g[REG_RIP] & 0xffffffff00000000);
        g[REG_RIP] = (uint32_t)g[REG_RIP];
        break;
    case 4: /* from 32-bit code to 64-bit code */
        g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffff) | CS64;
        g[REG_RIP] = (greg_t)(uintptr_t)back_64;
        break;
    case 5:
        if (write(pipe_end, "x", 1) != 1) {
            _exit(4);
        }
        break;
    }
}

uint32_t count32;
__asm__(".text\n.code32\n"
        "to_32: incl count32\n mov %esp, %ecx\n mov $0x2b, %edx\n mov %edx, %ds\n incl count32\n"
        "ljmp $0x33, $1f\n"
        ".code64\n"
        "1: mov %r13, %rsp\n jmp back_from_32\n"
        ".code32\n"
        "fault_32: mov 0x30, %eax\n lret\n"
        ".code64\n"
        "back_64: addl $16, count32(%rip)\n lretl\n"); /* of the far call of 32 bits */

static void to_other_modes(void) {
    for (action = 1; action <= 2; action++) {
        int wanted = action;
        __asm__ volatile("lea -256(%%rsp), %%rsp\n push %%rbp\n push %%rbx\n"
                         "syscall\n"
                         "back_from_32:\n pop %%rbx\n pop %%rbp\n lea 256(%%rsp), %%rsp"
                         :
                         : "a"(SYS_tgkill), "D"(getpid()), "S"(syscall(SYS_gettid)), "d"(SIGUSR1)
                         : "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
                           "cc");
        printf("gone on in 32-bit code: %u\n", count32);
        action = wanted;
    }
    action = 4;
    set_regs(&regs, fault_32, stack);
    call32(&regs);
    printf("gone on in 64-bit code: %u\n", count32);
    action = 0;
}

/* A read by int $0x80 that a signal interrupts is made again. */
static void restarted(void) {
    int ends[2];
    if (pipe(ends)) {
        die("pipe");
    }
    pipe_end = ends[1];
    action = 5;
    const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    printf("read %d\n", call_i386(3, (uint32_t)ends[0], (uint32_t)(uintptr_t)words, 8, 0));
    action = 0;
    printf("got %c\n", (char)words[0]);
}

/* --- handlers of 32 bits ------------------------------------------------------------------- */

struct action32 {
    uint32_t handler, flags, restorer, mask[2];
};
extern const char handler32[], restorer32[], plain32[], plain_restorer32[], raise32[];
uint32_t seen32[12];
__asm__(
    ".text\n.code32\n"
    "handler32:\n" /* signal, siginfo, ucontext on the stack */
    "mov 4(%esp), %eax\n mov %eax, seen32\n mov %cs, %eax\n mov %eax, seen32+4\n"
    "mov 8(%esp), %ecx\n mov 8(%ecx), %eax\n mov %eax, seen32+8\n"
    "mov 12(%ecx), %eax\n mov %eax, seen32+12\n"
    "mov 12(%esp), %edx\n"                       /* ucontext: sigcontext at 20 */
    "mov 80(%edx), %eax\n mov %eax, seen32+16\n" /* cs */
    "mov 68(%edx), %eax\n mov %eax, seen32+20\n" /* trap number */
    "mov 36(%edx), %eax\n mov %eax, seen32+24\n" /* edi */
    "mov %ds, %eax\n mov %eax, seen32+28\n"
    "cmpl $11, seen32\n jne 1f\n mov 44(%edx), %eax\n mov %eax, 76(%edx)\n" /* ip = bp */
    "1: movl $0x777, 64(%edx)\n"                                            /* eax */
    "ret\n"
    "restorer32: mov $173, %eax\n int $0x80\n"
    "plain32: mov 4(%esp), %eax\n mov %eax, seen32+32\n mov %cs, %eax\n mov %eax, seen32+36\n ret\n"
    "plain_restorer32: pop %eax\n mov $119, %eax\n int $0x80\n"
    "raise32: mov $1f, %ebp\n mov $0x4444, %edi\n int $0x80\n 1: mov %edi, %edx\n lret\n"
    ".code64\n");

static void set_action32(int signal, const void *handler, uint32_t flags, const void *restorer) {
    static struct action32 in;
    in = (struct action32){
        (uint32_t)(uintptr_t)handler, flags | 0x04000000, (uint32_t)(uintptr_t)restorer, {0, 0}};
    int result = call_i386(174, (uint32_t)signal, (uint32_t)(uintptr_t)&in, 0, 8);
    if (result) {
        printf("sigaction of 32 bits: %d\n", result);
    }
}

static void show32(const char *name) {
    printf("%s: signal %u cs %x code %d addr %x, was in %x trap %u edi %x ds %x\n", name, seen32[0],
           seen32[1], (int)seen32[2], seen32[0] == SIGSEGV ? seen32[3] : 0, seen32[4] & 0xffff,
           seen32[0] == SIGSEGV ? seen32[5] : 0, seen32[6], seen32[7] & 0xffff);
    memset(seen32, 0, sizeof seen32);
}

static void handlers32(void) {
    set_action32(SIGUSR2, handler32, SA_SIGINFO, restorer32);
    set_action32(SIGSEGV, handler32, SA_SIGINFO, restorer32);
    /* While 32-bit code runs. */
    set_regs(&regs, raise32, stack);
    regs.ax = 37; /* kill */
    regs.bx = (uint32_t)getpid();
    regs.cx = SIGUSR2;
    call32(&regs);
    show32("raised in 32-bit code");
    printf("    then %x %x%s\n", regs.ax, regs.dx,
           high_kept(&regs) ? "" : ", high registers changed");
    set_regs(&regs, fault_32, stack);
    static const uint8_t lret[] = {0xcb};
    uint8_t *page = code_pages(1);
    memcpy(page, lret, 1);
    regs.bp = (uint32_t)(uintptr_t)page;
    regs.di = 0x5555;
    call32(&regs);
    show32("fault in 32-bit code");
    /* While 64-bit code runs, on a stack that 32 bits can name: the frame has the lower halves. */
    uint64_t r12 = 0x1234567812345678, rdi = 0, rax = SYS_tgkill;
    __asm__ volatile("mov %%rsp, %%r14\n mov %[stack], %%rsp\n mov %[r12], %%r12\n"
                     "syscall\n mov %%r14, %%rsp\n mov %%r12, %[r12]"
                     : "+a"(rax), "=D"(rdi), [r12] "+r"(r12)
                     : [stack] "r"(stack), "1"((uint64_t)getpid()), "S"(syscall(SYS_gettid)),
                       "d"(SIGUSR2)
                     : "rcx", "r11", "r12", "r13", "r14", "memory", "cc");
    seen32[6] = seen32[6] == (uint32_t)getpid();
    show32("raised in 64-bit code");
    printf("    then %lx, r12 %lx\n", (unsigned long)rax, (unsigned long)r12);
    /* The frame without siginfo. */
    set_action32(SIGUSR2, plain32, 0, plain_restorer32);
    set_regs(&regs, raise32, stack);
    regs.ax = 37;
    regs.bx = (uint32_t)getpid();
    regs.cx = SIGUSR2;
    call32(&regs);
    printf("plain: signal %u cs %x, then %x %x\n", seen32[8], seen32[9], regs.ax, regs.dx);
    /* What 64-bit calls say of it, and it is theirs again. */
    struct sigaction old;
    static const struct sigaction again = {.sa_handler = SIG_DFL};
    sigaction(SIGUSR2, &again, &old);
    printf("handler as 64-bit code sees it: %s, flags %x\n",
           old.sa_handler == (void (*)(int))(uintptr_t)plain32 ? "the same" : "another",
           (unsigned)old.sa_flags);
}

int main(void) {
    stack = low_stack(0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct sigaction set = {.sa_sigaction = handler64, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGUSR1, &set, NULL);
    sigaction(SIGSEGV, &set, NULL);
    sigaction(SIGALRM, &set, NULL);
    system_calls();
    set_regs(&regs, raise32, stack);
    regs.ax = 37;
    regs.bx = (uint32_t)getpid();
    regs.cx = SIGUSR1;
    call32(&regs);
    printf("raised: %x %x\n", regs.ax, regs.dx);
    to_other_modes();
    restarted();
    handlers32();
    return 0;
}
