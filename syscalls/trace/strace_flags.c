/* --strace: the names of flags. Numbers are the x86 ABIs' own, whatever the host's are. */
#include "syscalls/trace/strace.h"

#include <stdio.h>

struct flag_name {
    uint32_t mask, value;
    const char *name;
};

#define BIT(value, name)                                                                           \
    { value, value, name }

/* A field of several bits comes before the bits, and names its 0 only where strace(1) does. */
static const struct flag_name open_names[] = {
    {3, 0, "O_RDONLY"},          {3, 1, "O_WRONLY"},          {3, 2, "O_RDWR"},
    BIT(0100, "O_CREAT"),        BIT(0200, "O_EXCL"),         BIT(0400, "O_NOCTTY"),
    BIT(01000, "O_TRUNC"),       BIT(02000, "O_APPEND"),      BIT(04000, "O_NONBLOCK"),
    BIT(04010000, "O_SYNC"),     BIT(010000, "O_DSYNC"),      BIT(020000, "O_ASYNC"),
    BIT(040000, "O_DIRECT"),     BIT(0100000, "O_LARGEFILE"), BIT(020200000, "O_TMPFILE"),
    BIT(0200000, "O_DIRECTORY"), BIT(0400000, "O_NOFOLLOW"),  BIT(01000000, "O_NOATIME"),
    BIT(02000000, "O_CLOEXEC"),  BIT(010000000, "O_PATH"),    {0, 0, NULL},
};

static const struct flag_name protection_names[] = {
    {~0u, 0, "PROT_NONE"},
    BIT(1, "PROT_READ"),
    BIT(2, "PROT_WRITE"),
    BIT(4, "PROT_EXEC"),
    BIT(8, "PROT_SEM"),
    BIT(0x1000000, "PROT_GROWSDOWN"),
    BIT(0x2000000, "PROT_GROWSUP"),
    {0, 0, NULL},
};

static const struct flag_name mapping_names[] = {
    {15, 1, "MAP_SHARED"},
    {15, 2, "MAP_PRIVATE"},
    {15, 3, "MAP_SHARED_VALIDATE"},
    BIT(0x10, "MAP_FIXED"),
    BIT(0x20, "MAP_ANONYMOUS"),
    BIT(0x40, "MAP_32BIT"),
    BIT(0x100, "MAP_GROWSDOWN"),
    BIT(0x800, "MAP_DENYWRITE"),
    BIT(0x1000, "MAP_EXECUTABLE"),
    BIT(0x2000, "MAP_LOCKED"),
    BIT(0x4000, "MAP_NORESERVE"),
    BIT(0x8000, "MAP_POPULATE"),
    BIT(0x10000, "MAP_NONBLOCK"),
    BIT(0x20000, "MAP_STACK"),
    BIT(0x40000, "MAP_HUGETLB"),
    BIT(0x80000, "MAP_SYNC"),
    BIT(0x100000, "MAP_FIXED_NOREPLACE"),
    {0, 0, NULL},
};

static const struct flag_name at_names[] = {
    BIT(0x100, "AT_SYMLINK_NOFOLLOW"), BIT(0x200, "AT_REMOVEDIR"),
    BIT(0x400, "AT_SYMLINK_FOLLOW"),   BIT(0x800, "AT_NO_AUTOMOUNT"),
    BIT(0x1000, "AT_EMPTY_PATH"),      BIT(0x2000, "AT_STATX_FORCE_SYNC"),
    BIT(0x4000, "AT_STATX_DONT_SYNC"), {0, 0, NULL},
};

static const struct flag_name clone_names[] = {
    BIT(0x80, "CLONE_NEWTIME"),
    BIT(0x100, "CLONE_VM"),
    BIT(0x200, "CLONE_FS"),
    BIT(0x400, "CLONE_FILES"),
    BIT(0x800, "CLONE_SIGHAND"),
    BIT(0x1000, "CLONE_PIDFD"),
    BIT(0x2000, "CLONE_PTRACE"),
    BIT(0x4000, "CLONE_VFORK"),
    BIT(0x8000, "CLONE_PARENT"),
    BIT(0x10000, "CLONE_THREAD"),
    BIT(0x20000, "CLONE_NEWNS"),
    BIT(0x40000, "CLONE_SYSVSEM"),
    BIT(0x80000, "CLONE_SETTLS"),
    BIT(0x100000, "CLONE_PARENT_SETTID"),
    BIT(0x200000, "CLONE_CHILD_CLEARTID"),
    BIT(0x400000, "CLONE_DETACHED"),
    BIT(0x800000, "CLONE_UNTRACED"),
    BIT(0x1000000, "CLONE_CHILD_SETTID"),
    BIT(0x2000000, "CLONE_NEWCGROUP"),
    BIT(0x4000000, "CLONE_NEWUTS"),
    BIT(0x8000000, "CLONE_NEWIPC"),
    BIT(0x10000000, "CLONE_NEWUSER"),
    BIT(0x20000000, "CLONE_NEWPID"),
    BIT(0x40000000, "CLONE_NEWNET"),
    BIT(0x80000000, "CLONE_IO"),
    {0xff, 17, "SIGCHLD"},
    {0, 0, NULL},
};

static const struct flag_name futex_names[] = {
    {127, 0, "FUTEX_WAIT"},
    {127, 1, "FUTEX_WAKE"},
    {127, 2, "FUTEX_FD"},
    {127, 3, "FUTEX_REQUEUE"},
    {127, 4, "FUTEX_CMP_REQUEUE"},
    {127, 5, "FUTEX_WAKE_OP"},
    {127, 6, "FUTEX_LOCK_PI"},
    {127, 7, "FUTEX_UNLOCK_PI"},
    {127, 8, "FUTEX_TRYLOCK_PI"},
    {127, 9, "FUTEX_WAIT_BITSET"},
    {127, 10, "FUTEX_WAKE_BITSET"},
    {127, 11, "FUTEX_WAIT_REQUEUE_PI"},
    {127, 12, "FUTEX_CMP_REQUEUE_PI"},
    {127, 13, "FUTEX_LOCK_PI2"},
    BIT(128, "FUTEX_PRIVATE_FLAG"),
    BIT(256, "FUTEX_CLOCK_REALTIME"),
    {0, 0, NULL},
};

static const struct flag_name *names_of(char kind) {
    switch (kind) {
    case 'O':
        return open_names;
    case 'R':
        return protection_names;
    case 'M':
        return mapping_names;
    case 'A':
        return at_names;
    case 'C':
        return clone_names;
    case 'U':
        return futex_names;
    default:
        return NULL;
    }
}

bool strace_flags(char kind, uint32_t value, char *text, size_t size) {
    const struct flag_name *names = names_of(kind);
    size_t used = 0;
    uint32_t left = value;
    if (!names) {
        return false;
    }
    text[0] = 0;
    for (const struct flag_name *at = names; at->name && used < size; at++) {
        if ((value & at->mask) == at->value && (left & at->value) == at->value) {
            left &= ~at->value;
            used += (size_t)snprintf(text + used, size - used, used ? "|%s" : "%s", at->name);
        }
    }
    if ((left || !used) && used < size) {
        snprintf(text + used, size - used, used ? "|%#x" : "%#x", left);
    }
    return true;
}
