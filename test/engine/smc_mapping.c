/* Code that changes by other ways than a store to its own address: through a second mapping, by
 * system calls that write memory, by mapping, unmapping, protecting and moving; and code on the
 * stack. */
#include "engine_test.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sys/uio.h>

static sigjmp_buf back;
static volatile int fault_signal, fault_code;

static void on_fault(int signal, siginfo_t *info, void *context) {
    (void)context;
    fault_signal = signal;
    fault_code = info->si_code;
    siglongjmp(back, 1);
}

static void try_run(const char *name, const void *code) {
    if (sigsetjmp(back, 1) == 0) {
        printf("%s: %x\n", name, run(code));
    } else {
        printf("%s: signal %d code %d\n", name, fault_signal, fault_code);
    }
}

static void put_return(uint8_t *at, uint32_t value) {
    struct assembler a = {at};
    emit_mov(&a, 0, value);
    emit8(&a, 0xc3);
}

/* One memory file, mapped to run and to write. */
static void two_mappings(void) {
    int fd = memfd_create("code", 0);
    if (fd < 0 || ftruncate(fd, 2 * PAGE)) {
        die("memfd_create");
    }
    uint8_t *writable = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint8_t *runnable = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        put_return(writable + 16 * (i % 5), i * 3);
        sum = sum * 17 + run(runnable + 16 * (i % 5));
    }
    printf("two mappings %x\n", sum);
    /* the running code itself writes through the other mapping, to what comes next */
    struct assembler a = {writable + PAGE, runnable - writable};
    uint8_t *target = writable + PAGE + 7 + 5 + 1; /* after the store and the serialising jump */
    emit_store8(&a, target, 0x99);
    EMIT(&a, "\xe9\0\0\0\0");
    emit_mov(&a, 0, 0x11);
    emit8(&a, 0xc3);
    uint32_t first = run(runnable + PAGE);
    printf("through the other mapping %d %x\n", first == 0x11 || first == 0x99,
           run(runnable + PAGE));
    uint8_t bytes[16];
    put_return(bytes, 0x5150);
    if (pwrite(fd, bytes, 6, 0) != 6) {
        die("pwrite");
    }
    printf("pwrite %x\n", run(runnable));
    close(fd);
}

/* read(2), readv, recv into pages that hold code. */
static void calls_that_write(void) {
    uint8_t *page = code_pages(2), bytes[16];
    int pipes[2];
    if (pipe(pipes)) {
        die("pipe");
    }
    for (uint32_t i = 0; i < 200; i++) {
        put_return(page, 0xdead);
        run(page);
        put_return(bytes, i);
        if (write(pipes[1], bytes, 6) != 6 || read(pipes[0], page, 6) != 6) {
            die("pipe");
        }
        if (run(page) != i) {
            printf("read into code: %x\n", run(page));
        }
    }
    put_return(bytes, 0x77);
    struct iovec parts[2] = {{page, 3}, {page + 3, 3}};
    if (write(pipes[1], bytes, 6) != 6 || readv(pipes[0], parts, 2) != 6) {
        die("readv");
    }
    printf("readv %x\n", run(page));
    uint8_t *edge = page + PAGE - 3; /* code over two pages */
    put_return(edge, 1);
    run(edge);
    put_return(bytes, 0x12345678);
    if (write(pipes[1], bytes, 6) != 6 || read(pipes[0], edge, 6) != 6) {
        die("read");
    }
    printf("read over two pages %x\n", run(edge));
    FILE *null = fopen("/dev/zero", "r");
    if (!null || fread(page, 1, 64, null) != 64) {
        die("/dev/zero");
    }
    memcpy(page + 64, page, 64);
    put_return(page + 128, 0);
    printf("zeroed %x\n", page[0] | page[5]);
    fclose(null);
}

/* W^X flips, and what happens when code is not executable. */
static void protections(void) {
    uint8_t *page = code_pages(1);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 500; i++) {
        if (mprotect(page, PAGE, PROT_READ | PROT_WRITE)) {
            die("mprotect");
        }
        put_return(page, i ^ 0x5a5a);
        if (mprotect(page, PAGE, PROT_READ | PROT_EXEC)) {
            die("mprotect");
        }
        sum = sum * 13 + run(page);
    }
    printf("flips %x\n", sum);
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
    try_run("not executable", page);
    mprotect(page, PAGE, PROT_NONE);
    try_run("no access", page);
    mprotect(page, PAGE, PROT_READ | PROT_EXEC);
    try_run("again", page);
    if (sigsetjmp(back, 1) == 0) {
        page[1] = 5;
        printf("read-only page was written\n");
    } else {
        printf("read-only: signal %d code %d\n", fault_signal, fault_code);
    }
    try_run("unchanged", page);
    munmap(page, PAGE);
    try_run("unmapped", page);
}

/* Other code at the same address. */
static void remapping(void) {
    uint8_t *page = code_pages(2);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 300; i++) {
        put_return(page + 8, i);
        sum = sum * 7 + run(page + 8);
        if (mmap(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != page) {
            die("mmap");
        }
    }
    printf("remapped %x\n", sum);
    put_return(page, 0xaaa);
    put_return(page + PAGE, 0xbbb);
    printf("before %x %x\n", run(page), run(page + PAGE));
    if (mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page + PAGE) != page + PAGE) {
        die("mremap");
    }
    printf("moved %x\n", run(page + PAGE));
    try_run("where it was", page);
    /* madvise: the page is zero again, add [eax], al */
    put_return(page + PAGE, 0xccc);
    run(page + PAGE);
    madvise(page + PAGE, PAGE, MADV_DONTNEED);
    printf("dropped %x\n", page[PAGE]);
    put_return(page + PAGE, 0xddd);
    printf("new %x\n", run(page + PAGE));
}

/* A private file mapping that is written, and its file. */
static void file_mapping(void) {
    FILE *file = tmpfile();
    uint8_t bytes[PAGE] = {0};
    put_return(bytes, 0xf11e);
    if (!file || fwrite(bytes, 1, PAGE, file) != PAGE || fflush(file)) {
        die("tmpfile");
    }
    int fd = fileno(file);
    uint8_t *a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0);
    uint8_t *b = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (a == MAP_FAILED || b == MAP_FAILED) {
        die("mmap of a file");
    }
    printf("file %x %x\n", run(a), run(b));
    put_return(a, 0xa);
    printf("private copy %x %x\n", run(a), run(b));
    fclose(file);
    printf("closed %x %x\n", run(a), run(b));
}

/* Executable stack pages: a trampoline as old GCC makes them. */
static void on_stack(void) {
    uint8_t code[64];
    uintptr_t page = (uintptr_t)code & ~(uintptr_t)(PAGE - 1);
    uintptr_t end = ((uintptr_t)code + sizeof code + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    if (mprotect((void *)page, end - page, PROT_READ | PROT_WRITE | PROT_EXEC)) {
        die("mprotect stack");
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        put_return(code + i % 8, i);
        sum = sum * 5 + run(code + i % 8);
    }
    printf("stack %x\n", sum);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    two_mappings();
    calls_that_write();
    protections();
    remapping();
    file_mapping();
    on_stack();
    return 0;
}
