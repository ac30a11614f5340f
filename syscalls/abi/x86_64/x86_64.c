/* The x86-64 ABI as an object. Each member's file is the one of its subject beside this. */
#include "syscalls/abi/x86_64/x86_64.h"

const struct abi abi_x86_64 = {
    .name = "x86-64",
    .mode = GUEST_X86_64,
    .calls = &abi_x86_64_calls,
    .pointer_bytes = 8,
    .registers = &abi_x86_64_registers,
    .signal_frame = abi_x86_64_signal_frame,
    .signal_return = abi_x86_64_signal_return,
    .write_siginfo = abi_x86_64_write_siginfo,
    .read_siginfo = abi_x86_64_read_siginfo,
    .jump_outside = abi_x86_64_vsyscall,
    .vsyscall_page = X86_64_VSYSCALL_PAGE,
    .vdso = abi_x86_64_vdso,
    .times = &abi_x86_64_times,
    .times64 = &abi_x86_64_times,
    .fs = &abi_x86_64_fs,
    .net = &abi_x86_64_net,
    .process = &abi_x86_64_process,
    .ipc = &abi_x86_64_ipc,
};
