/* test: only x86-64
 * Jumps, calls and returns to addresses that are not canonical: #GP at the branch, with the stack
 * pointer as before it, also where what comes before in the block, the branch's operand or a single
 * step differ. To canonical addresses where nothing is: a page fault at the target. */
#include "engine_test.h"
#include <stdbool.h>

#define HOLE 0x00007ffff0001000ull /* nothing is there: the stack ends above, libraries below */

static uint8_t *page;
static uint64_t stack[64], *const top = &stack[32];
static uint64_t saved_sp;

static void print_addr(uint64_t value) {
    if (value - (uintptr_t)page < PAGE) {
        printf("page+%lx", (unsigned long)(value - (uintptr_t)page));
    } else if (value - (uintptr_t)stack < sizeof stack) {
        printf("top%+ld", (long)(value - (uintptr_t)top));
    } else {
        printf("%lx", (unsigned long)value);
    }
}

/* Back to attempt()'s caller. */
static void on_signal(int signal, siginfo_t *info, void *pointer) {
    greg_t *regs = ((ucontext_t *)pointer)->uc_mcontext.gregs;
    if (signal == SIGTRAP) {
        return; /* a step that went well */
    }
    printf("signal %d code %d trap %d err %d at ", signal, info->si_code, (int)regs[REG_TRAPNO],
           (int)regs[REG_ERR] & ~1);
    print_addr((uint64_t)regs[REG_RIP]);
    printf(" addr ");
    print_addr((uint64_t)(uintptr_t)info->si_addr);
    printf(" sp ");
    print_addr((uint64_t)regs[REG_RSP]);
    printf(" rcx %lx flags %x\n", (unsigned long)regs[REG_RCX], (unsigned)regs[REG_EFL] & 0x8d5);
    regs[REG_RSP] = (greg_t)saved_sp + 8;
    regs[REG_RIP] = *(greg_t *)saved_sp;
    regs[REG_EFL] &= ~0x100;
}

/* rax, rdx: the target; rbx: where it is in memory; rsp: `sp`. */
static void attempt(const char *name, uint64_t target, const uint64_t *sp, const char *bytes,
                    unsigned length, bool step) {
    struct assembler a = {page};
    memset(stack, 0, sizeof stack);
    top[0] = top[2] = top[4] = target;
    EMIT(&a, "\x48\x89\x25"); /* mov [saved_sp], rsp */
    emit_addr(&a, &saved_sp, 0);
    EMIT(&a, "\x48\xb8"); /* mov rax, target */
    memcpy(a.at, &target, 8);
    a.at += 8;
    EMIT(&a, "\x48\x89\xc2\x49\x89\xc2"); /* mov rdx, rax; mov r10, rax */
    emit_mov(&a, 3, (uint32_t)(uintptr_t)top);
    emit_mov(&a, 4, (uint32_t)(uintptr_t)sp); /* mov esp, sp */
    if (step) {
        EMIT(&a, "\x9c\x81\x0c\x24\x00\x01\x00\x00\x9d"); /* pushf; or [rsp], TF; popf */
    }
    emit_mov(&a, 1, 5);
    EMIT(&a, "\x48\x83\xc1\xfb"); /* add rcx, -5: flags */
    emit_bytes(&a, bytes, length);
    EMIT(&a, "\xff\xc1\x0f\x0b"); /* inc ecx; ud2 */
    printf("%-12s %s", name, step ? "step " : "");
    run(page);
}

static void both(const char *name, uint64_t target, const uint64_t *sp, const char *bytes,
                 unsigned length) {
    attempt(name, target, sp, bytes, length, false);
    attempt(name, target, sp, bytes, length, true);
}
#define TRY(name, target, sp, literal) both(name, target, sp, literal, sizeof(literal) - 1)

int main(void) {
    static const uint64_t targets[] = {0x0000800000000000, 0x8000000000001000, 0xfffe7fffffffffff,
                                       0x7fffffffffffffff, HOLE};
    static uint8_t signal_stack[65536];
    const stack_t alternate = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGTRAP, &action, NULL);
    page = code_pages(1);
    for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++) {
        uint64_t to = targets[i];
        printf("to %lx\n", (unsigned long)to);
        TRY("jmp rax", to, top, "\xff\xe0");
        TRY("jmp r10", to, top, "\x41\xff\xe2");
        TRY("jmp mem", to, top, "\xff\x23");
        TRY("jmp mem sp", to, top, "\xff\x64\x24\x10");
        TRY("jmp index", to, top - 2, "\xff\x64\xcb\x10"); /* [rbx+rcx*8+16] */
        TRY("call rax", to, top, "\xff\xd0");
        TRY("call r10", to, top, "\x41\xff\xd2");
        TRY("call mem sp", to, top, "\xff\x54\x24\x10");
        TRY("call index", to, top - 2, "\xff\x54\xcb\x20");
        TRY("ret", to, top, "\xc3");
        TRY("rep ret", to, top, "\xf3\xc3");
        TRY("ret 0", to, top, "\xc2\x00\x00");
        TRY("ret 0x8018", to, top, "\xc2\x18\x80");
        TRY("pop; ret", to, top - 1, "\x5e\xc3");
        TRY("push; ret", to, top + 2, "\x50\xc3");
        TRY("leave; ret", to, top - 4, "\x48\x8d\x6b\xf8\xc9\xc3"); /* lea rbp, [rbx-8] */
        TRY("lret", to, top, "\xc7\x44\x24\x08\x33\x00\x00\x00\x48\xcb");
    }
    return 0;
}
