/* What is left behind: a child that was only looked at, the rest of a record lock that was split, a
 * robust list with waiters, a stopped group that becomes an orphan.
 *
 * Build: cc -O2 -static -pthread leaving.c */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- waitid ---------------------------------------------------------------------------------- */

static void looked_at(void) {
    siginfo_t info;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(7);
    }
    for (int i = 0; i < 3; i++) {
        memset(&info, 0, sizeof info);
        int got = waitid(P_PID, (id_t)pid, &info, WEXITED | (i < 2 ? WNOWAIT : 0));
        printf("waitid %d: status %d, the child's %d\n", got, info.si_status, info.si_pid == pid);
    }
    int got = waitid(P_PID, (id_t)pid, &info, WEXITED);
    printf("and then: %d %s\n", got, strerror(errno));
    if ((pid = fork()) == 0) {
        raise(SIGSTOP);
        usleep(300000);
        _exit(0);
    }
    for (int i = 0; i < 2; i++) {
        memset(&info, 0, sizeof info);
        waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT);
        printf("stopped by %d\n", info.si_status == SIGSTOP);
    }
    waitid(P_PID, (id_t)pid, &info, WSTOPPED);
    memset(&info, 0, sizeof info);
    waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG);
    printf("taken: %d\n", info.si_pid == 0);
    kill(pid, SIGCONT);
    for (int i = 0; i < 2; i++) {
        memset(&info, 0, sizeof info);
        waitid(P_PID, (id_t)pid, &info, WCONTINUED | WNOWAIT);
        printf("continued %d\n", info.si_code == CLD_CONTINUED);
    }
    waitpid(pid, NULL, 0);
}

/* --- record locks ---------------------------------------------------------------------------- */

static void lock(int fd, int type, off_t start, off_t len) {
    struct flock range = {
        .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    if (fcntl(fd, F_SETLK, &range)) {
        perror("fcntl");
    }
}

/* As another process sees it: each stretch of locked bytes. */
static void show_locks(const char *what, int fd) {
    printf("%s:", what);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        for (off_t at = 0; at < 1000;) {
            struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at};
            if (fcntl(fd, F_GETLK, &range) || range.l_type == F_UNLCK) {
                break;
            }
            printf(" %s %d-%d", range.l_type == F_WRLCK ? "w" : "r", (int)range.l_start,
                   (int)(range.l_len ? range.l_start + range.l_len - 1 : -1));
            at = range.l_len ? range.l_start + range.l_len : 1000;
        }
        printf("\n");
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static void split_locks(void) {
    int fd = open("locked", O_CREAT | O_RDWR, 0600);
    lock(fd, F_WRLCK, 0, 100);
    lock(fd, F_UNLCK, 40, 20);
    show_locks("a hole", fd);
    lock(fd, F_RDLCK, 10, 5);
    show_locks("another kind inside", fd);
    lock(fd, F_WRLCK, 40, 20);
    show_locks("the hole filled", fd);
    lock(fd, F_UNLCK, 0, 1);
    lock(fd, F_UNLCK, 99, 1);
    show_locks("both ends", fd);
    lock(fd, F_UNLCK, 50, 0);
    show_locks("to the end of the file", fd);
    close(fd);
    unlink("locked");
}

/* --- robust lists ---------------------------------------------------------------------------- */

struct node {
    struct robust_list list;
    uint32_t word;
};

static struct node held[3];
static struct robust_list_head head;

static void *dies(void *arg) {
    uint32_t tid = (uint32_t)syscall(SYS_gettid);
    head.futex_offset = offsetof(struct node, word);
    head.list.next = &held[0].list;
    held[0].list.next = &held[1].list;
    held[1].list.next = &held[2].list;
    held[2].list.next = &head.list;
    held[0].word = tid;
    held[1].word = tid | FUTEX_WAITERS;
    held[2].word = tid + 1; /* somebody else's */
    syscall(SYS_set_robust_list, &head, sizeof head);
    syscall(SYS_exit, 0);
    return NULL;
}

static void robust(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, dies, NULL);
    pthread_join(thread, NULL);
    printf("robust: %x %x, untouched %d\n", held[0].word, held[1].word,
           !(held[2].word & (FUTEX_OWNER_DIED | FUTEX_WAITERS)));
}

/* --- orphans ---------------------------------------------------------------------------------- */

static int report;

static void note(int signo) {
    char what = signo == SIGHUP ? 'H' : 'C';
    (void)!write(report, &what, 1);
    if (signo == SIGCONT) {
        _exit(0);
    }
}

/* A session, in it a middle process and its child, which stops. The middle one ends. `own_group`:
 * of the child; else it is in the middle one's. */
static void orphan(int own_group, int stops) {
    int ends[2], ready[2];
    char text[16] = "", byte;
    (void)!pipe(ends);
    (void)!pipe(ready);
    fflush(stdout);
    pid_t session = fork();
    if (session == 0) {
        setsid();
        pid_t middle = fork();
        if (middle == 0) {
            setpgid(0, 0);
            pid_t child = fork();
            if (child == 0) {
                if (own_group) {
                    setpgid(0, 0);
                }
                report = ends[1];
                struct sigaction action = {.sa_handler = note};
                sigaddset(&action.sa_mask, SIGHUP);
                sigaddset(&action.sa_mask, SIGCONT);
                sigaction(SIGHUP, &action, NULL);
                sigaction(SIGCONT, &action, NULL);
                alarm(10);
                (void)!write(ready[1], "", 1);
                if (stops) {
                    raise(SIGSTOP);
                } else {
                    usleep(300000);
                }
                _exit(0);
            }
            (void)!read(ready[0], &byte, 1);
            siginfo_t info;
            if (stops) {
                waitid(P_PID, (id_t)child, &info, WSTOPPED);
            }
            _exit(0);
        }
        waitpid(middle, NULL, 0);
        usleep(200000);
        _exit(0);
    }
    waitpid(session, NULL, 0);
    close(ends[1]);
    for (size_t n = 0; n < sizeof text - 1 && read(ends[0], &byte, 1) == 1; n++) {
        text[n] = byte;
    }
    printf("own group %d, stopped %d: '%s'\n", own_group, stops,
           strchr(text, 'H') && strchr(text, 'C') ? "both" : text);
    close(ends[0]);
    close(ready[0]);
    close(ready[1]);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    looked_at();
    split_locks();
    robust();
    for (int own_group = 0; own_group < 2; own_group++) {
        for (int stops = 0; stops < 2; stops++) {
            orphan(own_group, stops);
        }
    }
    return 0;
}
