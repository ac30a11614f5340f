/* Mapping what cannot be mapped: the error of each kind of file, alone and over a mapping that is
 * in use; and that memory is whole afterwards.
 * test: check-memory */
#include "mm_test.h"
#include <mqueue.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static char *area;
static char stacks[4][16 * PAGE] __attribute__((aligned(PAGE)));

static void *stay(void *arg) {
    pthread_barrier_wait(arg);
    pthread_barrier_wait(arg);
    return NULL;
}

/* Threads of the program are made after each failure: were there a hole in the emulated memory, the
 * host's stacks of these threads would be in it (the program's own are elsewhere). */
static void with_threads(void) {
    pthread_t thread[4];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 5);
    for (int i = 0; i < 4; i++) {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        if (pthread_attr_setstack(&attributes, stacks[i], sizeof stacks[i]) ||
            pthread_create(&thread[i], &attributes, stay, &barrier)) {
            exit(1);
        }
    }
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
    }
}

static const char *tried(int fd, int prot, int flags, void *at) {
    void *got = mmap(at, 16 * PAGE, prot, flags, fd, 0);
    if (got == MAP_FAILED) {
        return strerrorname_np(errno);
    }
    munmap(got, 16 * PAGE);
    return "mapped";
}

static void kind(const char *name, int fd) {
    if (fd < 0) {
        printf("%s: not there\n", name);
        return;
    }
    printf("%s: %s", name, tried(fd, PROT_READ, MAP_PRIVATE, NULL));
    printf(" %s", tried(fd, PROT_READ, MAP_SHARED, NULL));
    printf(" %s", tried(fd, PROT_READ | PROT_WRITE, MAP_SHARED, NULL));
    memset(area, 'a', 16 * PAGE);
    printf(" fixed %s", tried(fd, PROT_READ, MAP_PRIVATE | MAP_FIXED, area));
    with_threads(); /* what was there may be gone: Linux asks a socket after the unmapping */
    munmap(area, 16 * PAGE);
    printf(" nowhere %s", tried(fd, PROT_READ, MAP_PRIVATE | MAP_FIXED, area));
    printf(" down %s", tried(fd, PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN, NULL));
    printf(" unaligned %s", tried(fd, PROT_READ, MAP_PRIVATE | MAP_FIXED, area + 1));
    with_threads();
    if (mmap(area, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
             0) != area) {
        exit(1);
    }
    printf(" noreplace %s\n", tried(fd, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, area));
    close(fd);
}

int main(void) {
    int ends[2];
    sigset_t set;
    sigemptyset(&set);
    area = map_anon(16 * PAGE, PROT_READ | PROT_WRITE);
    kind("socket", socket(AF_INET, SOCK_DGRAM, 0));
    kind("stream", socket(AF_UNIX, SOCK_STREAM, 0));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends)) {
        return 1;
    }
    kind("pair", ends[0]);
    if (pipe(ends)) {
        return 1;
    }
    kind("pipe", ends[0]);
    kind("pipe, writing", ends[1]);
    kind("directory", open("/", O_RDONLY));
    kind("path", open("/", O_PATH));
    kind("eventfd", eventfd(0, 0));
    kind("epoll", epoll_create1(0));
    kind("signalfd", signalfd(-1, &set, 0));
    kind("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
    kind("inotify", inotify_init());
    kind("pidfd", (int)syscall(SYS_pidfd_open, getpid(), 0));
    kind("mqueue", mq_open("/mm_refused", O_RDWR | O_CREAT, 0600, NULL));
    mq_unlink("/mm_refused");
    kind("null", open("/dev/null", O_RDWR));
    kind("full", open("/dev/full", O_RDWR));
    kind("ptmx", posix_openpt(O_RDWR | O_NOCTTY));
    kind("maps", open("/proc/self/maps", O_RDONLY));
    kind("status", open("/proc/self/status", O_RDONLY));
    kind("text for writing", open("refused", O_WRONLY | O_CREAT, 0600));
    if (mkfifo("fifo", 0600)) {
        return 1;
    }
    kind("fifo", open("fifo", O_RDWR));
    return 0;
}
