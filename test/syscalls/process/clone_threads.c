/* test: -pthread */
/* Threads: creation, joining, TLS, mutexes, condition variables, robust and PI mutexes, signals to
 * threads, exit of the first thread, exec from a thread, vfork, posix_spawn, raw clone flags. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static __thread int local = 7;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int shared, turn;
static atomic_int atomic_count;

static void *adder(void *arg) {
    for (int i = 0; i < 20000; i++) {
        pthread_mutex_lock(&mutex);
        shared++;
        pthread_mutex_unlock(&mutex);
        atomic_count++;
    }
    local += (int)(intptr_t)arg;
    return (void *)(intptr_t)local;
}

static void counting(void) {
    pthread_t thread[8];
    int sum = 0;
    for (int i = 0; i < 8; i++) {
        pthread_create(&thread[i], NULL, adder, (void *)(intptr_t)i);
    }
    for (int i = 0; i < 8; i++) {
        void *result;
        pthread_join(thread[i], &result);
        sum += (int)(intptr_t)result;
    }
    printf("counted %d %d, thread locals %d, own %d\n", shared, atomic_count, sum, local);
}

static void *ping(void *arg) {
    int me = (int)(intptr_t)arg;
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != me) {
            pthread_cond_wait(&cond, &mutex);
        }
        turn = (me + 1) % 4;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void conditions(void) {
    pthread_t thread[4];
    turn = 0;
    for (int i = 0; i < 4; i++) {
        pthread_create(&thread[i], NULL, ping, (void *)(intptr_t)i);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&mutex);
    int result = pthread_cond_timedwait(&cond, &mutex, &until);
    pthread_mutex_unlock(&mutex);
    printf("ping-pong done, timed wait %s\n", strerror(result));
}

static pthread_mutex_t special;

static void *die_holding(void *arg) {
    (void)arg;
    pthread_mutex_lock(&special);
    return NULL;
}

static void *lock_count(void *arg) {
    (void)arg;
    for (int i = 0; i < 3000; i++) {
        pthread_mutex_lock(&special);
        shared++;
        pthread_mutex_unlock(&special);
    }
    return NULL;
}

static void special_mutexes(int protocol, int robust, const char *name) {
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setprotocol(&attr, protocol);
    if (robust) {
        pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    }
    pthread_mutex_init(&special, &attr);
    pthread_t thread[4];
    shared = 0;
    for (int i = 0; i < 4; i++) {
        pthread_create(&thread[i], NULL, lock_count, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
    }
    printf("%s: %d\n", name, shared);
    if (robust) {
        pthread_create(&thread[0], NULL, die_holding, NULL);
        pthread_join(thread[0], NULL);
        int result = pthread_mutex_lock(&special);
        printf("  owner died: %s\n", strerror(result));
        result = pthread_mutex_consistent(&special);
        printf("  consistent: %s\n", strerror(result));
        pthread_mutex_unlock(&special);
        result = pthread_mutex_lock(&special);
        printf("  lock: %s\n", strerror(result));
        pthread_mutex_unlock(&special);
    }
    pthread_mutex_destroy(&special);
}

/* Holds the lock while a second thread waits for it, then dies. */
static sem_t ready;
static void *hold_and_die(void *arg) {
    (void)arg;
    pthread_mutex_lock(&special);
    sem_post(&ready);
    usleep(30000);
    return NULL;
}

static void waiter_of_dead(int protocol, const char *name) {
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setprotocol(&attr, protocol);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&special, &attr);
    sem_init(&ready, 0, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, hold_and_die, NULL);
    sem_wait(&ready);
    int result = pthread_mutex_lock(&special);
    printf("%s: waiter of a dead owner: %s\n", name, strerror(result));
    pthread_mutex_consistent(&special);
    pthread_mutex_unlock(&special);
    pthread_join(thread, NULL);
}

static pthread_mutex_t pi_mutex;
static pthread_cond_t pi_cond = PTHREAD_COND_INITIALIZER;
static int go;

static void *pi_waiter(void *arg) {
    (void)arg;
    pthread_mutex_lock(&pi_mutex);
    atomic_count++;
    while (!go) {
        pthread_cond_wait(&pi_cond, &pi_mutex);
    }
    shared++;
    pthread_mutex_unlock(&pi_mutex);
    return NULL;
}

static void pi_condition(void) {
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&pi_mutex, &attr);
    pthread_t thread[4];
    shared = 0;
    atomic_count = 0;
    for (int i = 0; i < 4; i++) {
        pthread_create(&thread[i], NULL, pi_waiter, NULL);
    }
    while (atomic_count < 4) {
        usleep(1000);
    }
    pthread_mutex_lock(&pi_mutex);
    go = 1;
    pthread_cond_broadcast(&pi_cond);
    pthread_mutex_unlock(&pi_mutex);
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
    }
    printf("pi condition: %d\n", shared);
}

static volatile int handled_by_right_thread, handled;
static pthread_t target;

static void on_usr1(int signo) {
    (void)signo;
    handled++;
    handled_by_right_thread = pthread_equal(pthread_self(), target);
}

static void *signal_target(void *arg) {
    (void)arg;
    sem_post(&ready);
    while (!handled) {
        usleep(1000);
    }
    return NULL;
}

static void thread_signals(void) {
    signal(SIGUSR1, on_usr1);
    sem_init(&ready, 0, 0);
    pthread_create(&target, NULL, signal_target, NULL);
    sem_wait(&ready);
    pthread_kill(target, SIGUSR1);
    pthread_join(target, NULL);
    printf("pthread_kill: right thread %d\n", handled_by_right_thread);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    handled = 0;
    pthread_create(&target, NULL, signal_target, NULL);
    sem_wait(&ready);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1); /* only the other thread takes it */
    pthread_join(target, NULL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    printf("kill: the thread that does not block it %d\n", handled_by_right_thread);
}

static void *cancel_me(void *arg) {
    (void)arg;
    for (;;) {
        pause();
    }
    return NULL;
}

static void cancellation(void) {
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, cancel_me, NULL);
    usleep(10000);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    printf("cancelled %d\n", result == PTHREAD_CANCELED);
}

static void *exit_later(void *arg) {
    usleep(20000);
    _exit((int)(intptr_t)arg);
}

static void *sleep_long(void *arg) {
    (void)arg;
    sleep(60);
    return NULL;
}

static void *exec_here(void *arg) {
    char *const argv[] = {arg, "child", NULL};
    execv("/proc/self/exe", argv);
    execv(arg, argv);
    _exit(99);
}

static void ends(char *self) {
    int status;
    pthread_t thread;
    fflush(stdout);
    if (fork() == 0) {
        pthread_create(&thread, NULL, exit_later, (void *)3);
        pthread_exit(NULL);
    }
    wait(&status);
    printf("first thread gone, then _exit(3): %x\n", status);
    if (fork() == 0) {
        for (int i = 0; i < 5; i++) {
            pthread_create(&thread, NULL, sleep_long, NULL);
        }
        usleep(5000);
        exit(4);
    }
    wait(&status);
    printf("exit with sleepers: %x\n", status);
    if (fork() == 0) {
        pthread_create(&thread, NULL, sleep_long, NULL);
        pthread_create(&thread, NULL, exec_here, self);
        sleep(60);
        _exit(1);
    }
    wait(&status);
    printf("exec from a thread: %x\n", status);
}

static void children(char *self) {
    int status;
    volatile int memory = 1;
    pid_t pid = vfork();
    if (pid == 0) {
        memory = 2;
        _exit(6);
    }
    waitpid(pid, &status, 0);
    printf("vfork: shares memory %d status %x\n", memory == 2, status);
    char *const argv[] = {self, "child", NULL};
    char *const env[] = {NULL};
    int result = posix_spawn(&pid, self, NULL, NULL, argv, env);
    waitpid(pid, &status, 0);
    printf("posix_spawn: %d %x\n", result, status);
    result = posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, env);
    printf("posix_spawn of nothing: %s\n", strerror(result));
}

static char stack[65536] __attribute__((aligned(16)));
static volatile int child_tid = -1, parent_tid = -1;

static int clone_main(void *arg) {
    *(int *)arg = 55;
    return 9;
}

static void raw_clone(void) {
    int value = 0, status;
    int pid =
        clone(clone_main, stack + sizeof stack,
              CLONE_VM | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD,
              &value, &parent_tid, NULL, &child_tid);
    waitpid(pid, &status, 0);
    printf("clone: value %d status %x parent tid %d child tid %d\n", value, status,
           parent_tid == pid, child_tid);
    pid = clone(clone_main, stack + sizeof stack, CLONE_VM, &value);
    int got = waitpid(pid, &status, 0);
    printf("no exit signal: plain wait %d %s\n", got, strerror(errno));
    got = waitpid(pid, &status, __WCLONE);
    printf("  __WCLONE %d %x\n", got == pid, status);
    long bad = syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0);
    printf("THREAD without VM: %ld %s\n", bad, strerror(errno));
    bad = syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0);
    printf("SIGHAND without VM: %ld %s\n", bad, strerror(errno));
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 1) {
        return 12;
    }
    alarm(25);
    counting();
    conditions();
    special_mutexes(PTHREAD_PRIO_NONE, 1, "robust");
    special_mutexes(PTHREAD_PRIO_INHERIT, 0, "pi");
    special_mutexes(PTHREAD_PRIO_INHERIT, 1, "robust pi");
    waiter_of_dead(PTHREAD_PRIO_NONE, "robust");
    waiter_of_dead(PTHREAD_PRIO_INHERIT, "robust pi");
    pi_condition();
    thread_signals();
    cancellation();
    ends(argv[0]);
    children(argv[0]);
    raw_clone();
    return 0;
}
