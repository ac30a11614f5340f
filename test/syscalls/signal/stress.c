/* test: -pthread limit 60 */
/* Signals, forks, threads, stops and locks all at once: nothing may hang, get lost or be torn. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_int handled, wrong;
static atomic_int stop;

/* Spoils registers and flags, which the interrupted code must not notice. */
static void on_signal(int signo, siginfo_t *info, void *context) {
    (void)info;
    (void)context;
    (void)signo;
    asm volatile("std; cld; xor %%eax,%%eax; xor %%ecx,%%ecx; xor %%edx,%%edx; fldz; fstp %%st(0)"
                 :
                 :
                 : "eax", "ecx", "edx", "memory");
    handled++;
}

static uint32_t work(uint32_t seed, int rounds) {
    uint32_t a = seed, b = ~seed, c = seed * 3;
    double sum = 0;
    for (int i = 0; i < rounds; i++) {
        asm volatile("add %1,%0; adc %2,%1; rol $7,%2; xor %0,%2; sbb %2,%0"
                     : "+r"(a), "+r"(b), "+r"(c)
                     :
                     : "cc");
        sum += 1.0 / (1 + (a & 7));
    }
    return a ^ b ^ c ^ (uint32_t)(sum * 16);
}

static void *worker(void *arg) {
    uint32_t seed = (uint32_t)(uintptr_t)arg, expected = work(seed, 20000);
    while (!stop) {
        if (work(seed, 20000) != expected) {
            wrong++;
        }
    }
    return NULL;
}

static void storm(void) {
    pthread_t thread[3];
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGRTMIN, &action, NULL);
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread[i], NULL, worker, (void *)(uintptr_t)(i * 77 + 5));
    }
    for (int i = 0; i < 3000; i++) {
        pthread_kill(thread[i % 3], SIGUSR1);
        if (i % 64 == 0) {
            usleep(500);
        }
    }
    /* Queued ones are never lost. */
    int before = handled, sent = 0;
    for (int i = 0; i < 500; i++) {
        union sigval value = {.sival_int = i};
        while (sigqueue(getpid(), SIGRTMIN, value) != 0) {
            usleep(100);
        }
        sent++;
    }
    usleep(100000);
    stop = 1;
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
    }
    printf("storm: wrong %d, some handled %d, queued ones at least %d\n", wrong, before > 0,
           handled - before >= sent);
}

static void *forker(void *arg) {
    int bad = 0;
    for (int i = 0; i < 25; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit((int)(uintptr_t)arg + i);
        }
        int status;
        if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != (int)(uintptr_t)arg + i) {
            bad++;
        }
    }
    return (void *)(uintptr_t)bad;
}

static void fork_storm(void) {
    pthread_t thread[4];
    int bad = 0;
    struct itimerval timer = {.it_interval = {0, 500}, .it_value = {0, 500}};
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    for (int i = 0; i < 4; i++) {
        pthread_create(&thread[i], NULL, forker, (void *)(uintptr_t)(i * 30));
    }
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(thread[i], &result);
        bad += (int)(uintptr_t)result;
    }
    memset(&timer, 0, sizeof timer);
    setitimer(ITIMER_REAL, &timer, NULL);
    printf("fork storm: bad %d\n", bad);
}

static void stop_storm(void) {
    int fds[2];
    if (pipe(fds)) {
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        for (int i = 0; i < 200; i++) {
            char byte = (char)i;
            if (write(fds[1], &byte, 1) != 1) {
                _exit(1);
            }
            usleep(200);
        }
        _exit(0);
    }
    close(fds[1]);
    int next = 0, bad = 0, status;
    for (;;) {
        char byte;
        ssize_t n = read(fds[0], &byte, 1);
        if (n != 1) {
            break;
        }
        bad += byte != (char)next++;
        if (next % 10 == 0) {
            kill(pid, SIGSTOP);
            waitpid(pid, &status, WUNTRACED);
            bad += !WIFSTOPPED(status) && !WIFEXITED(status);
            kill(pid, SIGCONT);
        }
    }
    waitpid(pid, &status, 0);
    printf("stop storm: %d bytes, bad %d, status %x\n", next, bad, status);
}

static void *sleeper(void *arg) {
    (void)arg;
    pause();
    return NULL;
}

static void kills(void) {
    int bad = 0;
    for (int i = 0; i < 40; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t thread;
            for (int j = 0; j < 3; j++) {
                pthread_create(&thread, NULL, j & 1 ? sleeper : worker, (void *)1);
            }
            if (i & 1) {
                execl("/proc/self/exe", "x", "sleep", NULL);
            }
            pause();
            _exit(1);
        }
        usleep((unsigned)(i * 100));
        kill(pid, SIGKILL);
        int status;
        if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ||
            WTERMSIG(status) != SIGKILL) {
            bad++;
        }
    }
    printf("kills: bad %d\n", bad);
}

int main(int argc, char **argv) {
    (void)argv;
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 1) {
        pause();
        return 1;
    }
    alarm(0);
    storm();
    fork_storm();
    stop_storm();
    stop = 0;
    kills();
    return 0;
}
