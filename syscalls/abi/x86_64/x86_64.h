/* The x86-64 ABI: what its struct abi (x86_64.c) is made of. */
#ifndef FG_SYSCALLS_X86_64_H
#define FG_SYSCALLS_X86_64_H

#include "syscalls/abi/abi.h"

extern const struct abi abi_x86_64;
extern const struct syscall_table abi_x86_64_calls; /* generated from syscalls/table */

extern const struct abi_registers abi_x86_64_registers; /* registers.c */
int abi_x86_64_signal_frame(struct task *task, const struct sigaction_guest *action,
                            const struct sigqueue_info *info, sigset64 blocked); /* signal.c */
void abi_x86_64_signal_return(struct task *task);
int abi_x86_64_write_siginfo(struct task *task, gaddr_t to, const struct sigqueue_info *info);
int abi_x86_64_read_siginfo(struct task *task, gaddr_t from, struct sigqueue_info *info);
#define X86_64_VSYSCALL_PAGE 0xffffffffff600000u
bool abi_x86_64_vsyscall(struct task *task);        /* vsyscall.c */
const struct vdso *abi_x86_64_vdso(void);           /* vdso.c */
extern const struct abi_times abi_x86_64_times;     /* times.c */
extern const struct abi_fs abi_x86_64_fs;           /* fs.c */
extern const struct abi_net abi_x86_64_net;         /* net.c */
extern const struct abi_process abi_x86_64_process; /* process.c */
extern const struct abi_ipc abi_x86_64_ipc;         /* ipc.c */

#endif
