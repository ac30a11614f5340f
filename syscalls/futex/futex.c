/* Futexes: futex(2) with its keys, queues, waiting and waking. Not here: locks with owners
 * (futex_pi.c), futex_waitv (futex_waitv.c), robust lists and what else an ending task leaves
 * (futex_robust.c). */
#include "gen/syscall_protos.h"
#include "syscalls/futex/futex.h"

#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/file/io.h"
#include "syscalls/mm/mm.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

struct futex_bucket futex_buckets[FUTEX_BUCKETS] = {
    [0 ... FUTEX_BUCKETS - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER}};

/* --- keys and words -------------------------------------------------------------------- */

/* The file behind a shared mapping, false when the address is private (or nowhere). */
static bool shared_place(struct mm *mm, gaddr_t addr, struct futex_key *key) {
    bool found = false;
    pthread_mutex_lock(&mm->lock);
    size_t low = 0, high = mm->vma_count; /* the last mapping that starts at or below addr */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (mm->vma[middle].start <= addr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct vma *vma = low ? &mm->vma[low - 1] : NULL;
    struct stat st;
    if (vma && addr < vma->end && (vma->flags & MAP_SHARED) && vma->file &&
        fstat(vma->file->host_fd, &st) == 0) {
        *key = (struct futex_key){st.st_dev, st.st_ino, vma->offset + (addr - vma->start)};
        found = true;
    }
    pthread_mutex_unlock(&mm->lock);
    return found;
}

int futex_load(struct task *task, gaddr_t addr, uint32_t *value) {
    struct mm *mm = task->process->mm;
    int error = guest_load32(mm->space, addr, value);
    if (error == -EFAULT && mm_grow_stack(mm, addr)) {
        error = guest_load32(mm->space, addr, value);
    }
    return error;
}

int futex_key(struct task *task, gaddr_t addr, bool shared, struct futex_key *key) {
    struct mm *mm = task->process->mm;
    uint32_t word;
    if (addr & 3) {
        return -EINVAL;
    }
    if (!space_range_ok(mm->space, addr, 4)) {
        return -EFAULT;
    }
    if (shared && futex_load(task, addr, &word)) { /* a private one may be anywhere */
        return -EFAULT;
    }
    if (shared && shared_place(mm, addr, key)) {
        return 0;
    }
    *key = (struct futex_key){(uintptr_t)mm, 0, addr};
    return 0;
}

struct futex_bucket *futex_bucket(const struct futex_key *key) {
    uint64_t hash = key->object ^ key->inode * 0x9e3779b97f4a7c15u ^ key->offset >> 2;
    hash *= 0x9e3779b97f4a7c15u;
    return &futex_buckets[hash >> 56 & (FUTEX_BUCKETS - 1)];
}

int futex_expect(struct task *task, gaddr_t addr, uint32_t value) {
    uint32_t now;
    int error = futex_load(task, addr, &now);
    return error == 0 && now != value ? -EAGAIN : error;
}

int futex_cmpxchg(struct task *task, gaddr_t addr, uint32_t *old, uint32_t desired) {
    return guest_cmpxchg32(task->process->mm->space, addr, old, desired);
}

/* --- queues ---------------------------------------------------------------------------- */

void futex_queue(struct futex_bucket *bucket, struct futex_waiter *waiter) {
    struct futex_waiter **at = &bucket->first; /* first come, first served */
    while (*at) {
        at = &(*at)->next;
    }
    waiter->next = NULL;
    waiter->bucket = bucket;
    waiter->queued = true;
    *at = waiter;
}

void futex_unqueue(struct futex_waiter *waiter) {
    struct futex_waiter **at = &waiter->bucket->first;
    while (*at != waiter) {
        at = &(*at)->next;
    }
    *at = waiter->next;
    waiter->queued = false;
}

void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b) {
    pthread_mutex_lock(a < b ? &a->lock : &b->lock);
    if (a != b) {
        pthread_mutex_lock(a < b ? &b->lock : &a->lock);
    }
}

void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b) {
    pthread_mutex_unlock(&a->lock);
    if (a != b) {
        pthread_mutex_unlock(&b->lock);
    }
}

struct futex_bucket *futex_lock_waiter(struct futex_waiter *waiter) {
    for (;;) {
        struct futex_bucket *bucket = __atomic_load_n(&waiter->bucket, __ATOMIC_ACQUIRE);
        pthread_mutex_lock(&bucket->lock);
        if (bucket == waiter->bucket) {
            return bucket;
        }
        pthread_mutex_unlock(&bucket->lock);
    }
}

void futex_wake_one(struct futex_waiter *waiter) {
    futex_unqueue(waiter);
    waiter->woken = true;
    task_unblock(waiter->task);
}

int futex_wake_key(struct futex_bucket *bucket, const struct futex_key *key, int count,
                   uint32_t bitset) {
    int woken = 0;
    struct futex_waiter *next;
    for (struct futex_waiter *waiter = bucket->first; waiter && woken < count; waiter = next) {
        next = waiter->next;
        if (!futex_key_equal(&waiter->key, key)) {
            continue;
        }
        if (waiter->pi || waiter->requeue_pi) {
            return -EINVAL;
        }
        if (waiter->bitset & bitset) {
            futex_wake_one(waiter);
            woken++;
        }
    }
    return woken;
}

/* --- wait and wake --------------------------------------------------------------------- */

/* Sleeps until woken. 0, -ETIMEDOUT, -EINTR (then it is in no queue any more). */
static int sleep_queued(struct task *task, struct futex_waiter *waiter,
                        const struct timespec *deadline) {
    int error = 0;
    struct futex_bucket *bucket;
    for (;;) {
        uint32_t sample = task_block_prepare(task);
        bucket = futex_lock_waiter(waiter);
        if (waiter->woken || error) {
            break;
        }
        pthread_mutex_unlock(&bucket->lock);
        error = task_block(task, sample, deadline);
    }
    if (waiter->woken) {
        error = 0;
    } else {
        futex_unqueue(waiter);
    }
    pthread_mutex_unlock(&bucket->lock);
    return error;
}

static int wait_once(struct task *task, gaddr_t addr, bool shared, uint32_t value, uint32_t bitset,
                     const struct timespec *deadline) {
    struct futex_waiter waiter = {.task = task, .bitset = bitset};
    if (bitset == 0) {
        return -EINVAL;
    }
    int error = futex_key(task, addr, shared, &waiter.key);
    if (error) {
        return error;
    }
    struct futex_bucket *bucket = futex_bucket(&waiter.key);
    pthread_mutex_lock(&bucket->lock);
    error = futex_expect(task, addr, value);
    if (error) {
        pthread_mutex_unlock(&bucket->lock);
        return error;
    }
    futex_queue(bucket, &waiter);
    pthread_mutex_unlock(&bucket->lock);
    return sleep_queued(task, &waiter, deadline);
}

/* restart_arg: address; value, bitset << 32; seconds << 1, shared; nanoseconds of the deadline. */
static long wait_restart(struct task *task);

static long futex_wait(struct task *task, gaddr_t addr, bool shared, uint32_t value,
                       uint32_t bitset, const struct timespec *deadline) {
    int error = wait_once(task, addr, shared, value, bitset, deadline);
    if (error != -EINTR) {
        return error;
    }
    if (!deadline) {
        return -ERESTARTSYS;
    }
    /* A restart must not begin the time anew. */
    task->restart = wait_restart;
    task->restart_arg[0] = addr;
    task->restart_arg[1] = value | (uint64_t)bitset << 32;
    task->restart_arg[2] = (uint64_t)deadline->tv_sec << 1 | shared;
    task->restart_arg[3] = (uint64_t)deadline->tv_nsec;
    return -ERESTART_RESTARTBLOCK;
}

static long wait_restart(struct task *task) {
    const uint64_t *arg = task->restart_arg;
    struct timespec deadline = {.tv_sec = (time_t)(arg[2] >> 1), .tv_nsec = (long)arg[3]};
    return futex_wait(task, arg[0], arg[2] & 1, (uint32_t)arg[1], (uint32_t)(arg[1] >> 32),
                      &deadline);
}

long futex_wake(struct task *task, gaddr_t addr, bool shared, int count, uint32_t bitset) {
    struct futex_key key;
    if (bitset == 0) {
        return -EINVAL;
    }
    int error = futex_key(task, addr, shared, &key);
    if (error) {
        return error;
    }
    struct futex_bucket *bucket = futex_bucket(&key);
    pthread_mutex_lock(&bucket->lock);
    int woken = futex_wake_key(bucket, &key, count < 1 ? 1 : count, bitset);
    pthread_mutex_unlock(&bucket->lock);
    return woken;
}

static long futex_requeue(struct task *task, gaddr_t addr, gaddr_t to_addr, bool shared, int wake,
                          int requeue, const uint32_t *value) {
    struct futex_key key, to_key;
    if (wake < 0 || requeue < 0) {
        return -EINVAL;
    }
    int error = futex_key(task, addr, shared, &key);
    error = error ? error : futex_key(task, to_addr, shared, &to_key);
    if (error) {
        return error;
    }
    struct futex_bucket *from = futex_bucket(&key), *to = futex_bucket(&to_key);
    futex_lock_two(from, to);
    if (value) {
        error = futex_expect(task, addr, *value);
    }
    long done = error;
    struct futex_waiter *next;
    int woken = 0, moved = 0;
    for (struct futex_waiter *waiter = error ? NULL : from->first; waiter; waiter = next) {
        next = waiter->next;
        if (!futex_key_equal(&waiter->key, &key)) {
            continue;
        }
        if (waiter->pi || waiter->requeue_pi) {
            done = -EINVAL;
            break;
        }
        if (woken < wake) {
            futex_wake_one(waiter);
            woken++;
        } else if (moved < requeue) {
            moved++;
            if (!futex_key_equal(&key, &to_key)) {
                futex_unqueue(waiter);
                waiter->key = to_key;
                futex_queue(to, waiter);
            }
        } else {
            break;
        }
        done = woken + moved;
    }
    futex_unlock_two(from, to);
    return done;
}

/* FUTEX_WAKE_OP: changes the second word, wakes the first futex, and the second if the old value
 * compares. */
static long futex_wake_op(struct task *task, gaddr_t addr, gaddr_t addr2, bool shared, int wake,
                          int wake2, uint32_t op) {
    struct futex_key key, key2;
    unsigned operation = op >> 28 & 7, compare = op >> 24 & 15;
    int32_t arg = (int32_t)(op << 8) >> 20, compare_arg = (int32_t)(op << 20) >> 20;
    if (op >> 28 & FUTEX_OP_OPARG_SHIFT) {
        arg = (int32_t)(1u << (arg & 31));
    }
    if (operation > FUTEX_OP_XOR || compare > FUTEX_OP_CMP_GE) {
        return -ENOSYS;
    }
    int error = futex_key(task, addr, shared, &key);
    error = error ? error : futex_key(task, addr2, shared, &key2);
    if (error) {
        return error;
    }
    struct futex_bucket *first = futex_bucket(&key), *second = futex_bucket(&key2);
    futex_lock_two(first, second);
    uint32_t old;
    error = futex_load(task, addr2, &old);
    while (error == 0) {
        uint32_t value = (uint32_t)arg, seen = old;
        value = operation == FUTEX_OP_SET    ? value
                : operation == FUTEX_OP_ADD  ? old + value
                : operation == FUTEX_OP_OR   ? old | value
                : operation == FUTEX_OP_ANDN ? old & ~value
                                             : old ^ value;
        error = futex_cmpxchg(task, addr2, &seen, value);
        if (seen == old) {
            break;
        }
        old = seen;
    }
    long done = error;
    if (error == 0) {
        int32_t was = (int32_t)old;
        bool also = compare == FUTEX_OP_CMP_EQ   ? was == compare_arg
                    : compare == FUTEX_OP_CMP_NE ? was != compare_arg
                    : compare == FUTEX_OP_CMP_LT ? was < compare_arg
                    : compare == FUTEX_OP_CMP_LE ? was <= compare_arg
                    : compare == FUTEX_OP_CMP_GT ? was > compare_arg
                                                 : was >= compare_arg;
        done = futex_wake_key(first, &key, wake < 1 ? 1 : wake, FUTEX_BITSET_MATCH_ANY);
        if (also && done >= 0) {
            int more = futex_wake_key(second, &key2, wake2 < 1 ? 1 : wake2, FUTEX_BITSET_MATCH_ANY);
            done = more < 0 ? more : done + more;
        }
    }
    futex_unlock_two(first, second);
    return done;
}

/* --- the call -------------------------------------------------------------------------- */

/* Deadline on CLOCK_MONOTONIC of an absolute time on the given clock. */
void futex_deadline(struct timespec *deadline, const struct timespec *at, bool realtime) {
    struct timespec now;
    *deadline = *at;
    if (realtime) {
        clock_gettime(CLOCK_REALTIME, &now);
        struct timespec span = {at->tv_sec - now.tv_sec, at->tv_nsec - now.tv_nsec};
        if (span.tv_nsec < 0) {
            span.tv_nsec += 1000000000;
            span.tv_sec--;
        }
        if (span.tv_sec < 0) {
            span = (struct timespec){0};
        }
        deadline_after(deadline, &span);
    }
}

static bool takes_timeout(int command) {
    return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI ||
           command == FUTEX_LOCK_PI2 || command == FUTEX_WAIT_REQUEUE_PI;
}

static long futex(struct task *task, const struct abi_times *times, gaddr_t addr, int op,
                  uint32_t value, gaddr_t timeout, gaddr_t addr2, uint32_t value3) {
    int command = op & FUTEX_CMD_MASK;
    bool shared = !(op & FUTEX_PRIVATE_FLAG), realtime = op & FUTEX_CLOCK_REALTIME;
    struct timespec at, deadline_value, *deadline = NULL;
    int count = (int)value, count2 = (int)(uint32_t)timeout;

    if (realtime && command != FUTEX_WAIT_BITSET && command != FUTEX_WAIT_REQUEUE_PI &&
        command != FUTEX_LOCK_PI2) {
        return -ENOSYS;
    }
    if (timeout && takes_timeout(command)) {
        if (times->get_timespec(task, timeout, &at)) {
            return -EFAULT;
        }
        if (!timespec_valid(&at)) {
            return -EINVAL;
        }
        deadline = &deadline_value;
        if (command == FUTEX_WAIT) { /* the only one with a relative time */
            deadline_after(deadline, &at);
        } else {
            futex_deadline(deadline, &at, realtime || command == FUTEX_LOCK_PI);
        }
    }
    switch (command) {
    case FUTEX_WAIT:
        return futex_wait(task, addr, shared, value, FUTEX_BITSET_MATCH_ANY, deadline);
    case FUTEX_WAIT_BITSET:
        return futex_wait(task, addr, shared, value, value3, deadline);
    case FUTEX_WAKE:
        return futex_wake(task, addr, shared, count, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
        return futex_wake(task, addr, shared, count, value3);
    case FUTEX_REQUEUE:
        return futex_requeue(task, addr, addr2, shared, count, count2, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(task, addr, addr2, shared, count, count2, &value3);
    case FUTEX_WAKE_OP:
        return futex_wake_op(task, addr, addr2, shared, count, count2, value3);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        return futex_lock_pi(task, addr, shared, deadline, false);
    case FUTEX_TRYLOCK_PI:
        return futex_lock_pi(task, addr, shared, NULL, true);
    case FUTEX_UNLOCK_PI:
        return futex_unlock_pi(task, addr, shared);
    case FUTEX_WAIT_REQUEUE_PI:
        return futex_wait_requeue_pi(task, addr, shared, value, FUTEX_BITSET_MATCH_ANY, deadline,
                                     addr2);
    case FUTEX_CMP_REQUEUE_PI:
        return futex_cmp_requeue_pi(task, addr, shared, count, count2, addr2, value3);
    default:
        return -ENOSYS;
    }
}

/* futex(2) */
long sys_futex(struct task *task, gaddr_t addr, int32_t op, uint32_t value, gaddr_t timeout,
               gaddr_t addr2, uint32_t value3) {
    return futex(task, task->abi->times, addr, op, value, timeout, addr2, value3);
}

long sys_futex_time64(struct task *task, gaddr_t addr, int32_t op, uint32_t value, gaddr_t timeout,
                      gaddr_t addr2, uint32_t value3) {
    return futex(task, task->abi->times64, addr, op, value, timeout, addr2, value3);
}
