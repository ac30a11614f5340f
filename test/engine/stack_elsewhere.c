/* test: only x86-64
 * The stack pointer where no stack is expected: beyond what most programs map, anywhere, in use as
 * a register for something else. Native code goes from block to block relying on it
 * (core/native/known.h), which must show nowhere. For a short time each: under some hypervisors an
 * interrupt at such a moment is a SIGSEGV. */
#include "engine_test.h"
#include <setjmp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <ucontext.h>

#define FAR_STACK ((char *)0x200000000000)

/* fib(di) with a stack of calls, on the stack that ends at si; the sum of what is found there. */
uint64_t fib_on(uint64_t n, void *stack);
__asm__(".text\nfib_on: mov %rsp, %rax\n mov %rsi, %rsp\n push %rax\n push %rbx\n"
        "call 1f\n pop %rbx\n pop %rsp\n ret\n"
        "1: cmp $2, %rdi\n jae 2f\n mov %rdi, %rax\n ret\n"
        "2: push %rdi\n sub $40, %rsp\n dec %rdi\n jz 3f\n 3: call 1b\n mov %rax, 8(%rsp)\n"
        "mov 40(%rsp), %rdi\n sub $2, %rdi\n call 1b\n add 8(%rsp), %rax\n add $40, %rsp\n"
        "jmp 4f\n 4: pop %rdi\n ret\n");

/* rsp as a number: no instruction between accesses the stack. */
uint64_t count_in_rsp(uint64_t turns, uint64_t by);
__asm__("count_in_rsp: mov %rsp, %rdx\n mov %rsi, %rsp\n"
        "1: imul $1000003, %rsp, %rsp\n test $1, %dil\n jz 2f\n add %rsi, %rsp\n 2: jmp 3f\n"
        "3: add $0x12345678, %rsp\n dec %rdi\n jnz 1b\n mov %rsp, %rax\n mov %rdx, %rsp\n ret\n");

/* Ways to an access by the stack at label `at_NAME`, with rsp = di. */
#define WAY(name, before, access)                                                                  \
    extern const char at_##name[];                                                                 \
    void way_##name(uint64_t stack);                                                               \
    __asm__("way_" #name ": mov %rsp, %rcx\n mov %rdi, %rsp\n" before "\n at_" #name ": " access   \
            "\n mov %rcx, %rsp\n ret")
WAY(same_block, "nop", "push %rax");
WAY(next_block, "jmp 1f\n 1:", "pop %rax");
WAY(later_block, "jmp 1f\n 1: test %edi, %edi\n jz 2f\n 2: jmp 3f\n 3: nop", "mov 8(%rsp), %rax");
WAY(after_move, "jmp 1f\n 1: sub $0x7ff0, %rsp\n jmp 2f\n 2:", "call 3f\n 3:");
WAY(far_moves, "mov $1000, %eax\n 1: sub $0x7fff0000, %rsp\n dec %eax\n jnz 1b", "push %rdi");
WAY(after_leave,
    "lea -64(%rcx), %rbp\n movq %rdi, (%rbp)\n jmp 1f\n 1: leave\n jmp 2f\n"
    "2: mov %rbp, %rsp\n jmp 3f\n 3:",
    "ret");
WAY(indirect,
    "lea 1f(%rip), %rax\n jmp *%rax\n 1: lea 2f(%rip), %rax\n jmp *%rax\n 2:", "pushq (%rcx)");
WAY(string, "jmp 1f\n 1: mov %rsp, %rdi\n jmp 2f\n 2:", "stosb");

static const struct {
    const char *name, *at;
    void (*go)(uint64_t stack);
} ways[] = {{"same block", at_same_block, way_same_block},
            {"next block", at_next_block, way_next_block},
            {"later block", at_later_block, way_later_block},
            {"after move", at_after_move, way_after_move},
            {"far moves", at_far_moves, way_far_moves},
            {"after leave", at_after_leave, way_after_leave},
            {"indirect", at_indirect, way_indirect},
            {"string", at_string, way_string}};

static sigjmp_buf back;
static const char *expected;

static void on_fault(int sig, siginfo_t *info, void *context) {
    const ucontext_t *uc = context;
    const char *pc = (const char *)(uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    printf(" signal %d code %d address %lx%s", sig, info->si_code, (unsigned long)info->si_addr,
           pc == expected ? "" : " elsewhere");
    siglongjmp(back, 1);
}

static void try_way(unsigned way, uint64_t stack) {
    expected = ways[way].at;
    if (!sigsetjmp(back, 1)) {
        ways[way].go(stack);
        printf(" returned");
    }
}

int main(void) {
    static char own[65536] __attribute__((aligned(16))), other[65536];
    char *far = mmap(FAR_STACK, 65536, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (far != FAR_STACK) {
        perror("mmap");
        return 1;
    }
    for (unsigned turn = 0; turn < 3; turn++) {
        printf("fib %lu %lu\n", fib_on(15, own + sizeof own), fib_on(15, far + 65536));
    }
    printf("count %lx %lx\n", count_in_rsp(1000, 0x123456789abcdef), count_in_rsp(7, 0));

    const stack_t alternate = {.ss_sp = other, .ss_size = sizeof other};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    action.sa_sigaction = on_fault;
    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    const uint64_t stacks[] = {0x100000000000, 0x7123456789abcdef, 0xffff800000001000, 0x40,
                               (uint64_t)(uintptr_t)FAR_STACK + 0x8000};
    for (unsigned way = 0; way < sizeof ways / sizeof *ways; way++) {
        printf("%s:", ways[way].name);
        for (unsigned i = 0; i < 2 * sizeof stacks / sizeof *stacks; i++) {
            try_way(way, stacks[i / 2]);
        }
        printf("\n");
    }
    return 0;
}
