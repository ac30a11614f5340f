/* Build: cc -static -pthread smc_hot.c
 * Pages on which writing and running alternate, so often that the engine compares code before it
 * runs it; pages that come to rest; data beside code; code that system calls bring in. With an
 * argument that part alone: test/suites/checked.py looks at the counters after each. */
#include "engine_test.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>

enum { BOUNCES = 100 };

static void put_return(uint8_t *at, uint32_t value) {
    struct assembler a = {at};
    emit_mov(&a, 0, value);
    emit8(&a, 0xc3);
}

/* Write and run in turn until the page is surely known for it. */
static void heat(uint8_t *at) {
    uint32_t bad = 0;
    for (uint32_t i = 0; i < BOUNCES; i++) {
        put_return(at, i);
        bad += run(at) != i;
    }
    if (bad) {
        printf("heat: %u wrong\n", bad);
    }
}

static void bounce(void) {
    uint8_t *page = code_pages(1);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        uint8_t *at = page + 16 * (i % 5);
        put_return(at, i);
        sum = sum * 31 + run(at);
    }
    printf("bounce %x\n", sum);
}

/* Ends in one state: written often, then only run, then written again. */
static void quiet(void) {
    uint8_t *page = code_pages(1);
    uint32_t sum = 0;
    heat(page);
    for (uint32_t i = 0; i < 300000; i++) {
        sum += run(page);
    }
    printf("quiet %x\n", sum);
    put_return(page, 7);
    printf("written again %x\n", run(page));
}

/* The code counts in a variable of its own page. */
static void beside(void) {
    uint8_t *page = code_pages(1);
    volatile uint32_t *counter = (uint32_t *)(page + 2048);
    struct assembler a = {page};
    EMIT(&a, "\xff\x05"); /* inc dword [counter] */
    emit_addr(&a, (void *)counter, 0);
    EMIT(&a, "\x8b\x05"); /* mov eax, [counter] */
    emit_addr(&a, (void *)counter, 0);
    emit8(&a, 0xc3);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        sum += run(page);
        *counter += 1;
    }
    printf("beside %x %u\n", sum, *counter);
}

/* Code that read(2) brings into memory that may be executed, run often. */
static void arrives(void) {
    uint8_t image[PAGE] = {0}, *pages = code_pages(4);
    uint32_t sum = 0;
    int pipes[2];
    if (pipe(pipes)) {
        die("pipe");
    }
    for (unsigned page = 0; page < 4; page++) {
        for (uint32_t i = 0; i < PAGE / 16; i++) {
            put_return(image + i * 16, page * 1000 + i);
        }
        if (write(pipes[1], image, PAGE) != PAGE ||
            read(pipes[0], pages + page * PAGE, PAGE) != PAGE) {
            die("read");
        }
    }
    for (uint32_t i = 0; i < 200000; i++) {
        sum += run(pages + i * 16 % (4 * PAGE));
    }
    printf("arrives %x\n", sum);
}

static uint8_t *reader_page;
static int reader_pipe[2];
static _Atomic pid_t reader_tid;

static void *reader(void *unused) {
    reader_tid = (pid_t)syscall(SYS_gettid);
    ssize_t got = read(reader_pipe[0], reader_page + 64, 6);
    if (got != 6) {
        printf("reader: %zd, %s\n", got, strerror(errno));
    }
    return unused;
}

/* Waits until the reader sleeps in its call. */
static void wait_asleep(void) {
    char path[64], text[256], state = 0;
    while (state != 'S') {
        usleep(1000);
        snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)reader_tid);
        int fd = reader_tid ? open(path, O_RDONLY) : -1;
        ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
        if (fd >= 0) {
            close(fd);
        }
        text[got < 0 ? 0 : got] = 0;
        char *end = strrchr(text, ')');
        state = end ? end[2] : 0;
    }
}

/* A page with code that another thread waits to read into; when it did, the code is run often. */
static void waiting_reader(void) {
    pthread_t thread;
    uint32_t sum = 0, bytes[2] = {0};
    reader_page = code_pages(1);
    if (pipe(reader_pipe)) {
        die("pipe");
    }
    pthread_create(&thread, NULL, reader, NULL);
    wait_asleep();
    put_return(reader_page, 3);
    put_return(reader_page + 64, 4);
    for (uint32_t i = 0; i < 1000; i++) {
        sum += run(reader_page) + run(reader_page + 64);
    }
    put_return((uint8_t *)bytes, 5);
    if (write(reader_pipe[1], bytes, 6) != 6) {
        die("write");
    }
    pthread_join(thread, NULL);
    for (uint32_t i = 0; i < 200000; i++) {
        sum += run(reader_page) + run(reader_page + 64);
    }
    printf("waiting reader %x\n", sum);
}

/* inc eax; its byte that makes it dec eax, and with what value. */
#ifdef __x86_64__
static const uint8_t inc[] = {0xff, 0xc0};
enum { CHANGED = 1, DEC = 0xc8 };
#else
static const uint8_t inc[] = {0x40};
enum { CHANGED = 0, DEC = 0x48 };
#endif

/* Blocks of every length at or before the end of a page with nothing behind it, each instruction
 * changed once. */
static void every_byte(void) {
    uint8_t *page = code_pages(2);
    uint32_t bad = 0;
    munmap(page + PAGE, PAGE);
    heat(page);
    for (uint32_t n = 2; n <= 120; n++) {
        uint32_t count = n / 2, spare = n % 2 * sizeof inc, length = count * sizeof inc;
        uint8_t *at = page + PAGE - length - 3 - spare;
        EMIT(&(struct assembler){at}, "\x31\xc0"); /* xor eax, eax */
        for (uint32_t i = 0; i < count; i++) {
            memcpy(at + 2 + i * sizeof inc, inc, sizeof inc);
        }
        memset(at + 2 + length, 0xc3, spare + 1);
        bad += run(at) != count;
        for (uint32_t i = 0; i < count; i++) {
            uint8_t *changed = at + 2 + i * sizeof inc + CHANGED;
            *changed = DEC;
            bad += run(at) != count - 2;
            *changed = inc[CHANGED];
            bad += run(at) != count;
        }
        if (spare) { /* the last bytes: one more inc */
            memcpy(at + 2 + length, inc, sizeof inc);
            bad += run(at) != count + 1;
        }
    }
    printf("every byte: %u wrong\n", bad);
}

static sigjmp_buf back;

static void on_fault(int signal, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    printf("signal %d code %d at %d, error %llx\n", signal, info->si_code,
           (void *)uc->uc_mcontext.gregs[REG_IP] == info->si_addr,
           (unsigned long long)uc->uc_mcontext.gregs[REG_ERR]);
    siglongjmp(back, 1);
}

static void try_run(const char *name, const uint8_t *code) {
    printf("%s: ", name);
    if (sigsetjmp(back, 1) == 0) {
        printf("%x\n", run(code));
    }
}

/* Compared code whose page, or the second of its pages, goes away or may not be run any more. */
static void goes_away(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    uint8_t *page = code_pages(2), *edge = page + PAGE - 3;
    heat(page);
    heat(edge);
    mprotect(page + PAGE, PAGE, PROT_READ | PROT_WRITE);
    if (sigsetjmp(back, 1) == 0) {
        printf("second page not executable: %x\n", run(edge));
    }
    mprotect(page + PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    try_run("again", edge);
    mprotect(page, PAGE, PROT_NONE);
    try_run("no access", page);
    mprotect(page, PAGE, PROT_READ | PROT_EXEC);
    try_run("readable", edge);
    munmap(page, PAGE);
    try_run("unmapped", page);
    int fd = memfd_create("code", 0);
    if (fd < 0 || ftruncate(fd, PAGE)) {
        die("memfd_create");
    }
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0);
    put_return(page, 0x5a);
    try_run("of a file", page);
    if (ftruncate(fd, 0)) {
        die("ftruncate");
    }
    try_run("its file was cut", page);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*part)(void);
    } parts[] = {{"bounce", bounce},
                 {"quiet", quiet},
                 {"beside", beside},
                 {"arrives", arrives},
                 {"waiting-reader", waiting_reader},
                 {"every-byte", every_byte},
                 {"goes-away", goes_away}};
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (argc < 2 || !strcmp(argv[1], parts[i].name)) {
            parts[i].part();
        }
    }
    return 0;
}
