/* Memory calls and system calls about addresses far from everything else, in the upper parts of 47
 * bits: what is mapped, moved, shared, inherited there, and is there when the kernel writes to it.
 * test: only x86-64
 * test: check-memory
 * test: limit 60 */
#include "mm_test.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#define CHUNK ((size_t)1 << 36)
#define FAR   ((char *)0x300000000000)
#define FIXED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE)
#define RW    (PROT_READ | PROT_WRITE)
#define END   (FAR + CHUNK) /* two chunks meet here */

static void finish(const char *what, pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    printf("%s: %x\n", what, status);
}

static void places(void) {
    SHOW_AT(FAR, mmap(FAR, 8 * CHUNK, RW, FIXED, -1, 0));
    SHOW(mmap(FAR + PAGE, PAGE, RW, FIXED, -1, 0));
    SHOW_AT(FAR, mmap(FAR - PAGE, PAGE, RW, FIXED & ~MAP_FIXED_NOREPLACE, -1, 0)); /* a hint */
    char *low = mmap(FAR, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    printf("low %d\n", (size_t)low < (size_t)1 << 31);
    munmap(low, PAGE);
    char *last = (char *)0x7fffffffe000;
    SHOW_AT(last, mmap(last, PAGE, RW, FIXED, -1, 0));
    last[PAGE - 1] = 1;
    touch("the last byte", last + PAGE - 1, 0, last);
    touch("after it", last + PAGE, 0, last);
    SHOW(munmap(last, PAGE));
    for (unsigned i = 0; i < 100; i++) { /* all over the place */
        char *at = (char *)((uintptr_t)(i * 0x10007fu % 0x3000u + 0x1000u) << 33);
        if (mmap(at, PAGE, RW, FIXED, -1, 0) == at) {
            at[i] = (char)i;
            printf("%d ", at[i]);
            munmap(at, PAGE);
        }
    }
    puts("");
}

static void changes(void) {
    strcpy(END - 4, "over the end");
    SHOW(mprotect(END - PAGE, 2 * PAGE, PROT_READ));
    touch("protected", END - 1, 1, END);
    touch("protected", END, 1, END);
    puts(END - 4);
    SHOW(mprotect(FAR, 8 * CHUNK, PROT_NONE));
    touch("none", END, 0, END);
    SHOW(mprotect(FAR, 8 * CHUNK, RW));
    touch("all", END, 1, END);
    SHOW_AT(FAR, mremap(END - 2 * PAGE, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                        FAR + 3 * CHUNK - PAGE));
    puts(FAR + 3 * CHUNK - PAGE + 2 * PAGE - 4);
    touch("moved away", END, 0, END);
    SHOW_AT(FAR, mmap(END - 2 * PAGE, 4 * PAGE, RW, FIXED, -1, 0));
    touch("new", END - 4, 0, END);
    SHOW_AT(FAR, mremap(END - PAGE, 2 * PAGE, PAGE, 0));
    touch("cut", END, 0, END);
    SHOW_AT(FAR, mmap(END, PAGE, RW, FIXED, -1, 0));
    char *near = map_anon(3 * PAGE, RW);
    strcpy(near + 10, "from near");
    SHOW_AT(END, mremap(near, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, END - PAGE));
    puts(END - PAGE + 10);
    strcpy(END - 3, "12345");
    SHOW(madvise(END - PAGE, PAGE, MADV_DONTNEED));
    printf("left '%s' '%s'\n", END - 3, END);
    SHOW(madvise(FAR + 4 * CHUNK, CHUNK, MADV_DONTNEED));
    SHOW(madvise(FAR, 8 * CHUNK, MADV_HUGEPAGE));
    SHOW(madvise(FAR + 5 * CHUNK, 4 * PAGE, 23 /* MADV_POPULATE_WRITE */));
    unsigned char there[4] = {0};
    SHOW(mincore(FAR + 5 * CHUNK, 4 * PAGE, there));
    printf("mincore %d%d%d%d\n", there[0] & 1, there[1] & 1, there[2] & 1, there[3] & 1);
    SHOW(mincore(FAR + 9 * CHUNK, PAGE, there));
    SHOW(munmap(FAR + 6 * CHUNK - PAGE, 2 * PAGE));
    touch("hole", FAR + 6 * CHUNK - 1, 0, FAR + 6 * CHUNK);
    touch("hole", FAR + 6 * CHUNK, 1, FAR + 6 * CHUNK);
    touch("beside it", FAR + 6 * CHUNK + PAGE, 1, FAR + 6 * CHUNK);
}

static void files(void) {
    int fd = letters(8 * PAGE);
    char *at = FAR + 10 * CHUNK - 3 * PAGE;
    SHOW_AT(at, mmap(at, 8 * PAGE, RW, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0));
    printf("%c%c%c\n", at[0], at[3 * PAGE], at[7 * PAGE]);
    at[2 * PAGE] = 'x';
    at[3 * PAGE] = 'y';
    SHOW(msync(at, 8 * PAGE, MS_SYNC));
    char got[2] = "";
    SHOW(pread(fd, got, 1, 2 * PAGE) + pread(fd, got + 1, 1, 3 * PAGE));
    printf("file %.2s\n", got);
    char *own = FAR + 12 * CHUNK - PAGE;
    SHOW_AT(own, mmap(own, 3 * PAGE, RW, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, PAGE));
    own[PAGE] = 'p';
    pid_t child = fork();
    if (!child) {
        at[4 * PAGE] = 'z';
        own[0] = 'q';
        END[5] = 'c';
        FAR[7 * CHUNK] = 'n';
        _exit(own[PAGE] == 'p' && !strcmp(FAR + 3 * CHUNK + PAGE - 4, "over the end"));
    }
    finish("child", child);
    printf("%c %c %d %d\n", at[4 * PAGE], own[0], END[5], FAR[7 * CHUNK]);
    SHOW_AT(at, mremap(at, 8 * PAGE, 4 * PAGE, 0));
    SHOW_AT(at, mremap(at, 4 * PAGE, 6 * PAGE, 0));
    printf("%c\n", at[5 * PAGE]);
    SHOW(ftruncate(fd, PAGE));
    touch("after the file's end", at + PAGE, 0, at);
    SHOW(munmap(at, 8 * PAGE));
    close(fd);
}

/* System calls that read and write memory there, also on both sides of the end. */
static void calls(void) {
    int pipes[2], pair[2];
    char *at = FAR + 2 * CHUNK - 6, text[32] = "";
    if (pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
        exit(1);
    }
    strcpy(at, "hello world");
    SHOW(write(pipes[1], at, 12));
    SHOW(read(pipes[0], at + 20, 12));
    puts(at + 20);
    memset(at, 0, 12);
    SHOW(write(pipes[1], "there again", 12));
    SHOW(read(pipes[0], at, 12));
    puts(at);
    struct iovec *vec = (struct iovec *)(FAR + 4 * CHUNK - 8);
    vec[0] = (struct iovec){at, 6};
    vec[1] = (struct iovec){at + 5, 7};
    SHOW(writev(pair[0], vec, 2));
    vec[0] = (struct iovec){text, 3};
    vec[1] = (struct iovec){at + 1, 10};
    SHOW(readv(pair[1], vec, 2));
    printf("%s %.10s\n", text, at + 1);
    strcpy(at, "/proc/self/comm");
    int fd = open(at, O_RDONLY);
    SHOW(read(fd, at, 30) > 0);
    printf("%s", at);
    close(fd);
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    SHOW(read(pipes[0], (char *)0x500000000000, 1)); /* nothing is there, in the pipe neither */
    SHOW(write(pipes[1], (char *)0x500000000000, 1));
    SHOW(write(pipes[1], FAR + 6 * CHUNK - PAGE - 3, 8)); /* up to a hole */
    SHOW(open((char *)0x500000000000, O_RDONLY));
    SHOW(stat("/", (struct stat *)at));
    printf("directory %d\n", S_ISDIR(((struct stat *)at)->st_mode));
    memset(at, 0, 40);
    SHOW(getrandom(FAR + 5 * CHUNK - 100, 50, 0));
    SHOW(syscall(SYS_futex, FAR + 5 * CHUNK, FUTEX_WAIT, 1, NULL));
    SHOW(syscall(SYS_futex, FAR + 5 * CHUNK, FUTEX_WAKE, 1));
    SHOW(syscall(SYS_futex, 0x500000000000, FUTEX_WAIT, 1, NULL));
    struct timespec *time = (struct timespec *)(FAR + 7 * CHUNK - 8);
    SHOW(clock_gettime(CLOCK_MONOTONIC, time));
    printf("time %d\n", time->tv_sec > 0);
}

/* What /proc/self/maps has of it; neighbours that are alike as one, for Linux does not join all. */
static void listed(void) {
    char line[256], prot[8] = "", old[8] = "";
    unsigned long start, end, first = 0, last = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %7s", &start, &end, prot) != 3 || end <= (unsigned long)FAR ||
            end > (unsigned long)FAR + 17 * CHUNK) {
            continue;
        }
        start = start < (unsigned long)FAR ? (unsigned long)FAR : start;
        if (start != last || strcmp(prot, old) != 0) {
            printf("%lx-%lx %s\n", first, last, old);
            first = start;
        }
        last = end;
        strcpy(old, prot);
    }
    printf("%lx-%lx %s\n", first, last, old);
    fclose(maps);
}

static void limits(void) {
    struct rlimit limit = {(rlim_t)1 << 40, RLIM_INFINITY};
    SHOW(setrlimit(RLIMIT_AS, &limit));
    SHOW(mmap(FAR + 20 * CHUNK, 16 * CHUNK, PROT_NONE, FIXED, -1, 0));
    limit.rlim_cur = RLIM_INFINITY;
    SHOW(setrlimit(RLIMIT_AS, &limit));
    SHOW_AT(FAR, mmap(FAR + 20 * CHUNK, 16 * CHUNK, PROT_NONE, FIXED, -1, 0));
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    catch_faults();
    places();
    changes();
    files();
    listed();
    calls();
    limits();
    return 0;
}
