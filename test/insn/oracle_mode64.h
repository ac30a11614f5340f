/* What the oracle of 64-bit cases has of its own, as oracle_mode32.h has of 32-bit ones. It is
 * above everything that an engine's window can hold, so that a case's stray pointer faults here
 * wherever it faults in the engine. Included once, by oracle.c. */
#ifndef FG_TEST_ORACLE_MODE64_H
#define FG_TEST_ORACLE_MODE64_H

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

/* struct sigcontext and ucontext of x86-64, by arch/x86 uapi sigcontext.h; fpstate begins with the
 * FXSAVE image. */
struct ucontext {
    uint64_t uc_flags, link, stack[3];
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t di, si, bp, bx, dx, ax, cx, sp, ip, flags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2;
    const uint8_t *fpstate;
};

__asm__(".text\n"
        ".globl _start\n"
        "_start: lea main_stack_top(%rip), %rsp\n"
        "  call oracle_main\n"
        "oracle_enter:\n"
        "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
        "  mov %rsp, saved_sp(%rip)\n"
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
        "  jmp *enter_ip(%rip)\n"
        "oracle_leave:\n"
        "  mov saved_sp(%rip), %rsp\n"
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

/* A system call of at most five arguments; a sixth, mmap's offset, is 0. The result or -errno. */
static long call(long number, greg a, greg b, greg c, greg d, greg e) {
    long result;
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    register uint64_t r9 __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "memory", "rcx", "r11");
    return result;
}

/* Unmaps all but [first, last), the oracle. */
static void be_alone(greg first, greg last) {
    const uint64_t top = UINT64_C(0x7ffffffff000);
    must(call(SYS_munmap, 0x10000, first - 0x10000, 0, 0, 0), "oracle: munmap\n");
    must(call(SYS_munmap, last, top - last, 0, 0, 0), "oracle: munmap\n");
}

/* The selectors and bases that a case finds. Null selectors first: on some processors they make the
 * bases 0. */
static void set_segments(void) {
    __asm__ volatile("mov %0, %%ds\n mov %0, %%es\n mov %0, %%fs\n mov %0, %%gs" : : "r"(0));
    must(call(SYS_arch_prctl, ARCH_SET_FS, FS_BASE, 0, 0, 0), "oracle: arch_prctl\n");
    must(call(SYS_arch_prctl, ARCH_SET_GS, GS_BASE, 0, 0, 0), "oracle: arch_prctl\n");
}

/* The kernel leaves DS, ES, FS, GS and the bases of a case as they are when it calls a handler; but
 * the return from an interrupt makes null selectors 0 whatever their lower bits were (SDM IRET). */
static void read_segments(struct tresult *result, const struct ucontext *m) {
    uint16_t *seg = result->seg;
    __asm__ volatile("mov %%es, %0\n mov %%ds, %1\n mov %%fs, %2\n mov %%gs, %3"
                     : "=r"(seg[0]), "=r"(seg[3]), "=r"(seg[4]), "=r"(seg[5]));
    for (int i = 0; i < 6; i++) {
        seg[i] = seg[i] & ~3 ? seg[i] : 0;
    }
    seg[1] = m->cs;
    seg[2] = m->ss;
    must(call(SYS_arch_prctl, ARCH_GET_FS, (greg)&result->base[0], 0, 0, 0), "oracle: fs\n");
    must(call(SYS_arch_prctl, ARCH_GET_GS, (greg)&result->base[1], 0, 0, 0), "oracle: gs\n");
}

/* Registers, segments and trap of a frame; the place of its FXSAVE image. */
static const uint8_t *read_frame(struct tresult *result, const struct ucontext *m) {
    const uint64_t regs[REGS] = {m->ax, m->cx, m->dx,  m->bx,  m->sp,  m->bp,  m->si,  m->di,
                                 m->r8, m->r9, m->r10, m->r11, m->r12, m->r13, m->r14, m->r15};
    memcpy(result->regs, regs, sizeof regs);
    result->trap = (uint32_t)m->trapno;
    result->error = (uint32_t)m->err;
    result->addr = m->trapno == 14 ? m->cr2 : 0;
    result->eip = m->ip;
    result->eflags = (uint32_t)m->flags;
    read_segments(result, m);
    return m->fpstate;
}

#endif
