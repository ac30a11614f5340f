/* Tasks and processes as objects: creation, lists, numbers, hooks; host threads of tasks; the sleep
 * and wake-up that all internal waits are made of. Not here: what fork copies (fork.c), what exit
 * leaves behind (exit.c), the run loop (run/loop.c). */
#include "syscalls/task/process.h"

#include "core/run/run.h"
#include "core/host/host.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TASK_STACK_BYTES (256 * 1024)
#define PID_LIMIT        32768 /* /proc/sys/kernel/pid_max as it is without configuration */

pthread_mutex_t process_lock = PTHREAD_MUTEX_INITIALIZER;
struct process *process_list;
__thread struct task *current;
_Atomic int live_tasks;
void (*task_loop)(struct task *task);

static struct process_hooks *hook_list;

/* --- numbers and lookups --------------------------------------------------------------- */

struct process *process_find(int32_t pid) {
    for (struct process *process = process_list; process; process = process->next) {
        if (process->pid == pid) {
            return process;
        }
    }
    return NULL;
}

struct task *task_find(int32_t tid) {
    for (struct process *process = process_list; process; process = process->next) {
        for (struct task *task = process->tasks; task; task = task->next) {
            if (task->tid == tid) {
                return task;
            }
        }
    }
    return NULL;
}

struct process *process_find_thread(int32_t tid) {
    const struct task *task = task_find(tid);
    return task ? task->process : process_find(tid);
}

int *task_nice(struct process *process, struct task *thread) {
    return thread && thread->tid != process->pid ? &thread->nice : &process->nice;
}

/* A number is taken while a process, task, group or session bears it. */
static bool pid_taken(int32_t pid) {
    for (struct process *process = process_list; process; process = process->next) {
        if (process->pid == pid || process->pgid == pid || process->sid == pid) {
            return true;
        }
    }
    return task_find(pid) != NULL;
}

int32_t pid_allocate_locked(void) {
    static int32_t last = INIT_PID;
    for (int tries = 0; tries < PID_LIMIT; tries++) {
        last = last + 1 < PID_LIMIT ? last + 1 : 300;
        if (!pid_taken(last)) {
            return last;
        }
    }
    return -EAGAIN;
}

struct process *process_group_find(int32_t pgid) {
    for (struct process *process = process_list; process; process = process->next) {
        if (process->pgid == pgid) {
            return process;
        }
    }
    return NULL;
}

/* --- objects --------------------------------------------------------------------------- */

uint64_t process_next_image(void) {
    static _Atomic uint64_t last;
    return atomic_fetch_add(&last, 1) + 1;
}

struct process *process_alloc(void) {
    struct process *process = calloc(1, sizeof *process);
    if (process) {
        process->signals.pending.last = &process->signals.pending.first;
        process->dumpable = true;
        process->image = process_next_image();
        process->login_uid = process->login_session = UINT32_MAX;
        clock_gettime(CLOCK_MONOTONIC, &process->start_mono);
    }
    return process;
}

void process_link_locked(struct process *process, struct process *parent) {
    struct process **at = &process_list;
    while (*at) { /* at the end: /proc and kill(-1) go in order of age */
        at = &(*at)->next;
    }
    process->next = NULL;
    *at = process;
    process_set_parent_locked(process, parent);
}

void process_set_parent_locked(struct process *process, struct process *parent) {
    process->parent = parent;
    process->sibling = NULL;
    if (parent) {
        struct process **at = &parent->children;
        while (*at) { /* at the end: wait(2) takes the oldest of those that have ended */
            at = &(*at)->sibling;
        }
        *at = process;
    }
}

void process_reap_locked(struct process *process) {
    for (struct process **at = &process_list; *at; at = &(*at)->next) {
        if (*at == process) {
            *at = process->next;
            break;
        }
    }
    if (process->parent) {
        struct process **at = &process->parent->children;
        while (*at && *at != process) {
            at = &(*at)->sibling;
        }
        if (*at) {
            *at = process->sibling;
        }
    }
    for (struct process_hooks *hooks = hook_list; hooks; hooks = hooks->next) {
        if (hooks->reap_locked) {
            hooks->reap_locked(process);
        }
    }
    if (process->handle) {
        process->handle->process = NULL;
    }
    free(process->exe);
    free(process);
}

struct task *task_create(struct process *process, struct cpu *cpu, const struct abi *abi) {
    struct task *task = calloc(1, sizeof *task);
    if (!task) {
        cpu_destroy(cpu);
        return NULL;
    }
    task->cpu = cpu;
    cpu->owner = task;
    task->process = process;
    task->abi = abi;
    task->syscall_number = -1;
    task->signals.pending.last = &task->signals.pending.first;
    task->signals.altstack_flags = SS_DISABLE;
    clock_gettime(CLOCK_MONOTONIC, &task->start_mono);
    return task;
}

void task_free(struct task *task) {
    if (task->cpu) {
        cpu_destroy(task->cpu);
    }
    free(task);
}

void task_link_locked(struct task *task) {
    struct task **at = &task->process->tasks;
    while (*at) {
        at = &(*at)->next;
    }
    task->next = NULL;
    *at = task;
    task->process->task_count++;
    if (task->process->stopping) { /* of what began before it was there it is a part all the same */
        task->stops |= STOP_GROUP;
    }
}

void task_unlink_locked(struct task *task) {
    struct task **at = &task->process->tasks;
    while (*at && *at != task) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = task->next;
        task->process->task_count--;
    }
}

/* --- hooks ----------------------------------------------------------------------------- */

void process_hooks_add(struct process_hooks *hooks) {
    hooks->next = hook_list;
    hook_list = hooks;
}

void process_run_fork_hooks_locked(struct process *parent, struct process *child) {
    for (struct process_hooks *hooks = hook_list; hooks; hooks = hooks->next) {
        if (hooks->fork_locked) {
            hooks->fork_locked(parent, child);
        }
    }
}

void process_run_exec_hooks(struct process *process) {
    for (struct process_hooks *hooks = hook_list; hooks; hooks = hooks->next) {
        if (hooks->exec) {
            hooks->exec(process);
        }
    }
}

void process_run_exit_hooks(struct process *process) {
    for (struct process_hooks *hooks = hook_list; hooks; hooks = hooks->next) {
        if (hooks->exit) {
            hooks->exit(process);
        }
    }
}

void process_run_task_exit_hooks(struct task *task) {
    for (struct process_hooks *hooks = hook_list; hooks; hooks = hooks->next) {
        if (hooks->task_exit) {
            hooks->task_exit(task);
        }
    }
}

/* --- sleep and wake-up ----------------------------------------------------------------- */

/* Lock-free: every change of what is looked at is followed by task_notify(), which moves the wake
 * word and the poll word, so that a look that came too early is repeated. */
bool task_interrupted(struct task *task) {
    struct process *process = task->process;
    if (task->exiting || task->stops) {
        return true;
    }
    sigset64 pending = __atomic_load_n(&task->signals.pending.set, __ATOMIC_ACQUIRE) |
                       (__atomic_load_n(&process->signals.pending.set, __ATOMIC_ACQUIRE) &
                        __atomic_load_n(&task->signals.offered, __ATOMIC_ACQUIRE));
    return (pending & ~__atomic_load_n(&task->signals.blocked, __ATOMIC_RELAXED)) != 0;
}

static long futex_host(_Atomic uint32_t *word, int op, uint32_t value,
                       const struct timespec *deadline) {
    return syscall(SYS_futex, word, op, value, deadline, NULL, FUTEX_BITSET_MATCH_ANY);
}

uint32_t task_block_prepare(struct task *task) {
    return atomic_load(&task->wake);
}

int task_block(struct task *task, uint32_t sample, const struct timespec *deadline) {
    for (;;) {
        if (task_interrupted(task)) {
            return -EINTR;
        }
        if (atomic_load(&task->wake) != sample) {
            return 0;
        }
        /* An absolute deadline on CLOCK_MONOTONIC is what FUTEX_WAIT_BITSET takes. */
        if (futex_host(&task->wake, FUTEX_WAIT_BITSET_PRIVATE, sample, deadline) == 0 ||
            errno == EAGAIN) {
            return 0;
        }
        if (errno == ETIMEDOUT) {
            return -ETIMEDOUT;
        }
    }
}

int task_block_killable(struct task *task, uint32_t sample) {
    while (!task->exiting && atomic_load(&task->wake) == sample) {
        futex_host(&task->wake, FUTEX_WAIT_BITSET_PRIVATE, sample, NULL);
    }
    return task->exiting ? -EINTR : 0;
}

void task_unblock(struct task *task) {
    atomic_fetch_add(&task->wake, 1);
    futex_host(&task->wake, FUTEX_WAKE_PRIVATE, INT_MAX, NULL);
}

void task_notify(struct task *task) {
    task_unblock(task);
    cpu_kick(task->cpu);
}

void process_kill_locked(struct process *process, int status) {
    if (!process->group_exit) {
        process->group_exit = true;
        process->exit_status = status;
        process->stopping = process->stopped = process->continued = false;
    }
    for (struct task *task = process->tasks; task; task = task->next) {
        if (!task->exiting) {
            task->exiting = true;
            task_notify(task);
        }
    }
}

void process_wake_waiters_locked(struct process *process) {
    for (struct task *task = process->tasks; task; task = task->next) {
        task_unblock(task);
    }
}

/* --- host threads ---------------------------------------------------------------------- */

/* Guest signals are ours; of the host's only faults and the kick may reach a task's thread. */
static void task_host_mask(sigset_t *set) {
    sigfillset(set);
    sigdelset(set, SIGSEGV);
    sigdelset(set, SIGBUS);
    sigdelset(set, SIGFPE);
    sigdelset(set, SIGILL);
    sigdelset(set, SIGTRAP);
    sigdelset(set, SIGABRT);
    sigdelset(set, host_kick_signal());
}

static __thread jmp_buf thread_end;

_Noreturn void task_thread_end(void) {
    longjmp(thread_end, 1);
}

bool task_cpu_clock(struct task *task, clockid_t *clock) {
    return __atomic_load_n(&task->host_tid, __ATOMIC_ACQUIRE) &&
           pthread_getcpuclockid(task->thread, clock) == 0;
}

static void *task_thread(void *arg) {
    if (setjmp(thread_end)) {
        return NULL;
    }
    struct task *task = arg;
    current = task;
    task->thread = pthread_self();
    __atomic_store_n(&task->host_tid, (int32_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
    __atomic_store_n(&task->cpu->thread, (uint64_t)task->thread, __ATOMIC_RELEASE);
    task_loop(task);
    return NULL;
}

int task_start(struct task *task) {
    pthread_attr_t attr;
    int error = pthread_attr_init(&attr);
    if (error) {
        return -EAGAIN;
    }
    sigset_t mask, old;
    task_host_mask(&mask);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, TASK_STACK_BYTES);
    /* The thread starts with its mask, so that no forwarded host signal slips into it. */
    pthread_sigmask(SIG_SETMASK, &mask, &old);
    live_tasks++;
    task->ids_seen = current ? current->ids_seen : 0; /* ids are inherited */
    pthread_t thread;
    error = pthread_create(&thread, &attr, task_thread, task);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (error) {
        live_tasks--;
        return -EAGAIN;
    }
    return 0;
}
