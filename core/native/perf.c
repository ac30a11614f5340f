/* perf(1) of the host and native code: a map of names, and a jitdump file. Both have a record for
 * each block, written when it is made, so that they are whole however the process ends. Formats:
 * jit-interface.txt and jitdump-specification.txt of Linux' tools/perf/Documentation.
 *
 * A map has no times: where memory was used again, perf finds one of the names that it had.
 * A jitdump has times, and the code, as it was before branches led to other blocks. */
#include "core/host/host.h"
#include "core/native/report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define JITDUMP_MAGIC   0x4a695444u
#define JITDUMP_VERSION 1
#define JIT_CODE_LOAD   0

struct jitdump_head {
    uint32_t magic, version, bytes, machine, unused, pid;
    uint64_t time, flags;
};

struct jitdump_load {
    uint32_t kind, bytes;
    uint64_t time;
    uint32_t pid, tid;
    uint64_t address, code, code_bytes, number;
    /* the name with its NUL, the code */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int map = -1, dump = -1;

/* A new file that is ours alone. What an earlier process of this number left is removed; what
 * somebody else put there, a link above all, is not followed. -errno: no. */
static int create(const char *path) {
    unlink(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    int high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1); /* 0 to 2 would be the guest's */
    int error = errno;
    close(fd);
    return high < 0 ? -error : high;
}

/* What cannot be written ends the file. */
static void put(int *fd, struct iovec *part, int parts) {
    while (parts > 0) {
        ssize_t n = writev(*fd, part, parts);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            fprintf(stderr, "fiberglass: cannot go on writing what perf is to read: %s\n",
                    strerror(errno));
            close(*fd);
            *fd = -1;
            return;
        }
        while (parts > 0 && (size_t)n >= part->iov_len) {
            n -= (ssize_t)part->iov_len;
            part++;
            parts--;
        }
        if (parts > 0) {
            part->iov_base = (char *)part->iov_base + n;
            part->iov_len -= (size_t)n;
        }
    }
}

/* Of the clock that "perf record -k mono" has. */
static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int native_report_perf_map(const char **path) {
    static char name[40];
    snprintf(name, sizeof name, "/tmp/perf-%d.map", (int)getpid());
    *path = name;
    map = create(name);
    native_reports |= map >= 0;
    return map < 0 ? map : 0;
}

int native_report_jitdump(const char **path) {
    static char name[40];
    struct jitdump_head head = {.magic = JITDUMP_MAGIC,
                                .version = JITDUMP_VERSION,
                                .bytes = sizeof head,
                                .machine = host_elf_machine(),
                                .pid = (uint32_t)getpid(),
                                .time = now()};
    snprintf(name, sizeof name, "jit-%d.dump", (int)getpid());
    *path = name;
    int fd = create(name);
    if (fd < 0) {
        return fd;
    }
    /* That is how perf learns of the file: a record of each executable mapping. */
    void *seen = write(fd, &head, sizeof head) == sizeof head
                     ? mmap(NULL, sizeof head, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0)
                     : MAP_FAILED;
    if (seen == MAP_FAILED) {
        int error = errno;
        close(fd);
        unlink(name);
        return -error;
    }
    dump = fd;
    native_reports = true;
    return 0;
}

static void put_map(const struct native_report *report) {
    char line[600];
    int len = snprintf(line, sizeof line, "%" PRIxPTR " %zx %s\n", (uintptr_t)report->code,
                       report->bytes, report->name);
    struct iovec part = {line, (size_t)len};
    put(&map, &part, 1);
}

static void put_dump(const struct native_report *report) {
    static uint64_t number; /* of blocks before it */
    size_t name_bytes = strlen(report->name) + 1;
    struct jitdump_load load = {
        .kind = JIT_CODE_LOAD,
        .bytes = (uint32_t)(sizeof load + name_bytes + report->bytes),
        .time = now(),
        .pid = (uint32_t)getpid(),
        .tid = (uint32_t)gettid(),
        .address = (uintptr_t)report->code,
        .code = (uintptr_t)report->code,
        .code_bytes = report->bytes,
        .number = number + 1,
    };
    struct iovec part[] = {{&load, sizeof load},
                           {(void *)(uintptr_t)report->name, name_bytes},
                           {(void *)(uintptr_t)report->code, report->bytes}};
    number++;
    put(&dump, part, ARRAY_LEN(part));
}

void perf_report(const struct native_report *report) {
    pthread_mutex_lock(&lock);
    if (map >= 0) {
        put_map(report);
    }
    if (dump >= 0) {
        put_dump(report);
    }
    pthread_mutex_unlock(&lock);
}
