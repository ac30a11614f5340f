/* Futexes with an owner: FUTEX_LOCK_PI and relatives (futex(2), "Priority-inheritance futexes").
 *
 * The lock word holds the owner's tid; an unlock hands the lock to the first waiter, so that nobody
 * can overtake. No priority is inherited: guest threads have the host's ordinary priorities. */
#include "syscalls/futex/futex.h"

#include "syscalls/mm/mm.h"
#include "syscalls/task/process.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>

static _Atomic int pi_waiters; /* in any queue: an exit has to look only when there are some */

/* True when an owner could still unlock. process_lock is taken. A task that began to let go of its
 * locks does not count: its scan of the queues comes after the flag, a waiter's look after
 * queueing, so one of them sees the other. */
static bool owner_alive(int32_t tid) {
    pthread_mutex_lock(&process_lock);
    struct task *owner = task_find(tid);
    bool alive = owner && !owner->futexes_left;
    pthread_mutex_unlock(&process_lock);
    return alive;
}

static struct futex_waiter *first_pi(struct futex_bucket *bucket, const struct futex_key *key) {
    struct futex_waiter *waiter = bucket->first;
    while (waiter && !(waiter->pi && futex_key_equal(&waiter->key, key))) {
        waiter = waiter->next;
    }
    return waiter;
}

/* The queue's locks now belong to another. */
static void set_owner(struct futex_bucket *bucket, const struct futex_key *key, int32_t owner) {
    for (struct futex_waiter *waiter = bucket->first; waiter; waiter = waiter->next) {
        if (waiter->pi && futex_key_equal(&waiter->key, key)) {
            waiter->owner = owner;
        }
    }
}

static void queue_pi(struct futex_bucket *bucket, struct futex_waiter *waiter, int32_t owner) {
    waiter->pi = true;
    waiter->owner = owner;
    futex_queue(bucket, waiter);
}

/* Tries to take the word for `tid`. 0: taken; 1: somebody owns it, *word says who and its waiters
 * bit is set unless `try_only`; -errno. Bucket locked. */
static int take_word(struct task *task, gaddr_t addr, int32_t tid, bool more_waiters, bool try_only,
                     uint32_t *word) {
    int error = futex_load(task, addr, word);
    while (error == 0) {
        uint32_t seen = *word, want;
        bool is_free = (seen & FUTEX_TID_MASK) == 0;
        if (is_free) {
            want = (uint32_t)tid | (seen & FUTEX_OWNER_DIED) | (more_waiters ? FUTEX_WAITERS : 0);
        } else if (try_only || (seen & FUTEX_WAITERS) || (int32_t)(seen & FUTEX_TID_MASK) == tid) {
            return 1;
        } else {
            want = seen | FUTEX_WAITERS;
        }
        error = futex_cmpxchg(task, addr, &seen, want);
        if (error == 0 && seen == *word) {
            *word = want;
            return is_free ? 0 : 1;
        }
        *word = seen;
    }
    return error;
}

/* Sleeps until the lock was handed over. 0, -ETIMEDOUT or -EINTR; then it is in no queue. */
static int sleep_pi(struct task *task, struct futex_waiter *waiter,
                    const struct timespec *deadline) {
    int error = 0;
    for (;;) {
        uint32_t sample = task_block_prepare(task);
        struct futex_bucket *bucket = futex_lock_waiter(waiter);
        if (waiter->woken || error) {
            if (waiter->woken) {
                error = waiter->acquired ? 0 : -EAGAIN;
            } else {
                futex_unqueue(waiter);
            }
            pthread_mutex_unlock(&bucket->lock);
            return error;
        }
        pthread_mutex_unlock(&bucket->lock);
        error = task_block(task, sample, deadline);
    }
}

long futex_lock_pi(struct task *task, gaddr_t addr, bool shared, const struct timespec *deadline,
                   bool try_only) {
    for (;;) {
        struct futex_waiter waiter = {.task = task, .addr = addr, .mm = task->process->mm};
        int error = futex_key(task, addr, shared, &waiter.key);
        if (error) {
            return error;
        }
        struct futex_bucket *bucket = futex_bucket(&waiter.key);
        uint32_t word;
        pthread_mutex_lock(&bucket->lock);
        int taken =
            take_word(task, addr, task->tid, first_pi(bucket, &waiter.key), try_only, &word);
        int32_t owner = (int32_t)(word & FUTEX_TID_MASK);
        if (taken <= 0 || owner == task->tid || try_only) {
            pthread_mutex_unlock(&bucket->lock);
            return taken <= 0 ? taken : owner == task->tid ? -EDEADLK : -EAGAIN;
        }
        pi_waiters++;
        queue_pi(bucket, &waiter, owner);
        pthread_mutex_unlock(&bucket->lock);
        if (!owner_alive(owner)) {
            bucket = futex_lock_waiter(&waiter);
            bool acquired = waiter.woken;
            if (!acquired) {
                futex_unqueue(&waiter);
            }
            pthread_mutex_unlock(&bucket->lock);
            pi_waiters--;
            uint32_t now;
            if (acquired) {
                return 0;
            }
            error = futex_load(task, addr, &now);
            if (error || (now & FUTEX_TID_MASK) == (uint32_t)owner) {
                return error ? error : -ESRCH;
            }
            continue; /* it changed meanwhile: look again */
        }
        error = sleep_pi(task, &waiter, deadline);
        pi_waiters--;
        return error == -EINTR ? -ERESTARTNOINTR : error;
    }
}

/* The word goes from one owner to the first waiter (or to nobody). Bucket locked. 0 or -errno. */
static int hand_over(struct space *space, gaddr_t addr, struct futex_bucket *bucket,
                     const struct futex_key *key, uint32_t owner, uint32_t died) {
    struct futex_waiter *waiter = first_pi(bucket, key);
    uint32_t word;
    int error = guest_load32(space, addr, &word);
    while (error == 0) {
        if ((word & FUTEX_TID_MASK) != owner && !(died && (word & FUTEX_TID_MASK) == 0)) {
            return -EPERM;
        }
        uint32_t seen = word;
        uint32_t want = waiter ? (uint32_t)waiter->task->tid | FUTEX_WAITERS | died : died;
        error = guest_cmpxchg32(space, addr, &seen, want);
        if (error == 0 && seen == word) {
            if (waiter) {
                waiter->acquired = true;
                int32_t tid = waiter->task->tid;
                futex_wake_one(waiter);
                set_owner(bucket, key, tid);
            }
            return 0;
        }
        word = seen;
    }
    return error;
}

long futex_unlock_pi(struct task *task, gaddr_t addr, bool shared) {
    struct futex_key key;
    int error = futex_key(task, addr, shared, &key);
    if (error) {
        return error;
    }
    struct futex_bucket *bucket = futex_bucket(&key);
    pthread_mutex_lock(&bucket->lock);
    error = hand_over(task->process->mm->space, addr, bucket, &key, (uint32_t)task->tid, 0);
    pthread_mutex_unlock(&bucket->lock);
    return error;
}

/* --- condition variables --------------------------------------------------------------- */

long futex_wait_requeue_pi(struct task *task, gaddr_t addr, bool shared, uint32_t value,
                           uint32_t bitset, const struct timespec *deadline, gaddr_t pi_addr) {
    struct futex_waiter waiter = {.task = task,
                                  .bitset = bitset,
                                  .addr = pi_addr,
                                  .mm = task->process->mm,
                                  .requeue_pi = true};
    if (addr == pi_addr) {
        return -EINVAL;
    }
    int error = futex_key(task, addr, shared, &waiter.key);
    error = error ? error : futex_key(task, pi_addr, shared, &waiter.requeue_key);
    if (error) {
        return error;
    }
    if (futex_key_equal(&waiter.key, &waiter.requeue_key)) {
        return -EINVAL;
    }
    struct futex_bucket *bucket = futex_bucket(&waiter.key);
    pthread_mutex_lock(&bucket->lock);
    error = futex_expect(task, addr, value);
    if (error) {
        pthread_mutex_unlock(&bucket->lock);
        return error;
    }
    pi_waiters++;
    futex_queue(bucket, &waiter);
    pthread_mutex_unlock(&bucket->lock);
    error = sleep_pi(task, &waiter, deadline);
    pi_waiters--;
    if (error == -EINTR) {
        /* Moved to the lock already: the call cannot be repeated, the caller locks by itself. */
        error = waiter.pi ? -EAGAIN : -ERESTARTNOINTR;
    }
    return error;
}

/* Moves one waiter to the lock: it gets it if it is free. 1: woken, 0: queued, -errno. Both
 * locked. */
static int requeue_one(struct task *task, struct futex_waiter *waiter, struct futex_bucket *to,
                       gaddr_t pi_addr, bool more, int32_t *owner) {
    uint32_t word;
    bool others = first_pi(to, &waiter->requeue_key);
    int taken = take_word(task, pi_addr, waiter->task->tid, others || more, false, &word);
    if (taken < 0) {
        return taken;
    }
    *owner = (int32_t)(word & FUTEX_TID_MASK);
    if (taken == 0) {
        waiter->acquired = true;
        futex_wake_one(waiter);
        return 1;
    }
    if (*owner == waiter->task->tid) {
        return -EDEADLK;
    }
    futex_unqueue(waiter);
    waiter->key = waiter->requeue_key;
    queue_pi(to, waiter, *owner);
    return 0;
}

static void owner_died(int32_t tid);

long futex_cmp_requeue_pi(struct task *task, gaddr_t addr, bool shared, int wake, int requeue,
                          gaddr_t pi_addr, uint32_t value) {
    struct futex_key key, pi_key;
    if (wake != 1 || requeue < 0) {
        return -EINVAL;
    }
    int error = futex_key(task, addr, shared, &key);
    error = error ? error : futex_key(task, pi_addr, shared, &pi_key);
    if (error) {
        return error;
    }
    if (futex_key_equal(&key, &pi_key)) {
        return -EINVAL;
    }
    struct futex_bucket *from = futex_bucket(&key), *to = futex_bucket(&pi_key);
    int32_t owner = 0;
    int done = 0;
    futex_lock_two(from, to);
    error = futex_expect(task, addr, value);
    struct futex_waiter *next;
    for (struct futex_waiter *waiter = error ? NULL : from->first; waiter; waiter = next) {
        next = waiter->next;
        if (!futex_key_equal(&waiter->key, &key)) {
            continue;
        }
        if (!waiter->requeue_pi || waiter->pi || !futex_key_equal(&waiter->requeue_key, &pi_key)) {
            error = -EINVAL;
            break;
        }
        if (done > requeue) { /* one to wake, `requeue` to move */
            break;
        }
        int one = requeue_one(task, waiter, to, pi_addr, done < requeue, &owner);
        if (one < 0) {
            error = one;
            break;
        }
        done++;
    }
    futex_unlock_two(from, to);
    if (owner && !owner_alive(owner)) {
        owner_died(owner);
    }
    return done ? done : error;
}

/* --- end of an owner ------------------------------------------------------------------- */

static void owner_died(int32_t tid) {
    for (unsigned i = 0; i < FUTEX_BUCKETS; i++) {
        struct futex_bucket *bucket = &futex_buckets[i];
        pthread_mutex_lock(&bucket->lock);
        struct futex_waiter *waiter = bucket->first;
        while (waiter) {
            if (!waiter->pi || waiter->owner != tid) {
                waiter = waiter->next;
                continue;
            }
            struct futex_key key = waiter->key;
            if (hand_over(waiter->mm->space, waiter->addr, bucket, &key, (uint32_t)tid,
                          FUTEX_OWNER_DIED)) {
                set_owner(bucket, &key, 0); /* the word is somebody else's: not ours to give */
            }
            waiter = bucket->first; /* the list changed */
        }
        pthread_mutex_unlock(&bucket->lock);
    }
}

void futex_pi_task_exit(struct task *task) {
    task->futexes_left = true;
    if (pi_waiters > 0) {
        owner_died(task->tid);
    }
}
