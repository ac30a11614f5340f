/* Stops of processes with several threads: all of them rest when the parent is told, whatever each
 * was doing; what comes meanwhile waits; threads and processes made while a stop begins take part
 * in it; a parent in vfork stops when its child has let go.
 * test: -I. limit 60 */
#include "test/syscalls/io_test.h"
#include <dirent.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>

enum { SPIN, READ, FUTEX, SLEEP, POLL, WAIT_SIGNAL, KINDS };

static struct shared {
    volatile unsigned spins, made, forks, handled, vforked, stop_making;
    volatile int ready, tid, result[KINDS], error[KINDS];
    volatile uint32_t word;
} * shared;
static int pipes[2], quiet[2];

/* States of all threads of `pid` as letters of /proc/PID/task/TID/stat: how many are `state`, and
 * how many there are. */
static void count_states(pid_t pid, char state, int *there, int *found) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *dir = opendir(path);
    *there = *found = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char name[400], line[400] = "";
        snprintf(name, sizeof name, "%s/%s/stat", path, entry->d_name);
        int fd = entry->d_name[0] == '.' ? -1 : open(name, O_RDONLY);
        if (fd < 0) {
            continue;
        }
        if (read(fd, line, sizeof line - 1) > 0) {
            const char *end = strrchr(line, ')');
            *there += 1;
            *found += end && end[2] == state;
        }
        close(fd);
    }
    if (dir) {
        closedir(dir);
    }
}

static void show_states(const char *what, pid_t pid) {
    int there, found;
    count_states(pid, 'T', &there, &found);
    printf("%s: %d of %d threads are T\n", what, found, there);
    fflush(stdout);
}

static void show_wait(const char *what, pid_t pid, int options) {
    int status = 0;
    pid_t got = waitpid(pid, &status, options);
    if (got != pid) {
        printf("%s: %s\n", what, got ? strerrorname_np(errno) : "nothing");
    } else if (WIFSTOPPED(status)) {
        printf("%s: stopped by %d\n", what, WSTOPSIG(status));
    } else if (WIFCONTINUED(status)) {
        printf("%s: continued\n", what);
    } else if (WIFSIGNALED(status)) {
        printf("%s: killed by %d\n", what, WTERMSIG(status));
    } else {
        printf("%s: exited %d\n", what, WEXITSTATUS(status));
    }
    fflush(stdout);
}

static void *work(void *arg) {
    int kind = (int)(intptr_t)arg, result = 0;
    char byte;
    sigset_t set;
    struct timespec nap = {0, 400000000}, long_time = {20, 0};
    struct pollfd quiet_fd = {.fd = quiet[0], .events = POLLIN};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    __atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
    switch (kind) {
    case SPIN:
        while (!shared->stop_making) {
            shared->spins++;
        }
        break;
    case READ:
        result = (int)read(pipes[0], &byte, 1);
        break;
    case FUTEX:
        result = (int)syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, NULL, NULL, 0L);
        break;
    case SLEEP:
        result = nanosleep(&nap, NULL);
        break;
    case POLL:
        result = poll(&quiet_fd, 1, 20000);
        break;
    case WAIT_SIGNAL:
        result = sigtimedwait(&set, NULL, &long_time);
        break;
    }
    shared->error[kind] = result < 0 ? errno : 0;
    shared->result[kind] = result;
    return NULL;
}

static void wait_until_ready(int count) {
    while (shared->ready < count) {
        sleep_ms(1);
    }
    sleep_ms(50); /* and in their calls */
}

static pid_t start_workers(void) {
    memset(shared, 0, sizeof *shared);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread[KINDS];
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_BLOCK, &set, NULL);
        for (int i = 0; i < KINDS; i++) {
            pthread_create(&thread[i], NULL, work, (void *)(intptr_t)i);
        }
        for (int i = 0; i < KINDS; i++) {
            pthread_join(thread[i], NULL);
        }
        _exit(7);
    }
    wait_until_ready(KINDS);
    return pid;
}

static void show_resting(const char *what, volatile unsigned *count) {
    unsigned before = *count;
    sleep_ms(30);
    printf("%s: %s\n", what, *count == before ? "rests" : "goes on");
    fflush(stdout);
}

static void show_going(const char *what, volatile unsigned *count) {
    unsigned before = *count;
    for (int i = 0; i < 5000 && *count == before; i++) {
        sleep_ms(1);
    }
    printf("%s: %s\n", what, *count == before ? "rests" : "goes on");
    fflush(stdout);
}

/* Whatever a thread does: it stops, and goes on with it. */
static void all_kinds(int signo) {
    printf("--- stop %d\n", signo);
    pid_t pid = start_workers();
    setpgid(pid, pid);
    kill(pid, signo);
    show_wait("wait", pid, WUNTRACED);
    show_states("stopped", pid);
    show_resting("spinning thread", &shared->spins);
    show_wait("again", pid, WUNTRACED | WNOHANG);
    kill(pid, signo); /* no second stop */
    show_wait("twice", pid, WUNTRACED | WNOHANG);
    if (write(pipes[1], "x", 1) != 1) {
        say("write failed");
    }
    sleep_ms(400);
    printf("read %d, sleep %d while stopped\n", shared->result[READ], shared->result[SLEEP]);
    kill(pid, SIGCONT);
    show_wait("continue", pid, WCONTINUED);
    int there, found;
    count_states(pid, 'T', &there, &found);
    printf("continued: %d are T\n", found);
    show_going("spinning thread", &shared->spins);
    show_wait("again", pid, WCONTINUED | WNOHANG);
    kill(pid, SIGCONT); /* of a running one: nothing */
    show_wait("twice", pid, WCONTINUED | WNOHANG);
    sleep_ms(50);
    shared->word = 1;
    syscall(SYS_futex, &shared->word, FUTEX_WAKE, 10, NULL, NULL, 0L);
    if (write(quiet[1], "x", 1) != 1) {
        say("write failed");
    }
    kill(pid, SIGUSR2);
    shared->stop_making = 1;
    show_wait("end", pid, 0);
    for (int i = READ; i < KINDS; i++) {
        printf("  kind %d: %d, error %d\n", i, shared->result[i], shared->error[i]);
    }
    char byte;
    if (read(quiet[0], &byte, 1) != 1) {
        say("read failed");
    }
}

static void on_usr1(int signo) {
    shared->handled++;
}

/* What is sent to a stopped process waits, also what would end it; only SIGKILL acts at once. */
static void meanwhile(void) {
    say("--- meanwhile");
    catch (SIGUSR1, 0);
    signal(SIGUSR1, on_usr1);
    pid_t pid = start_workers();
    kill(pid, SIGSTOP);
    show_wait("wait", pid, WUNTRACED);
    kill(pid, SIGUSR1);
    syscall(SYS_tgkill, pid, pid, SIGUSR1);
    sleep_ms(30);
    printf("handled while stopped: %u\n", shared->handled);
    show_states("still", pid);
    kill(pid, SIGCONT);
    show_wait("continue", pid, WCONTINUED);
    sleep_ms(50);
    printf("handled then: %u\n", shared->handled);
    kill(pid, SIGSTOP);
    show_wait("wait", pid, WUNTRACED);
    kill(pid, SIGTERM);
    sleep_ms(30);
    show_wait("with SIGTERM", pid, WNOHANG);
    kill(pid, SIGCONT);
    show_wait("end", pid, 0);

    pid = start_workers();
    kill(pid, SIGSTOP);
    show_wait("wait", pid, WUNTRACED);
    kill(pid, SIGKILL);
    show_wait("end", pid, 0);

    pid = start_workers();
    kill(pid, SIGSTOP);
    waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WSTOPPED | WNOWAIT);
    kill(pid, SIGKILL); /* a stop that was not asked for is gone */
    waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
    show_wait("not the stop", pid, WUNTRACED);
    signal(SIGUSR1, SIG_DFL);
}

static void *short_life(void *arg) {
    shared->made++;
    return NULL;
}

static void *make_threads(void *arg) {
    while (!shared->stop_making) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, short_life, NULL) == 0) {
            pthread_join(thread, NULL);
        }
    }
    return NULL;
}

static void *make_processes(void *arg) {
    while (!shared->stop_making) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(0);
        }
        waitpid(pid, NULL, 0);
        shared->forks++;
    }
    return NULL;
}

/* Threads that begin and end at the moment of the stop are in it. */
static void makers(const char *what, void *(*make)(void *), volatile unsigned *count) {
    printf("--- %s\n", what);
    memset(shared, 0, sizeof *shared);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread[3];
        for (int i = 0; i < 3; i++) {
            pthread_create(&thread[i], NULL, make, NULL);
        }
        for (int i = 0; i < 3; i++) {
            pthread_join(thread[i], NULL);
        }
        _exit(3);
    }
    int bad = 0, moved = 0;
    for (int round = 0; round < 30; round++) {
        unsigned before = *count;
        int status, there, found;
        for (int i = 0; i < 1000 && *count - before < 3; i++) {
            sleep_ms(1);
        }
        kill(pid, SIGSTOP);
        bad += waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status);
        count_states(pid, 'T', &there, &found);
        bad += there < 3 || found != there;
        before = *count;
        sleep_ms(3);
        moved += *count != before;
        kill(pid, SIGCONT);
        bad += waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status);
    }
    printf("bad %d, moved %d\n", bad, moved);
    shared->stop_making = 1;
    show_wait("end", pid, 0);
}

/* A whole group is stopped while its members fork: none runs on. */
static void group(void) {
    say("--- group");
    memset(shared, 0, sizeof *shared);
    int bad = 0;
    pid_t leader = fork();
    if (leader == 0) {
        setpgid(0, 0);
        shared->ready = 1;
        make_processes(NULL);
        _exit(4);
    }
    setpgid(leader, leader);
    for (int round = 0; round < 30; round++) {
        int status;
        unsigned before = shared->forks;
        for (int i = 0; i < 1000 && shared->forks - before < 3; i++) {
            sleep_ms(1);
        }
        kill(-leader, SIGTSTP);
        bad += waitpid(leader, &status, WUNTRACED) != leader || !WIFSTOPPED(status);
        before = shared->forks;
        sleep_ms(3);
        bad += shared->forks != before;
        kill(-leader, SIGCONT);
        bad += waitpid(leader, &status, WCONTINUED) != leader;
    }
    shared->stop_making = 1;
    printf("bad %d\n", bad);
    show_wait("end", leader, 0);
}

static void *spin(void *arg) {
    shared->tid = (int)syscall(SYS_gettid);
    while (!shared->stop_making) {
        shared->spins++;
    }
    return NULL;
}

/* A process with a thread that spins, which has got a SIGSTOP, and one that is in vfork. */
static pid_t stop_in_vfork(void) {
    memset(shared, 0, sizeof *shared);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, spin, NULL);
        while (!shared->spins) {
            sleep_ms(1);
        }
        pid_t child = vfork();
        if (child == 0) {
            shared->vforked = 1;
            while (shared->vforked == 1) {
                usleep(1000);
            }
            _exit(0);
        }
        waitpid(child, NULL, 0);
        pthread_join(thread, NULL);
        _exit(9);
    }
    while (!shared->vforked) {
        sleep_ms(1);
    }
    syscall(SYS_tgkill, pid, shared->tid, SIGSTOP);
    sleep_ms(50);
    show_wait("child runs", pid, WUNTRACED | WNOHANG);
    show_resting("other thread", &shared->spins);
    return pid;
}

/* Who waits in vfork cannot rest before the child lets go: until then the process has not stopped,
 * although its other thread does not run any more. */
static void in_vfork(void) {
    say("--- vfork");
    pid_t pid = stop_in_vfork();
    shared->vforked = 2;
    show_wait("child ended", pid, WUNTRACED);
    show_states("stopped", pid);
    kill(pid, SIGCONT);
    show_wait("continue", pid, WCONTINUED);
    shared->stop_making = 1;
    show_wait("end", pid, 0);
}

/* A SIGCONT comes before it has stopped. */
static void called_off(void) {
    say("--- called off");
    pid_t pid = stop_in_vfork();
    kill(pid, SIGCONT);
    show_going("other thread", &shared->spins);
    show_wait("stopped", pid, WUNTRACED | WNOHANG);
    show_wait("continued", pid, WCONTINUED | WNOHANG);
    shared->vforked = 2;
    shared->stop_making = 1;
    show_wait("end", pid, 0);
}

/* A signal that comes before all rest waits as well. */
static void in_between(void) {
    say("--- in between");
    pid_t pid = stop_in_vfork();
    kill(pid, SIGTERM);
    sleep_ms(30);
    show_wait("SIGTERM", pid, WUNTRACED | WNOHANG);
    shared->vforked = 2;
    show_wait("child ended", pid, WUNTRACED);
    kill(pid, SIGCONT);
    show_wait("end", pid, 0);
}

int main(void) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || pipe(pipes) || pipe(quiet)) {
        return 1;
    }
    all_kinds(SIGSTOP);
    all_kinds(SIGTSTP);
    meanwhile();
    makers("threads are made", make_threads, &shared->made);
    makers("processes are made", make_processes, &shared->forks);
    group();
    in_vfork();
    called_off();
    in_between();
    return 0;
}
