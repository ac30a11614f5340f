/* madvise, msync, mincore, mlock, and what fork inherits. */
#include "mm_test.h"

static void in_child(const char *what, char *at, char *base) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        touch(what, at, 0, base);
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

int main(void) {
    catch_faults();
    int rw = PROT_READ | PROT_WRITE;
    char *area = map_anon(16 * PAGE, rw);
    memset(area, 'z', 16 * PAGE);
    SHOW(madvise(area + 1, PAGE, MADV_DONTNEED));
    SHOW(madvise(area, PAGE, 77));
    SHOW(madvise(area, 0, MADV_DONTNEED));
    SHOW(madvise(area, PAGE + 1, MADV_DONTNEED));
    printf("%d %d %d\n", area[0], area[PAGE], area[2 * PAGE]);
    SHOW(madvise(area, PAGE, MADV_WILLNEED));
    SHOW(madvise(area, 4 * PAGE, MADV_SEQUENTIAL));
    SHOW(mprotect(area + 8 * PAGE, PAGE, PROT_READ));
    SHOW(madvise(area + 8 * PAGE, PAGE, MADV_DONTNEED));
    SHOW(area[8 * PAGE]);
    SHOW(munmap(area + 10 * PAGE, PAGE));
    SHOW(madvise(area + 9 * PAGE, 3 * PAGE, MADV_DONTNEED));
    printf("%d %d\n", area[9 * PAGE], area[11 * PAGE]);
    SHOW(madvise(area + 3 * PAGE, PAGE, MADV_FREE));

    int fd = letters(3 * PAGE);
    char *private = mmap(NULL, 3 * PAGE, rw, MAP_PRIVATE, fd, 0);
    private[0] = '?';
    SHOW(madvise(private, PAGE, MADV_DONTNEED));
    SHOW(private[0]);
    SHOW(madvise(private, PAGE, MADV_FREE));
    SHOW(madvise(private, PAGE, MADV_REMOVE));
    SHOW(madvise(private, PAGE, MADV_WIPEONFORK));
    char *shared = mmap(NULL, 3 * PAGE, rw, MAP_SHARED, fd, 0);
    shared[1] = '!';
    SHOW(msync(shared, PAGE, MS_SYNC));
    SHOW(msync(shared, PAGE, MS_SYNC | MS_ASYNC));
    SHOW(msync(shared + 1, PAGE, MS_SYNC));
    SHOW(msync(shared, PAGE, 0x40));
    SHOW(msync(area + 9 * PAGE, 3 * PAGE, MS_ASYNC));
    char got[2];
    SHOW(pread(fd, got, 2, 0));
    printf("%c%c\n", got[0], got[1]);
    touch("in the file", shared + 2 * PAGE, 0, shared);
    SHOW(ftruncate(fd, PAGE));
    touch("behind its end", shared + 2 * PAGE + 5, 0, shared);
    SHOW(read(open("/dev/zero", O_RDONLY), shared + 2 * PAGE, 10));

    unsigned char vec[4];
    SHOW(mincore(area + 1, PAGE, vec));
    SHOW(mincore(area + 9 * PAGE, 3 * PAGE, vec));
    SHOW(mincore(area, 2 * PAGE, (unsigned char *)8));
    area[0] = 1;
    SHOW(mincore(area, PAGE, vec));
    SHOW(vec[0] & 1);

    SHOW(mlock(area, 2 * PAGE));
    SHOW(madvise(area, PAGE, MADV_DONTNEED));
    SHOW(munlock(area, 2 * PAGE));
    SHOW(madvise(area, PAGE, MADV_DONTNEED));
    SHOW(mlock(area + 9 * PAGE, 3 * PAGE));
    SHOW(syscall(SYS_mlock2, area, PAGE, 2));
    SHOW(mlockall(0));
    SHOW(mlockall(MCL_CURRENT));
    SHOW(munlockall());
    SHOW(syscall(SYS_remap_file_pages, area, PAGE, 1, 0, 0) == -1);

    memset(area, 'k', 8 * PAGE);
    SHOW(madvise(area + PAGE, PAGE, MADV_DONTFORK));
    SHOW(madvise(area + 2 * PAGE, PAGE, MADV_WIPEONFORK));
    in_child("inherited", area, area);
    in_child("not inherited", area + PAGE, area);
    in_child("wiped", area + 2 * PAGE, area);
    SHOW(madvise(area + PAGE, PAGE, MADV_DOFORK));
    SHOW(madvise(area + 2 * PAGE, PAGE, MADV_KEEPONFORK));
    in_child("inherited", area + PAGE, area);
    in_child("kept", area + 2 * PAGE, area);

    /* Executable pages. */
    char *code = map_anon(PAGE, rw | PROT_EXEC);
    memcpy(code, "\xb8\x07\0\0\0\xc3", 6);
    SHOW(((int (*)(void))code)());
    SHOW(madvise(code, PAGE, MADV_DONTNEED));
    SHOW(code[0]);
    memcpy(code, "\xb8\x09\0\0\0\xc3", 6);
    SHOW(((int (*)(void))code)());
    return 0;
}
