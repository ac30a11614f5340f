/* Directories as open files: dir.c. */
#ifndef FG_SYSCALLS_DIR_H
#define FG_SYSCALLS_DIR_H

#include "syscalls/file/file.h"

int64_t dir_seek(struct file *file, int64_t offset, int whence);
int dir_getdents(struct file *file, struct task *task,
                 int (*emit)(void *arg, const char *name, uint64_t ino, uint8_t type,
                             int64_t next_offset),
                 void *arg);
void dir_release(struct file *file);

#endif
