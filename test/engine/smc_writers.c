/* Every way in which a system call writes to the caller's memory, onto code that ran just before:
 * once where writes to the page are watched, once where code is compared before it runs. */
#include "engine_test.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { BOUNCES = 100 };

static uint8_t *page;
static int pipes[2], sockets[2];

static void put_return(uint8_t *at, uint32_t value) {
    struct assembler a = {at};
    emit_mov(&a, 0, value);
    emit8(&a, 0xc3);
}

static void expect(const char *name, ssize_t got, ssize_t wanted) {
    if (got != wanted) {
        printf("%s: %zd ", name, got);
    }
}

static void by_read(uint8_t *to, uint32_t value) {
    expect("write", write(pipes[1], &value, 4), 4);
    expect("read", read(pipes[0], to, 4), 4);
}

static void by_readv(uint8_t *to, uint32_t value) {
    struct iovec parts[12];
    uint8_t spare[64];
    for (int i = 0; i < 12; i++) {
        parts[i] = (struct iovec){i < 8 ? spare + i : to + (i - 8), 1};
    }
    memset(spare, 0, 8);
    memcpy(spare + 8, &value, 4);
    expect("write", write(pipes[1], spare, 12), 12);
    expect("readv", readv(pipes[0], parts, 12), 12);
}

static void by_recv(uint8_t *to, uint32_t value) {
    expect("send", send(sockets[1], &value, 4, 0), 4);
    expect("recv", recv(sockets[0], to, 4, 0), 4);
}

static void by_recvmsg(uint8_t *to, uint32_t value) {
    struct iovec part = {to, 4};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    expect("send", send(sockets[1], &value, 4, 0), 4);
    expect("recvmsg", recvmsg(sockets[0], &message, 0), 4);
}

static void by_process_vm(uint8_t *to, uint32_t value) {
    struct iovec from = {&value, 4}, there = {to, 4};
    expect("process_vm_writev", process_vm_writev(getpid(), &from, 1, &there, 1, 0), 4);
}

static void by_proc_mem(uint8_t *to, uint32_t value) {
    int fd = open("/proc/self/mem", O_RDWR);
    expect("/proc/self/mem", pwrite64(fd, &value, 4, (uintptr_t)to), 4);
    close(fd);
}

static void by_file(uint8_t *to, uint32_t value) {
    FILE *file = tmpfile();
    int fd = file ? fileno(file) : -1;
    expect("pwrite", pwrite(fd, &value, 4, 100), 4);
    expect("pread", pread(fd, to, 4, 100), 4);
    if (file) {
        fclose(file);
    }
}

/* The robust list's words are written by the kernel when a thread ends; here: FUTEX_WAKE_OP. */
static void by_futex(uint8_t *to, uint32_t value) {
    uint32_t word = 0, low = value & 0xfff, *at = (uint32_t *)to;
    long op = (long)(FUTEX_OP_SET << 28 | FUTEX_OP_CMP_EQ << 24) | (long)(low << 12);
    expect("futex", syscall(SYS_futex, &word, FUTEX_WAKE_OP, 1, (void *)1, at, op), 0);
    if (low != value) {
        printf("value too large\n");
    }
}

/* vmsplice, and splice on into another pipe: the bytes come back by read. */
static void by_splice(uint8_t *to, uint32_t value) {
    struct iovec part = {&value, 4};
    int more[2];
    if (pipe(more)) {
        die("pipe");
    }
    expect("vmsplice", vmsplice(pipes[1], &part, 1, 0), 4);
    expect("splice", splice(pipes[0], NULL, more[1], NULL, 4, 0), 4);
    expect("read", read(more[0], to, 4), 4);
    close(more[0]);
    close(more[1]);
}

static const struct writer {
    const char *name;
    void (*write)(uint8_t *to, uint32_t value);
} writers[] = {
    {"read", by_read},
    {"readv", by_readv},
    {"recv", by_recv},
    {"recvmsg", by_recvmsg},
    {"pread", by_file},
    {"process_vm_writev", by_process_vm},
    {"/proc/self/mem", by_proc_mem},
    {"futex", by_futex},
    {"splice", by_splice},
};

static void heat(uint8_t *at) {
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < BOUNCES; i++) {
        put_return(at, i);
        wrong += run(at) != i;
    }
    if (wrong) {
        printf("bounced: %u wrong\n", wrong);
    }
}

/* Each writer changes the immediate of a function, within a page, past its end and over it: so
 * few times, on pages of its own, that they stay in the state that they begin in. */
static void all_writers(const char *state, int hot) {
    static const unsigned places[] = {63, PAGE - 1, PAGE - 3};
    for (unsigned i = 0; i < sizeof writers / sizeof writers[0]; i++) {
        uint32_t wrong = 0;
        page = code_pages(2);
        if (hot) {
            heat(page + 16);
            heat(page + PAGE + 16);
        }
        for (uint32_t n = 0; n < 12; n++) {
            uint8_t *at = page + places[n % 3];
            if (n % 3 == 2 && writers[i].write == by_futex) {
                continue; /* its words are aligned */
            }
            put_return(at, 1);
            wrong += run(at) != 1;
            writers[i].write(at + 1, 2 + n);
            wrong += run(at) != 2 + n;
        }
        printf("%s, %s: %u wrong\n", state, writers[i].name, wrong);
    }
}

static void on_signal(int signal) {
    (void)signal;
}

/* Signal frames over code. */
static void frames(const char *state) {
    stack_t stack = {.ss_sp = page, .ss_size = 2 * PAGE}, none = {.ss_flags = SS_DISABLE};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    uint32_t wrong = 0;
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    for (uint32_t n = 0; n < 40; n++) {
        uint8_t *at = page + 2 * PAGE - 16 * (n + 2);
        put_return(at, n);
        wrong += run(at) != n;
        raise(SIGUSR1);
        put_return(at, n + 1);
        wrong += run(at) != n + 1;
    }
    sigaltstack(&none, NULL);
    printf("%s, signal frames: %u wrong\n", state, wrong);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (pipe(pipes) || socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets)) {
        die("pipe");
    }
    all_writers("watched", 0);
    page = code_pages(2);
    frames("watched");
    all_writers("compared", 1);
    frames("compared");
    return 0;
}
