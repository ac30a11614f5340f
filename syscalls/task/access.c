/* Who may look into a process, and who may send it a signal (ptrace(2), "Ptrace access mode
 * checking"; kill(2)). */
#include "syscalls/task/capability.h"
#include "syscalls/task/process.h"

#include <signal.h>

bool process_may_inspect(const struct process *me, const struct process *other, bool files) {
    uint32_t uid = files ? me->fsuid : me->uid, gid = files ? me->fsgid : me->gid;
    bool same = uid == other->uid && uid == other->euid && uid == other->suid &&
                gid == other->gid && gid == other->egid && gid == other->sgid;
    uint64_t own = files ? me->caps.effective : me->caps.permitted;
    if (me == other || process_capable(me, CAP_SYS_PTRACE)) {
        return true;
    }
    return same && (other->dumpable || !other->mm) && !(other->caps.permitted & ~own);
}

bool process_may_signal(struct task *task, struct process *to, int signo) {
    const struct process *from = task->process;
    return process_capable(from, CAP_KILL) || from == to || from->euid == to->suid ||
           from->euid == to->uid || from->uid == to->suid || from->uid == to->uid ||
           (signo == SIGCONT && from->sid == to->sid);
}
