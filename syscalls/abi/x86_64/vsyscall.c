/* Calls at fixed addresses, which programs of before the vDSO make: gettimeofday, time and getcpu,
 * by a jump into a page at the end of the address space where nothing is mapped. As Linux emulates
 * them (vsyscall=emulate): the call is made with the arguments of the C function, and returns. */
#include "syscalls/abi/x86_64/x86_64.h"

#include "syscalls/abi/x86_64/registers.h"
#include "syscalls/process/signal_frame.h"
#include "syscalls/signal/signal.h"

#include <errno.h>
#include <signal.h>

#define ENTRY_BYTES 1024

/* The calls in the order of their entries, and the sizes of what their arguments point to. */
static const struct {
    uint16_t number;
    uint8_t size[2];
} entries[] = {
    {96, {16, 8}}, /* gettimeofday: struct timeval, struct timezone */
    {201, {8}},    /* time: time_t */
    {309, {4, 4}}, /* getcpu: two ints */
};

/* An argument beyond all memory is a fault of the program's, where the system call would say
 * EFAULT.
 */
static bool reachable(struct task *task, gaddr_t to, size_t size) {
    if (to <= X86_64_ADDRESS_TOP - size) {
        return true;
    }
    task->last_trap = TRAP_PF;
    task->last_trap_error = 6; /* a write, from user mode */
    task->last_trap_addr = to;
    signal_fault(task, &(struct sigqueue_info){.signo = SIGSEGV, .code = SEGV_MAPERR, .addr = to});
    return false;
}

bool abi_x86_64_vsyscall(struct task *task) {
    struct cpu *cpu = task->cpu;
    uint64_t back, args[6] = {cpu->regs[REG_DI], cpu->regs[REG_SI], cpu->regs[REG_DX]};
    gaddr_t offset = cpu->pc - X86_64_VSYSCALL_PAGE;
    if (offset >= PAGE_BYTES) {
        return false;
    }
    size_t entry = offset / ENTRY_BYTES;
    if (offset % ENTRY_BYTES || entry >= ARRAY_LEN(entries) ||
        guest_read(cpu->space, &back, cpu->regs[REG_SP], sizeof back)) {
        frame_bad(task);
        return true;
    }
    for (unsigned i = 0; i < ARRAY_LEN(entries[entry].size); i++) {
        if (entries[entry].size[i] && args[i] &&
            !reachable(task, args[i], entries[entry].size[i])) {
            return true;
        }
    }
    long result = abi_x86_64_calls.row[entries[entry].number].call(task, args);
    if (result == -EFAULT) {
        frame_bad(task);
        return true;
    }
    cpu->regs[REG_AX] = (uint64_t)result;
    cpu->regs[REG_SP] += sizeof back;
    cpu->pc = back;
    return true;
}
