/* Replacing a process's program: what start.c and the execve calls share. */
#ifndef FG_SYSCALLS_EXEC_H
#define FG_SYSCALLS_EXEC_H

#include "syscalls/exec/elf.h"

/* Why a program could not be started, for people: "'foo' is not an i386 program". */
struct exec_failure {
    char text[512];
    bool found; /* the file itself was there and executable; what failed came later */
    bool fatal; /* the old program is gone: the process has to die */
};

/* Limits for a process as execve(2) has them ("Limits on size of arguments"). */
void exec_args_init(struct exec_args *args, uint64_t stack_limit);
/* Append one string; argv first, then envp. 0 or -E2BIG, -ENOMEM. */
int exec_args_add(struct exec_args *args, const char *string, bool env);
void exec_args_free(struct exec_args *args);

/* Runs `path` (a guest path, for open(2) with dirfd and O_* flags such as O_NOFOLLOW) in the
 * calling task; `name` is what the program is told of it (AT_EXECFN), mostly the same. Scripts and
 * interpreters are followed, memory, descriptors, signals and registers are those of the new
 * program when it returns 0. Else -errno, with the old program untouched unless failure->fatal.
 * `args` is used up but not freed. */
int exec_path(struct task *task, int dirfd, const char *path, int open_flags, const char *name,
              struct exec_args *args, struct exec_failure *failure);

#endif
