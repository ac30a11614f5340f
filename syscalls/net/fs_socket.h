/* Names of unix sockets in the guest's directories: fs_socket.c. */
#ifndef FG_SYSCALLS_FS_SOCKET_H
#define FG_SYSCALLS_FS_SOCKET_H

#include "core/base/types.h"
#include <sys/stat.h>

struct task;
struct mount;
/* bind(2): binds the host socket under `temporary`, a name that says whose it is, in the directory
 * of the guest's `path`, tells made(arg) of it as the host shows it, and renames it to that. 0 or
 * -errno (-EADDRINUSE: there is something). */
int fs_socket_bind(struct task *task, const char *path, int host_fd, const char *temporary,
                   const struct mount **mount, void (*made)(void *arg, const struct stat *st),
                   void *arg);
/* Is there something by that name, not followed? */
bool fs_socket_name_taken(struct task *task, const char *path);
/* connect(2), sendto(2): an O_PATH descriptor of what `path` names, which the task may write to, or
 * -errno. */
int fs_socket_find(struct task *task, const char *path, const struct mount **mount);

#endif
