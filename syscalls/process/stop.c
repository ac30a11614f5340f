/* Stops by job control (signal(7), "Standard signals": SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU). A task
 * that takes a stop signal tells all of its process; each comes to rest at its next return to guest
 * code. When the last one does, or leaves, the process has stopped, and its parent hears of it: so
 * what waitpid(2) reports does not run any more. Who waits for a vfork child comes to rest after
 * that has let go, as on Linux; that the run stops as a whole does not wait for it
 * (signal_stopped_locked()). Not here: the end of a stop (signal_continue_locked()). */
#include "syscalls/process/stop.h"

#include "syscalls/signal/signal.h"
#include "syscalls/tty/tty.h"

#include <signal.h>

/* Tasks that leave do not count: they never rest. */
void stop_check_locked(struct process *process) {
    if (!process->stopping) {
        return;
    }
    for (const struct task *task = process->tasks; task; task = task->next) {
        if (!task->resting && !task->exiting) {
            return;
        }
    }
    process->stopping = false;
    process->stopped = true;
    process->stop_reported = false;
    process_notify_parent_locked(process, CLD_STOPPED, process->stop_signal);
    bool parent_too =
        process_first && !process_first->stopped && signal_stopped_locked(process_first);
    if (process == process_first || parent_too) {
        tty_initial_stopped();
    }
}

void stop_begin_locked(struct process *process, int signo) {
    if (process->group_exit) {
        return;
    }
    process->stopping = true;
    process->continued = false;
    process->stop_signal = signo;
    for (struct task *task = process->tasks; task; task = task->next) {
        task->stops |= STOP_GROUP;
        if (task != current) {
            task_notify(task);
        }
    }
}

void stop_rest_locked(struct task *task) {
    while (task->stops && !task->exiting) {
        task->resting = true; /* anew, when it was told to go on and to stop before it woke up */
        stop_check_locked(task->process);
        uint32_t sample = task_block_prepare(task);
        pthread_mutex_unlock(&process_lock);
        task_block_killable(task, sample);
        pthread_mutex_lock(&process_lock);
    }
    task->resting = false;
}
