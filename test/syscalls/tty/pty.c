/* Pseudo-terminals: opening, line discipline, window size, sessions, ^C ^Z, background access,
 * hang-up. */
#include "test/syscalls/io_test.h"
#include <pty.h>
#include <termios.h>

static int master;

/* What the master gives until `until` was seen or `ms` are over; printed with control characters.
 */
static void show_output(const char *what, const char *until, long ms) {
    static char text[4096];
    size_t len = 0;
    long end = now_ms() + ms;
    text[0] = 0;
    while (len < sizeof text - 1 && !(until && strstr(text, until))) {
        struct pollfd p = {master, POLLIN, 0};
        long left = end - now_ms();
        if (left <= 0 || poll(&p, 1, (int)left) <= 0) {
            break;
        }
        ssize_t n = read(master, text + len, sizeof text - 1 - len);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
        text[len] = 0;
    }
    printf("%s: ", what);
    for (size_t i = 0; i < len; i++) {
        if (text[i] < ' ') {
            printf("^%c", text[i] + 64);
        } else {
            putchar(text[i]);
        }
    }
    puts("");
    fflush(stdout);
}

static void type(const char *text) {
    if (write(master, text, strlen(text)) != (ssize_t)strlen(text)) {
        say("short write");
    }
}

static void discipline(void) {
    char name[64], text[64];
    master = posix_openpt(O_RDWR | O_NOCTTY);
    printf("master %d\n", master >= 0);
    unsigned lock = 9;
    SHOW(ioctl(master, TIOCGPTLCK, &lock));
    printf("locked %u\n", lock);
    SHOW(ptsname_r(master, name, sizeof name));
    printf("name %d\n", !strncmp(name, "/dev/pts/", 9));
    SHOW(open(name, O_RDWR | O_NOCTTY));
    SHOW(grantpt(master));
    SHOW(unlockpt(master));
    int slave = open(name, O_RDWR | O_NOCTTY);
    printf("slave %d\n", slave >= 0);
    struct stat a, b;
    SHOW(fstat(slave, &a));
    SHOW(stat(name, &b));
    printf("character device %d same %d\n", S_ISCHR(a.st_mode),
           a.st_rdev == b.st_rdev && a.st_ino == b.st_ino);
    char *found = ttyname(slave);
    printf("ttyname %d\n", found && !strcmp(found, name));
    SHOW(isatty(slave));
    SHOW(isatty(master));
    type("abc\x7f\x7fxy\n");
    SHOW(read(slave, text, sizeof text));
    printf("line: %.4s", text);
    show_output("echo", NULL, 100);
    SHOW(write(slave, "out\n", 4));
    show_output("output", NULL, 100);
    int count;
    type("1234\n");
    sleep_ms(50); /* the kernel handles it in a worker */
    SHOW(ioctl(slave, FIONREAD, &count));
    printf("readable %d\n", count);
    SHOW(tcflush(slave, TCIFLUSH));
    SHOW(ioctl(slave, FIONREAD, &count));
    printf("readable %d\n", count);
    show_output("echo", NULL, 100);
    type("\x04");
    SHOW(read(slave, text, sizeof text));
    struct termios t;
    SHOW(tcgetattr(slave, &t));
    printf("icanon %d echo %d isig %d\n", (t.c_lflag & ICANON) != 0, (t.c_lflag & ECHO) != 0,
           (t.c_lflag & ISIG) != 0);
    cfmakeraw(&t);
    SHOW(tcsetattr(slave, TCSANOW, &t));
    type("\x03q");
    SHOW(read(slave, text, 8));
    printf("raw %d %c\n", text[0], text[1]);
    struct winsize ws = {33, 77, 0, 0}, got;
    SHOW(ioctl(master, TIOCSWINSZ, &ws));
    SHOW(ioctl(slave, TIOCGWINSZ, &got));
    printf("size %d %d\n", got.ws_row, got.ws_col);
    int flag = 1;
    SHOW(ioctl(master, TIOCPKT, &flag));
    write(slave, "p", 1);
    SHOW(read(master, text, 8));
    printf("packet %d %c\n", text[0], text[1]);
    SHOW(ioctl(slave, TIOCGSID, &count));
    SHOW(ioctl(slave, TIOCGPGRP, &count));
    SHOW(ioctl(slave, TIOCSPGRP, &count));
    int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    printf("peer %d close-on-exec %d\n", peer >= 0, fcntl(peer, F_GETFD));
    SHOW(lseek(slave, 0, SEEK_SET));
    close(peer);
    close(slave);
    SHOW(read(master, text, 1));
    slave = open(name, O_RDWR | O_NOCTTY);
    close(master);
    SHOW(read(slave, text, 1));
    SHOW(write(slave, "x", 1));
    SHOW(open(name, O_RDWR) >= 0 || errno == EIO || errno == ENOENT);
    close(slave);
}

static void on_int(int signo) {
    dprintf(1, "got %s\n", strsignal(signo));
}

/* A session of its own on the slave: leader, foreground child, background child. */
static void leader(void) {
    int pgrp, status;
    printf("leader: session %d", getsid(0) == getpid());
    SHOW(ioctl(0, TIOCGSID, &pgrp));
    printf("sid %d\n", pgrp == getpid());
    SHOW(tcgetpgrp(0) == getpgrp());
    int tty = open("/dev/tty", O_RDWR);
    printf("/dev/tty %d\n", tty >= 0);
    signal(SIGINT, on_int);
    signal(SIGQUIT, on_int);
    signal(SIGWINCH, on_int);
    say("ready 1");
    pause(); /* ^C */
    pause(); /* ^\ */
    pause(); /* size */
    signal(SIGINT, SIG_DFL);
    signal(SIGTTOU, SIG_IGN);
    /* A foreground job that is interrupted, then one that is stopped and continued. */
    for (int round = 0; round < 2; round++) {
        pid_t job = fork();
        if (job == 0) {
            setpgid(0, 0);
            tcsetpgrp(0, getpid());
            signal(SIGTTOU, SIG_DFL);
            say("job runs");
            sleep(20);
            _exit(1);
        }
        setpgid(job, job);
        waitpid(job, &status, WUNTRACED);
        SHOW(tcsetpgrp(0, getpid()));
        if (WIFSTOPPED(status)) {
            printf("stopped by %s\n", strsignal(WSTOPSIG(status)));
            kill(-job, SIGCONT);
            waitpid(job, &status, WCONTINUED);
            printf("continued %d\n", WIFCONTINUED(status));
            kill(-job, SIGTERM);
            waitpid(job, &status, 0);
        }
        printf("ended by %s\n", strsignal(WTERMSIG(status)));
    }
    /* A background job reads: SIGTTIN; writes with TOSTOP: SIGTTOU; ignoring it: EIO. */
    struct termios t;
    tcgetattr(0, &t);
    t.c_lflag |= TOSTOP;
    tcsetattr(0, TCSANOW, &t);
    for (int round = 0; round < 3; round++) {
        pid_t job = fork();
        if (job == 0) {
            char c;
            setpgid(0, 0);
            signal(SIGTTOU, SIG_DFL);
            if (round == 2) {
                signal(SIGTTIN, SIG_IGN);
            }
            if (round == 1) {
                _exit(write(1, "no\n", 3) < 0);
            }
            _exit(read(0, &c, 1) < 0 && errno == EIO ? 42 : 1);
        }
        setpgid(job, job);
        waitpid(job, &status, WUNTRACED);
        if (WIFSTOPPED(status)) {
            printf("background: %s\n", strsignal(WSTOPSIG(status)));
            kill(-job, SIGKILL);
            waitpid(job, &status, 0);
        } else {
            printf("background: status %d\n", WEXITSTATUS(status));
        }
    }
    signal(SIGHUP, SIG_DFL);
    say("waiting for the hang-up");
    sleep(20);
    _exit(3);
}

static void jobs(void) {
    int slave;
    if (openpty(&master, &slave, NULL, NULL, NULL)) {
        exit(1);
    }
    struct termios t;
    tcgetattr(slave, &t);
    t.c_oflag &= ~(tcflag_t)OPOST;
    tcsetattr(slave, TCSANOW, &t);
    pid_t child = fork();
    if (child == 0) {
        close(master);
        setsid();
        ioctl(slave, TIOCSCTTY, 0);
        dup2(slave, 0);
        dup2(slave, 1);
        close(slave);
        leader();
    }
    close(slave);
    show_output("session", "ready 1", 3000);
    sleep_ms(100);
    type("\x03");
    show_output("^C", "Interrupt\n", 3000);
    sleep_ms(100);
    type("\x16\x03"); /* VLNEXT makes it data */
    show_output("literal", NULL, 200);
    type("\x1c");
    show_output("^\\", "Quit\n", 3000);
    sleep_ms(100);
    struct winsize ws = {10, 20, 0, 0};
    ioctl(master, TIOCSWINSZ, &ws);
    show_output("size", "job runs", 3000);
    sleep_ms(100);
    type("\x03");
    show_output("job 1", "job runs", 3000);
    sleep_ms(100);
    type("\x1a");
    show_output("job 2 and background", "hang-up", 3000);
    sleep_ms(100);
    close(master);
    int status;
    waitpid(child, &status, 0);
    printf("leader ended by signal %d\n", WTERMSIG(status));
}

/* ttys and sessions: who may take which. */
static void rules(void) {
    int slave;
    char name[64];
    openpty(&master, &slave, name, NULL, NULL);
    pid_t child = fork();
    if (child == 0) {
        SHOW(ioctl(slave, TIOCSCTTY, 0) == -1 && errno == EPERM); /* not a leader */
        setsid();
        SHOW(open("/dev/tty", O_RDWR));
        int again = open(name, O_RDWR); /* takes it: no O_NOCTTY */
        SHOW(tcgetsid(again) == getpid());
        SHOW(ioctl(slave, TIOCSCTTY, 0));
        int pgrp = 999999;
        SHOW(ioctl(slave, TIOCSPGRP, &pgrp));
        pgrp = -1;
        SHOW(ioctl(slave, TIOCSPGRP, &pgrp));
        signal(SIGHUP, SIG_IGN);
        SHOW(ioctl(slave, TIOCNOTTY));
        SHOW(open("/dev/tty", O_RDWR));
        SHOW(tcgetpgrp(slave));
        _exit(0);
    }
    waitpid(child, NULL, 0);
    close(slave);
    close(master);
}

/* The name goes with the master, though the slave is still open. */
static void name_goes(void) {
    int slave;
    char name[64];
    struct stat st;
    openpty(&master, &slave, name, NULL, NULL);
    SHOW(stat(name, &st));
    close(master);
    SHOW(stat(name, &st));
    SHOW(open(name, O_RDWR));
    SHOW(chmod(name, 0600));
    SHOW(fstat(slave, &st));
    close(slave);
}

int main(void) {
    discipline();
    jobs();
    rules();
    name_goes();
    return 0;
}
