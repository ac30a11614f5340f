/* What a process has mapped stays, whatever became of the file: fork, mremap and madvise ask it not
 * again. Seals, files opened for reading, modes, truncation, deletion.
 * test: check-memory */
#include "mm_test.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

static int memory(size_t len, const char *text) {
    int fd = memfd_create("inherit", MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)len) || pwrite(fd, text, strlen(text), 0) < 0) {
        exit(1);
    }
    return fd;
}

static char *mapped(int fd, size_t len, int prot, int flags) {
    char *at = mmap(NULL, len, prot, flags, fd, 0);
    if (at == MAP_FAILED) {
        exit(2);
    }
    return at;
}

/* The child writes a byte where it may; both see it if the mapping is shared. */
static void forked(const char *what, char *at, size_t at_byte, int writes) {
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        char seen = at[at_byte];
        if (writes) {
            at[at_byte] = 'C';
        }
        _exit(seen);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        printf("%s: fork %s\n", what, strerrorname_np(errno));
        return;
    }
    printf("%s: ", what);
    if (WIFSIGNALED(status)) {
        printf("child signal %d\n", WTERMSIG(status));
    } else {
        printf("child saw '%c', now '%c'\n", WEXITSTATUS(status), at[at_byte]);
    }
}

static void sealed(void) {
    int fd = memory(4 * PAGE, "sealed");
    char *rw = mapped(fd, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    char *ro = mapped(fd, PAGE, PROT_READ, MAP_SHARED);
    SHOW(mprotect(ro, PAGE, PROT_READ | PROT_WRITE));
    forked("future write, fork", rw, 0, 1);
    forked("second page", rw + PAGE, 0, 1);
    char *grown = mremap(rw, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    printf("grown %d\n", grown != MAP_FAILED);
    grown[3 * PAGE] = 'g';
    forked("grown, fork", grown, 3 * PAGE, 1);
    char *twin = mremap(grown, 0, 4 * PAGE, MREMAP_MAYMOVE);
    printf("twin %d '%c'\n", twin != MAP_FAILED, twin != MAP_FAILED ? twin[3 * PAGE] : '-');
    SHOW(madvise(grown, 4 * PAGE, MADV_DONTNEED));
    SHOW(mprotect(grown, PAGE, PROT_READ));
    SHOW(mprotect(grown, PAGE, PROT_READ | PROT_WRITE));
    SHOW(madvise(twin, PAGE, MADV_REMOVE));
    forked("after REMOVE", grown, 0, 1);
    close(fd);
}

static void write_sealed(void) {
    int fd = memory(2 * PAGE, "private");
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    char *own = mapped(fd, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    own[0] = 'o';
    forked("F_SEAL_WRITE, private", own, 0, 1);
    forked("untouched", own, 1, 1);
    char *shared = mapped(fd, PAGE, PROT_READ, MAP_SHARED);
    forked("shared for reading", shared, 2, 0);
    SHOW(mprotect(shared, PAGE, PROT_READ | PROT_WRITE));
    char *grown = mremap(own, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    printf("private grown %d '%c' %d\n", grown != MAP_FAILED, grown[0], grown[PAGE]);
    close(fd);
}

static void files(void) {
    int fd = open("file", O_RDWR | O_CREAT, 0600), reading = open("file", O_RDONLY);
    if (fd < 0 || reading < 0 || ftruncate(fd, 3 * PAGE) || pwrite(fd, "abcdef", 6, 0) != 6) {
        exit(3);
    }
    char *shared = mapped(fd, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    char *ro = mapped(reading, 3 * PAGE, PROT_READ, MAP_SHARED);
    char *own = mapped(reading, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    own[2] = 'O';
    own[2 * PAGE] = 'P';
    close(fd);
    close(reading);
    if (chmod("file", 0)) {
        exit(4);
    }
    forked("mode 0, shared", shared, 0, 1);
    forked("mode 0, for reading", ro, 0, 0);
    forked("mode 0, private", own, 2, 1);
    SHOW(truncate("file", PAGE));
    forked("cut, first page", shared, 1, 1);
    forked("cut, third page", shared, 2 * PAGE, 1);
    forked("cut, private changed page", own, 2 * PAGE, 0);
    SHOW(unlink("file"));
    forked("deleted, shared", shared, 3, 1);
    forked("deleted, private", own, 2, 1);
    char *moved = mremap(shared, 3 * PAGE, PAGE, MREMAP_MAYMOVE);
    printf("shrunk %d\n", moved == shared);
    char *twin = mremap(shared, 0, PAGE, MREMAP_MAYMOVE);
    printf("twin %d '%c'\n", twin != MAP_FAILED, twin != MAP_FAILED ? twin[3] : '-');
    char *place = map_anon(4 * PAGE, PROT_NONE);
    moved = mremap(shared, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    printf("moved %d '%c'\n", moved == place, moved[3]);
    forked("moved", moved, 4, 1);
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
    char *left = mremap(moved, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    printf("left behind %d '%c' '%c'\n", left != MAP_FAILED, left[3], moved[3]);
    left[5] = 'L';
    printf("both are the file %d\n", moved[5] == 'L');
}

/* Pieces of one mapping that the host keeps apart (each was touched by itself). */
static void pieces(void) {
    char *at = map_anon(64 * PAGE, PROT_NONE);
    for (int i = 0; i < 64; i++) {
        mprotect(at + i * PAGE, PAGE, PROT_READ | PROT_WRITE);
        at[i * PAGE] = (char)i;
        mprotect(at + i * PAGE, PAGE, i & 1 ? PROT_READ : PROT_NONE);
    }
    SHOW(mprotect(at, 64 * PAGE, PROT_READ | PROT_WRITE));
    char *to = map_anon(64 * PAGE, PROT_NONE);
    char *moved = mremap(at, 64 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    int right = 0;
    for (int i = 0; i < 64 && moved == to; i++) {
        right += moved[i * PAGE] == i;
    }
    printf("moved %d, right %d\n", moved == to, right);
}

int main(void) {
    sealed();
    write_sealed();
    files();
    pieces();
    return 0;
}
