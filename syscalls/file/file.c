/* Open file descriptions: their life, who is told of its end, the kinds that the host tells of.
 * Numbers are fd.c; files with an inode, reading, writing and opening are in fs/. */
#include "syscalls/file/file.h"
#include "syscalls/file/lock.h"
#include "syscalls/task/account.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct file_observer *observers;
static const struct file_ops *host_kinds[4];

void file_observer_add(struct file_observer *observer) {
    observer->next = observers;
    observers = observer;
}

void file_kind_add(const struct file_ops *ops) {
    for (size_t i = 0; i < ARRAY_LEN(host_kinds); i++) {
        if (!host_kinds[i] || host_kinds[i] == ops) {
            host_kinds[i] = ops;
            return;
        }
    }
}

const struct file_ops *file_kind_of_link(const char *link) {
    for (size_t i = 0; i < ARRAY_LEN(host_kinds) && host_kinds[i]; i++) {
        if (!strncmp(link, host_kinds[i]->kind, strlen(host_kinds[i]->kind))) {
            return host_kinds[i];
        }
    }
    return NULL;
}

struct file *file_create(const struct file_ops *ops, int host_fd, int flags) {
    struct account *account = account_current();
    bool allowed = account_allows(account, SHARE_FILES, 1);
    struct file *file = allowed ? calloc(1, sizeof *file) : NULL;
    if (!file) {
        if (host_fd >= 0) {
            close(host_fd);
        }
        errno = allowed ? ENOMEM : ENFILE;
        return NULL;
    }
    file->account = account;
    account_add(account, SHARE_FILES, 1);
    file->ops = ops;
    file->host_fd = host_fd;
    file->refs = 1;
    file->flags = flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
    pthread_mutex_init(&file->lock, NULL);
    return file;
}

struct file *file_ref(struct file *file) {
    file->refs++;
    return file;
}

void file_unref(struct file *file) {
    if (!file || --file->refs) {
        return;
    }
    lock_release(file);
    for (struct file_observer *at = file->observed ? observers : NULL; at; at = at->next) {
        at->gone(file);
    }
    if (file->ops->release) {
        file->ops->release(file);
    } else if (file->host_fd >= 0) {
        close(file->host_fd);
    }
    account_add(file->account, SHARE_FILES, -1);
    pthread_mutex_destroy(&file->lock);
    free(file->path);
    free(file);
}
