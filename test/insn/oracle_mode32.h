/* What the oracle of 32-bit cases has of its own: calls of Linux for i386, the kernel's frame of a
 * trap, how a case is entered and left, segments. Included once, by oracle.c. */
#ifndef FG_TEST_ORACLE_MODE32_H
#define FG_TEST_ORACLE_MODE32_H

enum {
    SYS_exit = 1,
    SYS_read = 3,
    SYS_write = 4,
    SYS_munmap = 91,
    SYS_setitimer = 104,
    SYS_mprotect = 125,
    SYS_rt_sigaction = 174,
    SYS_sigaltstack = 186,
    SYS_mmap = 192, /* mmap2 */
    SYS_set_thread_area = 243,
};

/* struct sigcontext and ucontext of i386, by arch/x86 uapi sigcontext.h; fpstate begins with the
 * 112 bytes of FNSAVE form, the FXSAVE image follows. */
struct ucontext {
    uint32_t flags, link, stack_sp, stack_flags, stack_size;
    uint32_t gs, fs, es, ds;
    uint32_t di, si, bp, sp, bx, dx, cx, ax;
    uint32_t trapno, err, ip, cs, eflags, sp_at_signal, ss;
    uint32_t fpstate, oldmask, cr2;
};
#define FXSAVE_OFFSET 112

__asm__(".text\n"
        ".globl _start\n"
        "_start: mov $main_stack_top, %esp\n"
        "  call oracle_main\n"
        "oracle_enter:\n"
        "  pusha\n"
        "  mov %esp, saved_sp\n"
        "  fxrstor enter_fx\n"
        "  cmpl $0, has_upper\n"
        "  je 1f\n"
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7\n"
        "  vinsertf128 $1, enter_upper+16*\\n, %ymm\\n, %ymm\\n\n"
        ".endr\n"
        "1:\n"
        "  pushl enter_flags\n"
        "  mov enter_regs+0, %eax\n  mov enter_regs+4, %ecx\n"
        "  mov enter_regs+8, %edx\n  mov enter_regs+12, %ebx\n"
        "  mov enter_regs+20, %ebp\n  mov enter_regs+24, %esi\n"
        "  mov enter_regs+28, %edi\n"
        "  popf\n"
        "  mov enter_regs+16, %esp\n"
        "  jmp *enter_ip\n"
        "oracle_leave:\n"
        "  mov saved_sp, %esp\n"
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

/* A system call of at most five arguments; a sixth, mmap's offset, is 0. The result or -errno. */
static long call(long number, greg a, greg b, greg c, greg d, greg e) {
    long result;
    __asm__ volatile("push %%ebp\n xor %%ebp, %%ebp\n int $0x80\n pop %%ebp"
                     : "=a"(result)
                     : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return result;
}

/* Makes FS_BASE or GS_BASE a segment of the GDT. */
static void set_tls(uint32_t entry, uint32_t base) {
    uint32_t desc[4] = {entry, base, 0xfffff, 0x51}; /* 32-bit data, limit in pages, usable */
    must(call(SYS_set_thread_area, (greg)desc, 0, 0, 0, 0), "oracle: set_thread_area\n");
}

/* Unmaps all but [first, last), the oracle; what a kernel has at the top differs. */
static void be_alone(greg first, greg last) {
    static const uint32_t tops[] = {0xffffe000u, 0xfffff000u, 0xc0000000u};
    call(SYS_munmap, 0x10000, first - 0x10000, 0, 0, 0);
    for (int i = 0; i < 3; i++) {
        call(SYS_munmap, last, tops[i] - last, 0, 0, 0);
    }
    set_tls(12, FS_BASE);
    set_tls(13, GS_BASE);
}

/* The selectors that a case finds in FS and GS; the kernel resets the others at a trap. */
static void set_segments(void) {
    __asm__ volatile("mov %0, %%fs\n mov %1, %%gs" : : "r"(SEL_FS), "r"(SEL_GS));
}

/* Registers, segments and trap of a frame; the place of its FXSAVE image. */
static const uint8_t *read_frame(struct tresult *result, const struct ucontext *m) {
    const uint32_t regs[REGS] = {m->ax, m->cx, m->dx, m->bx, m->sp_at_signal, m->bp, m->si, m->di};
    memcpy(result->regs, regs, sizeof regs);
    result->trap = m->trapno;
    result->error = m->err;
    result->addr = m->trapno == 14 ? m->cr2 : 0;
    result->eip = m->ip;
    result->eflags = m->eflags;
    const uint32_t segments[6] = {m->es, m->cs, m->ss, m->ds, m->fs, m->gs};
    for (int i = 0; i < 6; i++) {
        result->seg[i] = (uint16_t)segments[i];
    }
    return (const uint8_t *)m->fpstate + FXSAVE_OFFSET;
}

#endif
