/* Taking signals: at every return to guest code, pending ones are turned into handler frames,
 * default actions, stops; interrupted system calls are restarted or end with EINTR (signal(7)). Not
 * here: queues and sending (signal_send.c), what a stop is (stop.c), frame layouts
 * (abi/i386/signal.c). */
#include "gen/syscall_protos.h"
#include "syscalls/signal/signal.h"

#include "syscalls/abi/abi.h"
#include "syscalls/abi/registers.h"
#include "syscalls/task/process.h"
#include "syscalls/trace/strace.h"
#include "syscalls/process/life.h"
#include "syscalls/process/stop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* --- restarts -------------------------------------------------------------------------- */

static void restart(struct task *task, int64_t number) {
    task->abi->registers->call_again(task, number);
}

static void set_result(struct task *task, int64_t result) {
    task->abi->registers->set_result(task, result);
}

/* The call was interrupted and a handler will run. */
static void resolve_with_handler(struct task *task, long result,
                                 const struct sigaction_guest *action) {
    switch (-result) {
    case ERESTARTSYS:
        if (action->flags & SA_RESTART) {
            restart(task, task->syscall_number);
            break;
        }
        set_result(task, -EINTR);
        break;
    case ERESTARTNOINTR:
        restart(task, task->syscall_number);
        break;
    case ERESTARTNOHAND:
    case ERESTART_RESTARTBLOCK:
        set_result(task, -EINTR);
        break;
    }
}

/* The call was interrupted, but nothing came of it. */
static void resolve_without_handler(struct task *task, long result) {
    switch (-result) {
    case ERESTARTSYS:
    case ERESTARTNOINTR:
    case ERESTARTNOHAND:
        restart(task, task->syscall_number);
        break;
    case ERESTART_RESTARTBLOCK:
        restart(task, task->abi->registers->restart_number);
        break;
    }
}

/* restart_syscall(2) */
long sys_restart_syscall(struct task *task) {
    return task->restart ? task->restart(task) : -EINTR;
}

/* rt_sigreturn(2) */
long sys_rt_sigreturn(struct task *task) {
    task->no_restart = true;
    task->restart = NULL;
    task->abi->signal_return(task);
    return 0;
}

/* --- default actions -------------------------------------------------------------------- */

static void default_action(struct task *task, int signo) {
    struct process *process = task->process;
    switch (signal_default_action(signo)) {
    case SIGNAL_IGNORE:
        break;
    case SIGNAL_STOP:
        if (signo != SIGSTOP && process_group_is_orphaned_locked(process->pgid, NULL)) {
            break; /* nobody could continue it */
        }
        stop_begin_locked(process, signo);
        break;
    case SIGNAL_CORE: /* the status says that a core was dumped only when one was: RLIMIT_CORE is
                       * 0 */
    case SIGNAL_KILL:
        process_kill_locked(process, signo);
        break;
    }
}

/* --- handlers -------------------------------------------------------------------------- */

/* Builds the frame. Called with process_lock, which is dropped meanwhile (guest memory is
 * written). */
static void run_handler(struct task *task, const struct sigqueue_info *info) {
    struct process *process = task->process;
    int signo = info->signo;
    struct sigaction_guest action = process->signals.action[signo];
    if (action.flags & SA_RESETHAND) {
        process->signals.action[signo].handler = 0;
    }
    sigset64 back = task->signals.blocked;
    if (task->signals.restore_blocked) {
        back = task->signals.saved_blocked;
        task->signals.restore_blocked = false;
    }
    pthread_mutex_unlock(&process_lock);
    int error = action.abi->signal_frame(task, &action, info, back);
    pthread_mutex_lock(&process_lock);
    if (error) {
        /* No room on the stack: SIGSEGV, and if that was it already, its default. */
        if (signo == SIGSEGV) {
            process->signals.action[SIGSEGV].handler = 0;
        }
        pthread_mutex_unlock(&process_lock);
        signal_fault(task, &(struct sigqueue_info){.signo = SIGSEGV, .code = SI_KERNEL});
        pthread_mutex_lock(&process_lock);
        return;
    }
    sigset64 blocked = task->signals.blocked | action.mask;
    if (!(action.flags & SA_NODEFER)) {
        blocked |= signal_bit(signo);
    }
    signal_set_blocked_locked(task, blocked);
}

static bool is_restart(long result) {
    return result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK;
}

void signal_deliver(struct task *task, bool from_syscall, long result) {
    bool pending_restart = from_syscall && is_restart(result);
    /* First the kick is cleared, then signals are looked at: one that comes later kicks again. */
    if (atomic_load_explicit(&task->cpu->poll, memory_order_relaxed) != POLL_RUN) {
        cpu_kick_clear(task->cpu);
    }
    if (!task_interrupted(task)) {
        if (pending_restart) {
            resolve_without_handler(task, result);
        }
        if (task->signals.restore_blocked) {
            signal_mask_restore(task);
            if (task_interrupted(task)) { /* the old mask lets something through */
                signal_deliver(task, false, 0);
            }
        }
        return;
    }

    struct process *process = task->process;
    pthread_mutex_lock(&process_lock);
    for (;;) {
        if (task->exiting) {
            int status = process->group_exit ? process->exit_status : 0;
            pthread_mutex_unlock(&process_lock);
            task_exit(task, status);
        }
        if (task->stops) {
            stop_rest_locked(task);
            continue;
        }
        struct sigqueue_info info;
        int signo = signal_dequeue_locked(task, ~task->signals.blocked, &info);
        if (!signo) {
            break;
        }
        const struct sigaction_guest *action = &process->signals.action[signo];
        if (strace_on) {
            strace_signal(task, &info);
        }
        if (action->handler == 1) {
            continue;
        }
        if (action->handler == 0) {
            default_action(task, signo);
            continue;
        }
        if (pending_restart) {
            resolve_with_handler(task, result, action);
            pending_restart = false;
        }
        run_handler(task, &info);
    }
    pthread_mutex_unlock(&process_lock);
    if (pending_restart) {
        resolve_without_handler(task, result);
    }
    if (task->signals.restore_blocked) {
        signal_mask_restore(task);
        if (task_interrupted(task)) {
            signal_deliver(task, false, 0);
        }
    }
}
