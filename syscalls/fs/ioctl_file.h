/* ioctl(2) of regular files and directories: ioctl_file.c. */
#ifndef FG_SYSCALLS_IOCTL_FILE_H
#define FG_SYSCALLS_IOCTL_FILE_H

#include "syscalls/file/file.h"

/* For files on a host descriptor. The call's value or -errno; -ENOTTY: not one of these. */
long file_ioctl(struct task *task, struct file *file, uint32_t request, gaddr_t arg);

#endif
