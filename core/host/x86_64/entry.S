/* x86-64 host: the way into gadgets and out of them, helper calls, interruptible host calls and
 * copies that survive faults. The register contract is templates/x86_64/registers.md. */
        .include "offsets.inc"

        .text

/* Guest registers between cpu and host: `op` NUMBER, 32-bit name, 64-bit name. */
        .macro  EACH_REGISTER op
        \op    0, %eax, %rax
        \op    1, %ecx, %rcx
        \op    2, %edx, %rdx
        \op    3, %ebx, %rbx
        \op    4, %r8d, %r8
        \op    5, %ebp, %rbp
        \op    6, %esi, %rsi
        \op    7, %edi, %rdi
        .endm
        .macro  LOAD_32 number, narrow, wide
        mov     CPU_REGS+8*\number(%r13), \narrow
        .endm
        .macro  LOAD_64 number, narrow, wide
        mov     CPU_REGS+8*\number(%r13), \wide
        .endm
        .macro  SAVE_32 number, narrow, wide
        mov     \narrow, \narrow
        mov     \wide, CPU_REGS+8*\number(%r13)
        .endm
        .macro  SAVE_64 number, narrow, wide
        mov     \wide, CPU_REGS+8*\number(%r13)
        .endm
/* Vector registers. While the upper halves of the cpu's are all 0 those of the host are so, too, and
 * no instruction says otherwise: processors are slower with SSE instructions once one did. */
        .macro  LOAD_VECTORS
        cmpb    $0, host_upper(%rip)
        je      710f
        cmpl    $0, CPU_UPPER(%r13)
        jne     711f
        vzeroupper
710:
        .irp    number, 0, 1, 2, 3, 4, 5, 6, 7
        movaps  CPU_YMM+32*\number(%r13), %xmm\number
        .endr
        jmp     712f
711:
        .irp    number, 0, 1, 2, 3, 4, 5, 6, 7
        vmovaps CPU_YMM+32*\number(%r13), %ymm\number
        .endr
712:
        .endm
        .macro  SAVE_VECTORS
        cmpb    $0, host_upper(%rip)
        jne     713f
        .irp    number, 0, 1, 2, 3, 4, 5, 6, 7
        movaps  %xmm\number, CPU_YMM+32*\number(%r13)
        .endr
        jmp     714f
713:
        .irp    number, 0, 1, 2, 3, 4, 5, 6, 7
        vmovaps %ymm\number, CPU_YMM+32*\number(%r13)
        .endr
        .irp    number, 1, 2, 3, 4, 5, 6, 7
        vorps   %ymm\number, %ymm0, %ymm0
        .endr
        vextractf128 $1, %ymm0, %xmm0
        xor     %eax, %eax
        vptest  %xmm0, %xmm0
        setnz   %al
        mov     %eax, CPU_UPPER(%r13)
        vzeroupper
714:
        .endm

/* The last of a way into gadgets, by the width of the guest's registers. No flag is touched. */
        .macro  LOAD_NARROW
        EACH_REGISTER LOAD_32
        jmp     *(%r14)
        .endm
        .macro  LOAD_WIDE
        EACH_REGISTER LOAD_64
        jmp     *(%r14)
        .endm

/* Spill everything the guest owns; rsp must be the entry's. XMM registers from 8 on and general ones
 * from r8 on are the cpu's own place for them at any time. */
        .macro  SAVE_STATE
        pushfq
        cld
        cmpl    $GUEST_I386, CPU_MODE(%r13)
        jne     701f
        EACH_REGISTER SAVE_32
        jmp     702f
701:    EACH_REGISTER SAVE_64
702:    mov     %r14, CPU_FIBER(%r13)
        pop     %rax
        and     $FLAGS_HOST, %eax
        mov     %rax, CPU_FLAGS(%r13)
        SAVE_VECTORS
        stmxcsr CPU_MXCSR(%r13)
        ldmxcsr CPU_HOST_MXCSR(%r13)
        .endm

/* host_enter(cpu rdi, slot0 rsi): six pushes and 8 bytes leave rsp 16-byte aligned for bodies. */
        .globl  host_enter
        .type   host_enter, @function
host_enter:
        push    %rbp
        push    %rbx
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        sub     $8, %rsp
        mov     %rsp, CPU_HOST_SP(%rdi)
        mov     %rdi, %r13
        mov     %rsi, %r14
        stmxcsr CPU_HOST_MXCSR(%r13)
        mov     CPU_ANCHOR(%r13), %r12
        mov     CPU_WINDOW(%r13), %r15
        .globl  fg_load_state
fg_load_state:
        ldmxcsr CPU_MXCSR(%r13)
        LOAD_VECTORS
        cmpl    $GUEST_I386, CPU_MODE(%r13)
        jne     load_wide
        pushq   CPU_FLAGS(%r13)
        popfq
        LOAD_NARROW
load_wide:
        pushq   CPU_FLAGS(%r13)
        popfq
        LOAD_WIDE
load_registers:                         /* all but the flags; those of the host's state are lost */
        LOAD_VECTORS
        cmpl    $GUEST_I386, CPU_MODE(%r13)
        jne     1f
        LOAD_NARROW
1:      LOAD_WIDE

/* Exits: r9 carries a guest pc where one is named, r10d what else is. (Of an i386 guest the upper half of pc does not count: run.c.) */
        .globl  fg_exit_lookup
fg_exit_lookup:
        mov     %r9, CPU_PC(%r13)
        mov     $EXIT_LOOKUP, %r11d
        jmp     leave
        .globl  fg_exit_poll
fg_exit_poll:
        mov     $EXIT_POLL, %r11d
        jmp     leave
        .globl  fg_exit_link
fg_exit_link:
        mov     $EXIT_LINK, %r11d
        jmp     leave
        .globl  fg_exit_step
fg_exit_step:
        mov     %r9, CPU_PC(%r13)
        mov     $EXIT_STEP, %r11d
        jmp     leave
        .globl  fg_exit_syscall
fg_exit_syscall:
        mov     %r9, CPU_PC(%r13)
        mov     %r10d, CPU_GATE(%r13)
        mov     $EXIT_SYSCALL, %r11d
        jmp     leave
        .globl  fg_exit_trap
fg_exit_trap:
        mov     %r9, CPU_PC(%r13)
        mov     %r10d, CPU_TRAP(%r13)
        mov     $EXIT_TRAP, %r11d
        jmp     leave
        .globl  fg_exit_fault           /* the fault handler sends the thread here, registers intact */
fg_exit_fault:
        mov     CPU_HOST_SP(%r13), %rsp
        mov     $EXIT_FAULT, %r11d
leave:
        SAVE_STATE
        mov     %r11d, %eax
fg_leave_saved:
        mov     CPU_HOST_SP(%r13), %rsp
        add     $8, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbx
        pop     %rbp
        ret
        .size   host_enter, . - host_enter

/* Call step.helper of the running gadget: function at 8(%r14), pc at 16(%r14), further parameters
 * from 24(%r14) on, 8 bytes each; r11 the effective address, r10d the gadget's size in bytes. */
        .macro  HELPER_CALL
        mov     %r11, CPU_EA(%r13)
        mov     %r10d, %r15d
        SAVE_STATE
        mov     16(%r14), %rax
        mov     %rax, CPU_PC(%r13)
        mov     %r13, %rdi
        lea     24(%r14), %rsi
        call    *8(%r14)
        lea     (%r14,%r15), %r14
        mov     CPU_WINDOW(%r13), %r15
        test    %eax, %eax
        jnz     fg_leave_saved
        .endm
        .globl  fg_helper
fg_helper:
        HELPER_CALL
        jmp     fg_load_state
        .globl  fg_helper_noflags       /* no guest flag but DF is live: the slow POPF is spared */
fg_helper_noflags:
        HELPER_CALL
        testl   $FLAG_DF, CPU_FLAGS(%r13)
        jnz     fg_load_state
        ldmxcsr CPU_MXCSR(%r13)
        jmp     load_registers

/* A host syscall that a kick interrupts: host_call(task, number, a..f). task->cpu is the first member.
 * The kick handler moves a thread found between the two labels to host_call_interrupted, so that no
 * kick falls between the check and the call. */
        .globl  host_call
        .type   host_call, @function
host_call:
        push    %rbx
        mov     (%rdi), %rbx
        mov     %rsi, %rax              /* number */
        mov     %rdx, %rdi
        mov     %rcx, %rsi
        mov     %r8, %rdx
        mov     %r9, %r10
        mov     16(%rsp), %r8
        mov     24(%rsp), %r9
        .globl  host_call_check
host_call_check:
        cmpq    $0, CPU_POLL(%rbx)
        jne     host_call_interrupted
        .globl  host_call_insn
host_call_insn:
        syscall
        pop     %rbx
        ret
        .globl  host_call_interrupted
host_call_interrupted:
        mov     $-4, %rax               /* -EINTR */
        pop     %rbx
        ret
        .size   host_call, . - host_call

/* Copies that may fault on guest memory: the fault handler continues at the label after. */
        .globl  host_copy
host_copy:
        mov     %rdx, %rcx
        .globl  host_copy_insn, host_copy_done
host_copy_insn:
        rep movsb
host_copy_done:
        mov     %rcx, %rax
        ret
        .globl  host_fill_zero
host_fill_zero:
        mov     %rsi, %rcx
        xor     %eax, %eax
        .globl  host_fill_insn, host_fill_done
host_fill_insn:
        rep stosb
host_fill_done:
        mov     %rcx, %rax
        ret
        .globl  host_load32
host_load32:
        .globl  host_load32_insn, host_access_failed
host_load32_insn:
        mov     (%rdi), %eax
        mov     %eax, (%rsi)
        xor     %eax, %eax
        ret
        .globl  host_cmpxchg32
host_cmpxchg32:
        mov     (%rsi), %eax
        .globl  host_cmpxchg32_insn
host_cmpxchg32_insn:
        lock cmpxchg %edx, (%rdi)
        mov     %eax, (%rsi)
        xor     %eax, %eax
        ret
host_access_failed:
        mov     $-1, %eax
        ret

        .globl  host_fpu_save, host_fpu_load, host_fpu_reset
host_fpu_save:
        fxsave64 (%rdi)
        ret
host_fpu_load:                          /* x87 part only: vector registers are C's here */
        sub     $520, %rsp
        fxsave64 (%rsp)                 /* keeps this thread's MXCSR and XMM */
        .irp    at, 0, 8, 16, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 136, 144, 152
        mov     \at(%rdi), %rax
        mov     %rax, \at(%rsp)
        .endr
        fxrstor64 (%rsp)
        add     $520, %rsp
        ret
host_fpu_reset:
        fninit
        ret

/* The entries of empty jump-cache words, of windows of 2^32 to 2^47 bytes: 128 bytes for each, and the
 * entry at an address that is the number of bits modulo 64. minus_pc = 1 matches no pc but the last,
 * which thus gets a gadget that goes to C like any other miss. */
        .section .data.rel.ro, "aw", @progbits
        .balign 64
        .globl  host_null_entries
host_null_entries:
        .set    bits, 32
        .rept   16
        .skip   48 + bits
        .quad   1, null_entry_gadget
        .quad   null_entry_gadget, 0
        .skip   48 - bits
        .set    bits, bits + 1
        .endr
/* What every probe reads while a gadget accesses memory beyond the window (core_wide): by an address
 * shifted right by 63 bits, one of two bytes. Pages begin where those of the operand do. */
        .section .rodata
        .balign 4096
        .skip   4095
        .globl  host_wide_bytes
host_wide_bytes:
        .byte   0, 0
        .text
null_entry_gadget:
        mov     $-1, %r9
        jmp     fg_exit_lookup

        .section .note.GNU-stack, "", @progbits
