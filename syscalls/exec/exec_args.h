/* Argument strings of an execve: reading them from a guest, putting a script's interpreter in
 * front. */
#ifndef FG_SYSCALLS_EXEC_ARGS_H
#define FG_SYSCALLS_EXEC_ARGS_H

#include "syscalls/exec/exec.h"

/* Fills args from the guest's two arrays of pointers (either may be NULL: empty). 0 or -errno. */
int exec_args_read(struct task *task, struct exec_args *args, gaddr_t argv, gaddr_t envp);
/* argv[0] becomes: interpreter, argument (unless NULL), script. 0 or -errno. */
int exec_args_script(struct exec_args *args, const char *interpreter, const char *argument,
                     const char *script);

#endif
