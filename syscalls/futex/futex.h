/* What futex.c and futex_pi.c share: keys, buckets, waiters.
 *
 * A waiter is in one bucket; the bucket's lock guards its list and the fields of its waiters.
 * The value test of FUTEX_WAIT happens with the bucket locked, and so does every wake, hence none
 * is lost. A waker unblocks a waiter with the lock held: the waiter cannot be gone. Where two
 * buckets are locked, the one at the lower address comes first. process_lock is never taken
 * inside. */
#ifndef FG_SYSCALLS_FUTEX_H
#define FG_SYSCALLS_FUTEX_H

#include "syscalls/task/task.h"

/* What a futex is: an address of a memory, or a place of a shared file. */
struct futex_key {
    uint64_t object; /* struct mm, or the device number */
    uint64_t inode;  /* 0: private */
    uint64_t offset; /* address or offset in the file */
};

struct futex_waiter {
    struct futex_waiter *next;
    struct futex_bucket *bucket; /* that it is in; changes by requeue with both locked */
    struct futex_key key;
    struct task *task;
    uint32_t bitset;
    bool queued;
    bool woken;
    /* PI */
    bool pi;       /* waits for a lock: an unlock hands it over */
    int32_t owner; /* tid that held the lock when it began to wait */
    bool acquired; /* it owns the lock now */
    gaddr_t addr;  /* of the lock word in the waiter's memory */
    struct mm *mm;
    bool requeue_pi; /* FUTEX_WAIT_REQUEUE_PI: may be moved to requeue_key only */
    struct futex_key requeue_key;
};

struct futex_bucket {
    pthread_mutex_t lock;
    struct futex_waiter *first;
};

#define FUTEX_BUCKETS 256
extern struct futex_bucket futex_buckets[FUTEX_BUCKETS];

/* Key of the word at addr; shared: not FUTEX_PRIVATE_FLAG. 0, -EINVAL (alignment), -EFAULT. */
int futex_key(struct task *task, gaddr_t addr, bool shared, struct futex_key *key);
struct futex_bucket *futex_bucket(const struct futex_key *key);
static inline bool futex_key_equal(const struct futex_key *a, const struct futex_key *b) {
    return a->object == b->object && a->inode == b->inode && a->offset == b->offset;
}
void futex_queue(struct futex_bucket *bucket, struct futex_waiter *waiter);
void futex_unqueue(struct futex_waiter *waiter);
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b);
void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b);
/* Locks the bucket in which a waiter is now. */
struct futex_bucket *futex_lock_waiter(struct futex_waiter *waiter);
/* Marks as woken and wakes; bucket locked. */
void futex_wake_one(struct futex_waiter *waiter);
/* Up to `count` waiters of the key with a common bit; bucket locked. Number woken, or -EINVAL when
 * a PI waiter is among them. */
int futex_wake_key(struct futex_bucket *bucket, const struct futex_key *key, int count,
                   uint32_t bitset);
/* Reads or changes the word: as guest_load32 and guest_cmpxchg32, and lets a stack grow. */
int futex_load(struct task *task, gaddr_t addr, uint32_t *value);
/* 0 when the word has that value, -EAGAIN when not, or the error of reading it. */
int futex_expect(struct task *task, gaddr_t addr, uint32_t value);
int futex_cmpxchg(struct task *task, gaddr_t addr, uint32_t *old, uint32_t desired);

/* FUTEX_WAKE and _WAKE_BITSET. Number woken or -errno. */
long futex_wake(struct task *task, gaddr_t addr, bool shared, int count, uint32_t bitset);
/* Deadline on CLOCK_MONOTONIC of an absolute time on it or on CLOCK_REALTIME. */
void futex_deadline(struct timespec *deadline, const struct timespec *at, bool realtime);

/* FUTEX_LOCK_PI, _TRYLOCK_PI, _UNLOCK_PI, _WAIT_REQUEUE_PI, _CMP_REQUEUE_PI (futex(2)). `deadline`
 * is on CLOCK_MONOTONIC or NULL. */
long futex_lock_pi(struct task *task, gaddr_t addr, bool shared, const struct timespec *deadline,
                   bool try_only);
long futex_unlock_pi(struct task *task, gaddr_t addr, bool shared);
long futex_wait_requeue_pi(struct task *task, gaddr_t addr, bool shared, uint32_t value,
                           uint32_t bitset, const struct timespec *deadline, gaddr_t pi_addr);
long futex_cmp_requeue_pi(struct task *task, gaddr_t addr, bool shared, int wake, int requeue,
                          gaddr_t pi_addr, uint32_t value);
/* Robust lists, PI owners, clear_child_tid of a task that leaves its memory (futex_robust.c). */
void futex_task_exit(struct task *task);
/* Locks that the ending task still holds go to their first waiters. */
void futex_pi_task_exit(struct task *task);

#endif
