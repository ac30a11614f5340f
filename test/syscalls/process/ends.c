/* test: -pthread */
/* Ends: which thread's status counts, what a signal to the parent or the orphan says, who adopts
 * orphans and zombies, what execve makes of the signal of the end. */
#include "test/syscalls/io_test.h"
#include <sched.h>
#include <sys/prctl.h>

static int report[2];

static void tell(const char *text) {
    (void)!write(report[1], text, strlen(text));
}

/* What was told, once nobody can tell more. */
static void show_told(const char *what) {
    char text[512];
    close(report[1]);
    size_t len = 0;
    ssize_t n;
    while ((n = read(report[0], text + len, sizeof text - 1 - len)) > 0) {
        len += (size_t)n;
    }
    text[len] = 0;
    close(report[0]);
    printf("%s: %s\n", what, text);
}

static void in_child(const char *what, void (*func)(void)) {
    int status;
    fflush(stdout);
    (void)!pipe(report);
    pid_t child = fork();
    if (child == 0) {
        close(report[0]);
        alarm(20);
        func();
        _exit(0);
    }
    waitpid(child, &status, 0);
    show_told(what);
    printf("%s: status %x\n", what, status);
}

/* Those that have ended wait in the order of their age. */
static void in_order(void) {
    pid_t made[6];
    for (int i = 0; i < 6; i++) {
        made[i] = fork();
        if (made[i] == 0) {
            sleep_ms(i % 2 ? 1 : 60);
            _exit(i);
        }
    }
    sleep_ms(300);
    for (int i = 0; i < 6; i++) {
        int status = 0;
        pid_t got = wait(&status);
        char text[32];
        snprintf(text, sizeof text, "%d%s ", status >> 8, got == made[status >> 8] ? "" : "!");
        tell(text);
    }
}

/* --- threads --------------------------------------------------------------------------------- */

static int order;

static void *ends_too(void *arg) {
    sleep_ms(order == 0 ? 100 : 1);
    syscall(SYS_exit, 5);
    return arg;
}

static void one_by_one(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, ends_too, NULL);
    sleep_ms(order == 0 ? 1 : 100);
    syscall(SYS_exit, order == 2 ? 0x1ff : 3);
}

static void *all_at_once(void *arg) {
    sleep_ms(50);
    syscall(SYS_exit_group, 0x207);
    return arg;
}

static void group_after_first(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, all_at_once, NULL);
    syscall(SYS_exit, 3);
}

static void *killed(void *arg) {
    sleep_ms(50);
    raise(SIGKILL);
    return arg;
}

static void killed_after_first(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, killed, NULL);
    syscall(SYS_exit, 3);
}

/* --- signals about ends ---------------------------------------------------------------------- */

static volatile pid_t expected;

static void on_info(int signo, siginfo_t *info, void *context) {
    char text[128];
    snprintf(text, sizeof text, "signal %d code %d of the expected %d user %d status %d; ", signo,
             info->si_code, info->si_pid == expected || (signo != SIGCHLD && info->si_code > 0),
             info->si_uid == getuid() || (signo != SIGCHLD && info->si_code > 0),
             signo == SIGCHLD ? info->si_status : 0);
    tell(text);
    signals_seen++;
}

static void listen_to(int signo) {
    struct sigaction action = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(signo, &action, NULL);
}

/* A parent's death is told to who asked for it. */
static void death_of_parent(void) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t parent = fork();
    if (parent == 0) {
        if (fork() == 0) {
            expected = getppid();
            listen_to(SIGUSR1);
            prctl(PR_SET_PDEATHSIG, SIGUSR1);
            while (!signals_seen) {
                sleep_ms(5);
            }
            tell(getppid() == expected ? "the same parent" : "another parent");
            _exit(7);
        }
        sleep_ms(100);
        _exit(0);
    }
    int status[2], children = 0;
    while (waitpid(-1, &status[children % 2], 0) > 0) {
        children++;
    }
    char text[64];
    snprintf(text, sizeof text, "; adopted: %d, %x", children, status[1]);
    tell(text);
}

/* Children that have ended before their parent does: how they ended is told to who adopts them. */
static void zombies(void) {
    static const int ways[] = {0, SIGKILL, SIGTERM};
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < 3; i++) {
        int numbers[2], go[2];
        (void)!pipe(numbers);
        (void)!pipe(go);
        pid_t parent = fork(), child = 0;
        if (parent == 0) {
            child = fork();
            if (child == 0) {
                if (ways[i]) {
                    raise(ways[i]);
                }
                _exit(9);
            }
            siginfo_t info;
            waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
            (void)!write(numbers[1], &child, sizeof child);
            (void)!read(go[0], &child, 1);
            _exit(0);
        }
        (void)!read(numbers[0], &child, sizeof child);
        (void)!write(go[1], "", 1);
        siginfo_t info = {0};
        struct timespec timeout = {10, 0};
        int signo = sigtimedwait(&mask, &info, &timeout); /* before that of the parent's own end */
        char text[64];
        snprintf(text, sizeof text, "%d of the child %d code %d status %d; ", signo,
                 info.si_pid == child, info.si_code, info.si_status);
        tell(text);
        while (wait(NULL) > 0) {
        }
        timeout.tv_sec = 0;
        sigtimedwait(&mask, NULL, &timeout);
        close(numbers[0]);
        close(numbers[1]);
        close(go[0]);
        close(go[1]);
    }
}

/* Who adopts: the nearest subreaper that lives. */
static void adopted(void) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t top = getpid(), first = fork();
    if (first == 0) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        pid_t second = fork();
        if (second == 0) {
            pid_t third = fork();
            if (third == 0) {
                sleep_ms(100);
                tell(getppid() == top ? "the top" : "another");
                tell(" then ");
                sleep_ms(200);
                tell(getppid() == top ? "the top" : "another");
                _exit(0);
            }
            _exit(0);
        }
        waitpid(second, NULL, 0);
        sleep_ms(200);
        _exit(0);
    }
    int ended = 0;
    while (wait(NULL) > 0) {
        ended++;
    }
    tell(ended == 2 ? "; both" : "; not both");
}

/* The signal of an end: another one, none, SIGCHLD again once another program runs or another
 * parent is there. */
static void exit_signals(void) {
    static const int signals[] = {SIGUSR1, 0, SIGCHLD};
    for (int i = 0; i < 3; i++) {
        for (int execs = 0; execs < 2; execs++) {
            signals_seen = 0;
            listen_to(SIGUSR1);
            listen_to(SIGCHLD);
            pid_t child = (pid_t)syscall(SYS_clone, signals[i], 0, 0, 0, 0);
            if (child == 0) {
                sleep_ms(30);
                if (execs) {
                    execl("/proc/self/exe", "ends", "child", NULL);
                }
                _exit(3);
            }
            expected = child;
            int status = 0;
            pid_t plain, any;
            do {
                plain = waitpid(child, &status, 0);
            } while (plain < 0 && errno == EINTR);
            do {
                any = waitpid(child, &status, __WALL);
            } while (any < 0 && errno == EINTR);
            char text[96];
            snprintf(text, sizeof text, "signal %d exec %d: %d %d %x\n", signals[i], execs,
                     plain == child, any == child, status);
            tell(text);
        }
    }
}

int main(int argc, char **argv) {
    if (argc > 1) {
        return 3;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (order = 0; order < 3; order++) {
        in_child("thread by thread", one_by_one);
    }
    in_child("in order", in_order);
    in_child("a group after its first", group_after_first);
    in_child("killed after its first", killed_after_first);
    in_child("death of a parent", death_of_parent);
    in_child("zombies", zombies);
    in_child("adopted", adopted);
    in_child("signals", exit_signals);
    return 0;
}
