/* The vDSO of x86-64 guests: guest code, mapped into every process by elf.c (vdso(7)). It is assembled
 * and linked as a shared object when Fiberglass is built, and its image lies in the engine as data.
 *
 * C functions with arguments in registers, where the system call of the same name wants them too; they
 * return 0 or -errno, as the kernel's do. Each has its name without the prefix as well. */
    .text

    .macro CALL name, number
    .globl __vdso_\name
    .type __vdso_\name, @function
    .balign 16
__vdso_\name:
    .cfi_startproc
    mov $\number, %eax
    syscall
    ret
    .cfi_endproc
    .size __vdso_\name, . - __vdso_\name
    .weak \name
    .set \name, __vdso_\name
    .endm

    CALL clock_gettime, 228
    CALL clock_getres, 229
    CALL gettimeofday, 96
    CALL time, 201
    CALL getcpu, 309

    .section .note.Linux, "a", @note
    .balign 4
    .long 6, 4, 0
    .asciz "Linux"
    .balign 4
    .long 0x060100 /* the kernel version that uname says: 6.1 */

    .section .note.GNU-stack, "", @progbits
