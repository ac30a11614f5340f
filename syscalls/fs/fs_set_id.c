/* Set-user-ID and set-group-ID bits: a file loses them when somebody without CAP_FSETID changes
 * its contents, so that nobody gets another's rights for a program of their own (write(2),
 * truncate(2), chown(2), chmod(2), open(2) with O_TRUNC, inode(7)).
 *
 * Where the host knows the guest's user it does this itself. In a private root the bits are in
 * the metadata, or the writing thread is root's. To ask for them at each write would cost two calls
 * of the host's, so an open file remembers that there were none, until any file is given some. Bits
 * that come between this look and the write are found by a second one after it. */
#include "syscalls/fs/fs_place.h"
#include "syscalls/task/capability.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static atomic_uint given = 1; /* counts files that were given such bits */

void set_id_note(mode_t mode) {
    if (mode & (S_ISUID | S_ISGID)) {
        atomic_fetch_add(&given, 1);
    }
}

static bool keeps_set_id(const struct task *task) {
    return task_capable(task, CAP_FSETID);
}

mode_t set_id_kept(const struct task *task, const struct stat *st) {
    mode_t mode = st->st_mode;
    if (!S_ISREG(mode) || keeps_set_id(task)) {
        return mode;
    }
    if ((mode & S_ISGID) && ((mode & S_IXGRP) || !task_in_group(task, st->st_gid))) {
        mode &= ~(mode_t)S_ISGID;
    }
    return mode & ~(mode_t)S_ISUID;
}

mode_t set_id_granted(const struct task *task, gid_t gid, mode_t mode) {
    return keeps_set_id(task) || task_in_group(task, gid) ? mode : mode & ~(mode_t)S_ISGID;
}

/* Of the host's own bits, on mounts without metadata (those have a lock themselves). */
static pthread_mutex_t mount_lock = PTHREAD_MUTEX_INITIALIZER;

void set_id_change_begin(mode_t mode) {
    pthread_mutex_lock(&mount_lock);
    set_id_note(mode);
}

void set_id_change_end(void) {
    pthread_mutex_unlock(&mount_lock);
}

void set_id_drop(struct task *task, const struct mount *mount, int fd) {
    struct stat host, want;
    if (!fs_private_root || !mount || keeps_set_id(task)) {
        return;
    }
    metadata_change_begin(mount);
    pthread_mutex_lock(&mount_lock);
    if (!fs_owner_fstat(mount, fd, &want) && set_id_kept(task, &want) != want.st_mode) {
        want.st_mode = set_id_kept(task, &want);
        if (!mount->metadata) {
            char path[40];
            snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
            chmod(path, want.st_mode & 07777);
        } else if (!fstat(fd, &host)) {
            metadata_set(fd, &host, &want);
        }
    }
    pthread_mutex_unlock(&mount_lock);
    metadata_change_end(mount);
}

void set_id_on_write(struct task *task, struct file *file) {
    if (keeps_set_id(task) || file->ops != &file_ops_regular) {
        return;
    }
    unsigned now = atomic_load(&given);
    if (atomic_load(&file->no_set_id) == now) {
        return;
    }
    set_id_drop(task, file->mount, file->host_fd);
    atomic_store(&file->no_set_id, now);
}
