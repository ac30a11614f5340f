/* /proc/PID and /proc/PID/task/TID: what processes and tasks say of themselves. Texts
 * are proc_pid_text.c, memory proc_pid_mem.c, descriptors proc_pid_fd.c.
 *
 * Only guest processes exist here. A node holds no reference: every function looks its process up
 * again, under process_lock, and copies what it prints (or takes references) before it lets go. */
#include "syscalls/proc/proc_internal.h"
#include "syscalls/task/process.h"
#include "syscalls/tty/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- who is meant ---------------------------------------------------------------------- */

int32_t proc_number(const char *name) {
    int64_t value = 0;
    if (!*name || (*name == '0' && name[1])) {
        return -1;
    }
    for (; *name; name++) {
        if (*name < '0' || *name > '9' || value > INT32_MAX / 10) {
            return -1;
        }
        value = value * 10 + (*name - '0');
    }
    return value > INT32_MAX ? -1 : (int32_t)value;
}

struct process *proc_process(const struct synth_ref *ref) {
    return process_find(ref->pid);
}

struct task *proc_task(const struct synth_ref *ref) {
    struct process *process = process_find(ref->pid);
    struct task *task = proc_files_task(ref);
    return task || ref->tid || !process ? task : process->tasks;
}

struct mm *proc_mm(const struct synth_ref *ref) {
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(ref);
    bool same = process && (!ref->image || ref->image == process->image);
    struct mm *mm = same && process->mm ? mm_ref(process->mm) : NULL;
    pthread_mutex_unlock(&process_lock);
    return mm;
}

struct task *proc_files_task(const struct synth_ref *ref) {
    struct process *process = process_find(ref->pid);
    int32_t tid = ref->tid ? ref->tid : ref->pid;
    struct task *task = process ? process->tasks : NULL;
    while (task && task->tid != tid) {
        task = task->next;
    }
    return task;
}

struct file *proc_cwd(const struct synth_ref *ref) {
    struct file *file = NULL;
    pthread_mutex_lock(&process_lock);
    struct task *task = proc_files_task(ref);
    struct fs_context *fs = task ? task->fs : NULL;
    if (fs) {
        pthread_mutex_lock(&fs->lock);
        file = fs->cwd_file ? file_ref(fs->cwd_file) : NULL;
        pthread_mutex_unlock(&fs->lock);
    }
    pthread_mutex_unlock(&process_lock);
    return file;
}

int proc_stat_owner(const struct synth_ref *ref, struct stat *st) {
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(ref);
    if (process && (st->st_mode == (S_IFDIR | 0555) || (process->mm && process->dumpable))) {
        st->st_uid = process->euid;
        st->st_gid = process->egid;
    }
    pthread_mutex_unlock(&process_lock);
    return process ? 0 : -ENOENT;
}

int proc_guard_memory(struct synth_ref *ref, struct task *task, int error) {
    if (error) {
        return error;
    }
    pthread_mutex_lock(&process_lock);
    const struct process *process = proc_process(ref);
    if (!process) {
        error = -ENOENT;
    } else if (!process->mm) /* only the lists of mappings say so with an empty text */
    {
        error = ref->entry->mode == (S_IFREG | 0444) && strcmp(ref->entry->name, "smaps_rollup")
                    ? 0
                    : -ESRCH;
    } else if (!process_may_inspect(task->process, process, true)) {
        error = -EACCES;
    } else {
        ref->image = process->image;
    }
    pthread_mutex_unlock(&process_lock);
    return error;
}

int proc_guard_own(struct synth_ref *ref, struct task *task, int error) {
    return ref->pid == task->process->pid ? 0 : error;
}

bool proc_allowed(const struct synth_ref *ref) {
    struct process *own = current ? current->process : NULL;
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(ref);
    bool allowed = own && (!process || process_may_inspect(own, process, true));
    pthread_mutex_unlock(&process_lock);
    return allowed;
}

void proc_counts(int *tasks, int *last) {
    pthread_mutex_lock(&process_lock);
    for (struct process *at = process_list; at; at = at->next) {
        *tasks += at->task_count;
        if (at->pid > *last) {
            *last = at->pid;
        }
    }
    pthread_mutex_unlock(&process_lock);
}

/* --- links ----------------------------------------------------------------------------- */

static int exe_follow(const struct synth_ref *ref, struct task *task, struct file **out) {
    if (!proc_allowed(ref)) {
        return -EACCES;
    }
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(ref);
    *out = process && process->exe_file ? file_ref(process->exe_file) : NULL;
    pthread_mutex_unlock(&process_lock);
    return *out ? 0 : -ENOENT;
}

static int text_of_file(int error, struct file *file, struct strbuf *out) {
    char path[PATH_MAX];
    if (error) {
        return error;
    }
    error = file_path(file, path, sizeof path);
    file_unref(file);
    if (!error) {
        strbuf_add(out, path, strlen(path));
    }
    return error;
}

static int exe_text(const struct synth_ref *ref, struct strbuf *out) {
    struct file *file;
    int error = exe_follow(ref, NULL, &file);
    return text_of_file(error, file, out);
}

static int cwd_follow(const struct synth_ref *ref, struct task *task, struct file **out) {
    if (!proc_allowed(ref)) {
        return -EACCES;
    }
    *out = proc_cwd(ref);
    return *out ? 0 : -ENOENT;
}

static int cwd_text(const struct synth_ref *ref, struct strbuf *out) {
    struct file *file;
    int error = cwd_follow(ref, NULL, &file);
    return text_of_file(error, file, out);
}

static int root_text(const struct synth_ref *ref, struct strbuf *out) {
    if (!proc_allowed(ref)) {
        return -EACCES;
    }
    pthread_mutex_lock(&process_lock);
    struct task *task = proc_files_task(ref);
    struct fs_context *fs = task ? task->fs : NULL;
    if (fs) {
        pthread_mutex_lock(&fs->lock);
        strbuf_add(out, fs->root, strlen(fs->root));
        pthread_mutex_unlock(&fs->lock);
    }
    pthread_mutex_unlock(&process_lock);
    return fs ? 0 : -ENOENT;
}

/* --- the tree -------------------------------------------------------------------------- */

#define FILE_(n, fn)                                                                               \
    { .name = n, .mode = S_IFREG | 0444, .text = fn, .stat = proc_stat_owner }
#define MEMORY(n, bits, fn)                                                                        \
    {                                                                                              \
        .name = n, .mode = S_IFREG | (bits), .text = fn, .guard = proc_guard_memory,               \
        .stat = proc_stat_owner                                                                    \
    }
#define MAGIC(n, t, f)                                                                             \
    { .name = n, .mode = S_IFLNK | 0777, .text = t, .follow = f, .stat = proc_stat_owner }

#define SETTING(n, m, t, w)                                                                        \
    { .name = n, .mode = S_IFREG | (m), .text = t, .write = w, .stat = proc_stat_owner }

#define TASK_FILES                                                                                 \
    FILE_("stat", proc_stat_text), FILE_("status", proc_status_text), FILE_("statm", proc_statm),  \
        FILE_("cmdline", proc_cmdline), MEMORY("environ", 0400, proc_environ),                     \
        MEMORY("auxv", 0400, proc_auxv), MEMORY("maps", 0444, proc_maps),                          \
        MEMORY("smaps", 0444, proc_smaps), MEMORY("smaps_rollup", 0444, proc_smaps_rollup),        \
        MAGIC("exe", exe_text, exe_follow), MAGIC("cwd", cwd_text, cwd_follow),                    \
        MAGIC("root", root_text, NULL),                                                            \
        {.name = "comm",                                                                           \
         .mode = S_IFREG | 0644,                                                                   \
         .text = proc_comm_text,                                                                   \
         .write = proc_comm_write,                                                                 \
         .stat = proc_stat_owner},                                                                 \
        {.name = "mem", .mode = S_IFREG | 0600, .open = proc_mem_open, .stat = proc_stat_owner},   \
        FILE_("limits", proc_limits_text), FILE_("mounts", proc_mounts_text),                      \
        FILE_("mountinfo", proc_mountinfo_text), FILE_("wchan", proc_zero_text),                   \
        FILE_("cgroup", proc_cgroup_text), FILE_("sessionid", proc_sessionid_text),                \
        FILE_("uid_map", proc_id_map),                                                             \
        {.name = "loginuid",                                                                       \
         .mode = S_IFREG | 0644,                                                                   \
         .text = proc_loginuid_text,                                                               \
         .write = proc_loginuid_write,                                                             \
         .stat = proc_stat_owner},                                                                 \
        FILE_("gid_map", proc_id_map), FILE_("setgroups", proc_setgroups_text),                    \
        {.name = "personality",                                                                    \
         .mode = S_IFREG | 0400,                                                                   \
         .text = proc_personality_text,                                                            \
         .stat = proc_stat_owner},                                                                 \
        FILE_("oom_score", proc_zero_line),                                                        \
        SETTING("oom_score_adj", 0644, proc_oom_score_adj_text, proc_oom_score_adj_write),         \
        SETTING("oom_adj", 0644, proc_oom_adj_text, proc_oom_adj_write),                           \
        SETTING("coredump_filter", 0644, proc_coredump_text, proc_coredump_write),                 \
        SETTING("clear_refs", 0200, proc_clear_refs_text, proc_clear_refs_write),                  \
        MEMORY("io", 0400, proc_io_text), MEMORY("syscall", 0400, proc_syscall_text),              \
        {.name = "attr",                                                                           \
         .mode = S_IFDIR | 0555,                                                                   \
         .children = proc_attr_children,                                                           \
         .stat = proc_stat_owner},                                                                 \
        {.name = "ns",                                                                             \
         .mode = S_IFDIR | 0511,                                                                   \
         .children = proc_ns_children,                                                             \
         .stat = proc_stat_owner},                                                                 \
    {                                                                                              \
        .name = "net", .mode = S_IFDIR | 0555, .children = proc_net_children                       \
    }

static int task_lookup(const struct synth_ref *dir, const char *name, struct synth_ref *out);
static int task_list(const struct synth_ref *dir, int64_t from, synth_list_emit emit, void *arg);

static int fd_lookup(const struct synth_ref *dir, const char *name, struct synth_ref *out) {
    static const struct synth_entry *const dirs[] = {&proc_fd_dir, &proc_fdinfo_dir};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        if (!strcmp(dirs[i]->name, name)) {
            out->entry = dirs[i];
            return 0;
        }
    }
    return -ENOENT;
}

static int fd_list(const struct synth_ref *dir, int64_t from, synth_list_emit emit, void *arg) {
    struct synth_ref child = *dir;
    child.entry = &proc_fd_dir;
    if (from < 1 && emit(arg, "fd", &child, 0)) {
        return 0;
    }
    child.entry = &proc_fdinfo_dir;
    if (from < 2) {
        emit(arg, "fdinfo", &child, 1);
    }
    return 0;
}

static const struct synth_entry tid_children[] = {
    TASK_FILES, FILE_("children", proc_children_text), {0}};
const struct synth_entry proc_task_root = {.name = "tid",
                                           .mode = S_IFDIR | 0555,
                                           .children = tid_children,
                                           .lookup = fd_lookup,
                                           .list = fd_list,
                                           .stat = proc_stat_owner};

static const struct synth_entry pid_children[] = {
    TASK_FILES,
    {.name = "task",
     .mode = S_IFDIR | 0555,
     .lookup = task_lookup,
     .list = task_list,
     .stat = proc_stat_owner},
    {0},
};
const struct synth_entry proc_pid_root = {.name = "pid",
                                          .is_process = true,
                                          .mode = S_IFDIR | 0555,
                                          .children = pid_children,
                                          .lookup = fd_lookup,
                                          .list = fd_list,
                                          .stat = proc_stat_owner};

static int task_lookup(const struct synth_ref *dir, const char *name, struct synth_ref *out) {
    out->tid = proc_number(name);
    out->entry = &proc_task_root;
    if (out->tid <= 0) {
        return -ENOENT;
    }
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(dir);
    /* the first thread's number stays when that ends */
    bool there = proc_task(out) || (process && out->tid == process->pid);
    pthread_mutex_unlock(&process_lock);
    return there ? 0 : -ENOENT;
}

/* Of the sorted numbers of what is there at this moment, those from `from` on. */
static int emit_numbers(int32_t *number, int count, const struct synth_ref *dir, bool tasks,
                        int64_t from, synth_list_emit emit, void *arg) {
    int stop = 0;
    for (int i = 0; i < count && !stop; i++) {
        if (number[i] < from) {
            continue;
        }
        struct synth_ref child = *dir;
        char name[16];
        *(tasks ? &child.tid : &child.pid) = number[i];
        child.entry = tasks ? &proc_task_root : &proc_pid_root;
        snprintf(name, sizeof name, "%d", number[i]);
        stop = emit(arg, name, &child, number[i]);
    }
    free(number);
    return 0;
}

static int compare(const void *a, const void *b) {
    return *(const int32_t *)a - *(const int32_t *)b;
}

static int task_list(const struct synth_ref *dir, int64_t from, synth_list_emit emit, void *arg) {
    int count = 0;
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(dir);
    int room = process ? process->task_count + 1 : 1;
    int32_t *number = malloc((size_t)room * sizeof *number);
    if (process && number) {
        number[count++] = process->pid;
    }
    for (struct task *at = process ? process->tasks : NULL; number && at && count < room;
         at = at->next) {
        if (at->tid != process->pid) {
            number[count++] = at->tid;
        }
    }
    pthread_mutex_unlock(&process_lock);
    if (!number) {
        return -ENOMEM;
    }
    if (!process) {
        free(number);
        return -ENOENT;
    }
    qsort(number, (size_t)count, sizeof *number, compare);
    return emit_numbers(number, count, dir, true, from, emit, arg);
}

int proc_lookup_pid(const struct synth_ref *dir, const char *name, struct synth_ref *out) {
    int32_t pid = proc_number(name);
    int error = -ENOENT;
    if (pid <= 0) {
        return -ENOENT;
    }
    pthread_mutex_lock(&process_lock);
    struct process *process = process_find(pid);
    struct task *task = process ? NULL : task_find(pid);
    if (process || task) {
        out->pid = process ? pid : task->process->pid;
        out->tid = process ? 0 : pid; /* a thread's number works too, though it is not listed */
        out->entry = &proc_pid_root;
        error = 0;
    }
    pthread_mutex_unlock(&process_lock);
    return error;
}

int proc_list_pids(const struct synth_ref *dir, int64_t from, synth_list_emit emit, void *arg) {
    int room = 0, count = 0;
    pthread_mutex_lock(&process_lock);
    for (struct process *at = process_list; at; at = at->next) {
        room++;
    }
    int32_t *number = malloc((size_t)(room + 1) * sizeof *number);
    for (struct process *at = process_list; number && at; at = at->next) {
        number[count++] = at->pid;
    }
    pthread_mutex_unlock(&process_lock);
    if (!number) {
        return -ENOMEM;
    }
    qsort(number, (size_t)count, sizeof *number, compare);
    return emit_numbers(number, count, dir, false, from, emit, arg);
}
