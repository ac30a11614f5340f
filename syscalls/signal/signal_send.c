/* Sending signals: queues, who takes one, what is dropped, stop and continue, pending sets, masks.
 * Not here: what happens when one is taken (signal_deliver.c), the system calls (signal_calls.c).
 */
#include "syscalls/signal/signal.h"

#include "syscalls/task/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define BIT(signo) ((sigset64)1 << ((signo)-1))

#define STOP_SIGNALS (BIT(SIGSTOP) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU))
#define UNBLOCKABLE  (BIT(SIGKILL) | BIT(SIGSTOP))
#define IGNORED      (BIT(SIGCHLD) | BIT(SIGCONT) | BIT(SIGURG) | BIT(SIGWINCH))
#define SYNCHRONOUS                                                                                \
    (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGFPE) | BIT(SIGSYS))
#define CORE_SIGNALS   (SYNCHRONOUS | BIT(SIGQUIT) | BIT(SIGABRT) | BIT(SIGXCPU) | BIT(SIGXFSZ))
#define FIRST_REALTIME 32

void (*signal_queued_locked)(struct process *process);

enum signal_default signal_default_action(int signo) {
    sigset64 bit = BIT(signo);
    return bit & IGNORED        ? SIGNAL_IGNORE
           : bit & STOP_SIGNALS ? SIGNAL_STOP
           : bit & CORE_SIGNALS ? SIGNAL_CORE
                                : SIGNAL_KILL;
}

/* --- queues ---------------------------------------------------------------------------- */

/* Pending sets are read without the lock by task_interrupted(). */
static void set_pending(struct sigpending *pending, sigset64 set) {
    __atomic_store_n(&pending->set, set, __ATOMIC_RELEASE);
}

static void flush(struct process *process, struct sigpending *pending, sigset64 mask) {
    struct sigqueue **at = &pending->first;
    while (*at) {
        struct sigqueue *entry = *at;
        if (BIT(entry->info.signo) & mask) {
            *at = entry->next;
            free(entry);
            process->signals.queued--;
        } else {
            at = &entry->next;
        }
    }
    pending->last = at;
    set_pending(pending, pending->set & ~mask);
}

void signal_pending_free(struct process *process, struct sigpending *pending) {
    flush(process, pending, ~(sigset64)0);
}

void signal_flush_locked(struct process *process, sigset64 mask) {
    flush(process, &process->signals.pending, mask);
    for (struct task *task = process->tasks; task; task = task->next) {
        flush(process, &task->signals.pending, mask);
    }
}

/* Adds to a queue. -EAGAIN when RLIMIT_SIGPENDING is reached and the sender is to be told. */
static int enqueue(struct process *process, struct sigpending *pending,
                   const struct sigqueue_info *info) {
    sigset64 bit = BIT(info->signo);
    if (info->signo < FIRST_REALTIME && (pending->set & bit)) {
        return 0; /* standard signals do not queue */
    }
    rlim_t limit = process->limits[RLIMIT_SIGPENDING].rlim_cur;
    bool room = limit == RLIM_INFINITY || (rlim_t)process->signals.queued < limit;
    /* Faults and kill() of standard signals are never lost; at worst they lose their siginfo. */
    struct sigqueue *entry =
        room || (info->signo < FIRST_REALTIME && info->code >= 0) ? malloc(sizeof *entry) : NULL;
    if (!entry) {
        if (info->signo >= FIRST_REALTIME && info->code != SI_USER) {
            return -EAGAIN;
        }
    } else {
        entry->next = NULL;
        entry->info = *info;
        *pending->last = entry;
        pending->last = &entry->next;
        process->signals.queued++;
    }
    set_pending(pending, pending->set | bit);
    return 0;
}

static int take(struct process *process, struct sigpending *pending, sigset64 mask,
                struct sigqueue_info *info) {
    sigset64 set = pending->set & mask;
    if (!set) {
        return 0;
    }
    if (set & SYNCHRONOUS) {
        set &= SYNCHRONOUS;
    }
    int signo = __builtin_ctzll(set) + 1;
    memset(info, 0, sizeof *info);
    info->signo = signo;
    bool more = false, found = false;
    for (struct sigqueue **at = &pending->first; *at;) {
        struct sigqueue *entry = *at;
        if (entry->info.signo == signo && !found) {
            found = true;
            *info = entry->info;
            *at = entry->next;
            if (pending->last == &entry->next) {
                pending->last = at;
            }
            free(entry);
            process->signals.queued--;
            continue;
        }
        more |= entry->info.signo == signo;
        at = &entry->next;
    }
    if (!more) {
        set_pending(pending, pending->set & ~BIT(signo));
    }
    return signo;
}

int signal_dequeue_locked(struct task *task, sigset64 mask, struct sigqueue_info *info) {
    struct process *process = task->process;
    int signo = take(process, &task->signals.pending, mask, info);
    return signo ? signo : take(process, &process->signals.pending, mask, info);
}

sigset64 signal_pending_locked(struct task *task) {
    return task->signals.pending.set | task->process->signals.pending.set;
}

/* --- sending --------------------------------------------------------------------------- */

static bool ignored(const struct process *process, int signo) {
    gaddr_t handler = process->signals.action[signo].handler;
    return handler == 1 || (handler == 0 && signal_default_action(signo) == SIGNAL_IGNORE);
}

/* A task that is to stop takes nothing: it looks again when it goes on. */
static bool wants(const struct task *task, int signo) {
    sigset64 takes = ~task->signals.blocked | task->signals.waiting;
    return (takes & BIT(signo)) && !task->exiting && !task->stops;
}

/* Who takes a signal: as on Linux the first thread, when it wants it, else any that does; NULL: it
 * stays pending, as everything but SIGKILL does while all are stopped. */
static struct task *choose(struct process *process, struct task *only, int signo) {
    struct task *found = NULL;
    if (only) {
        return wants(only, signo) ? only : NULL;
    }
    for (struct task *task = process->tasks; task; task = task->next) {
        if (wants(task, signo) && (!found || task->tid == process->pid)) {
            found = task;
        }
    }
    return found;
}

static void offer(struct task *task, sigset64 set) {
    __atomic_store_n(&task->signals.offered, task->signals.offered | set, __ATOMIC_RELEASE);
}

/* The signals of `set`, pending for the process, are somebody's to take. `without`: whose they
 * were, or NULL. */
static void offer_anew(struct process *process, sigset64 set, const struct task *without) {
    for (int signo = 1; set && signo <= GUEST_SIGNALS; signo++) {
        struct task *task = set & BIT(signo) ? choose(process, NULL, signo) : NULL;
        if (task && task != without) {
            offer(task, BIT(signo));
            task_notify(task);
        }
    }
}

void signal_continue_locked(struct process *process) {
    if (!process->stopped && !process->stopping) {
        return;
    }
    bool rested = process->stopped;
    process->stopped = process->stopping = false;
    process->continued = true;
    process->continue_reported = false;
    for (struct task *task = process->tasks; task; task = task->next) {
        task->stops &= ~STOP_GROUP;
        task->resting = task->resting && task->stops;
    }
    offer_anew(process, process->signals.pending.set, NULL);
    for (struct task *task = process->tasks; task; task = task->next) {
        task_unblock(task);
    }
    /* A stop that is called off before all rest is told as Linux tells it. */
    process_notify_parent_locked(process, rested ? CLD_CONTINUED : CLD_STOPPED,
                                 rested ? SIGCONT : 0);
}

/* A task need not interrupt itself: no host call may begin to sleep before it has looked, that is
 * all. */
static void notify(struct task *task) {
    if (task == current) {
        atomic_store(&task->cpu->kicked, true);
        cpu_poll_set(task->cpu, POLL_STOP);
    } else {
        task_notify(task);
    }
}

static int send(struct process *process, struct task *only, const struct sigqueue_info *info) {
    int signo = info->signo;
    if (process->zombie || process->signal_exempt || process->group_exit) {
        return 0;
    }
    if (signo == SIGKILL) {
        process_kill_locked(process, SIGKILL);
        return 0;
    }
    if (signo == SIGCONT) {
        signal_flush_locked(process, STOP_SIGNALS);
        signal_continue_locked(process);
    } else if (BIT(signo) & STOP_SIGNALS) {
        signal_flush_locked(process, BIT(SIGCONT));
    }
    struct task *taker = choose(process, only, signo);
    /* An ignored signal is dropped, unless it is blocked: the action may change before it is
     * taken. */
    if (ignored(process, signo)) {
        const struct task *target = only ? only : process->tasks;
        if (!target || !((target->signals.blocked | target->signals.waiting) & BIT(signo))) {
            return 0;
        }
    }
    bool first = !only && !(process->signals.pending.set & BIT(signo));
    for (struct task *task = first ? process->tasks : NULL; task; task = task->next) {
        __atomic_store_n(&task->signals.offered, task->signals.offered & ~BIT(signo),
                         __ATOMIC_RELEASE); /* from the last time */
    }
    int error = enqueue(process, only ? &only->signals.pending : &process->signals.pending, info);
    if (error) {
        return error;
    }
    if (taker && !only) {
        offer(taker, BIT(signo));
    }
    if (signal_queued_locked) {
        signal_queued_locked(process);
    }
    if (taker && !(taker->signals.waiting & BIT(signo)) &&
        process->signals.action[signo].handler == 0 &&
        signal_default_action(signo) == SIGNAL_KILL) {
        process_kill_locked(process, signo); /* nothing can come between */
    } else if (taker) {
        notify(taker);
    }
    return 0;
}

int signal_send_process_locked(struct process *process, const struct sigqueue_info *info) {
    return send(process, NULL, info);
}

int signal_send_task_locked(struct task *task, const struct sigqueue_info *info) {
    return send(task->process, task, info);
}

int signal_send_task(struct task *task, const struct sigqueue_info *info) {
    pthread_mutex_lock(&process_lock);
    int error = send(task->process, task, info);
    pthread_mutex_unlock(&process_lock);
    return error;
}

void signal_fault(struct task *task, const struct sigqueue_info *info) {
    pthread_mutex_lock(&process_lock);
    struct sigaction_guest *action = &task->process->signals.action[info->signo];
    sigset64 bit = BIT(info->signo);
    if (action->handler == 1 || (task->signals.blocked & bit)) {
        action->handler = 0;
        signal_set_blocked_locked(task, task->signals.blocked & ~bit);
    }
    if (!task->process->group_exit) {
        flush(task->process, &task->signals.pending, bit); /* the fault's own siginfo counts */
        enqueue(task->process, &task->signals.pending, info);
    }
    pthread_mutex_unlock(&process_lock);
}

/* --- masks ----------------------------------------------------------------------------- */

bool signal_is_ignored_or_blocked(struct task *task, int signo) {
    pthread_mutex_lock(&process_lock);
    bool result = (task->signals.blocked & BIT(signo)) || ignored(task->process, signo);
    pthread_mutex_unlock(&process_lock);
    return result;
}

void signal_set_blocked_locked(struct task *task, sigset64 mask) {
    struct process *process = task->process;
    sigset64 newly = mask & ~task->signals.blocked & process->signals.pending.set;
    __atomic_store_n(&task->signals.blocked, mask & ~UNBLOCKABLE, __ATOMIC_RELEASE);
    /* What was blocked and waits may now be delivered, also in the host call that comes next. */
    offer(task, process->signals.pending.set & ~mask);
    if (task_interrupted(task)) {
        task_notify(task);
    }
    /* This task may have been chosen for a signal that it now blocks: somebody else has to take
     * it. */
    offer_anew(process, newly, task);
}

void signal_set_blocked(struct task *task, sigset64 mask) {
    pthread_mutex_lock(&process_lock);
    signal_set_blocked_locked(task, mask);
    pthread_mutex_unlock(&process_lock);
}

void signal_mask_set_temporary(struct task *task, sigset64 mask) {
    pthread_mutex_lock(&process_lock);
    task->signals.saved_blocked = task->signals.blocked;
    task->signals.restore_blocked = true;
    signal_set_blocked_locked(task, mask);
    if (task_interrupted(task)) {
        notify(task); /* the new mask lets through what was pending */
    }
    pthread_mutex_unlock(&process_lock);
}

int signal_mask_read_temporary(struct task *task, gaddr_t at, uint64_t bytes) {
    sigset64 mask;
    if (bytes != sizeof mask) {
        return -EINVAL;
    }
    if (guest_read(task->cpu->space, &mask, at, sizeof mask)) {
        return -EFAULT;
    }
    signal_mask_set_temporary(task, mask);
    return 0;
}

void signal_mask_restore(struct task *task) {
    pthread_mutex_lock(&process_lock);
    if (task->signals.restore_blocked) {
        task->signals.restore_blocked = false;
        signal_set_blocked_locked(task, task->signals.saved_blocked);
    }
    pthread_mutex_unlock(&process_lock);
}

/* --- start, fork and exec --------------------------------------------------------------------- */

static void reap_locked(struct process *process) {
    signal_pending_free(process, &process->signals.pending);
}

void signal_init(void) {
    static struct process_hooks hooks = {.reap_locked = reap_locked};
    process_hooks_add(&hooks);
}

void signal_process_fork_locked(struct process *child, const struct process *parent) {
    memcpy(child->signals.action, parent->signals.action, sizeof child->signals.action);
}

/* Handlers become defaults, ignored signals stay ignored, pending ones and the mask stay
 * (execve(2), signal(7)). */
void signal_exec(struct task *task) {
    pthread_mutex_lock(&process_lock);
    struct process_signals *signals = &task->process->signals;
    for (int signo = 1; signo <= GUEST_SIGNALS; signo++) {
        gaddr_t handler = signals->action[signo].handler;
        memset(&signals->action[signo], 0, sizeof signals->action[signo]);
        signals->action[signo].handler = handler == 1;
    }
    task->signals.altstack_base = 0;
    task->signals.altstack_size = 0;
    task->signals.altstack_flags = SS_DISABLE;
    pthread_mutex_unlock(&process_lock);
}
