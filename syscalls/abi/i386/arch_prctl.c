/* arch_prctl(2) as 32-bit programs have it. */
#include "gen/syscall_protos.h"

#include <errno.h>

/* arch_prctl(2) for 32-bit programs: only CPUID faulting, which this CPU does not have */
long sys_arch_prctl(struct task *task, int32_t code, uint32_t arg) {
    switch (code) {
    case 0x1011: /* ARCH_GET_CPUID */
        return 1;
    case 0x1012: /* ARCH_SET_CPUID */
        return arg ? 0 : -ENODEV;
    default:
        return -EINVAL;
    }
}
