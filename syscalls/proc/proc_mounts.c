/* Which synthetic trees there are, and where they are mounted. */
#include "syscalls/proc/proc.h"
#include "syscalls/proc/proc_internal.h"

/* A single node over one of the host's. */
static void mount_node(const char *guest, const struct synth_entry *node) {
    struct mount *mount = fs_mount_synthetic(guest, node, "devtmpfs");
    if (mount) {
        mount->node = true;
    }
}

void proc_mounts(bool private_root) {
    fs_mount_synthetic("/proc", &proc_root, "proc");
    if (private_root) {
        fs_mount_synthetic("/sys", &sys_root, "sysfs");
        fs_mount_synthetic("/dev", &dev_root, "devtmpfs");
        struct mount *shm = fs_mount_synthetic("/dev/shm", &dev_shm, "tmpfs");
        if (shm) {
            shm->metadata = true;
        }
        shm->lazy = true;
    } else {
        mount_node("/dev/tty", &dev_tty);
        mount_node("/dev/ptmx", &dev_ptmx);
        mount_node("/dev/console", &dev_console);
    }
    fs_mount_synthetic("/dev/pts", &devpts_root, "devpts");
}
