/* Which processes count as stopped (signal(7), "Standard signals"; vfork(2)). How they come to it
 * is process/stop.c's. */
#include "syscalls/signal/signal.h"

#include "syscalls/task/process.h"

#include <signal.h>

/* A stop signal that a process has not taken yet, and will when one of its tasks looks; 0: none. */
static int stop_to_come(const struct process *process) {
    static const int signals[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    for (unsigned i = 0; i < ARRAY_LEN(signals); i++) {
        bool stays =
            process->signals.action[signals[i]].handler != 0 ||
            (signals[i] != SIGSTOP && process_group_is_orphaned_locked(process->pgid, NULL));
        for (struct task *task = process->tasks; task && !stays; task = task->next) {
            if (signal_pending_locked(task) & ~task->signals.blocked & signal_bit(signals[i])) {
                return signals[i];
            }
        }
    }
    return 0;
}

int signal_stopped_locked(const struct process *process) {
    if (process->stopped) {
        return process->stop_signal;
    }
    for (const struct task *task = process->tasks; task; task = task->next) {
        bool waits = task->vfork_child && task->vfork_child->process->stopped;
        if (!task->resting && !task->exiting && !waits) {
            return 0;
        }
    }
    return process->stopping ? process->stop_signal : stop_to_come(process);
}
