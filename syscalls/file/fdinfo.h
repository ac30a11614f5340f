/* What the host says of a descriptor: fdinfo.c. */
#ifndef FG_SYSCALLS_FDINFO_H
#define FG_SYSCALLS_FDINFO_H

#include "syscalls/file/file.h"

struct strbuf;

/* For ops->info: the host's own lines of the file's kind, without what every descriptor has. */
void fdinfo_of_host(struct file *file, struct strbuf *out);
/* All lines that the host has on the file's descriptor; none where it does not let us look. */
typedef void (*fdinfo_line)(void *arg, const char *line);
void fdinfo_host_lines(struct file *file, fdinfo_line emit, void *arg);

#endif
