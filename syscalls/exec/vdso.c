/* The file of a vDSO image: see vdso.h. The images are the ABIs' (abi/NAME/vdso.c). Source:
 * vdso(7), memfd_create(2). */
#include "syscalls/exec/vdso.h"

#include "syscalls/file/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

void vdso_make_file(struct vdso *vdso) {
    static const struct file_ops vdso_ops = {.kind = "vdso"};
    int fd = memfd_create("vdso", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return;
    }
    /* Sealed, so that its code is shared from the first program on (mm_identity.c). */
    if (write(fd, vdso->image, vdso->size) != (ssize_t)vdso->size ||
        ftruncate(fd, (off_t)PAGE_ALIGN(vdso->size)) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        close(fd);
        return;
    }
    vdso->file = file_create(&vdso_ops, fd, O_RDONLY);
}
