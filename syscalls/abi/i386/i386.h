/* The i386 ABI: what its struct abi (i386.c) is made of. */
#ifndef FG_SYSCALLS_I386_H
#define FG_SYSCALLS_I386_H

#include "syscalls/abi/abi.h"

extern const struct abi abi_i386;
extern const struct syscall_table abi_i386_calls; /* generated from syscalls/table */

extern const struct abi_registers abi_i386_registers; /* registers.c */
int abi_i386_signal_frame(struct task *task, const struct sigaction_guest *action,
                          const struct sigqueue_info *info, sigset64 blocked);
void abi_i386_signal_return(struct task *task);
int abi_i386_write_siginfo(struct task *task, gaddr_t to, const struct sigqueue_info *info);
int abi_i386_read_siginfo(struct task *task, gaddr_t from, struct sigqueue_info *info);

const struct vdso *abi_i386_vdso(void); /* vdso.c */
const struct syscall_row *abi_i386_unfold(struct task *task, const struct syscall_row *row,
                                          uint64_t args[6]);    /* socketcall.c */
extern const struct abi_times abi_i386_times, abi_i386_times64; /* times.c */
struct stat;
struct statfs;
int abi_i386_put_stat(struct task *task, gaddr_t to, const struct stat *st); /* stat.c */
int abi_i386_put_statfs(struct task *task, gaddr_t to, const struct statfs *fs);
extern const struct abi_fs abi_i386_fs;   /* fs.c */
extern const struct abi_net abi_i386_net; /* net.c */
/* CLONE_SETTLS: `tls` is the address of a struct user_desc, the descriptor to set; segment
 * registers that use it are loaded anew. 0, -EFAULT or -EINVAL (thread_area.c). */
int abi_i386_set_tls(struct task *task, struct cpu *cpu, uint64_t tls);
extern const struct abi_process abi_i386_process; /* process.c */
extern const struct abi_ipc abi_i386_ipc;         /* ipc.c */

#endif
