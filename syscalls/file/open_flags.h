/* Numbers of open(2) flags as x86 guests have them, and their translation to the host's (they are
 * the same on an x86 host but for O_LARGEFILE). */
#ifndef FG_SYSCALLS_OPEN_FLAGS_H
#define FG_SYSCALLS_OPEN_FLAGS_H

#include "syscalls/file/file.h"
#include <fcntl.h>

static const struct {
    uint32_t guest;
    int host;
} abi_open_flags[] = {
    {01, O_WRONLY},
    {02, O_RDWR},
    {0100, O_CREAT},
    {0200, O_EXCL},
    {0400, O_NOCTTY},
    {01000, O_TRUNC},
    {02000, O_APPEND},
    {04000, O_NONBLOCK},
    {010000, O_DSYNC},
    {020000, O_ASYNC},
    {040000, O_DIRECT},
    {0100000, FILE_LARGEFILE},
    {0200000, O_DIRECTORY},
    {0400000, O_NOFOLLOW},
    {01000000, O_NOATIME},
    {02000000, O_CLOEXEC},
    {04000000, O_SYNC & ~O_DSYNC},
    {010000000, O_PATH},
    {020000000, O_TMPFILE & ~O_DIRECTORY},
};

/* Unknown bits are dropped, as open(2) ignores them. */
static inline int open_flags_from_guest(uint32_t guest) {
    int host = 0;
    for (size_t i = 0; i < ARRAY_LEN(abi_open_flags); i++) {
        if (guest & abi_open_flags[i].guest) {
            host |= abi_open_flags[i].host;
        }
    }
    return host;
}

static inline uint32_t open_flags_to_guest(int host) {
    uint32_t guest = 0;
    for (size_t i = 0; i < ARRAY_LEN(abi_open_flags); i++) {
        if (host & abi_open_flags[i].host) {
            guest |= abi_open_flags[i].guest;
        }
    }
    return guest;
}

#endif
