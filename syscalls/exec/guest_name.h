/* Guest code by name. */
#ifndef FG_SYSCALLS_GUEST_NAME_H
#define FG_SYSCALLS_GUEST_NAME_H

#include "core/base/types.h"

/* What is at `pc` of the running task's memory: "memcpy+0x10 [libc.so.6]"; "0x8048200 [program]"
 * where the file says no more; "0x8048200" where there is no file. Files are read at the first
 * question about each. No lock may be held. A core/native/report.h native_namer. */
void guest_name(gaddr_t pc, char *text, size_t size);

#endif
