/* test: only i386 segments
 * 64-bit code in a 32-bit program (CS 0x33): ways there and back, registers, the stack, strings,
 * addresses beyond 4 GiB, faults with an i386 frame, system calls of the other ABI, code that is
 * rewritten, signals, fork. */
#include "engine_test.h"
#include <stdbool.h>
#include <sys/wait.h>
#include <ucontext.h>

#define CODE(name, text)                                                                           \
    extern const char name[];                                                                      \
    __asm__(".text\n.code64\n" #name ": " text "\n.code32\n")

static uint64_t in[4], out[8];

/* Far call of 64-bit code with rdi and rsi as given; it ends in LRET and may use all registers. */
static void call64(const void *code, const void *di, const void *si) {
    struct {
        uint32_t offset;
        uint16_t selector;
    } far = {(uint32_t)code, 0x33};
    __asm__ volatile("push %%ebx\n push %%ebp\n mov %%esp, %%ebp\n and $-16, %%esp\n push %%ebp\n"
                     "lcall *(%%eax)\n pop %%esp\n pop %%ebp\n pop %%ebx"
                     : "+D"(di), "+S"(si)
                     : "a"(&far)
                     : "ecx", "edx", "memory", "cc");
}

CODE(sums64,
     "mov (%rsi), %rax\n mov 8(%rsi), %r8\n lea (%rax,%r8,2), %rcx\n mov %rcx, (%rdi)\n"
     "imul %r8, %rax\n mov %rax, 8(%rdi)\n mov %cs, %eax\n mov %rax, 16(%rdi)\n"
     "mov $-1, %r9\n mov $5, %r9d\n mov %r9, 24(%rdi)\n mov %sil, %r10b\n movzbl %r10b, %eax\n"
     "sub %sil, %al\n mov %rax, 32(%rdi)\n lea 0f(%rip), %rax\n 0: mov $0b, %ecx\n"
     "sub %rcx, %rax\n mov %rax, 40(%rdi)\n lretl");
CODE(stack64, "mov %rsp, %r12\n push $-2\n push %rsi\n call 1f\n pop %rax\n pop %rcx\n"
              "sub %rsp, %r12\n mov %r12, (%rdi)\n mov %rcx, 8(%rdi)\n sub %rsi, %rax\n"
              "mov %rax, 16(%rdi)\n lretl\n"
              "1: mov (%rsp), %rdx\n lea 1b(%rip), %rbx\n sub %rdx, %rbx\n mov %rbx, 24(%rdi)\n"
              "enter $32, $0\n movq $7, -8(%rbp)\n leave\n ret $0");
CODE(keep64, "mov (%rsi), %r15\n movq 8(%rsi), %xmm9\n lretl");
CODE(kept64, "mov %r15, (%rdi)\n movq %xmm9, 8(%rdi)\n lretl");
CODE(strings64, "mov %rdi, %rbx\n lea 16(%rdi), %rdi\n mov $4, %ecx\n rep movsq\n"
                "mov %rdi, %rax\n sub %rbx, %rax\n mov %rax, (%rbx)\n mov %rcx, 8(%rbx)\n lretl");
CODE(call_self64,
     "mov $39, %eax\n syscall\n mov %rax, (%rdi)\n mov %rdi, %rbx\n"            /* getpid */
     "mov %rsi, %rsi\n mov $1, %edi\n mov $16, %edx\n mov $1, %eax\n syscall\n" /* write */
     "mov %rax, 8(%rbx)\n mov $20, %eax\n int $0x80\n mov %rax, 16(%rbx)\n"
     "mov $1, %edi\n mov $0x100000000, %rsi\n mov $1, %edx\n mov $1, %eax\n syscall\n"
     "mov %rax, 24(%rbx)\n lretl");
CODE(fork64, "mov %rdi, %rbx\n mov $57, %eax\n mov $0x1234567890, %r14\n syscall\n"
             "test %eax, %eax\n jnz 1f\n"
             "mov %r14, %rdi\n shr $32, %rdi\n add $3, %edi\n mov $231, %eax\n syscall\n"
             "1: mov %rax, (%rbx)\n lretl");
CODE(kill64,
     "mov %rdi, %rbx\n mov $39, %eax\n syscall\n mov %eax, %edi\n mov $10, %esi\n"
     "mov $62, %eax\n syscall\n mov %rax, (%rbx)\n mov %cs, %eax\n mov %rax, 8(%rbx)\n lretl");
CODE(fault64, "mov $1f, %ebp\n mov (%rsi), %rax\n add %rax, (%rax)\n 1: mov %rbp, (%rdi)\n lretl");
CODE(push_fault64, "mov $1f, %ebp\n mov %rsp, %rbx\n mov (%rsi), %rsp\n push %rax\n"
                   "1: mov %ebx, %esp\n mov %rax, (%rdi)\n lretl");
CODE(ud64, "mov $1f, %ebp\n pusha_: .byte 0x60\n 1: mov %cs, %eax\n mov %rax, (%rdi)\n lretl");
CODE(jump_fault64, "mov $1f, %ebp\n mov (%rsi), %rax\n mov %rsp, %rbx\n jmp *%rax\n"
                   "1: mov %ebx, %esp\n mov %rax, (%rdi)\n lretl");
/* To 32-bit code by each way, and back here; ends in 64-bit code again. */
CODE(ways64, "mov %rdi, %r13\n mov %rsp, %r14\n"
             "push $0x23\n mov $1f, %eax\n push %rax\n lretq\n"
             ".code32\n 1: mov %cs, %ecx\n ljmp $0x33, $2f\n"
             ".code64\n 2: mov %rcx, (%r13)\n mov %rsp, %rax\n push $0x2b\n push %rax\n pushf\n"
             "push $0x23\n mov $3f, %ecx\n push %rcx\n iretq\n"
             ".code32\n 3: mov %cs, %edx\n pushf\n push $0x33\n push $4f\n iret\n"
             ".code64\n 4: mov %rdx, 8(%r13)\n mov %r14, %rsp\n lretl");

static void show(const char *name, unsigned count) {
    printf("%-14s", name);
    for (unsigned i = 0; i < count; i++) {
        printf(" %llx", (unsigned long long)out[i]);
    }
    puts("");
}

static void expect(const char *what, bool right) {
    if (!right) {
        printf("wrong: %s\n", what);
        exit(1);
    }
}

static void on_signal(int signo, siginfo_t *info, void *context) {
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint16_t cs;
    __asm__ volatile("mov %%cs, %0" : "=r"(cs));
    printf("    signal %d trap %d err %x from cs %x, handler in %x, addr %x\n", signo,
           g[REG_TRAPNO], (unsigned)g[REG_ERR] & ~1u, (unsigned)g[REG_CS] & 0xffff, cs,
           signo == SIGSEGV ? (unsigned)(uintptr_t)info->si_addr : 0);
    expect("the code segment that was interrupted", (g[REG_CS] & 0xffff) == 0x33 && cs == 0x23);
    if (signo != SIGUSR1) {
        g[REG_EIP] = g[REG_EBP];
    }
}

static void plain(void) {
    in[0] = 0x123456789abcdef0;
    in[1] = 0x1111111122222222;
    call64(sums64, out, in);
    show("sums", 6);
    expect("64-bit sums", out[0] == in[0] + 2 * in[1] && out[1] == in[0] * in[1] &&
                              out[2] == 0x33 && out[3] == 5 && out[4] == 0 && out[5] == 0);
    call64(stack64, out, in);
    show("stack", 3);
    expect("64-bit stack", out[0] == 0 && out[1] == (uint64_t)-2 && out[2] == 0);
    call64(keep64, out, in);
    call64(kept64, out, in);
    show("r15, xmm9", 2);
    expect("registers that 32-bit code has not", out[0] == in[0] && out[1] == in[1]);
    for (int i = 0; i < 4; i++) {
        in[i] = 0x0101010101010101u * (unsigned)(i + 1);
    }
    call64(strings64, out, in);
    show("strings", 6);
    call64(ways64, out, in);
    show("ways", 2);
    expect("ways to 32-bit code", out[0] == 0x23 && out[1] == 0x23);
}

static void faults(void) {
    static const uint64_t address[] = {
        16,
        0x100000000,
        0x2fffffff8,
        0x3fffffff8,
        0x400000000,
        0x100000000000,
        0x7ffffffff000,
        0x800000000000,
        0xfffffffc00000000,
        0xfffffffffffffff0,
        0xffffffff80000000,
    };
    for (unsigned i = 0; i < sizeof address / sizeof *address; i++) {
        in[0] = address[i];
        printf("address %llx\n", (unsigned long long)in[0]);
        call64(fault64, out, in);
        call64(push_fault64, out, in);
        call64(jump_fault64, out, in);
    }
    call64(ud64, out, in);
    show("pusha", 1);
}

static void calls(void) {
    static char text[] = "from 64 bits: \0\n";
    fflush(stdout);
    call64(call_self64, out, text);
    expect("getpid of both ABIs", out[0] == (uint64_t)getpid() && out[2] == out[0] && out[1] == 16);
    printf("write beyond: %d\n", (int)out[3]);
    fflush(stdout);
    call64(fork64, out, in);
    int status = 0;
    expect("a fork in 64-bit code", waitpid((pid_t)out[0], &status, 0) == (pid_t)out[0]);
    printf("child ended with %d\n", WEXITSTATUS(status));
    expect("the child's registers", WIFEXITED(status) && WEXITSTATUS(status) == 0x12 + 3);
    call64(kill64, out, in);
    show("kill", 2);
}

/* mov $imm, %eax; the immediate changes. */
static void rewritten(void) {
    uint8_t *page = code_pages(1);
    memcpy(page, "\x48\xb8\0\0\0\0\0\0\0\0\x48\x89\x07\xcb", 14); /* movabs, mov to (rdi), lret */
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 300; i++) {
        uint64_t value = i * 0x100000001;
        memcpy(page + 2, &value, sizeof value);
        call64(page, out, in);
        expect("rewritten code", out[0] == value);
        sum = sum * 3 + out[0];
    }
    printf("rewritten %llx\n", (unsigned long long)sum);
    munmap(page, PAGE);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static uint8_t signal_stack[65536];
    const stack_t alternate = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    sigaltstack(&alternate, NULL);
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGUSR1};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigaction(signals[i], &action, NULL);
    }
    for (int i = 0; i < 3; i++) {
        plain();
        calls();
        rewritten();
    }
    faults();
    return 0;
}
