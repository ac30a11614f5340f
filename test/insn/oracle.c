/* The oracle: a 32-bit program that runs test cases on the host's CPU and reports the state after.
 *
 * Freestanding (no C library: a case may set any segment register, and libc lives behind %gs) and
 * alone in its address space: at the start it unmaps everything but itself, so that a case's stray
 * pointer faults here as it does in the engine. A case is entered by loading all registers and
 * jumping; it ends in a trap of some kind (the bytes around it are int3), whose signal frame holds
 * the whole state. Protocol: inherits the batch as file descriptor 3; for each byte on stdin it
 * runs cases next[SIDE_ORACLE]..count-1 and answers one byte on stdout. */
#include "case.h"

enum {
    SYS_exit = 1,
    SYS_read = 3,
    SYS_write = 4,
    SYS_munmap = 91,
    SYS_setitimer = 104,
    SYS_mprotect = 125,
    SYS_rt_sigaction = 174,
    SYS_sigaltstack = 186,
    SYS_mmap2 = 192,
    SYS_set_thread_area = 243,
};
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11, SIGVTALRM = 26 };
#define SA_FLAGS 0x4c000004u /* SA_SIGINFO SA_RESTORER SA_NODEFER SA_ONSTACK */
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };

/* struct sigcontext and ucontext of i386, by arch/x86 uapi sigcontext.h; fpstate begins with the
 * 112 bytes of FNSAVE form, the FXSAVE image follows. */
struct sigcontext32 {
    uint32_t gs, fs, es, ds;
    uint32_t di, si, bp, sp, bx, dx, cx, ax;
    uint32_t trapno, err, ip, cs, flags, sp_at_signal, ss;
    uint32_t fpstate, oldmask, cr2;
};
struct ucontext32 {
    uint32_t flags, link, stack_sp, stack_flags, stack_size;
    struct sigcontext32 mcontext;
};
#define FXSAVE_OFFSET 112

/* What oracle_enter() loads; named in the assembly below. */
uint32_t enter_regs[8], enter_eip, enter_eflags, saved_esp;
static volatile uint32_t in_guest;
static struct batch *const shared = (struct batch *)SHARED_ADDR;
static uint8_t alt_stack[65536] __attribute__((aligned(64)));
static uint8_t start[AREAS][AREA_MAX] __attribute__((aligned(64)));

void oracle_enter(void);
_Noreturn void oracle_leave(void);
void on_trap(void);
void on_alarm(void);
void restorer(void);
_Noreturn void oracle_main(void);
void trap_c(int signal, void *info, struct ucontext32 *context);
void alarm_c(int signal, void *info, struct ucontext32 *context);
void *memcpy(void *to, const void *from, unsigned bytes);
void *memset(void *to, int byte, unsigned bytes);

#include "oracle_fp.h"

__asm__(".text\n"
        ".globl _start\n"
        "_start: mov $main_stack_top, %esp\n"
        "  call oracle_main\n"
        "oracle_enter:\n"
        "  pusha\n"
        "  mov %esp, saved_esp\n"
        "  fxrstor enter_fx\n"
        "  cmpl $0, has_upper\n"
        "  je 1f\n"
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7\n"
        "  vinsertf128 $1, enter_upper+16*\\n, %ymm\\n, %ymm\\n\n"
        ".endr\n"
        "1:\n"
        "  mov $0x63, %eax\n  mov %eax, %fs\n"
        "  mov $0x6b, %eax\n  mov %eax, %gs\n"
        "  pushl enter_eflags\n"
        "  mov enter_regs+0, %eax\n  mov enter_regs+4, %ecx\n"
        "  mov enter_regs+8, %edx\n  mov enter_regs+12, %ebx\n"
        "  mov enter_regs+20, %ebp\n  mov enter_regs+24, %esi\n"
        "  mov enter_regs+28, %edi\n"
        "  popf\n"
        "  mov enter_regs+16, %esp\n"
        "  jmp *enter_eip\n"
        "oracle_leave:\n"
        "  mov saved_esp, %esp\n"
        "  popa\n"
        "  ret\n"
        "on_trap:\n"               /* frame: restorer, signal, siginfo, ucontext */
        "  pushl $0x202\n  popf\n" /* NT, AC, ID of the case */
        "  pushl 12(%esp)\n  pushl 12(%esp)\n  pushl 12(%esp)\n"
        "  call trap_c\n"
        "  hlt\n"
        "on_alarm:\n"
        "  pushl $0x202\n  popf\n"
        "  pushl 12(%esp)\n  pushl 12(%esp)\n  pushl 12(%esp)\n"
        "  call alarm_c\n"
        "  add $12, %esp\n"
        "  ret\n"
        "restorer: mov $173, %eax\n  int $0x80\n" /* rt_sigreturn */
        ".bss\n.align 64\n.skip 65536\nmain_stack_top:\n.skip 64\n.text\n");

static long call(long number, long a, long b, long c, long d, long e) {
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return result;
}

/* mmap2 takes six arguments; %ebp carries the last, the offset, which is always 0 here. */
static long map(uint32_t addr, uint32_t bytes, int prot, int flags, int fd) {
    long result;
    __asm__ volatile("push %%ebp\n xor %%ebp, %%ebp\n int $0x80\n pop %%ebp"
                     : "=a"(result)
                     : "0"(SYS_mmap2), "b"(addr), "c"(bytes), "d"(prot), "S"(flags), "D"(fd)
                     : "memory");
    return result;
}

void *memcpy(void *to, const void *from, unsigned bytes) {
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
    return start;
}

void *memset(void *to, int byte, unsigned bytes) {
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(byte) : "memory");
    return start;
}

static _Noreturn void die(const char *text) {
    unsigned length = 0;
    while (text[length]) {
        length++;
    }
    call(SYS_write, 2, (long)text, (long)length, 0, 0);
    call(SYS_exit, 99, 0, 0, 0, 0);
    __builtin_unreachable();
}

static void must(long result, const char *text) {
    if (result < 0 && result > -4096) {
        die(text);
    }
}

static void fill_result(struct tresult *result, const struct ucontext32 *context) {
    const struct sigcontext32 *m = &context->mcontext;
    uint32_t regs[8] = {m->ax, m->cx, m->dx, m->bx, m->sp_at_signal, m->bp, m->si, m->di};
    memcpy(result->regs, regs, sizeof regs);
    result->trap = m->trapno;
    result->error = m->err;
    result->addr = m->trapno == 14 ? m->cr2 : 0;
    result->eip = m->ip;
    result->eflags = m->flags;
    result->seg[0] = (uint16_t)m->es;
    result->seg[1] = (uint16_t)m->cs;
    result->seg[2] = (uint16_t)m->ss;
    result->seg[3] = (uint16_t)m->ds;
    result->seg[4] = (uint16_t)m->fs;
    result->seg[5] = (uint16_t)m->gs;
    read_fx(&result->fp, (const uint8_t *)m->fpstate + FXSAVE_OFFSET);
    read_upper(result, (const uint8_t *)m->fpstate + FXSAVE_OFFSET);
}

void trap_c(int signal, void *info, struct ucontext32 *context) {
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
void alarm_c(int signal, void *info, struct ucontext32 *context) {
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
        uint32_t flags;
        void (*restorer)(void);
        uint32_t mask[2];
    } action = {handler, SA_FLAGS, restorer, {0, 0}};
    must(call(SYS_rt_sigaction, signal, (long)&action, 0, 8, 0), "oracle: sigaction\n");
}

static void set_tls(uint32_t entry, uint32_t base) {
    uint32_t desc[4] = {entry, base, 0xfffff, 0x51}; /* 32-bit data, limit in pages, usable */
    must(call(SYS_set_thread_area, (long)desc, 0, 0, 0, 0), "oracle: set_thread_area\n");
}

static void set_up(void) {
    extern char __executable_start, _end;
    uint32_t first = (uint32_t)&__executable_start & ~0xfffu;
    uint32_t last = ((uint32_t)&_end + 0xfff) & ~0xfffu;
    call(SYS_munmap, 0x10000, (long)(first - 0x10000), 0, 0, 0);
    call(SYS_munmap, (long)last, (long)(0xffffe000u - last), 0, 0, 0);
    call(SYS_munmap, (long)last, (long)(0xfffff000u - last), 0, 0, 0);
    call(SYS_munmap, (long)last, (long)(0xc0000000u - last), 0, 0, 0);
    const int fixed_private = 0x32, fixed_shared = 0x11;
    must(map(SHARED_ADDR, (sizeof(struct batch) + 0xfff) & ~0xfffu, PROT_READ | PROT_WRITE,
             fixed_shared, 3),
         "oracle: no batch on descriptor 3\n");
    const int rw = PROT_READ | PROT_WRITE;
    must(map(CODE_ADDR, CODE_BYTES, rw, fixed_private, -1), "oracle: code\n");
    must(map(DATA_ADDR, DATA_BYTES, rw, fixed_private, -1), "oracle: data\n");
    must(map(RO_ADDR, RO_BYTES, rw, fixed_private, -1), "oracle: read-only data\n");
    must(map(STACK_ADDR, STACK_BYTES, rw, fixed_private, -1), "oracle: stack\n");
    set_tls(12, FS_BASE);
    set_tls(13, GS_BASE);
    uint32_t stack[3] = {(uint32_t)alt_stack, 0, sizeof alt_stack};
    must(call(SYS_sigaltstack, (long)stack, 0, 0, 0, 0), "oracle: sigaltstack\n");
    static const int traps[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};
    for (unsigned i = 0; i < sizeof traps / sizeof traps[0]; i++) {
        install(traps[i], on_trap);
    }
    install(SIGVTALRM, on_alarm);
    static const uint32_t timer[4] = {0, 500000, 0, 500000};
    const int virtual = 1; /* time on the processor: a busy machine makes no case run for ever */
    must(call(SYS_setitimer, virtual, (long)timer, 0, 0, 0), "oracle: setitimer\n");
}

static void load_batch(void) {
    must(call(SYS_mprotect, CODE_ADDR, CODE_BYTES, PROT_READ | PROT_WRITE, 0, 0), "mprotect\n");
    must(call(SYS_mprotect, RO_ADDR, RO_BYTES, PROT_READ | PROT_WRITE, 0, 0), "mprotect\n");
    uint32_t end = CODE_ADDR;
    for (uint32_t i = 0; i < shared->count; i++) {
        uint32_t last = shared->cases[i].code_at + CODE_MAX;
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
    must(call(SYS_mprotect, CODE_ADDR, CODE_BYTES, PROT_READ | PROT_EXEC, 0, 0), "mprotect\n");
    must(call(SYS_mprotect, RO_ADDR, RO_BYTES, PROT_READ, 0, 0), "mprotect\n");
}

/* Lays the case's patches over memory and the start image, or takes them away again. */
static void patch_image(const struct tcase *test, int undo) {
    for (uint32_t i = 0; i < test->patches; i++) {
        const struct patch *p = &test->patch[i];
        for (uint32_t k = 0; k < p->len; k++) {
            for (int a = 0; a < AREAS; a++) {
                uint32_t addr = p->addr + k, at = addr - areas[a].addr;
                const uint8_t *image = (const uint8_t *)shared + areas[a].image;
                if (at < areas[a].bytes) {
                    start[a][at] = *(uint8_t *)addr = undo ? image[at] : p->bytes[k];
                }
            }
        }
    }
}

static void run_case(void) {
    const struct tcase *test = &shared->cases[shared->next[SIDE_ORACLE]];
    struct tresult *result = &shared->results[SIDE_ORACLE][shared->next[SIDE_ORACLE]];
    memset(result, 0, __builtin_offsetof(struct tresult, change_addr));
    patch_image(test, 0);
    fill_fx(&test->fp);
    memcpy(enter_upper, test->upper, sizeof enter_upper);
    memcpy(enter_regs, test->regs, sizeof enter_regs);
    enter_eip = test->code_at;
    enter_eflags = test->eflags | 0x202;
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
        long got = call(SYS_read, 0, (long)&byte, 1, 0, 0);
        if (got == -4) /* EINTR: the tick */
        {
            continue;
        }
        if (got != 1) {
            call(SYS_exit, got < 0, 0, 0, 0, 0);
        }
        load_batch();
        for (; shared->next[SIDE_ORACLE] < shared->count; shared->next[SIDE_ORACLE]++) {
            run_case();
        }
        while (call(SYS_write, 1, (long)&byte, 1, 0, 0) == -4) {
        }
    }
}
