/* The synthetic file systems: set-up. */
#ifndef FG_SYSCALLS_PROC_H
#define FG_SYSCALLS_PROC_H

#include "core/base/types.h"

/* Mounts /proc, and /dev and /sys as far as the host's own are not to be seen (a private root).
 * After fs_init(), before the first task runs. */
void proc_mounts(bool private_root);

#endif
