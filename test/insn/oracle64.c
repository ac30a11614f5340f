/* The oracle of 64-bit mode: as oracle.c is, for x86-64 programs. It lies above everything that an
 * engine's window can hold, and has nothing else in its address space, so that a case's stray
 * pointer faults here wherever it faults in the engine. */
#include "case.h"

#if CASE_BITS != 64
#error "the 64-bit oracle wants 64-bit cases"
#endif

enum {
    SYS_read = 0,
    SYS_write = 1,
    SYS_mmap = 9,
    SYS_mprotect = 10,
    SYS_munmap = 11,
    SYS_rt_sigaction = 13,
    SYS_setitimer = 38,
    SYS_exit = 60,
    SYS_sigaltstack = 131,
    SYS_arch_prctl = 158,
};
enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS };
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11, SIGVTALRM = 26 };
#define SA_FLAGS 0x4c000004ul /* SA_SIGINFO SA_RESTORER SA_NODEFER SA_ONSTACK */
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };

/* struct sigcontext and ucontext of x86-64, by arch/x86 uapi sigcontext.h; fpstate begins with the
 * FXSAVE image. */
struct sigcontext64 {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t di, si, bp, bx, dx, ax, cx, sp, ip, flags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2;
    const uint8_t *fpstate;
};
struct ucontext64 {
    uint64_t flags;
    void *link;
    uint64_t stack[3];
    struct sigcontext64 mcontext;
};

/* What oracle_enter() loads; named in the assembly below. */
uint64_t enter_regs[16], enter_rip, enter_flags, saved_rsp;
static volatile uint32_t in_guest;
static struct batch *const shared = (struct batch *)SHARED_ADDR;
static uint8_t alt_stack[65536] __attribute__((aligned(64)));
static uint8_t start[AREAS][AREA_MAX] __attribute__((aligned(64)));

#pragma GCC visibility push(hidden) /* reached without a table: the program is linked high up */
void oracle_enter(void);
_Noreturn void oracle_leave(void);
void on_trap(void);
void on_alarm(void);
void restorer(void);
_Noreturn void oracle_main(void);
void trap_c(int signal, void *info, struct ucontext64 *context);
void alarm_c(int signal, void *info, struct ucontext64 *context);
extern char __executable_start, _end;
#pragma GCC visibility pop
void *memcpy(void *to, const void *from, unsigned long bytes);
void *memset(void *to, int byte, unsigned long bytes);

#include "oracle_fp.h"

__asm__(".text\n"
        ".globl _start\n"
        "_start: lea main_stack_top(%rip), %rsp\n"
        "  call oracle_main\n"
        "oracle_enter:\n"
        "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
        "  mov %rsp, saved_rsp(%rip)\n"
        "  fxrstor enter_fx(%rip)\n"
        "  cmpl $0, has_upper(%rip)\n"
        "  je 1f\n"
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
        "  vinsertf128 $1, enter_upper+16*\\n(%rip), %ymm\\n, %ymm\\n\n"
        ".endr\n"
        "1:\n"
        "  pushq enter_flags(%rip)\n"
        "  lea enter_regs(%rip), %rax\n"
        "  mov 8(%rax), %rcx\n  mov 16(%rax), %rdx\n  mov 24(%rax), %rbx\n"
        "  mov 40(%rax), %rbp\n  mov 48(%rax), %rsi\n  mov 56(%rax), %rdi\n"
        "  mov 64(%rax), %r8\n  mov 72(%rax), %r9\n  mov 80(%rax), %r10\n"
        "  mov 88(%rax), %r11\n  mov 96(%rax), %r12\n  mov 104(%rax), %r13\n"
        "  mov 112(%rax), %r14\n  mov 120(%rax), %r15\n"
        "  mov (%rax), %rax\n"
        "  popfq\n"
        "  mov enter_regs+32(%rip), %rsp\n"
        "  jmp *enter_rip(%rip)\n"
        "oracle_leave:\n"
        "  mov saved_rsp(%rip), %rsp\n"
        "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
        "  ret\n"
        "on_trap:\n"                /* frame: restorer; signal, siginfo, ucontext in registers */
        "  pushq $0x202\n  popfq\n" /* NT, AC, ID of the case */
        "  sub $8, %rsp\n"
        "  call trap_c\n"
        "  hlt\n"
        "on_alarm:\n"
        "  pushq $0x202\n  popfq\n"
        "  sub $8, %rsp\n"
        "  call alarm_c\n"
        "  add $8, %rsp\n"
        "  ret\n"
        "restorer: mov $15, %eax\n  syscall\n" /* rt_sigreturn */
        ".bss\n.align 64\n.skip 65536\nmain_stack_top:\n.skip 64\n.text\n");

static long call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                 uint64_t f) {
    long result;
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    register uint64_t r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "memory", "rcx", "r11");
    return result;
}

void *memcpy(void *to, const void *from, unsigned long bytes) {
    void *first = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
    return first;
}

void *memset(void *to, int byte, unsigned long bytes) {
    void *first = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(byte) : "memory");
    return first;
}

static _Noreturn void die(const char *text) {
    unsigned length = 0;
    while (text[length]) {
        length++;
    }
    call(SYS_write, 2, (uint64_t)text, length, 0, 0, 0);
    call(SYS_exit, 99, 0, 0, 0, 0, 0);
    __builtin_unreachable();
}

static void must(long result, const char *text) {
    if (result < 0 && result > -4096) {
        die(text);
    }
}

/* The kernel leaves DS, ES, FS, GS and the bases of a case as they are when it calls a handler; but
 * the return from an interrupt makes null selectors 0 whatever their lower bits were (SDM IRET). */
static void read_segments(struct tresult *result, const struct sigcontext64 *m) {
    uint16_t *seg = result->seg;
    __asm__ volatile("mov %%es, %0\n mov %%ds, %1\n mov %%fs, %2\n mov %%gs, %3"
                     : "=r"(seg[0]), "=r"(seg[3]), "=r"(seg[4]), "=r"(seg[5]));
    for (int i = 0; i < 6; i++) {
        seg[i] = seg[i] & ~3 ? seg[i] : 0;
    }
    seg[1] = m->cs;
    seg[2] = m->ss;
    must(call(SYS_arch_prctl, ARCH_GET_FS, (uint64_t)&result->base[0], 0, 0, 0, 0), "oracle: fs\n");
    must(call(SYS_arch_prctl, ARCH_GET_GS, (uint64_t)&result->base[1], 0, 0, 0, 0), "oracle: gs\n");
}

static void fill_result(struct tresult *result, const struct ucontext64 *context) {
    const struct sigcontext64 *m = &context->mcontext;
    const uint64_t regs[16] = {m->ax, m->cx, m->dx,  m->bx,  m->sp,  m->bp,  m->si,  m->di,
                               m->r8, m->r9, m->r10, m->r11, m->r12, m->r13, m->r14, m->r15};
    memcpy(result->regs, regs, sizeof regs);
    result->trap = (uint32_t)m->trapno;
    result->error = (uint32_t)m->err;
    result->addr = m->trapno == 14 ? m->cr2 : 0;
    result->eip = m->ip;
    result->eflags = (uint32_t)m->flags;
    read_segments(result, m);
    read_fx(&result->fp, m->fpstate);
    read_upper(result, m->fpstate);
}

void trap_c(int signal, void *info, struct ucontext64 *context) {
    (void)signal;
    (void)info;
    if (!in_guest) {
        die("oracle: fault in the oracle itself\n");
    }
    in_guest = 0;
    struct tresult *result = &shared->results[SIDE_ORACLE][shared->next[SIDE_ORACLE]];
    fill_result(result, context);
    result->status = RESULT_DONE;
    oracle_leave();
}

/* Two ticks in the same case: it runs for ever. */
void alarm_c(int signal, void *info, struct ucontext64 *context) {
    static uint32_t last_case, last_seen;
    (void)signal;
    (void)info;
    uint32_t now = shared->next[SIDE_ORACLE];
    if (in_guest && last_seen && last_case == now) {
        in_guest = 0;
        last_seen = 0;
        fill_result(&shared->results[SIDE_ORACLE][now], context);
        shared->results[SIDE_ORACLE][now].status = RESULT_TIMEOUT;
        oracle_leave();
    }
    last_case = now;
    last_seen = in_guest;
}

static void install(int signal, void (*handler)(void)) {
    struct {
        void (*handler)(void);
        uint64_t flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = {handler, SA_FLAGS, restorer, 0};
    must(call(SYS_rt_sigaction, (uint64_t)signal, (uint64_t)&action, 0, 8, 0, 0),
         "oracle: sigaction\n");
}

static void map(uint64_t addr, uint64_t bytes, const char *text) {
    const uint64_t fixed_private = 0x32;
    must(call(SYS_mmap, addr, bytes, PROT_READ | PROT_WRITE, fixed_private, (uint64_t)-1, 0), text);
}

static void set_up(void) {
    const uint64_t page = 0xfff, top = UINT64_C(0x7ffffffff000), fixed_shared = 0x11;
    uint64_t first = (uint64_t)&__executable_start & ~page;
    uint64_t last = ((uint64_t)&_end + page) & ~page;
    must(call(SYS_munmap, 0x10000, first - 0x10000, 0, 0, 0, 0), "oracle: munmap\n");
    must(call(SYS_munmap, last, top - last, 0, 0, 0, 0), "oracle: munmap\n");
    must(call(SYS_mmap, SHARED_ADDR, (sizeof(struct batch) + page) & ~page, PROT_READ | PROT_WRITE,
              fixed_shared, 3, 0),
         "oracle: no batch on descriptor 3\n");
    map(CODE_ADDR, CODE_BYTES, "oracle: code\n");
    map(RO_ADDR, RO_BYTES, "oracle: read-only data\n");
    for (int i = 0; i < AREAS; i++) {
        map(areas[i].addr, areas[i].bytes, "oracle: data\n");
    }
    const uint64_t stack[3] = {(uint64_t)alt_stack, 0, sizeof alt_stack};
    must(call(SYS_sigaltstack, (uint64_t)stack, 0, 0, 0, 0, 0), "oracle: sigaltstack\n");
    static const int traps[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};
    for (unsigned i = 0; i < sizeof traps / sizeof traps[0]; i++) {
        install(traps[i], on_trap);
    }
    install(SIGVTALRM, on_alarm);
    static const uint64_t timer[4] = {0, 500000, 0, 500000};
    const int virtual = 1; /* time on the processor: a busy machine makes no case run for ever */
    must(call(SYS_setitimer, virtual, (uint64_t)timer, 0, 0, 0, 0), "oracle: setitimer\n");
}

static void protect(uint64_t addr, uint64_t bytes, uint64_t prot) {
    must(call(SYS_mprotect, addr, bytes, prot, 0, 0, 0), "oracle: mprotect\n");
}

static void load_batch(void) {
    protect(CODE_ADDR, CODE_BYTES, PROT_READ | PROT_WRITE);
    protect(RO_ADDR, RO_BYTES, PROT_READ | PROT_WRITE);
    uint64_t end = CODE_ADDR;
    for (uint32_t i = 0; i < shared->count; i++) {
        uint64_t last = shared->cases[i].code_at + CODE_MAX;
        end = last > end ? last : end;
    }
    memset((void *)CODE_ADDR, 0xcc, end - CODE_ADDR);
    for (uint32_t i = 0; i < shared->count; i++) {
        memcpy((void *)shared->cases[i].code_at, shared->cases[i].code, shared->cases[i].code_len);
    }
    memcpy((void *)RO_ADDR, shared->ro, RO_BYTES);
    for (int i = 0; i < AREAS; i++) {
        memcpy((void *)areas[i].addr, (uint8_t *)shared + areas[i].image, areas[i].bytes);
        memcpy(start[i], (uint8_t *)shared + areas[i].image, areas[i].bytes);
    }
    protect(CODE_ADDR, CODE_BYTES, PROT_READ | PROT_EXEC);
    protect(RO_ADDR, RO_BYTES, PROT_READ);
}

/* Lays the case's patches over memory and the start image, or takes them away again. */
static void patch_image(const struct tcase *test, int undo) {
    for (uint32_t i = 0; i < test->patches; i++) {
        const struct patch *p = &test->patch[i];
        for (uint32_t k = 0; k < p->len; k++) {
            for (int a = 0; a < AREAS; a++) {
                uint64_t addr = p->addr + k, at = addr - areas[a].addr;
                const uint8_t *image = (const uint8_t *)shared + areas[a].image;
                if (at < areas[a].bytes) {
                    start[a][at] = *(uint8_t *)addr = undo ? image[at] : p->bytes[k];
                }
            }
        }
    }
}

/* Null selectors first: on some processors they make the bases 0. */
static void set_segments(void) {
    __asm__ volatile("mov %0, %%ds\n mov %0, %%es\n mov %0, %%fs\n mov %0, %%gs" : : "r"(0));
    must(call(SYS_arch_prctl, ARCH_SET_FS, FS_BASE, 0, 0, 0, 0), "oracle: arch_prctl\n");
    must(call(SYS_arch_prctl, ARCH_SET_GS, GS_BASE, 0, 0, 0, 0), "oracle: arch_prctl\n");
}

static void run_case(void) {
    const struct tcase *test = &shared->cases[shared->next[SIDE_ORACLE]];
    struct tresult *result = &shared->results[SIDE_ORACLE][shared->next[SIDE_ORACLE]];
    memset(result, 0, __builtin_offsetof(struct tresult, change_addr));
    patch_image(test, 0);
    fill_fx(&test->fp);
    memcpy(enter_upper, test->upper, sizeof enter_upper);
    memcpy(enter_regs, test->regs, sizeof enter_regs);
    enter_rip = test->code_at;
    enter_flags = test->eflags | 0x202;
    set_segments();
    in_guest = 1;
    oracle_enter();
    for (int i = 0; i < AREAS; i++) {
        collect_changes(result, (uint8_t *)areas[i].addr, start[i], areas[i].addr, areas[i].bytes);
    }
    patch_image(test, 1);
}

_Noreturn void oracle_main(void) {
    set_up();
    has_upper = find_upper();
    for (;;) {
        char byte;
        long got = call(SYS_read, 0, (uint64_t)&byte, 1, 0, 0, 0);
        if (got == -4) { /* EINTR: the tick */
            continue;
        }
        if (got != 1) {
            call(SYS_exit, got < 0, 0, 0, 0, 0, 0);
        }
        load_batch();
        for (; shared->next[SIDE_ORACLE] < shared->count; shared->next[SIDE_ORACLE]++) {
            run_case();
        }
        while (call(SYS_write, 1, (uint64_t)&byte, 1, 0, 0, 0) == -4) {
        }
    }
}
