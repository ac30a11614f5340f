/* /proc/PID/fdinfo: fdinfo.c. */
#ifndef FG_SYSCALLS_FDINFO_H
#define FG_SYSCALLS_FDINFO_H

#include "syscalls/file/file.h"

struct strbuf;

/* The whole text for a descriptor of `table` (only compared: its record locks are shown). */
void fdinfo_text(struct file *file, bool cloexec, const struct fd_table *table, struct strbuf *out);
/* For ops->info: the host's own lines of the file's kind, without what every descriptor has. */
void fdinfo_of_host(struct file *file, struct strbuf *out);
/* All lines that the host has on the file's descriptor; none where it does not let us look. */
typedef void (*fdinfo_line)(void *arg, const char *line);
void fdinfo_host_lines(struct file *file, fdinfo_line emit, void *arg);

#endif
