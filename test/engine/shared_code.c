/* Code of a file is shared between processes that map it: each way in which the bytes that one of
 * them sees may differ from the file's, and what another one then runs. The first one always runs
 * its changed code, so that there is something to be shared by mistake. */
#include "engine_test.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LEN 0x4000

static uint8_t *place = (uint8_t *)0x30000000; /* another for each attempt */

static const char name[] = "shared_code.bin";

/* mov $value, %eax; ret */
static void code(uint8_t *at, uint32_t value) {
    struct assembler a = {at};
    emit_mov(&a, 0, value);
    emit8(&a, 0xc3);
}

static void put(int fd, uint32_t value) {
    uint8_t bytes[16] = {0};
    code(bytes, value);
    if (pwrite(fd, bytes, sizeof bytes, 0) != sizeof bytes) {
        die("pwrite");
    }
}

static uint8_t *map_file(int fd) {
    uint8_t *at = mmap(place, LEN, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0);
    if (at != place) {
        die("mmap");
    }
    return at;
}

static uint8_t *map_name(void) {
    int fd = open(name, O_RDONLY);
    uint8_t *at = map_file(fd);
    close(fd);
    return at;
}

static void change(uint8_t *at, uint32_t value) {
    if (mprotect(at, LEN, PROT_READ | PROT_WRITE)) {
        die("mprotect");
    }
    code(at, value);
    if (mprotect(at, LEN, PROT_READ | PROT_EXEC)) {
        die("mprotect");
    }
}

/* In a process of its own: what fn returns, below 256. */
static int in_child(uint32_t (*fn)(void)) {
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        _exit((int)fn());
    }
    if (waitpid(pid, &status, 0) != pid) {
        die("waitpid");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static uint32_t run_file(void) {
    return run(map_name());
}

static uint32_t run_there(void) {
    return run(place);
}

static uint32_t changed(void) {
    change(map_name(), 21);
    return run(place);
}

static uint32_t changed_then_forked(void) {
    change(map_name(), 22);
    return (uint32_t)in_child(run_there);
}

static uint32_t run_changed_then_forked(void) {
    uint32_t first = run(map_name());
    change(place, 23);
    return first == 7 ? (uint32_t)in_child(run_there) : 99;
}

static uint32_t two_generations(void) {
    change(map_name(), 24);
    return (uint32_t)in_child(changed_then_forked) + (uint32_t)in_child(run_there);
}

static uint32_t changed_second_page(void) {
    map_name();
    mprotect(place + 0x1000, 0x1000, PROT_READ | PROT_WRITE);
    code(place + 0x1000, 25);
    mprotect(place + 0x1000, 0x1000, PROT_READ | PROT_EXEC);
    return run(place + 0x1000);
}

static uint32_t run_second_page(void) {
    map_name();
    return place[0x1000] == 0xb8 ? run(place + 0x1000) : 5;
}

static uint32_t forgotten(void) {
    change(map_name(), 26);
    uint32_t sum = run(place);
    if (madvise(place, LEN, MADV_DONTNEED)) {
        die("madvise");
    }
    return sum + run(place);
}

static uint32_t moved_away_and_back(void) {
    uint8_t *other = place + 0x100000;
    change(map_name(), 27);
    if (mremap(place, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, other) != other ||
        mremap(other, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, place) != place) {
        die("mremap");
    }
    return run(place) + (uint32_t)in_child(run_there);
}

static uint32_t by_process_vm_writev(void) {
    uint8_t bytes[16];
    code(bytes, 28);
    struct iovec local = {bytes, sizeof bytes}, remote = {map_name(), sizeof bytes};
    if (process_vm_writev(getpid(), &local, 1, &remote, 1, 0) != -1) {
        return 98;
    }
    return run(place);
}

static uint32_t by_read(void) {
    int fd = open("/dev/zero", O_RDONLY);
    return read(fd, map_name(), 16) == -1 && errno == EFAULT ? run(place) : 98;
}

/* Passes protection by, on Linux; what counts is what the next one runs. */
static uint32_t by_proc_mem(void) {
    uint8_t bytes[16];
    code(bytes, 29);
    int fd = open("/proc/self/mem", O_RDWR);
    uint32_t first = run(map_name());
    if (pwrite(fd, bytes, sizeof bytes, (off_t)(uintptr_t)place) != sizeof bytes) {
        return 29;
    }
    return first == 7 ? run(place) : 99;
}

static uint32_t run_or_fault(void) {
    return run(place);
}

static uint32_t not_forked(void) {
    uint32_t first = run(map_name());
    if (madvise(place, LEN, MADV_DONTFORK)) {
        die("madvise");
    }
    return first == 7 && in_child(run_or_fault) == 1000 + 11 ? 1 : 98;
}

/* The file itself changes, in place and at once. */
static uint32_t rewritten(void) {
    uint32_t sum = 0;
    int fd = open(name, O_RDWR);
    for (uint32_t i = 1; i <= 20; i++) {
        put(fd, i);
        sum += (uint32_t)in_child(run_file) == i;
    }
    put(fd, 7);
    close(fd);
    return sum;
}

static int memory;

static uint32_t run_memory(void) {
    return run(map_file(memory));
}

/* A memory file is changed through a mapping, which moves no time on, and sealed. */
static void sealed(void) {
    memory = memfd_create("code", MFD_ALLOW_SEALING);
    if (ftruncate(memory, LEN)) {
        die("ftruncate");
    }
    put(memory, 30);
    nanosleep(&(struct timespec){3, 500000000}, NULL);
    printf("memory file %d", in_child(run_memory));
    uint8_t *shared = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    code(shared, 31);
    printf(" %d", in_child(run_memory));
    code(shared, 32);
    munmap(shared, LEN);
    printf(" %d", in_child(run_memory));
    if (fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)) {
        die("seals");
    }
    printf(" %d\n", in_child(run_memory));
}

static void attempt(const char *what, uint32_t (*fn)(void)) {
    place += 0x10000;
    int got = in_child(fn);
    printf("%s: %d, then the file's %d", what, got, in_child(run_file));
    printf(" %d\n", in_child(run_second_page));
}

int main(void) {
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, LEN)) {
        die("the file");
    }
    put(fd, 7);
    close(fd);
    sealed(); /* meanwhile the file's last change grows old */
    attempt("nothing", run_file);
    attempt("changed", changed);
    attempt("changed, forked", changed_then_forked);
    attempt("run, changed, forked", run_changed_then_forked);
    attempt("two generations", two_generations);
    attempt("second page", changed_second_page);
    attempt("MADV_DONTNEED", forgotten);
    attempt("mremap", moved_away_and_back);
    attempt("process_vm_writev", by_process_vm_writev);
    attempt("read", by_read);
    attempt("/proc/self/mem", by_proc_mem);
    attempt("MADV_DONTFORK", not_forked);
    attempt("rewritten", rewritten);
    return 0;
}
