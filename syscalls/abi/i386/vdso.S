/* The vDSO of i386 guests: guest code, mapped into every process by elf.c (vdso(7)).
 *
 * It is assembled and linked as a 32-bit shared object when Fiberglass is built, and its image lies
 * in the engine as data. The first bytes of the two signal returns are what unwinders look for
 * (gcc's and gdb's i386 Linux unwinders), and the CFI describes the signal frame for those that read
 * CFI: see "signal frame" below. */
    .text

/* __kernel_vsyscall: eax number, ebx ecx edx esi edi ebp arguments, as int $0x80. */
    .globl __kernel_vsyscall
    .type __kernel_vsyscall, @function
    .balign 16
__kernel_vsyscall:
    .cfi_startproc
    int $0x80
    ret
    .cfi_endproc
    .size __kernel_vsyscall, . - __kernel_vsyscall

/* Signal frame: the CFA is the stack pointer of the interrupted code, at esp_at in the sigcontext. All
 * other registers are saved at their places in struct sigcontext (offsets from its start: edi 16, esi
 * 20, ebp 24, esp 28, ebx 32, edx 36, ecx 40, eax 44, eip 56). `at` is where the sigcontext is, from
 * the stack pointer that the return code runs with. DW_OP_breg4 is esp. */
    .macro SIGCONTEXT at
    /* DW_CFA_def_cfa_expression: *(esp + at + 28). The operand is SLEB128 of two bytes. */
    .cfi_escape 0x0f, 4, 0x74, ((\at + 28) & 0x7f) | 0x80, ((\at + 28) >> 7) & 0x7f, 0x06
    SAVED 0, \at + 44
    SAVED 1, \at + 40
    SAVED 2, \at + 36
    SAVED 3, \at + 32
    SAVED 5, \at + 24
    SAVED 6, \at + 20
    SAVED 7, \at + 16
    SAVED 8, \at + 56
    .endm
    /* DW_CFA_expression: register is at esp + offset */
    .macro SAVED reg, offset
    .cfi_escape 0x10, \reg, 3, 0x74, ((\offset) & 0x7f) | 0x80, ((\offset) >> 7) & 0x7f
    .endm

/* sigreturn: the handler's return address points here; on the stack are the signal number (popped) and
 * struct sigcontext. The byte in front is covered by the FDE as well: unwinders look up pc - 1. */
    .balign 16
    .cfi_startproc simple
    .cfi_signal_frame
    SIGCONTEXT 4
    nop
    .globl __kernel_sigreturn
    .type __kernel_sigreturn, @function
__kernel_sigreturn:
    pop %eax
    SIGCONTEXT 0
    mov $119, %eax
    int $0x80
    .cfi_endproc
    ud2
    .size __kernel_sigreturn, . - __kernel_sigreturn

/* rt_sigreturn: on the stack are signal number, pointers to siginfo and ucontext, siginfo (128 bytes),
 * ucontext, whose sigcontext follows uc_flags, uc_link, uc_stack (20 bytes). */
    .balign 16
    .cfi_startproc simple
    .cfi_signal_frame
    SIGCONTEXT 160
    nop
    .globl __kernel_rt_sigreturn
    .type __kernel_rt_sigreturn, @function
__kernel_rt_sigreturn:
    mov $173, %eax
    int $0x80
    .cfi_endproc
    ud2
    .size __kernel_rt_sigreturn, . - __kernel_rt_sigreturn

/* Clocks: C functions with arguments on the stack; they return 0 or -errno, as the kernel's do. */
    .macro CLOCK_CALL name, number
    .globl \name
    .type \name, @function
    .balign 16
\name:
    .cfi_startproc
    push %ebx
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset %ebx, 0
    mov 8(%esp), %ebx
    mov 12(%esp), %ecx
    mov $\number, %eax
    int $0x80
    pop %ebx
    .cfi_adjust_cfa_offset -4
    .cfi_restore %ebx
    ret
    .cfi_endproc
    .size \name, . - \name
    .endm

    CLOCK_CALL __vdso_clock_gettime, 265
    CLOCK_CALL __vdso_clock_gettime64, 403
    CLOCK_CALL __vdso_clock_getres, 266
    CLOCK_CALL __vdso_gettimeofday, 78
    CLOCK_CALL __vdso_time, 13

    .section .note.Linux, "a", @note
    .balign 4
    .long 6, 4, 0
    .asciz "Linux"
    .balign 4
    .long 0x060100 /* the kernel version that uname says: 6.1 */

    .section .note.GNU-stack, "", @progbits
