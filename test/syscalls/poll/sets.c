/* select by its edges: each of three sets, numbers beyond the table and beyond a word, hang-ups
 * that only some sets ask for, exceptional conditions, addresses that can be read and not written,
 * what is left of the time, and the calls' own structures.
 * test: own */
#include "test/syscalls/io_test.h"
#include "test/syscalls/numbers.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>

#define WORD_BITS ((int)sizeof(long) * 8)

static struct timeval zero;

static void show_sets(const char *what, int result, const fd_set *in, const fd_set *out,
                      const fd_set *except, const int *fd, int count) {
    printf("%s: %s %d", what, result < 0 ? strerrorname_np(errno) : "", result);
    for (int i = 0; i < count; i++) {
        printf(" %c%c%c", FD_ISSET(fd[i], in) ? 'r' : '-', FD_ISSET(fd[i], out) ? 'w' : '-',
               FD_ISSET(fd[i], except) ? 'x' : '-');
    }
    printf("\n");
}

/* All descriptors in all three sets. */
static void ask(const char *what, const int *fd, int count, struct timeval *timeout) {
    fd_set in, out, except;
    int most = 0;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&except);
    for (int i = 0; i < count; i++) {
        FD_SET(fd[i], &in);
        FD_SET(fd[i], &out);
        FD_SET(fd[i], &except);
        most = fd[i] > most ? fd[i] : most;
    }
    int result = select(most + 1, &in, &out, &except, timeout);
    show_sets(what, result, &in, &out, &except, fd, count);
}

static void readiness(void) {
    int p[2], q[2], s[2], all[6];
    (void)!pipe(p);
    (void)!pipe(q);
    (void)!socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    memcpy(all, p, sizeof p);
    memcpy(all + 2, q, sizeof q);
    memcpy(all + 4, s, sizeof s);
    ask("at first", all, 6, &zero);
    (void)!write(p[1], "x", 1);
    (void)!write(s[0], "x", 1);
    ask("written", all, 6, &zero);
    close(q[0]);
    all[2] = all[3];
    ask("a reader is gone", all, 6, NULL);
    char full[65536] = "";
    fcntl(p[1], F_SETFL, O_NONBLOCK);
    while (write(p[1], full, sizeof full) > 0) {
    }
    while (write(p[1], full, 1) > 0) {
    }
    ask("full", all, 2, &zero);
    close(p[1]);
    all[1] = all[0];
    ask("a writer is gone", all, 2, &zero);
    while (read(p[0], full, sizeof full) > 0) {
    }
    ask("and all is read", all, 2, NULL);
    shutdown(s[0], SHUT_WR);
    ask("half closed", s, 2, &zero);
    close(s[1]);
    all[0] = s[0];
    ask("closed", all, 1, &zero);
    close(s[0]);
    close(q[1]);
    close(p[0]);
}

/* A hang-up is no answer to who watches for writing or for exceptions alone. */
static void partly(void) {
    int p[2], q[2];
    fd_set out, except;
    (void)!pipe(p);
    (void)!pipe(q);
    close(p[1]);
    FD_ZERO(&out);
    FD_ZERO(&except);
    FD_SET(p[0], &except);
    FD_SET(p[0], &out);
    struct timeval tv = {0, 120000};
    long start = now_ms();
    SHOW(select(p[0] + 1, NULL, &out, &except, &tv) >= 0);
    printf("waited %d: %d %d\n", now_ms() - start >= 100, FD_ISSET(p[0], &out) != 0,
           FD_ISSET(p[0], &except) != 0);
    FD_ZERO(&except);
    FD_SET(p[0], &except);
    tv = (struct timeval){0, 120000};
    start = now_ms();
    SHOW(select(p[0] + 1, NULL, NULL, &except, &tv));
    printf("waited %d\n", now_ms() - start >= 100);
    /* beside it another one that becomes ready */
    if (fork() == 0) {
        sleep_ms(100);
        (void)!write(q[1], "x", 1);
        _exit(0);
    }
    fd_set in;
    FD_ZERO(&in);
    FD_ZERO(&except);
    FD_SET(q[0], &in);
    FD_SET(p[0], &except);
    tv = (struct timeval){20, 0};
    SHOW(select(64, &in, NULL, &except, &tv));
    printf("%d %d\n", FD_ISSET(q[0], &in) != 0, FD_ISSET(p[0], &except) != 0);
    wait(NULL);
    close(p[0]);
    close(q[0]);
    close(q[1]);
}

/* Urgent data is what exceptional conditions are. */
static void urgent(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server, (void *)&at, len) || listen(server, 1) ||
        getsockname(server, (void *)&at, &len) || connect(client, (void *)&at, len)) {
        return;
    }
    int conn = accept(server, NULL, NULL);
    ask("connected", &conn, 1, &zero);
    send(client, "!", 1, MSG_OOB);
    fd_set except;
    FD_ZERO(&except);
    FD_SET(conn, &except);
    struct timeval tv = {5, 0};
    SHOW(select(conn + 1, NULL, NULL, &except, &tv));
    ask("urgent", &conn, 1, &zero);
    close(conn);
    close(client);
    close(server);
}

/* Numbers: sets that are longer than the table, and descriptors in the words beyond the first. */
static void numbers(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < 1024 ? files.rlim_max : 1024;
    setrlimit(RLIMIT_NOFILE, &files);
    static const int places[] = {31, 32, 63, 64, 65, 200, 500};
    int p[2];
    (void)!pipe(p);
    (void)!write(p[1], "x", 1);
    fd_set in;
    /* nothing is open above: who asks for it */
    for (int n = 60; n < 64; n++) {
        FD_ZERO(&in);
        FD_SET(p[0], &in);
        FD_SET(n, &in);
        int result = select(n + 1, &in, NULL, NULL, &zero);
        printf("bit %d: %s %d %d %d\n", n, result < 0 ? strerrorname_np(errno) : "", result,
               FD_ISSET(p[0], &in) != 0, FD_ISSET(n, &in) != 0);
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int fd = places[i];
        dup2(p[0], fd);
        FD_ZERO(&in);
        FD_SET(fd, &in);
        FD_SET(fd - 1, &in);
        int result = select(fd + 1, &in, NULL, NULL, &zero);
        printf("%d and one that is closed: %s\n", fd, result < 0 ? strerrorname_np(errno) : "");
        FD_ZERO(&in);
        FD_SET(fd, &in);
        result = select(fd, &in, NULL, NULL, &zero); /* not asked for */
        printf("%d, one too few: %d %d\n", fd, result, FD_ISSET(fd, &in) != 0);
        FD_ZERO(&in);
        FD_SET(fd, &in);
        result = select(fd + 1, &in, NULL, NULL, &zero);
        printf("%d: %d %d\n", fd, result, FD_ISSET(fd, &in) != 0);
        FD_ZERO(&in);
        FD_SET(fd, &in);
        result = select(0x7fffffff, &in, NULL, NULL, &zero);
        printf("%d of very many: %d\n", fd, result);
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        close(places[i]);
    }
    close(p[0]);
    close(p[1]);
}

/* What of the structures is read, and what is written. */
static void addresses(void) {
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    int p[2];
    (void)!pipe(p);
    (void)!write(p[1], "x", 1);
    /* the last one of a page */
    unsigned long *word = (unsigned long *)(page + 4096 - sizeof *word);
    *word = 1ul << p[0];
    SHOW(syscall(SYS__newselect, p[0] + 1, word, 0, 0, &zero));
    *word = 0;
    SHOW(syscall(SYS__newselect, WORD_BITS, word, 0, 0, &zero));
    SHOW(syscall(SYS__newselect, WORD_BITS + 1, word, 0, 0, &zero));
    *word = 1ul << p[0];
    mprotect(page, 4096, PROT_READ);
    SHOW(syscall(SYS__newselect, p[0] + 1, word, 0, 0, &zero));
    SHOW(syscall(SYS__newselect, p[0] + 1, 0, word, 0, &zero));
    SHOW(syscall(SYS__newselect, 0, 0, 0, 0, page)); /* the time that is left cannot be told */
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
    long *times = (long *)(page + 64);
    times[0] = 0, times[1] = 2500000; /* more than a second of microseconds counts */
    *word = 1ul << p[0];
    SHOW(syscall(SYS__newselect, p[0] + 1, word, 0, 0, times));
    printf("left %ld, %d\n", times[0], times[1] >= 0 && times[1] < 1000000);
    times[0] = 3, times[1] = 0;
    *word = 1ul << p[0];
    unsigned long no_mask[2] = {0, 0};
    SHOW(syscall(SYS_pselect6, p[0] + 1, word, 0, 0, times, no_mask));
    printf("left %ld, %d\n", times[0], times[1] > 500000000);
    int64_t wide[2] = {3, 0};
    *word = 1ul << p[0];
    SHOW(syscall(SYS_pselect6_time64, p[0] + 1, word, 0, 0, wide, no_mask));
    printf("left %lld, %d\n", (long long)wide[0], wide[1] > 500000000);
    wide[0] = 0, wide[1] = 20000000;
    *word = 1ul << p[1];
    SHOW(syscall(SYS_pselect6_time64, p[1] + 1, word, 0, 0, wide, no_mask));
    printf("left %lld, %lld\n", (long long)wide[0], (long long)wide[1]);
    /* a signal: with a handler it ends the call, and the mask of the call holds while it waits */
    catch (SIGUSR1, SA_RESTART);
    wide[0] = 20, wide[1] = 0;
    signal_later(SIGUSR1, 60);
    *word = 1ul << p[1];
    SHOW(syscall(SYS_pselect6_time64, p[1] + 1, word, 0, 0, wide, no_mask));
    printf("left %d, handlers %d\n", wide[0] > 15 && wide[0] < 20, (int)signals_seen);
    wait(NULL);
    uint64_t all = ~0ull;
    unsigned long masked[2] = {(unsigned long)&all, 8};
    wide[0] = 0, wide[1] = 200000000;
    signal_later(SIGUSR1, 30);
    SHOW(syscall(SYS_pselect6_time64, 0, 0, 0, 0, wide, masked));
    printf("handlers after a masked wait %d\n", (int)signals_seen);
    wait(NULL);
    masked[0] = 8;
    SHOW(syscall(SYS_pselect6_time64, 0, 0, 0, 0, wide, masked));
    masked[1] = 9;
    SHOW(syscall(SYS_pselect6_time64, 0, 0, 0, 0, wide, masked));
    close(p[0]);
    close(p[1]);
}

/* What is in a set from the given number on does not count, open or not. */
static void beyond(void) {
    int p[2], closed;
    struct timeval now = {0};
    fd_set in;
    (void)!pipe(p);
    (void)!write(p[1], "x", 1);
    closed = dup(p[0]);
    close(closed);
    for (int open_one = 0; open_one < 2; open_one++) {
        int fd = open_one ? p[0] : closed;
        FD_ZERO(&in);
        FD_SET(fd, &in);
        printf("beyond: %d\n", select(fd, &in, NULL, NULL, &now));
        FD_ZERO(&in);
        FD_SET(fd, &in);
        printf("within: %d\n", select(fd + 1, &in, NULL, NULL, &now));
    }
    close(p[0]);
    close(p[1]);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    alarm(60);
    beyond();
    readiness();
    partly();
    urgent();
    numbers();
    addresses();
    return 0;
}
