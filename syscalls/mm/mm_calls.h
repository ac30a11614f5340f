/* What the files of memory system calls share. */
#ifndef FG_SYSCALLS_MM_CALLS_H
#define FG_SYSCALLS_MM_CALLS_H

#include "syscalls/task/task.h"

/* mmap(2) with its offset in bytes: the address or -errno. */
long mmap_common(struct task *task, gaddr_t addr, uint64_t len, uint32_t prot, uint32_t flags,
                 int fd, uint64_t offset);

#endif
