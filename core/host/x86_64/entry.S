/* x86-64 host: the way into gadgets and out of them, helper calls, interruptible host calls and
 * copies that survive faults. The register contract is templates/x86_64/registers.md. */
        .include "offsets.inc"

        .text

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
        pushq   CPU_FLAGS(%r13)
        popfq
fg_load_registers:
        movups  CPU_XMM+0x00(%r13), %xmm0
        movups  CPU_XMM+0x10(%r13), %xmm1
        movups  CPU_XMM+0x20(%r13), %xmm2
        movups  CPU_XMM+0x30(%r13), %xmm3
        movups  CPU_XMM+0x40(%r13), %xmm4
        movups  CPU_XMM+0x50(%r13), %xmm5
        movups  CPU_XMM+0x60(%r13), %xmm6
        movups  CPU_XMM+0x70(%r13), %xmm7
        mov     CPU_REGS+0x00(%r13), %eax
        mov     CPU_REGS+0x08(%r13), %ecx
        mov     CPU_REGS+0x10(%r13), %edx
        mov     CPU_REGS+0x18(%r13), %ebx
        mov     CPU_REGS+0x20(%r13), %r8d
        mov     CPU_REGS+0x28(%r13), %ebp
        mov     CPU_REGS+0x30(%r13), %esi
        mov     CPU_REGS+0x38(%r13), %edi
        jmp     *(%r14)

/* Spill everything the guest owns but the flags (rsp must be the entry's): flags are saved by the
 * caller of this macro first, as 32-bit moves clear no flag but loads of MXCSR need none. */
        .macro  SAVE_STATE
        pushfq
        cld
        mov     %eax, %eax
        mov     %rax, CPU_REGS+0x00(%r13)
        mov     %ecx, %ecx
        mov     %rcx, CPU_REGS+0x08(%r13)
        mov     %edx, %edx
        mov     %rdx, CPU_REGS+0x10(%r13)
        mov     %ebx, %ebx
        mov     %rbx, CPU_REGS+0x18(%r13)
        mov     %r8d, %r8d
        mov     %r8, CPU_REGS+0x20(%r13)
        mov     %ebp, %ebp
        mov     %rbp, CPU_REGS+0x28(%r13)
        mov     %esi, %esi
        mov     %rsi, CPU_REGS+0x30(%r13)
        mov     %edi, %edi
        mov     %rdi, CPU_REGS+0x38(%r13)
        mov     %r14, CPU_FIBER(%r13)
        pop     %rax
        and     $FLAGS_HOST, %eax
        mov     %rax, CPU_FLAGS(%r13)
        movups  %xmm0, CPU_XMM+0x00(%r13)
        movups  %xmm1, CPU_XMM+0x10(%r13)
        movups  %xmm2, CPU_XMM+0x20(%r13)
        movups  %xmm3, CPU_XMM+0x30(%r13)
        movups  %xmm4, CPU_XMM+0x40(%r13)
        movups  %xmm5, CPU_XMM+0x50(%r13)
        movups  %xmm6, CPU_XMM+0x60(%r13)
        movups  %xmm7, CPU_XMM+0x70(%r13)
        stmxcsr CPU_MXCSR(%r13)
        ldmxcsr CPU_HOST_MXCSR(%r13)
        .endm

/* Exits: r9d carries a guest pc where one is named, r10d what else is. */
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
        jmp     fg_load_registers

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

/* The entry of an empty jump-cache word. minus_pc = 1 matches no pc but 0xffffffff, which thus
 * gets a gadget that goes to C like any other miss. */
        .section .data.rel.ro, "aw", @progbits
        .balign 16
        .quad   1, null_entry_gadget
        .globl  host_null_entry
host_null_entry:
        .quad   null_entry_gadget, 0
        .text
null_entry_gadget:
        mov     $0xffffffff, %r9d
        jmp     fg_exit_lookup

        .section .note.GNU-stack, "", @progbits
