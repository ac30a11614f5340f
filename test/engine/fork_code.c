/* Code and processes: a forked child that changes the parent's code, a parent that goes on; code of
 * a file that several processes map, one of which writes to its private copy; vfork and exec. */
#include "engine_test.h"
#include <sys/wait.h>

static void put_return(uint8_t *at, uint32_t value) {
    struct assembler a = {at};
    emit_mov(&a, 0, value);
    emit8(&a, 0xc3);
}

static int finish(pid_t pid) {
    int status;
    if (waitpid(pid, &status, 0) != pid) {
        die("waitpid");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Child and parent each rewrite the same page; neither sees the other's. */
static void rewriting_child(void) {
    uint8_t *page = code_pages(2);
    put_return(page, 7);
    printf("before fork %x\n", run(page));
    int pipes[2][2];
    if (pipe(pipes[0]) || pipe(pipes[1])) {
        die("pipe");
    }
    fflush(stdout);
    pid_t pid = fork();
    char byte = 0;
    if (pid == 0) {
        uint32_t bad = run(page) != 7;
        for (uint32_t i = 0; i < 200; i++) {
            put_return(page, i);
            bad += run(page) != i;
            if (i == 100 && (write(pipes[0][1], "x", 1) != 1 || read(pipes[1][0], &byte, 1) != 1)) {
                bad++;
            }
        }
        _exit(bad ? 1 : 42);
    }
    if (read(pipes[0][0], &byte, 1) != 1) {
        die("read");
    }
    uint32_t bad = run(page) != 7;
    for (uint32_t i = 1000; i < 1200; i++) {
        put_return(page + 64, i);
        bad += run(page + 64) != i || run(page) != 7;
    }
    if (write(pipes[1][1], "x", 1) != 1) {
        die("write");
    }
    printf("parent %u wrong, child %d\n", bad, finish(pid));
    printf("after %x\n", run(page));
}

/* Generations: each child forks the next one and adds its own bit of code. */
static uint32_t generation(uint8_t *page, int depth) {
    put_return(page + 16 * depth, 1u << depth);
    uint32_t sum = 0;
    for (int i = 0; i <= depth; i++) {
        sum |= run(page + 16 * i);
    }
    if (depth == 6) {
        return sum;
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit((int)generation(page, depth + 1));
    }
    uint32_t below = (uint32_t)finish(pid);
    return below == (sum << 1 | 1) || depth < 5 ? below : 0xff;
}

static void file_code(void) {
    FILE *file = tmpfile();
    uint8_t bytes[PAGE] = {0};
    put_return(bytes, 0x600d);
    put_return(bytes + 16, 0x600e);
    if (!file || fwrite(bytes, 1, PAGE, file) != PAGE || fflush(file)) {
        die("tmpfile");
    }
    uint8_t *page =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fileno(file), 0);
    if (page == MAP_FAILED) {
        die("mmap");
    }
    printf("file %x %x\n", run(page), run(page + 16));
    fflush(stdout);
    pid_t children[4];
    for (uint32_t k = 0; k < 4; k++) {
        children[k] = fork();
        if (children[k] == 0) {
            uint32_t bad = 0;
            for (uint32_t i = 0; i < 50; i++) {
                if (k % 2) {
                    put_return(page, 0x100 * k + i);
                    bad += run(page) != 0x100 * k + i;
                } else {
                    bad += run(page) != 0x600d;
                }
                bad += run(page + 16) != 0x600e;
            }
            _exit(bad ? 1 : (int)(10 + k));
        }
    }
    for (int k = 0; k < 4; k++) {
        printf("child %d: %d\n", k, finish(children[k]));
    }
    printf("file still %x %x\n", run(page), run(page + 16));
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        return 33;
    }
    rewriting_child();
    printf("generations %x\n", generation(code_pages(1), 0));
    file_code();
    for (int i = 0; i < 5; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            execl("/proc/self/exe", argv[0], "again", (char *)NULL);
            _exit(1);
        }
        printf("exec %d\n", finish(pid));
    }
    return 0;
}
