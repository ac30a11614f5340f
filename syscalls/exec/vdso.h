/* The vDSO image that is mapped into every process, and what the kernel layer wants to know of it:
 * what task->abi->vdso() gives. */
#ifndef FG_SYSCALLS_VDSO_H
#define FG_SYSCALLS_VDSO_H

#include "core/base/types.h"

struct file;

struct vdso {
    const uint8_t *image;
    size_t size;
    struct file *file; /* a memory file with the image: mapped, so that its fibers are shared */
    uint32_t vsyscall, sigreturn, rt_sigreturn; /* offsets in the image; 0: the ABI has none */
};

/* Makes the file of an image that was set, and leaves it NULL where the host has no memory for
 * it. */
void vdso_make_file(struct vdso *vdso);

#endif
