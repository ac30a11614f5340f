/* arch_prctl(2) of 64-bit programs: the bases of FS and GS, and CPUID faulting, which this CPU does
 * not have. */
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/x86_64/registers.h"

#include <errno.h>

/* <asm/prctl.h> */
enum {
    ARCH_SET_GS = 0x1001,
    ARCH_SET_FS = 0x1002,
    ARCH_GET_FS = 0x1003,
    ARCH_GET_GS = 0x1004,
    ARCH_GET_CPUID = 0x1011,
    ARCH_SET_CPUID = 0x1012,
};

long sys_arch_prctl_x86_64(struct task *task, int32_t code, gaddr_t arg) {
    struct cpu *cpu = task->cpu;
    switch (code) {
    case ARCH_SET_FS:
        return x86_64_set_base(cpu, SEG_FS, arg);
    case ARCH_SET_GS:
        return x86_64_set_base(cpu, SEG_GS, arg);
    case ARCH_GET_FS:
        return abi_write_pointers(task, arg, &cpu->seg[SEG_FS].base, 1);
    case ARCH_GET_GS:
        return abi_write_pointers(task, arg, &cpu->seg[SEG_GS].base, 1);
    case ARCH_GET_CPUID:
        return 1;
    case ARCH_SET_CPUID:
        return arg ? 0 : -ENODEV;
    default:
        return -EINVAL;
    }
}
