/* The syscall ABI of a task: numbers, argument fetch, and the entry to the generated dispatch. */
#ifndef FG_SYSCALLS_ABI_H
#define FG_SYSCALLS_ABI_H

#include "syscalls/task.h"

/* One row of syscalls/table, for one ABI. */
struct syscall_row {
    const char *name;   /* NULL: no such number */
    const char *args;   /* argument kinds for strace, one letter each: see syscalls/table */
    const char *note;   /* what is missing, or NULL */
    long (*call)(struct task *task, const uint64_t *args); /* NULL: ENOSYS */
    uint8_t state;      /* 0 done, 1 partial, 2 missing */
};

struct abi {
    const char *name; /* "i386" */
    enum guest_mode mode;
    const struct syscall_row *rows;
    unsigned row_count;
    unsigned pointer_bytes;
};

extern const struct abi abi_i386; /* generated from syscalls/table */

#endif
