/* --strace: one line per system call. */
#ifndef FG_SYSCALLS_STRACE_H
#define FG_SYSCALLS_STRACE_H

#include "syscalls/abi/abi.h"

/* True when calls are to be shown. Set once, before tasks run. */
extern bool strace_on;

/* Shows calls on `path`, or on stderr for NULL. 0 or -errno. */
int strace_start(const char *path);

/* What is known before the call (strings may change, buffers that are read are complete), and after
 * it. `result` may be -ERESTART*. A call that does not return shows its first half alone. */
struct strace_line {
    const struct syscall_row *row; /* what is shown: of a multiplexed call the one behind it */
    uint64_t args[6];
    char text[1024];
    unsigned length;
};
void strace_enter(struct task *task, const struct syscall_row *row, unsigned number,
                  const uint64_t *args, struct strace_line *line);
void strace_leave(struct task *task, long result, struct strace_line *line);
/* A signal that was taken: "--- SIGCHLD {...} ---". */
void strace_signal(struct task *task, const struct sigqueue_info *info);
void strace_exit(struct task *task, int status);

/* The names of a value's flags (strace_flags.c); false when arguments of that kind are no flags. */
bool strace_flags(char kind, uint32_t value, char *text, size_t size);

#endif
