/* What an ending task leaves: robust lists (set_robust_list(2)), clear_child_tid
 * (set_tid_address(2)). */
#include "gen/syscall_protos.h"
#include "syscalls/futex/futex.h"

#include "syscalls/abi/abi.h"
#include "syscalls/mm/mm.h"
#include "syscalls/task/process.h"

#include <errno.h>
#include <linux/futex.h>

#define ROBUST_LIMIT 2048 /* entries that are looked at */

/* A robust mutex that the task still holds: say so in its word and wake a waiter. */
static void robust_death(struct task *task, gaddr_t addr, bool pi, bool pending) {
    uint32_t word;
    if (addr & 3 || futex_load(task, addr, &word)) {
        return;
    }
    if (pending && !pi && word == 0) { /* died between unlocking and waking */
        futex_wake(task, addr, true, 1, FUTEX_BITSET_MATCH_ANY);
        return;
    }
    while ((word & FUTEX_TID_MASK) == (uint32_t)task->tid) {
        uint32_t seen = word;
        if (futex_cmpxchg(task, addr, &seen, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED)) {
            return;
        }
        if (seen == word) {
            if ((word & FUTEX_WAITERS) && !pi) {
                futex_wake(task, addr, true, 1, FUTEX_BITSET_MATCH_ANY);
                futex_wake(task, addr, false, 1, FUTEX_BITSET_MATCH_ANY);
            }
            return;
        }
        word = seen;
    }
}

/* struct robust_list_head: pointer to the first entry, offset from an entry to its word, pointer to
 * the entry being locked or unlocked. Bit 0 of an entry's pointer says PI. The list is the guest's,
 * so it may be anything: it is walked for a bounded while. */
static void walk_robust_list(struct task *task) {
    uint64_t head[3], next;
    if (abi_read_pointers(task, task->robust_list, head, 3)) {
        return;
    }
    gaddr_t entry = head[0], pending = head[2];
    for (int i = 0; i < ROBUST_LIMIT && (entry & ~(gaddr_t)1) != task->robust_list; i++) {
        bool pi = entry & 1;
        gaddr_t at = entry & ~(gaddr_t)1;
        bool failed = abi_read_pointers(task, at, &next, 1) != 0;
        if (entry != pending) {
            robust_death(task, abi_address(task, at + head[1]), pi, false);
        }
        if (failed) {
            break;
        }
        entry = next;
    }
    if (pending) {
        gaddr_t at = abi_address(task, (pending & ~(gaddr_t)1) + head[1]);
        robust_death(task, at, pending & 1, true);
    }
}

void futex_task_exit(struct task *task) {
    if (!task->process->mm) {
        return;
    }
    if (task->robust_list) {
        walk_robust_list(task);
        task->robust_list = 0;
    }
    futex_pi_task_exit(task);
    if (task->clear_child_tid) {
        uint32_t zero = 0;
        if (guest_write(task->process->mm->space, task->clear_child_tid, &zero, sizeof zero) == 0) {
            futex_wake(task, task->clear_child_tid, true, 1, FUTEX_BITSET_MATCH_ANY);
        }
        task->clear_child_tid = 0;
    }
}

/* set_robust_list(2) */
long sys_set_robust_list(struct task *task, gaddr_t head, uint64_t size) {
    if (size != 3 * abi_long_bytes(task)) {
        return -EINVAL;
    }
    task->robust_list = head;
    task->robust_list_len = (uint32_t)size;
    return 0;
}

/* get_robust_list(2) */
long sys_get_robust_list(struct task *task, int32_t tid, gaddr_t head, gaddr_t size) {
    pthread_mutex_lock(&process_lock);
    struct task *other = tid ? task_find(tid) : task;
    const struct process *process = tid ? process_find_thread(tid) : task->process;
    int64_t address = other ? (int64_t)other->robust_list : 0; /* an ended thread has none */
    bool allowed = process && process_may_inspect(task->process, process, false);
    pthread_mutex_unlock(&process_lock);
    if (!process) {
        return -ESRCH;
    }
    if (!allowed) {
        return -EPERM;
    }
    const int64_t length = 3 * abi_long_bytes(task);
    return abi_write_longs(task, size, &length, 1) || abi_write_longs(task, head, &address, 1)
               ? -EFAULT
               : 0;
}

/* set_tid_address(2) */
long sys_set_tid_address(struct task *task, gaddr_t addr) {
    task->clear_child_tid = addr;
    return task->tid;
}
