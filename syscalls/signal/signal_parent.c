/* What a parent is told of its children: SIGCHLD or the exit signal, and the end of its waits
 * (sigaction(2) SA_NOCLDSTOP, SA_NOCLDWAIT; wait(2)). */
#include "syscalls/signal/signal.h"

#include "syscalls/task/process.h"

#include <signal.h>

bool process_notify_parent_locked(struct process *process, int code, int status) {
    struct process *parent = process->parent;
    if (!parent) {
        return true;
    }
    bool ended = code == CLD_EXITED || code == CLD_KILLED || code == CLD_DUMPED;
    const struct sigaction_guest *action = &parent->signals.action[SIGCHLD];
    bool same = process->parent_image == parent->image;
    int signo = ended && same ? process->exit_signal : SIGCHLD;
    bool ignored =
        ended && signo == SIGCHLD && (action->handler == 1 || (action->flags & SA_NOCLDWAIT));
    if (signo && !(!ended && (action->flags & SA_NOCLDSTOP))) {
        uint64_t user, system;
        process_times_locked(process, &user, &system);
        struct sigqueue_info info = {.signo = signo,
                                     .code = code,
                                     .pid = process->pid,
                                     .uid = process->uid,
                                     .status = status,
                                     .utime = (int64_t)(user / 10000000),
                                     .stime = (int64_t)(system / 10000000)};
        if (action->handler != 1 || signo != SIGCHLD) {
            signal_send_process_locked(parent, &info);
        }
    }
    process_wake_waiters_locked(parent);
    return ignored || parent->pid == INIT_PID;
}
