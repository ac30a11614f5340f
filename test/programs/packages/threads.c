// pthreads: barriers, read-write locks, condition variables, thread-local and robust things,
// cancellation.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 200 };
static pthread_barrier_t barrier;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t robust;
static atomic_long hits;
static long shared_value, plain[THREADS];
static __thread long own;
static sem_t sem;

static void *work(void *arg) {
    long me = (long)arg;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&barrier);
        if (me == i % THREADS) {
            pthread_rwlock_wrlock(&rw);
            shared_value += i;
            pthread_rwlock_unlock(&rw);
        } else {
            pthread_rwlock_rdlock(&rw);
            own += shared_value >= 0;
            pthread_rwlock_unlock(&rw);
        }
        atomic_fetch_add(&hits, 1);
    }
    plain[me] = own;
    return (void *)(me * me);
}

static void cleanup(void *arg) {
    printf("cleanup %s\n", (char *)arg);
}
static void *waits(void *arg) {
    pthread_cleanup_push(cleanup, arg);
    sem_post(&sem);
    for (;;) {
        pause();
    }
    pthread_cleanup_pop(0);
    return 0;
}
static void *dies_holding(void *arg) {
    pthread_mutex_lock(&robust);
    return arg;
}
static void *nothing(void *arg) {
    return arg;
}
static _Thread_local volatile sig_atomic_t got;
static void handler(int s) {
    got = s;
}
static void *signalled(void *arg) {
    sem_post(&sem);
    while (!got) {
        usleep(1000);
    }
    *(int *)arg = got;
    return 0;
}

int main(void) {
    pthread_t t[THREADS];
    pthread_barrier_init(&barrier, 0, THREADS);
    sem_init(&sem, 0, 0);
    for (long i = 0; i < THREADS; i++) {
        pthread_create(&t[i], 0, work, (void *)i);
    }
    long squares = 0;
    for (int i = 0; i < THREADS; i++) {
        void *r;
        pthread_join(t[i], &r);
        squares += (long)r;
    }
    long owns = 0;
    for (int i = 0; i < THREADS; i++) {
        owns += plain[i];
    }
    printf("%ld %ld %ld %ld\n", squares, (long)hits, shared_value, owns);
    pthread_create(t, 0, waits, "cancelled");
    sem_wait(&sem);
    pthread_cancel(t[0]);
    void *r;
    pthread_join(t[0], &r);
    printf("%d\n", r == PTHREAD_CANCELED);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&robust, &a);
    pthread_create(t, 0, dies_holding, 0);
    pthread_join(t[0], 0);
    printf("%s\n", strerror(pthread_mutex_lock(&robust)));
    pthread_mutex_consistent(&robust);
    pthread_mutex_unlock(&robust);
    signal(SIGUSR1, handler);
    int seen = 0;
    pthread_create(t, 0, signalled, &seen);
    sem_wait(&sem);
    pthread_kill(t[0], SIGUSR1);
    pthread_join(t[0], 0);
    printf("%d\n", seen == SIGUSR1);
    pthread_attr_t at;
    pthread_attr_init(&at);
    pthread_attr_setstacksize(&at, 1 << 20);
    for (int round = 0; round < 200; round++) {
        pthread_create(t, &at, nothing, 0);
        pthread_join(t[0], 0);
    }
    puts("done");
}
