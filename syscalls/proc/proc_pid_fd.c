/* /proc/PID/fd and fdinfo: a magic link per descriptor, and what fcntl and lseek say of it. */
#include "syscalls/file/fdinfo.h"
#include "syscalls/proc/proc_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct file *file_of(const struct synth_ref *ref) {
    pthread_mutex_lock(&process_lock);
    struct task *task = proc_files_task(ref);
    struct file *file = task && task->fds ? fd_table_get(task->fds, ref->number) : NULL;
    pthread_mutex_unlock(&process_lock);
    return file;
}

static int link_text(const struct synth_ref *ref, struct strbuf *out) {
    char path[PATH_MAX];
    if (!proc_allowed(ref)) {
        return -EACCES;
    }
    struct file *file = file_of(ref);
    if (!file) {
        return -ENOENT;
    }
    int error = file_path(file, path, sizeof path);
    file_unref(file);
    if (!error) {
        strbuf_add(out, path, strlen(path));
    }
    return error;
}

static int link_follow(const struct synth_ref *ref, struct task *task, struct file **out) {
    if (!proc_allowed(ref)) {
        return -EACCES;
    }
    *out = file_of(ref);
    return *out ? 0 : -ENOENT;
}

static int link_stat(const struct synth_ref *ref, struct stat *st) {
    struct file *file = file_of(ref);
    if (!file) {
        return -ENOENT;
    }
    int mode = file->flags & O_ACCMODE;
    st->st_mode = S_IFLNK;
    if (!(file->flags & O_PATH)) { /* which can be neither read nor written, as access mode 3 */
        st->st_mode |= mode == O_RDONLY || mode == O_RDWR ? 0500 : 0;
        st->st_mode |= mode == O_WRONLY || mode == O_RDWR ? 0300 : 0;
    }
    st->st_size = 64;
    file_unref(file);
    return proc_stat_owner(ref, st);
}

static int info_text(const struct synth_ref *ref, struct strbuf *out) {
    struct file *file = NULL;
    bool cloexec = false;
    const struct fd_table *table = NULL;
    pthread_mutex_lock(&process_lock);
    struct task *task = proc_files_task(ref);
    if (task && task->fds) {
        table = task->fds;
        pthread_mutex_lock(&task->fds->lock);
        if (ref->number < table->size && table->slot[ref->number].file) {
            file = file_ref(table->slot[ref->number].file);
            cloexec = table->slot[ref->number].cloexec;
        }
        pthread_mutex_unlock(&task->fds->lock);
    }
    pthread_mutex_unlock(&process_lock);
    if (!file) {
        return -ENOENT;
    }
    fdinfo_text(file, cloexec, table, out);
    file_unref(file);
    return 0;
}

static const struct synth_entry fd_link = {.name = "fd",
                                           .mode = S_IFLNK | 0700,
                                           .text = link_text,
                                           .follow = link_follow,
                                           .stat = link_stat};
static const struct synth_entry fd_info = {
    .name = "fdinfo", .mode = S_IFREG | 0400, .text = info_text, .stat = proc_stat_owner};

static int lookup(const struct synth_ref *dir, const char *name, struct synth_ref *out) {
    if (!proc_allowed(dir)) {
        return -EACCES;
    }
    out->number = proc_number(name);
    out->entry = dir->entry == &proc_fd_dir ? &fd_link : &fd_info;
    struct file *file = out->number < 0 ? NULL : file_of(out);
    if (!file) {
        return -ENOENT;
    }
    file_unref(file);
    return 0;
}

/* The open descriptors from `from` on, in memory that the caller frees; NULL: out of memory. */
static int *numbers_of(const struct synth_ref *dir, int64_t from, int *count) {
    int *number = NULL;
    *count = 0;
    pthread_mutex_lock(&process_lock);
    struct task *task = proc_files_task(dir);
    struct fd_table *fds = task ? task->fds : NULL;
    if (fds) {
        pthread_mutex_lock(&fds->lock);
        number = malloc((size_t)fds->size * sizeof *number);
        for (int64_t i = from; number && i < fds->size; i++) {
            if (fds->slot[i].file) {
                number[(*count)++] = (int)i;
            }
        }
        pthread_mutex_unlock(&fds->lock);
    }
    pthread_mutex_unlock(&process_lock);
    return fds ? number : malloc(1);
}

static int list(const struct synth_ref *dir, int64_t from, synth_list_emit emit, void *arg) {
    int stop = 0, count;
    if (!proc_allowed(dir)) {
        return -EACCES;
    }
    int *number = numbers_of(dir, from, &count);
    if (!number) {
        return -ENOMEM;
    }
    for (int i = 0; i < count && !stop; i++) {
        struct synth_ref child = *dir;
        char name[16];
        child.number = number[i];
        child.entry = dir->entry == &proc_fd_dir ? &fd_link : &fd_info;
        snprintf(name, sizeof name, "%d", number[i]);
        stop = emit(arg, name, &child, number[i]);
    }
    free(number);
    return 0;
}

static int fdinfo_guard(struct synth_ref *ref, struct task *task, int error) {
    return error ? error : proc_allowed(ref) ? 0 : -EACCES;
}

const struct synth_entry proc_fd_dir = {.name = "fd",
                                        .mode = S_IFDIR | 0500,
                                        .guard = proc_guard_own,
                                        .lookup = lookup,
                                        .list = list,
                                        .stat = proc_stat_owner};
const struct synth_entry proc_fdinfo_dir = {.name = "fdinfo",
                                            .mode = S_IFDIR | 0555,
                                            .guard = fdinfo_guard,
                                            .lookup = lookup,
                                            .list = list,
                                            .stat = proc_stat_owner};
