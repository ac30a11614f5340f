/* System calls about signals: actions, masks, pending sets, waiting, alternate stacks, kill and its
 * relatives. Frames and returns from handlers are the ABI's (abi/i386/signal.c). */
#include "gen/syscall_protos.h"
#include "syscalls/task/capability.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/file/io.h"
#include "syscalls/process/signal_calls.h"
#include "syscalls/process/signal_frame.h"
#include "syscalls/task/process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define SIGSET_BYTES 8
#define UNBLOCKABLE  (signal_bit(SIGKILL) | signal_bit(SIGSTOP))
#define MIN_STACK    2048 /* MINSIGSTKSZ of every x86 */

/* --- actions --------------------------------------------------------------------------- */

int signal_set_action(struct task *task, int signo, const struct sigaction_guest *set,
                      struct sigaction_guest *old) {
    if (signo < 1 || signo > GUEST_SIGNALS || (set && (signo == SIGKILL || signo == SIGSTOP))) {
        return -EINVAL;
    }
    pthread_mutex_lock(&process_lock);
    struct sigaction_guest *action = &task->process->signals.action[signo];
    if (old) {
        *old = *action;
    }
    if (set) {
        *action = *set;
        action->abi = task->abi;
        action->mask &= ~UNBLOCKABLE;
        if (set->handler == 1 ||
            (set->handler == 0 && signal_default_action(signo) == SIGNAL_IGNORE)) {
            signal_flush_locked(task->process, signal_bit(signo));
        }
    }
    pthread_mutex_unlock(&process_lock);
    return 0;
}

/* struct sigaction of rt_sigaction(2): three longs (handler, flags, restorer), then the mask. */
static int get_action(struct task *task, gaddr_t from, struct sigaction_guest *action) {
    uint64_t word[3];
    sigset64 mask;
    if (abi_read_pointers(task, from, word, 3) ||
        abi_read_sigset(task, from + 3 * abi_long_bytes(task), &mask)) {
        return -EFAULT;
    }
    *action = (struct sigaction_guest){
        .handler = word[0], .flags = word[1], .restorer = word[2], .mask = mask};
    return 0;
}

static int put_action(struct task *task, gaddr_t to, const struct sigaction_guest *action) {
    const uint64_t word[3] = {action->handler, action->flags, action->restorer};
    int error = abi_write_pointers(task, to, word, 3);
    return error ? error
                 : guest_write(task->cpu->space, to + 3 * abi_long_bytes(task), &action->mask,
                               sizeof action->mask);
}

/* rt_sigaction(2) */
long sys_rt_sigaction(struct task *task, int32_t signo, gaddr_t set, gaddr_t old, uint64_t size) {
    struct sigaction_guest in, out;
    if (size != SIGSET_BYTES) {
        return -EINVAL;
    }
    if (set && get_action(task, set, &in)) {
        return -EFAULT;
    }
    int error = signal_set_action(task, signo, set ? &in : NULL, &out);
    return error || !old ? error : put_action(task, old, &out);
}

/* --- masks ----------------------------------------------------------------------------- */

int signal_change_mask(struct task *task, int how, sigset64 set) {
    sigset64 blocked = task->signals.blocked;
    switch (how) {
    case SIG_BLOCK:
        blocked |= set;
        break;
    case SIG_UNBLOCK:
        blocked &= ~set;
        break;
    case SIG_SETMASK:
        blocked = set;
        break;
    default:
        return -EINVAL;
    }
    signal_set_blocked(task, blocked);
    return 0;
}

/* rt_sigprocmask(2) */
long sys_rt_sigprocmask(struct task *task, int32_t how, gaddr_t set, gaddr_t old, uint64_t size) {
    sigset64 before = task->signals.blocked, in;
    if (size != SIGSET_BYTES) {
        return -EINVAL;
    }
    if (set) {
        if (abi_read_sigset(task, set, &in)) {
            return -EFAULT;
        }
        int error = signal_change_mask(task, how, in);
        if (error) {
            return error;
        }
    }
    return old ? guest_write(task->cpu->space, old, &before, sizeof before) : 0;
}

static sigset64 pending_blocked(struct task *task) {
    pthread_mutex_lock(&process_lock);
    sigset64 set = signal_pending_locked(task) & task->signals.blocked;
    pthread_mutex_unlock(&process_lock);
    return set;
}

/* rt_sigpending(2): any size up to 8 is taken */
long sys_rt_sigpending(struct task *task, gaddr_t to, uint64_t size) {
    sigset64 set = pending_blocked(task);
    return size > SIGSET_BYTES ? -EINVAL : guest_write(task->cpu->space, to, &set, size);
}

/* --- waiting --------------------------------------------------------------------------- */

long signal_sleep(struct task *task) {
    int error = 0;
    while (error == 0) {
        error = task_block(task, task_block_prepare(task), NULL);
    }
    return -ERESTARTNOHAND;
}

/* pause(2) */
long sys_pause(struct task *task) {
    return signal_sleep(task);
}

/* rt_sigsuspend(2) */
long sys_rt_sigsuspend(struct task *task, gaddr_t set, uint64_t size) {
    int error = signal_mask_read_temporary(task, set, size);
    return error ? error : signal_sleep(task);
}

/* sigtimedwait(2), sigwaitinfo(2) */
static long wait_signal(struct task *task, const struct abi_times *times, gaddr_t set, gaddr_t info,
                        gaddr_t timeout, uint64_t size) {
    sigset64 mask;
    struct timespec deadline;
    struct sigqueue_info taken;
    if (size != SIGSET_BYTES) {
        return -EINVAL;
    }
    if (abi_read_sigset(task, set, &mask)) {
        return -EFAULT;
    }
    int error = deadline_read(task, times, timeout, &deadline);
    if (error) {
        return error;
    }
    mask &= ~UNBLOCKABLE;
    int signo;
    pthread_mutex_lock(&process_lock);
    while (!(signo = signal_dequeue_locked(task, mask, &taken)) && error == 0) {
        task->signals.waiting = mask;
        uint32_t sample = task_block_prepare(task);
        pthread_mutex_unlock(&process_lock);
        error = task_block(task, sample, timeout ? &deadline : NULL);
        pthread_mutex_lock(&process_lock);
        task->signals.waiting = 0;
    }
    pthread_mutex_unlock(&process_lock);
    if (!signo) {
        return error == -ETIMEDOUT ? -EAGAIN : -EINTR;
    }
    if (info && task->abi->write_siginfo(task, info, &taken)) {
        return -EFAULT;
    }
    return signo;
}

/* rt_sigtimedwait(2) */
long sys_rt_sigtimedwait(struct task *task, gaddr_t set, gaddr_t info, gaddr_t timeout,
                         uint64_t size) {
    return wait_signal(task, task->abi->times, set, info, timeout, size);
}

long sys_rt_sigtimedwait_time64(struct task *task, gaddr_t set, gaddr_t info, gaddr_t timeout,
                                uint64_t size) {
    return wait_signal(task, task->abi->times64, set, info, timeout, size);
}

/* --- alternate stack ------------------------------------------------------------------- */

/* sigaltstack(2): an address, an int (padded where longs are wider), a size */
long sys_sigaltstack(struct task *task, gaddr_t set, gaddr_t old) {
    struct task_signals *signals = &task->signals;
    gaddr_t sp = task->cpu->regs[REG_SP];
    bool on_it = altstack_in_use(signals, sp);
    const uint64_t before[3] = {
        signals->altstack_base,
        signals->altstack_flags | (on_it ? SS_ONSTACK : 0),
        signals->altstack_size,
    };
    if (set) {
        uint64_t word[3];
        if (abi_read_pointers(task, set, word, ARRAY_LEN(word))) {
            return -EFAULT;
        }
        uint32_t flags = (uint32_t)word[1], mode = flags & ~SS_AUTODISARM;
        if (on_it) {
            return -EPERM;
        }
        if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) {
            return -EINVAL;
        }
        if (mode == SS_DISABLE) {
            signals->altstack_base = 0;
            signals->altstack_size = 0;
        } else if (word[2] < MIN_STACK) {
            return -ENOMEM;
        } else {
            signals->altstack_base = word[0];
            signals->altstack_size = word[2];
        }
        signals->altstack_flags = flags & (SS_AUTODISARM | SS_DISABLE);
    }
    return old ? abi_write_pointers(task, old, before, ARRAY_LEN(before)) : 0;
}

/* --- sending --------------------------------------------------------------------------- */

static struct sigqueue_info user_info(const struct task *task, int signo, int code) {
    return (struct sigqueue_info){
        .signo = signo, .code = code, .pid = task->process->pid, .uid = task->process->uid};
}

/* Sends to one process; signo 0 only checks. process_lock held. */
static int kill_process(struct task *task, struct process *to, const struct sigqueue_info *info) {
    if (!process_may_signal(task, to, info->signo)) {
        return -EPERM;
    }
    return info->signo && !to->zombie ? signal_send_process_locked(to, info) : 0;
}

/* kill(2) */
long sys_kill(struct task *task, int32_t pid, int32_t signo) {
    if (signo < 0 || signo > GUEST_SIGNALS) {
        return -EINVAL;
    }
    if (pid == INT32_MIN) {
        return -ESRCH;
    }
    struct sigqueue_info info = user_info(task, signo, SI_USER);
    long error = -ESRCH;
    pthread_mutex_lock(&process_lock);
    if (pid > 0) {
        struct process *to = process_find(pid);
        if (!to) { /* the number of any thread will do */
            struct task *other = task_find(pid);
            to = other ? other->process : NULL;
        }
        if (to) {
            error = kill_process(task, to, &info);
        }
    } else {
        int32_t pgid = pid == 0 ? task->process->pgid : -pid;
        bool sent = false;
        for (struct process *to = process_list; to; to = to->next) {
            bool wanted = pid == -1 ? to->pid != INIT_PID && to != task->process : to->pgid == pgid;
            if (wanted) {
                int one = kill_process(task, to, &info);
                sent |= one == 0;
                error = error == -ESRCH || one != -EPERM ? one : error;
            }
        }
        if (sent) {
            error = 0;
        }
    }
    pthread_mutex_unlock(&process_lock);
    return error;
}

/* To one thread; tgid -1: whatever process it is in. One that has ended while its number is still
 * taken (a zombie's, a first thread's) keeps the signal and does nothing about it. */
static long send_thread(struct task *task, int32_t tgid, int32_t tid,
                        const struct sigqueue_info *info, bool check_code) {
    if (tid <= 0 || tgid == 0 || tgid < -1 || info->signo < 0 || info->signo > GUEST_SIGNALS) {
        return -EINVAL;
    }
    long error = -ESRCH;
    pthread_mutex_lock(&process_lock);
    struct task *to = task_find(tid);
    struct process *process = process_find_thread(tid);
    if (process && (tgid == -1 || process->pid == tgid)) {
        if (!process_may_signal(task, process, info->signo) ||
            (check_code && (info->code >= 0 || info->code == SI_TKILL) &&
             process != task->process)) {
            error = -EPERM;
        } else {
            error = to && info->signo ? signal_send_task_locked(to, info) : 0;
        }
    }
    pthread_mutex_unlock(&process_lock);
    return error;
}

/* tkill(2), tgkill(2) */
long sys_tkill(struct task *task, int32_t tid, int32_t signo) {
    struct sigqueue_info info = user_info(task, signo, SI_TKILL);
    return send_thread(task, -1, tid, &info, false);
}

long sys_tgkill(struct task *task, int32_t tgid, int32_t tid, int32_t signo) {
    struct sigqueue_info info = user_info(task, signo, SI_TKILL);
    return tgid <= 0 ? -EINVAL : send_thread(task, tgid, tid, &info, false);
}

/* rt_sigqueueinfo(2): codes that the kernel itself uses may be sent to oneself only */
long sys_rt_sigqueueinfo(struct task *task, int32_t pid, int32_t signo, gaddr_t info) {
    struct sigqueue_info send;
    if (task->abi->read_siginfo(task, info, &send)) {
        return -EFAULT;
    }
    if (signo < 0 || signo > GUEST_SIGNALS) {
        return -EINVAL;
    }
    send.signo = signo;
    long error = -ESRCH;
    pthread_mutex_lock(&process_lock);
    struct process *to = process_find(pid);
    if ((send.code >= 0 || send.code == SI_TKILL) && pid != task->process->pid) {
        error = -EPERM;
    } else if (to) {
        error = kill_process(task, to, &send);
    }
    pthread_mutex_unlock(&process_lock);
    return error;
}

/* rt_tgsigqueueinfo(2) */
long sys_rt_tgsigqueueinfo(struct task *task, int32_t tgid, int32_t tid, int32_t signo,
                           gaddr_t info) {
    struct sigqueue_info send;
    if (task->abi->read_siginfo(task, info, &send)) {
        return -EFAULT;
    }
    send.signo = signo;
    return tgid <= 0 ? -EINVAL : send_thread(task, tgid, tid, &send, true);
}
