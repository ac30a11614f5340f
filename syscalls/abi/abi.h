/* The syscall ABI of a task: numbers, argument fetch, and the entry to the generated dispatch. */
#ifndef FG_SYSCALLS_ABI_H
#define FG_SYSCALLS_ABI_H

#include "syscalls/task/task.h"

/* One row of syscalls/table, for one ABI. */
struct syscall_row {
    const char *name; /* NULL: no such number */
    const char *args; /* argument kinds for strace, one letter each: see syscalls/table */
    const char *note; /* what is missing, or NULL */
    long (*call)(struct task *task, const uint64_t *args); /* NULL: ENOSYS */
    uint8_t state;                                         /* 0 done, 1 partial, 2 missing */
};

struct vdso;

struct syscall_table {
    const struct syscall_row *row; /* by number */
    unsigned count;
};

/* What depends on the ABI of a program: one object an ABI (abi/i386/i386.c), reached as task->abi.
 * Operations come in groups of one subject, each declared by the room that asks for it. Operations
 * copy between guest memory and host structures, in the ABI's layout; they return 0 or -EFAULT
 * unless they say otherwise. */
struct abi {
    const char *name; /* "i386" */
    enum guest_mode mode;
    const struct syscall_table *calls;
    unsigned pointer_bytes;                /* also the size of the ABI's long */
    const struct abi_registers *registers; /* registers.h */
    /* Makes the task's registers and stack those of a handler's first instruction; `blocked` is the
     * mask that the handler's return brings back. 0, or -EFAULT when the stack cannot take it. */
    int (*signal_frame)(struct task *task, const struct sigaction_guest *action,
                        const struct sigqueue_info *info, sigset64 blocked);
    /* rt_sigreturn(2): loads what the frame at the stack pointer says. Where it cannot be, the task
     * gets a signal. */
    void (*signal_return)(struct task *task);
    /* struct siginfo, 128 bytes: 0 or -EFAULT. Reading keeps the guest's si_code as it is. */
    int (*write_siginfo)(struct task *task, gaddr_t to, const struct sigqueue_info *info);
    int (*read_siginfo)(struct task *task, gaddr_t from, struct sigqueue_info *info);
    /* The running task jumped to where nothing can be (a page fault of the fetch at cpu->pc): true
     * when that is a call of the ABI's, or its own fault, and was seen to. NULL: there is none
     * such. */
    bool (*jump_outside)(struct task *task);
    gaddr_t vsyscall_page; /* where that is, for /proc/PID/maps; 0: nowhere */
    /* The vDSO of its programs (exec/vdso.h), made at the first call, by any thread; NULL: no
     * memory for it. */
    const struct vdso *(*vdso)(void);
    /* Of a call that stands for several (socketcall(2)), the one that is meant, and its arguments
     * in `args`; else `row`. For those that show calls; NULL: there is none such. */
    const struct syscall_row *(*unfold)(struct task *task, const struct syscall_row *row,
                                        uint64_t args[6]);
    const struct abi_times *times, *times64; /* times.h */
    const struct abi_fs *fs;                 /* files and directories: fs/abi_fs.h */
    const struct abi_net *net;               /* sockets: net/abi_net.h */
    const struct abi_process *process;       /* process/abi_process.h */
    const struct abi_ipc *ipc;               /* structures of System V IPC: ipc/ipc.h */
};

/* Arrays of the ABI's long: struct rusage, tms, robust_list_head and the like are nothing else.
 * Values are sign-extended on reading, cut on writing. 0 or -EFAULT; at most 32. */
int abi_read_longs(struct task *task, gaddr_t from, int64_t *value, unsigned count);
int abi_write_longs(struct task *task, gaddr_t to, const int64_t *value, unsigned count);
/* Entry `index` of an array of struct iovec, which is two longs: 0, -EFAULT, or -EINVAL for a
 * length that is negative. */
struct guest_span {
    gaddr_t at;
    uint64_t len;
};
int abi_read_iovec(struct task *task, gaddr_t vec, uint64_t index, struct guest_span *out);
/* The same of unsigned longs, which addresses are, too: reading extends with zeros. */
int abi_read_pointers(struct task *task, gaddr_t from, uint64_t *value, unsigned count);
int abi_write_pointers(struct task *task, gaddr_t to, const uint64_t *value, unsigned count);
/* Bytes of a long, which is also what one is aligned to. */
static inline unsigned abi_long_bytes(const struct task *task) {
    return task->abi->pointer_bytes;
}
/* The same of an ABI that is not yet the task's, as execve asks for it. */
static inline unsigned abi_long_bytes_of(const struct abi *abi) {
    return abi->pointer_bytes;
}
/* The largest long: a size_t above it is a negative ssize_t. */
static inline uint64_t abi_long_most(const struct task *task) {
    return task->abi->pointer_bytes == 4 ? INT32_MAX : INT64_MAX;
}
/* A long as a register holds it. */
static inline int64_t abi_long(const struct task *task, uint64_t value) {
    return task->abi->pointer_bytes == 4 ? (int32_t)value : (int64_t)value;
}
/* The sum of an address and an offset, which ends where the ABI's addresses do. */
static inline gaddr_t abi_address(const struct task *task, uint64_t value) {
    return task->abi->pointer_bytes == 4 ? (uint32_t)value : value;
}
/* Signal sets: 8 bytes in every ABI. */
int abi_read_sigset(struct task *task, gaddr_t from, sigset64 *set);
/* struct sigevent (sigevent(7)): a value as wide as an address, then three ints. 0 or -EFAULT. */
struct guest_sigevent {
    int64_t value;
    int32_t signo, notify, tid; /* tid: with SIGEV_THREAD_ID */
};
int abi_read_sigevent(struct task *task, gaddr_t from, struct guest_sigevent *event);

/* The ABI of programs of a mode, NULL: none. Entered by abi_add() before the first task is made. */
const struct abi *abi_of_mode(enum guest_mode mode);
void abi_add(const struct abi *abi);

#endif
