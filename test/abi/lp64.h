/* An ABI that no guest has: the structures of a 64-bit host, over the tasks of an i386 run. What
 * the kernel layer writes for it is compared with what the host itself writes. */
#ifndef FG_TEST_ABI_LP64_H
#define FG_TEST_ABI_LP64_H

#include "syscalls/abi/abi.h"

extern const struct abi lp64;
extern uint64_t lp64_tls; /* the last thread pointer that was set */

#endif
