/* Arguments for fuzz_syscalls.c, by the kinds that syscalls/table gives them: descriptors of every
 * sort, paths, pointers to what the call expects, to something else, to the edge of a page and to
 * nothing, lengths, flags. Everything comes from the seed of the thread that asks. */
#ifndef FUZZ_ARGS_H
#define FUZZ_ARGS_H

#include "fuzz_kinds.h" /* written by test/lib/fuzzing.py from syscalls/table */
#include <stdint.h>
#include <string.h>

#define ARRAY(a) (sizeof(a) / sizeof *(a))

/* Where things lie in each process; the same everywhere, so that threads meet. */
#ifdef __x86_64__
#define UPPER 0x100000000 /* what the calls change is beyond 4 GiB */
#else
#define UPPER 0
#endif
#define PLAY   (UPPER + 0x58000000) /* what the memory calls change */
#define SHARED (UPPER + 0x5c000000) /* seen by all processes: futexes, flags */
#define CODE   (UPPER + 0x5e000000) /* writable and executable */
enum {
    SCRATCH = 0x50000000, /* + thread * SCRATCH_STEP: 4 pages, one read-only, one PROT_NONE */
    SCRATCH_STEP = 0x10000,
    PLAY_BYTES = 64 << 12,
    SHARED_BYTES = 16 << 12,
    CODE_BYTES = 4 << 12,
    PAGE = 4096,
};

/* A register, a pointer, a size in memory. */
typedef unsigned long word;

struct fuzz {
    uint32_t state;
    word scratch;           /* address of this thread's pages */
    int gentle;             /* leaves the ground under the process's feet alone */
    uint32_t parent;        /* a process id that must live on */
    volatile int32_t *tids; /* of the run's processes and threads */
};

static uint32_t rnd(struct fuzz *f) {
    f->state ^= f->state << 13;
    f->state ^= f->state >> 17;
    f->state ^= f->state << 5;
    return f->state;
}
static uint32_t below(struct fuzz *f, uint32_t n) {
    return rnd(f) % n;
}
static int one_in(struct fuzz *f, uint32_t n) {
    return rnd(f) % n == 0;
}

static word edge_value(struct fuzz *f) {
    static const uint32_t values[] = {0,          1,          2,          7,          8,
                                      0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0xfffff000,
                                      0xffffe000, 0x10000,    4095,       4096,       4097,
                                      65535,      0x40000000, 1024,       0xc0000000, 128};
#ifdef __x86_64__
    static const word wide[] = {
        0x100000000,        0xfffff000,         0x7ffffffff000,     0x7fffffffffff,
        0x800000000000,     0xffff800000000000, 0xffffffffff600000, 0xfffffffffffff000,
        0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0xffffffff80000000,
        0x10000000000,      0xfffffff000,       0x1000000000,       0x7fffffffe000};
    switch (one_in(f, 2) ? below(f, 4) : 4) {
    case 0:
        return (word)rnd(f) << 32 | rnd(f);
    case 1:
        return (word)1 << below(f, 64);
    case 2:
        return wide[below(f, ARRAY(wide))] + below(f, 3) - 1;
    case 3:
        return wide[below(f, ARRAY(wide))];
    default:
        break;
    }
#endif
    switch (below(f, 4)) {
    case 0:
        return rnd(f);
    case 1:
        return 1u << below(f, 32);
    default:
        return values[below(f, ARRAY(values))];
    }
}

static word small(struct fuzz *f) {
    return one_in(f, 10) ? edge_value(f) : below(f, 16);
}

static word some_fd(struct fuzz *f) {
    if (one_in(f, 12)) {
        return one_in(f, 2) ? (uint32_t)-100 : edge_value(f); /* AT_FDCWD */
    }
    return below(f, 48);
}

static word some_pid(struct fuzz *f) {
    int32_t tid = f->tids[below(f, 16)];
    switch (below(f, 8)) {
    case 0:
        return 0;
    case 1:
        return 1 + below(f, 40);
    case 2:
        return -below(f, 40);
    default:
        return (uint32_t)tid;
    }
}

static uint32_t some_user(struct fuzz *f) {
    static const uint32_t users[] = {0, 1000, 1001, 65534, 65535, 0xffffffff};
    return users[below(f, ARRAY(users))];
}

static word some_size(struct fuzz *f) {
    switch (below(f, 5)) {
    case 0:
        return edge_value(f);
    case 1:
        return PAGE * below(f, 16);
    case 2:
        return below(f, 3 * PAGE);
    default:
        return below(f, 200);
    }
}

static word some_address(struct fuzz *f) {
    switch (below(f, f->gentle ? 4 : 8)) {
    case 0:
        return PLAY + (below(f, PLAY_BYTES) & ~(one_in(f, 8) ? 0u : PAGE - 1));
    case 1:
    case 2:
        return PLAY + PAGE * below(f, 16);
    case 3:
        return SHARED + PAGE * below(f, 16);
    case 4:
        return CODE + PAGE * below(f, 4);
    case 5:
        return f->scratch + PAGE * below(f, 6);
    default:
        return edge_value(f);
    }
}

/* --- what pointers point at --------------------------------------------------------------- */

enum { ROOM = 512 }; /* one record at most; a scratch page holds eight */

static word buffer(struct fuzz *f) {
    switch (below(f, 12)) {
    case 0:
        return f->scratch + 4 * PAGE - below(f, 64); /* runs into the read-only page */
    case 1:
        return f->scratch + 4 * PAGE + below(f, PAGE);
    case 2:
        return f->scratch + 5 * PAGE - below(f, 64); /* runs into nothing */
    case 3:
        return PLAY + below(f, PLAY_BYTES);
    case 4:
        return CODE + below(f, CODE_BYTES);
    case 5:
        return SHARED + below(f, SHARED_BYTES);
    case 6:
        return one_in(f, 3) ? edge_value(f) : 0;
    default:
        return f->scratch + below(f, 3 * PAGE);
    }
}

static word *words(word at) {
    return (word *)at;
}

/* Fields of 32 bits. */
static uint32_t *halves(word at) {
    return (uint32_t *)at;
}

static void fill_vectors(struct fuzz *f, word at) {
    for (uint32_t i = 0; i < 16; i++) {
        words(at)[2 * i] = buffer(f);
        words(at)[2 * i + 1] = some_size(f);
    }
}

static void fill_address(struct fuzz *f, word at) {
    uint8_t *to = (uint8_t *)at;
    memset(to, 0, 128);
    static const char *const names[] = {"/tmp/s1", "s2", "/tmp/d/s3", "", "/dev/null"};
    switch (below(f, 6)) {
    case 0: /* loopback */
    case 1:
        halves(at)[0] = 2 | (0x1027 + below(f, 8) * 0x100) << 16;
        halves(at)[1] = 0x0100007f;
        break;
    case 2:
        halves(at)[0] = 10 | (0x1027 + below(f, 8) * 0x100) << 16;
        to[23] = 1;
        break;
    case 3: /* abstract */
        halves(at)[0] = 1;
        to[3] = (uint8_t)('a' + below(f, 4));
        break;
    case 4:
        halves(at)[0] = 1;
        strcpy((char *)to + 2, names[below(f, ARRAY(names))]);
        break;
    default:
        halves(at)[0] = below(f, 40) | rnd(f) << 16;
        halves(at)[1] = rnd(f);
    }
}

static void fill_message(struct fuzz *f, word at) {
    word *m = words(at);
    m[0] = one_in(f, 2) ? 0 : at + 256;
    fill_address(f, at + 256);
    m[1] = one_in(f, 6) ? edge_value(f) : 110;
    m[2] = at + 128;
    for (uint32_t i = 0; i < 4; i++) {
        words(at + 128)[2 * i] = buffer(f);
        words(at + 128)[2 * i + 1] = below(f, 600);
    }
    m[3] = one_in(f, 8) ? edge_value(f) : below(f, 4);
    m[4] = at + 400;
    m[5] = one_in(f, 6) ? edge_value(f) : sizeof(word) * below(f, 20);
    m[6] = rnd(f);
    words(at + 400)[0] = one_in(f, 6) ? edge_value(f) : sizeof(word) + 8 + 4 * below(f, 8);
    uint32_t *control = halves(at + 400 + sizeof(word)); /* descriptors or credentials */
    control[0] = (uint32_t)(one_in(f, 6) ? small(f) : 1);
    control[1] = 1 + below(f, 3);
    for (int i = 2; i < 11; i++) {
        control[i] = (uint32_t)(one_in(f, 2) ? some_fd(f) : some_user(f));
    }
}

static void fill_time(struct fuzz *f, word at) {
    for (int i = 0; i < 4; i++) {
        words(at)[2 * i] = one_in(f, 8) ? edge_value(f) : 0;
        words(at)[2 * i + 1] = one_in(f, 8) ? edge_value(f) : below(f, 3000000);
    }
}

static void fill_anything(struct fuzz *f, word at) {
    if (sizeof(word) == 8 && one_in(f, 2)) { /* structures of ints */
        for (int i = 0; i < 32; i++) {
            halves(at)[i] = (uint32_t)(one_in(f, 3) ? 0 : one_in(f, 2) ? small(f) : some_fd(f));
        }
        return;
    }
    for (int i = 0; i < 32; i++) {
        words(at)[i] = one_in(f, 3)   ? 0
                       : one_in(f, 3) ? small(f)
                       : one_in(f, 3) ? buffer(f)
                       : one_in(f, 3) ? some_fd(f)
                                      : edge_value(f);
    }
}

/* A record of one sort in the scratch pages, or just some address. */
static word pointer(struct fuzz *f, enum points_at what) {
    if (one_in(f, 6)) {
        return buffer(f);
    }
    word at = f->scratch + ROOM * below(f, 20);
    switch (one_in(f, 8) ? (enum points_at)below(f, AT_SORTS) : what) {
    case AT_VECTORS:
        fill_vectors(f, at);
        break;
    case AT_ADDRESS:
        fill_address(f, at);
        break;
    case AT_MESSAGE:
        fill_message(f, at);
        break;
    case AT_TIME:
        if (one_in(f, 10)) {
            return 0;
        }
        fill_time(f, at);
        break;
    case AT_MEMORY:
        return some_address(f);
    case AT_FUTEX:
        return (one_in(f, 3) ? PLAY : SHARED) + 4 * below(f, 8) + one_in(f, 16);
    case AT_BUFFER:
        return buffer(f);
    default:
        fill_anything(f, at);
        if (one_in(f, 5)) { /* a record that ends where the page does */
            memcpy((void *)(f->scratch + 4 * PAGE - 64), (void *)at, 64);
            return f->scratch + 4 * PAGE - 4 * (1 + below(f, 16));
        }
    }
    return at;
}

/* --- strings ------------------------------------------------------------------------------ */

static word some_string(struct fuzz *f) {
    static const char *const dirs[] = {"/tmp/",
                                       "",
                                       "/tmp/d/",
                                       "d/",
                                       "./",
                                       "../",
                                       "/tmp/d/../d/",
                                       "/",
                                       "l/",
                                       "/proc/self/cwd/",
                                       "/proc/self/root/tmp/"};
    static const char *const names[] = {"a",  "b", "c", "d",  "l",  "fifo", "s1",
                                        "s2", "x", ".", "..", "a/", "loop", "run"};
    static const char *const others[] = {"/proc/self/maps",
                                         "/proc/self/mem",
                                         "/proc/self/status",
                                         "/proc/self/environ",
                                         "/proc/self/exe",
                                         "/proc/self/fd",
                                         "/proc/self/task",
                                         "/proc/self/comm",
                                         "/proc/self/stat",
                                         "/proc/self",
                                         "/proc",
                                         "/dev/null",
                                         "/dev/zero",
                                         "/dev/full",
                                         "/dev/tty",
                                         "/dev/ptmx",
                                         "/dev/pts/0",
                                         "/dev/shm/x",
                                         "/dev",
                                         "/sys",
                                         "/proc/mounts",
                                         "/proc/meminfo",
                                         "/proc/cpuinfo",
                                         "/bin/fuzz",
                                         "user.a",
                                         "user.b",
                                         "security.capability",
                                         "/queue",
                                         "trusted.x",
                                         "system.posix_acl_access",
                                         "/dev/mqueue",
                                         "/dev/random"};
    static const char *const magic[] = {"fd", "fdinfo", "task", "map_files"};
    char *const start = (char *)(f->scratch + ROOM * (20 + below(f, 3)));
    char *to = start;
    switch (below(f, 10)) {
    case 0:
        return one_in(f, 2) ? buffer(f) : (word) "";
    case 1:
    case 2:
        strcpy(to, others[below(f, ARRAY(others))]);
        break;
    case 3: /* a descriptor of this process or of another */
        strcpy(to, "/proc/");
        to += strlen(to);
        uint32_t pid = one_in(f, 2) ? 0 : (uint32_t)f->tids[below(f, 16)];
        if (pid) {
            char digits[12];
            int n = 0;
            for (uint32_t v = pid; v && n < 11; v /= 10) {
                digits[n++] = (char)('0' + v % 10);
            }
            while (n) {
                *to++ = digits[--n];
            }
        } else {
            strcpy(to, "self");
            to += 4;
        }
        *to++ = '/';
        strcpy(to, magic[below(f, ARRAY(magic))]);
        to += strlen(to);
        *to++ = '/';
        uint32_t fd = below(f, 48);
        if (fd > 9) {
            *to++ = (char)('0' + fd / 10);
        }
        *to++ = (char)('0' + fd % 10);
        *to = '\0';
        break;
    case 4:
        if (one_in(f, 4)) { /* longer than a name, or than a path */
            memset(to, 'n', ROOM - 1);
            to[ROOM - 1] = '\0';
            break;
        } /* fallthrough */
    default:
        strcpy(to, dirs[below(f, ARRAY(dirs))]);
        strcat(to, names[below(f, ARRAY(names))]);
    }
    return (word)start;
}

/* --- an argument by its kind -------------------------------------------------------------- */

static word argument(struct fuzz *f, enum kind kind, enum points_at what) {
    if (one_in(f, 40)) {
        return edge_value(f);
    }
    switch (kind) {
    case KIND_FD:
        return some_fd(f);
    case KIND_STR:
        return some_string(f);
    case KIND_PTR:
        return pointer(f, what);
    case KIND_ADDR:
        return pointer(f, AT_ADDRESS);
    case KIND_ARGV:
        return one_in(f, 2) ? 0 : pointer(f, AT_ANYTHING);
    case KIND_SIZE:
        return some_size(f);
    case KIND_SIG:
        return one_in(f, 10) ? edge_value(f) : below(f, 65);
    case KIND_PID:
        return some_pid(f);
    case KIND_MODE:
        return one_in(f, 3) ? rnd(f) : rnd(f) & 07777;
    case KIND_PROT:
        return one_in(f, 10) ? rnd(f) : below(f, 8);
    case KIND_MAPFLAGS: {
        uint32_t flags = one_in(f, 3) ? 1 : 2;                      /* shared, private */
        flags |= one_in(f, 2) ? 0x20 : 0;                           /* anonymous */
        flags |= one_in(f, 3) ? 0x10 : one_in(f, 3) ? 0x100000 : 0; /* fixed */
        return one_in(f, 6) ? flags ^ 1u << below(f, 22) : flags;
    }
    case KIND_OFLAGS: {
        static const uint32_t flags[] = {0100,    0200,    01000,    02000,     04000,
                                         0200000, 0400000, 02000000, 010000000, 020200000};
        uint32_t value = below(f, 3);
        for (int n = (int)below(f, 4); n > 0; n--) {
            value |= flags[below(f, ARRAY(flags))];
        }
        return one_in(f, 12) ? rnd(f) : value;
    }
    case KIND_ATFLAGS: {
        static const uint32_t flags[] = {0, 0x100, 0x200, 0x400, 0x1000, 0x1100};
        return one_in(f, 8) ? rnd(f) : flags[below(f, ARRAY(flags))];
    }
    case KIND_FLAGS:
        return one_in(f, 2) ? 0 : one_in(f, 2) ? 1u << below(f, 20) : small(f);
    case KIND_FUTEXOP:
        return below(f, 14) | (one_in(f, 2) ? 128 : 0) | (one_in(f, 6) ? 256 : 0);
    case KIND_CLONEFLAGS:
        return rnd(f) & rnd(f);
    case KIND_UINT:
        return one_in(f, 3) ? some_user(f) : small(f);
    case KIND_LOW: /* of an offset */
        return one_in(f, 2) ? below(f, 3 * PAGE) : edge_value(f);
    case KIND_HIGH:
        return one_in(f, 6) ? edge_value(f) : 0;
    default: /* int, long, hex, time */
        return one_in(f, 4) ? edge_value(f) : one_in(f, 3) ? buffer(f) : small(f);
    }
}

#endif
