/* The i386 ABI as an object. Each member's file is the one of its subject beside this. */
#include "syscalls/abi/i386/i386.h"

#include "syscalls/abi/times.h"

const struct abi abi_i386 = {
    .name = "i386",
    .mode = GUEST_I386,
    .calls = &abi_i386_calls,
    .pointer_bytes = 4,
    .registers = &abi_i386_registers,
    .signal_frame = abi_i386_signal_frame,
    .signal_return = abi_i386_signal_return,
    .write_siginfo = abi_i386_write_siginfo,
    .read_siginfo = abi_i386_read_siginfo,
    .vdso = abi_i386_vdso,
    .unfold = abi_i386_unfold,
    .times = &abi_i386_times,
    .times64 = &abi_i386_times64,
    .fs = &abi_i386_fs,
    .net = &abi_i386_net,
    .process = &abi_i386_process,
    .ipc = &abi_i386_ipc,
};
