#!/usr/bin/python3
# suite: limits
# time: 120
# order: 25
"""What happens at limits: memory for code, the host's mappings and descriptors, and who is left
some of them."""

from __future__ import annotations

import os
import re

from elf import compile_c, small_c
from guests import X86_64, need
from harness import BUILD, FG, ROOT, Skip, Suite, check, check_equal, command, fiberglass

suite = Suite()

HOG = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
/* Mappings that do not merge, until it fails or there are `most`. */
static int map_many(int most) {
    int made = 0;
    while (made < most && mmap(NULL, 4096, made & 1 ? PROT_READ : PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        made++;
    return made;
}
static int open_many(int most) {
    int made = 0;
    while (made < most && open("/dev/null", O_RDONLY) >= 0)
        made++;
    return made;
}
/* Each lock needs a descriptor of the host's more. */
static int lock_many(int most) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int made = 0, fd;
    while (made < most && (fd = open("/tmp", O_TMPFILE | O_RDWR, 0600)) >= 0 &&
           !fcntl(fd, F_SETLK, &lock))
        made++;
    return made;
}
static int ranges_many(int most) {
    int made = 0, fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    for (; made < most && !fcntl(fd, F_SETLK, &lock); made++)
        lock.l_start += 2;
    return made;
}
/* Runs so much code, which stays translated. */
static int code_many(int kib) {
    size_t size = (size_t)kib << 10;
    unsigned char *code = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(code, 0x90, size);
    code[size - 1] = 0xc3;
    ((void (*)(void))code)();
    return kib;
}
/* The same in a new process, which holds nothing yet. */
static int code_anew(int kib) {
    int status = -1;
    if (fork() == 0) _exit(code_many(kib) != kib);
    wait(&status);
    return status;
}
/* Children of user 1000 take what they get and stay; then what is left for this one. */
static void others(int (*take)(int), int count, int most, int (*left)(int), int own) {
    int ready[2], stay[2], sum = 0, got;
    if (pipe(ready) || pipe(stay)) return;
    for (int i = 0; i < count; i++) {
        if (fork() == 0) {
            char byte;
            close(stay[1]);
            got = setresuid(1000, 1000, 1000) ? -1 : take(most);
            if (write(ready[1], &got, sizeof got) > 0) _exit((int)read(stay[0], &byte, 1));
        }
        if (read(ready[0], &got, sizeof got) == sizeof got) sum += got;
    }
    printf("refused %d, own %d\n", sum < count * most, left(own));
}
int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 1 && !strcmp(argv[1], "maps")) others(map_many, 3, 4000, map_many, 200);
    if (argc > 1 && !strcmp(argv[1], "files")) others(open_many, 8, 90, open_many, 40);
    if (argc > 1 && !strcmp(argv[1], "locks")) others(lock_many, 8, 60, lock_many, 20);
    if (argc > 1 && !strcmp(argv[1], "ranges")) others(ranges_many, 1, 7000, ranges_many, 90);
    alarm(50); /* for who waits for one that was killed */
    if (argc > 1 && !strcmp(argv[1], "codes")) others(code_many, 8, 200, code_anew, 200);
    if (argc > 1 && !strcmp(argv[1], "code")) {
        size_t size = 4 << 20;
        unsigned char *code = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(code, 0x90, size);
        code[size - 1] = 0xc3;
        ((void (*)(void))code)();
        code[size - 2] = 0x40;
        ((void (*)(void))(code + size - 2))();
        printf("ran\n");
    }
    return 0;
}
"""


@suite.case("memory for code", quick=True, limit=60)
def _() -> None:
    hog = small_c("hog", HOG)
    done = fiberglass("--stats", "--code-limit", "1024", hog, "code")
    check_equal("output", done.text(), "ran\n")
    check(re.search(r"[1-9]\d* +times code was given up", done.errors()), "no code was given up")
    # What cannot run is killed, and nothing else.
    done = fiberglass("--root", ROOT, "--code-limit", "1536", "/bin/sh", "-c",
                      "perl -e 'print 5' || echo $?; echo fine")
    check("fine" in done.text(), f"the shell did not outlive it: {done.text()} {done.errors()}")
    done = fiberglass("--code-limit", "64", hog, "code")
    check(done.status in (0, 137), f"status {done.status}: {done.errors()}")
    # What idle processes hold is given to one that runs.
    done = fiberglass("--code-limit", "1024", hog, "codes")
    check_equal(f"beside others ({done.status} {done.errors()})", done.text(),
                "refused 0, own 0\n")
    done = fiberglass("--code-limit", "few", hog)
    check_equal("status of a limit that is no number", done.status, 125)
    check("number" in done.errors(), done.errors())


@suite.case("mappings and descriptors of one user", quick=True, limit=60)
def _() -> None:
    if os.getuid() != 0:
        raise Skip("needs two users")
    hog = small_c("hog", HOG)
    done = fiberglass("--map-limit", "6000", hog, "maps")
    check_equal("maps", done.text(), "refused 1, own 200\n")
    script = 'ulimit -n 600 && ulimit -Sn 120 && exec "$@"'
    done = command(["/bin/bash", "-c", script, "-", *FG, hog, "files"])
    check_equal("files", done.text(), "refused 1, own 40\n")
    done = command(["/bin/bash", "-c", script, "-", *FG, hog, "locks"])
    check_equal("locks", done.text(), "refused 1, own 20\n")
    check_equal("ranges", fiberglass(hog, "ranges").text(), "refused 1, own 90\n")


WINDOWS = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#define SOME ((size_t)100 << 30)
static char *reserve(void) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    char *at = mmap(NULL, SOME, PROT_READ | PROT_WRITE, flags, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}
/* As many processes at once as asked for; which of them have room for 100 GiB? At last, may one
 * that has something there fork, although only small windows are left? */
int main(int count, char **words) {
    int told[2], hold[2], large = 0, all = 0, status = 0, made = 0;
    char *early = reserve(), answer;
    if (!early || pipe(told) || pipe(hold))
        return 1;
    munmap(early, SOME);
    for (count = atoi(words[1]); made < count && (status = fork()) > 0; made++)
        ;
    if (!status) {
        char *at = reserve();
        if (at)
            at[SOME / 2] = 1;
        answer = (size_t)at < (size_t)1 << 40 ? 'l' : 's'; /* a small one has it beyond */
        if (write(told[1], &answer, 1) != 1)
            return 1;
        close(hold[1]);
        return read(hold[0], &answer, 1) != 0;
    }
    for (; all < made && read(told[0], &answer, 1) == 1; all++)
        large += answer == 'l';
    early = reserve();
    early[SOME - 1] = 7;
    pid_t child = fork();
    if (!child)
        _exit(early[SOME - 1]);
    if (child < 0)
        perror("fork with 100 GiB");
    else
        waitpid(child, &status, 0);
    close(hold[1]);
    while (wait(NULL) > 0)
        ;
    printf("%d processes, the last said %d, %s\n", all, WEXITSTATUS(status),
           large == all ? "all large" : large > 20 ? "some large" : "few large");
    return 0;
}
"""


@suite.case("large windows and small ones", quick=True, limit=60)
def _() -> None:
    need(X86_64)
    source, program = BUILD / "test/small/windows.c", BUILD / "test/small/windows"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(WINDOWS)
    compile_c(source, program, "-static", guest=X86_64)
    for count, which in ((20, "all"), (100, "some")):
        done = fiberglass("--check-memory", program, str(count))
        check_equal(f"{count} processes ({done.status} {done.errors()})", done.text(),
                    f"{count} processes, the last said 7, {which} large\n")


if __name__ == "__main__":
    suite.main()
