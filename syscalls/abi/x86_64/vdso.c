/* Holds the vDSO image (vdso.S, embedded when this file is assembled). exec/elf.c maps it. Nothing
 * in it is known to the kernel layer: handlers return by the program's own code. Source: vdso(7).
 */
#include "syscalls/abi/x86_64/x86_64.h"
#include "syscalls/exec/vdso.h"

#include <pthread.h>

extern const uint8_t vdso_x86_64_start[], vdso_x86_64_end[];
__asm__(".pushsection .rodata\n"
        ".balign 4096\n"
        ".globl vdso_x86_64_start, vdso_x86_64_end\n"
        "vdso_x86_64_start:\n"
        ".incbin \"build/gen/vdso_x86_64.so\"\n"
        "vdso_x86_64_end:\n"
        ".popsection\n");

static struct vdso vdso_x86_64;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make(void) {
    vdso_x86_64.image = vdso_x86_64_start;
    vdso_x86_64.size = (size_t)(vdso_x86_64_end - vdso_x86_64_start);
    vdso_make_file(&vdso_x86_64);
}

const struct vdso *abi_x86_64_vdso(void) {
    pthread_once(&once, make);
    return vdso_x86_64.file ? &vdso_x86_64 : NULL;
}
