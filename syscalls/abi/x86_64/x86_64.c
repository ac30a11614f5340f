/* The x86-64 ABI as an object. Each member's file is the one of its subject beside this. Registers,
 * signal frames and the vDSO are not there yet: no program is loaded with it (abi_add()). */
#include "syscalls/abi/x86_64/x86_64.h"

const struct abi abi_x86_64 = {
    .name = "x86-64",
    .mode = GUEST_X86_64,
    .calls = &abi_x86_64_calls,
    .pointer_bytes = 8,
    .times = &abi_x86_64_times,
    .times64 = &abi_x86_64_times,
    .fs = &abi_x86_64_fs,
    .net = &abi_x86_64_net,
    .process = &abi_x86_64_process,
    .ipc = &abi_x86_64_ipc,
};
