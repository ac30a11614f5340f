/* What follows the FXSAVE image of a signal frame where the guest has AVX: an XSAVE header, the
 * upper halves of the YMM registers, an end mark; the image's bytes for software say so. Source:
 * Linux' <asm/sigcontext.h>, struct _fpx_sw_bytes and _xstate; the same in both ABIs. */
#ifndef FG_SYSCALLS_ABI_FRAME_XSTATE_H
#define FG_SYSCALLS_ABI_FRAME_XSTATE_H

#include "syscalls/task/task.h"

#define UC_FP_XSTATE 1 /* uc_flags: it is there */

/* Bytes after the image; 0 for a guest without AVX. */
unsigned frame_xstate_bytes(void);
/* Say in the image `fx` what follows it; `before`: bytes of FP state in front of the image. */
void frame_xstate_note(uint8_t fx[512], unsigned before);
/* Write what follows the image, at guest address `at`. 0, or -EFAULT. The task is stopped for it.
 */
int frame_xstate_write(struct task *task, gaddr_t at);
/* Take what follows the image `fx`, which is in the cpu already, from `at`; without it, or where
 * its marks are not whole, upper halves become 0. Components that its header leaves out become as
 * after a reset: AVX, and with `all` the others, too. False: the header cannot be. */
bool frame_xstate_take(struct task *task, const uint8_t fx[512], gaddr_t at, bool all);

#endif
