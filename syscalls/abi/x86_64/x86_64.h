/* The x86-64 ABI: what its struct abi (x86_64.c) is made of. */
#ifndef FG_SYSCALLS_X86_64_H
#define FG_SYSCALLS_X86_64_H

#include "syscalls/abi/abi.h"

extern const struct abi abi_x86_64;
extern const struct syscall_table abi_x86_64_calls; /* generated from syscalls/table */

extern const struct abi_times abi_x86_64_times;     /* times.c */
extern const struct abi_fs abi_x86_64_fs;           /* fs.c */
extern const struct abi_net abi_x86_64_net;         /* net.c */
extern const struct abi_process abi_x86_64_process; /* process.c */
extern const struct abi_ipc abi_x86_64_ipc;         /* ipc.c */

#endif
