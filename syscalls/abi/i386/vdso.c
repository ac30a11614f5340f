/* Holds the vDSO image (vdso.S, embedded when this file is assembled) and finds its symbols.
 * exec/elf.c maps it, the signal frames return through it. Source: vdso(7). */
#include "syscalls/exec/vdso.h"
#include "syscalls/abi/i386/i386.h"
#include <elf.h>
#include <pthread.h>
#include <string.h>

extern const uint8_t vdso_i386_start[], vdso_i386_end[];
__asm__(".pushsection .rodata\n"
        ".balign 4096\n"
        ".globl vdso_i386_start, vdso_i386_end\n"
        "vdso_i386_start:\n"
        ".incbin \"build/gen/vdso_i386.so\"\n"
        "vdso_i386_end:\n"
        ".popsection\n");

static struct vdso vdso_i386;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Offset of a symbol in our own, trusted image; 0 when it is not there. */
static uint32_t symbol(const struct vdso *vdso, const char *name) {
    const Elf32_Ehdr *head = (const void *)vdso->image;
    const Elf32_Shdr *section = (const void *)(vdso->image + head->e_shoff);
    for (unsigned i = 0; i < head->e_shnum; i++) {
        if (section[i].sh_type != SHT_DYNSYM) {
            continue;
        }
        const Elf32_Sym *sym = (const void *)(vdso->image + section[i].sh_offset);
        const char *text = (const char *)vdso->image + section[section[i].sh_link].sh_offset;
        for (size_t n = section[i].sh_size / sizeof *sym; n-- > 0; sym++) {
            if (!strcmp(text + sym->st_name, name)) {
                return sym->st_value;
            }
        }
    }
    return 0;
}

static void make(void) {
    struct vdso *vdso = &vdso_i386;
    vdso->image = vdso_i386_start;
    vdso->size = (size_t)(vdso_i386_end - vdso_i386_start);
    vdso->vsyscall = symbol(vdso, "__kernel_vsyscall");
    vdso->sigreturn = symbol(vdso, "__kernel_sigreturn");
    vdso->rt_sigreturn = symbol(vdso, "__kernel_rt_sigreturn");
    vdso_make_file(vdso);
}

const struct vdso *abi_i386_vdso(void) {
    pthread_once(&once, make);
    return vdso_i386.file ? &vdso_i386 : NULL;
}
