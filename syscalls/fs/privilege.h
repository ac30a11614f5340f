/* What the host lets the run's threads do: their capabilities and ids. */
#ifndef FG_SYSCALLS_PRIVILEGE_H
#define FG_SYSCALLS_PRIVILEGE_H

#include "core/base/types.h"

struct mount;
struct process;
struct task;

/* Gives up, for good and for every thread to come, what no guest of this run may need. Call before
 * there are other threads. */
void privilege_start(bool private_root);

/* The first process has its ids: where a guest's users are the host's and this one is not the
 * superuser, the whole host process becomes that user for good. Returns 0 or -errno. */
int privilege_become(const struct process *process);

/* The calling thread takes the ids of its process, where a guest's users are the host's; called
 * when process->ids_changed is not what task->ids_seen says. */
void privilege_follow(struct task *task);

/* Around a host call on a mount that asks who acts (names, attributes, permissions, sockets): the
 * host sees the task's user, without capabilities, when that is not root. `mount` may be NULL or
 * fs_nowhere: a file of nowhere, the host sees what it always sees. leave keeps errno and may come
 * without enter. */
void privilege_enter(const struct task *task, const struct mount *mount);
void privilege_leave(void);
/* Is the task's user there another than the one that the host sees without privilege_enter? */
bool privilege_differs(const struct task *task, const struct mount *mount);

/* Around the one host call that needs CAP_NET_BIND_SERVICE: the guest's root may bind ports below
 * 1024. Nothing is raised for others, or where the run has not got it. errno is kept. */
void privilege_bind_begin(const struct task *task);
void privilege_bind_end(void);

#endif
