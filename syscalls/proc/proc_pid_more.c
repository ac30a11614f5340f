/* Small files of /proc/PID: what a process has done (io), where it is (syscall, children), the
 * numbers it may set (oom_adj, oom_score_adj, coredump_filter, clear_refs), attr and ns. */
#include "syscalls/abi/abi.h"
#include "syscalls/abi/registers.h"
#include "syscalls/proc/proc_internal.h"
#include "syscalls/task/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what it does ---------------------------------------------------------------------- */

#define IO_TASKS 256 /* whose counts are added up */

/* The host counts for each thread; ended ones are not in it. */
int proc_io_text(const struct synth_ref *ref, struct strbuf *out) {
    static const char *const name[] = {
        "rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes", "cancelled_write_bytes"};
    unsigned long long sum[ARRAY_LEN(name)] = {0};
    int32_t tid[IO_TASKS];
    int count = 0;
    if (!proc_allowed(ref)) {
        return -EACCES;
    }
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(ref);
    for (struct task *task = process ? process->tasks : NULL; task && count < IO_TASKS;
         task = task->next) {
        int32_t host_tid = __atomic_load_n(&task->host_tid, __ATOMIC_ACQUIRE);
        if (host_tid && (!ref->tid || task->tid == ref->tid)) {
            tid[count++] = host_tid;
        }
    }
    pthread_mutex_unlock(&process_lock);
    if (!process) {
        return -ESRCH;
    }
    for (int i = 0; i < count; i++) {
        char path[64], line[128], key[32];
        unsigned long long value;
        snprintf(path, sizeof path, "/proc/self/task/%d/io", tid[i]);
        FILE *file = fopen(path, "re");
        while (file && fgets(line, sizeof line, file)) {
            for (size_t n = 0; n < ARRAY_LEN(name); n++) {
                if (sscanf(line, "%31[a-z_]: %llu", key, &value) == 2 && !strcmp(key, name[n])) {
                    sum[n] += value;
                }
            }
        }
        if (file) {
            fclose(file);
        }
    }
    for (size_t n = 0; n < ARRAY_LEN(name); n++) {
        strbuf_printf(out, "%s: %llu\n", name[n], sum[n]);
    }
    return 0;
}

/* Number, arguments, stack and program counter of the call it is in; "running" outside of one. */
int proc_syscall_text(const struct synth_ref *ref, struct strbuf *out) {
    if (!proc_allowed(ref)) {
        return -EACCES;
    }
    pthread_mutex_lock(&process_lock);
    struct task *task = proc_task(ref);
    int64_t number = task ? __atomic_load_n(&task->syscall_number, __ATOMIC_RELAXED) : -1;
    if (number >= 0) {
        strbuf_printf(out, "%lld", (long long)number);
        uint64_t argument[SYSCALL_ARGUMENTS];
        task->abi->registers->arguments(task, argument);
        for (size_t i = 0; i < ARRAY_LEN(argument); i++) {
            strbuf_printf(out, " 0x%llx", (unsigned long long)argument[i]);
        }
        strbuf_printf(out, " 0x%llx 0x%llx\n", (unsigned long long)task->cpu->regs[REG_SP],
                      (unsigned long long)task->cpu->pc);
    } else if (task) {
        strbuf_printf(out, "running\n");
    }
    pthread_mutex_unlock(&process_lock);
    return task ? 0 : -ESRCH;
}

/* Children belong to the process; they are shown with its first thread, the oldest first. */
int proc_children_text(const struct synth_ref *ref, struct strbuf *out) {
    int count = 0;
    pthread_mutex_lock(&process_lock);
    struct process *process = ref->tid == ref->pid ? proc_process(ref) : NULL;
    for (struct process *at = process ? process->children : NULL; at; at = at->sibling) {
        count++;
    }
    int32_t *pid = malloc((size_t)(count + 1) * sizeof *pid);
    count = 0;
    for (struct process *at = process && pid ? process->children : NULL; at; at = at->sibling) {
        pid[count++] = at->pid;
    }
    pthread_mutex_unlock(&process_lock);
    if (!pid) {
        return -ENOMEM;
    }
    for (int i = 0; i < count; i++) {
        strbuf_printf(out, "%d ", pid[i]);
    }
    free(pid);
    return 0;
}

/* --- numbers that may be set ----------------------------------------------------------- */

#define OOM_MOST     1000 /* of oom_score_adj */
#define OOM_OLD_MOST 15   /* of oom_adj, which is the same in units of 1000/17 */
#define OOM_OLD_STEP 17

/* A decimal or other C number, perhaps with a newline; false: something else. */
static bool number_of(const char *data, size_t len, int base, long *out) {
    char text[32], *end;
    if (!len || len >= sizeof text) {
        return false;
    }
    memcpy(text, data, len);
    text[len] = 0;
    *out = strtol(text, &end, base);
    return end != text && (!*end || *end == '\n');
}

static int oom_of(const struct synth_ref *ref, int *value) {
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(ref);
    *value = process ? process->oom_score_adj : 0;
    pthread_mutex_unlock(&process_lock);
    return process ? 0 : -ESRCH;
}

int proc_oom_score_adj_text(const struct synth_ref *ref, struct strbuf *out) {
    int value, error = oom_of(ref, &value);
    if (!error) {
        strbuf_printf(out, "%d\n", value);
    }
    return error;
}

int proc_oom_adj_text(const struct synth_ref *ref, struct strbuf *out) {
    int value, error = oom_of(ref, &value);
    if (!error) {
        strbuf_printf(out, "%d\n",
                      value == OOM_MOST ? OOM_OLD_MOST : value * OOM_OLD_STEP / OOM_MOST);
    }
    return error;
}

/* There is no OOM killer to advise: the value is kept and inherited, and changes nothing. Only the
 * superuser may go below what was there. */
static ssize_t oom_set(const struct synth_ref *ref, struct task *task, int value, size_t len) {
    ssize_t result = -ESRCH;
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(ref);
    if (process && value < process->oom_score_adj && task->process->euid != 0) {
        result = -EACCES;
    } else if (process) {
        process->oom_score_adj = (int16_t)value;
        result = (ssize_t)len;
    }
    pthread_mutex_unlock(&process_lock);
    return result;
}

ssize_t proc_oom_score_adj_write(const struct synth_ref *ref, struct task *task, const char *data,
                                 size_t len) {
    long value;
    if (!number_of(data, len, 0, &value) || value < -OOM_MOST || value > OOM_MOST) {
        return -EINVAL;
    }
    return oom_set(ref, task, (int)value, len);
}

ssize_t proc_oom_adj_write(const struct synth_ref *ref, struct task *task, const char *data,
                           size_t len) {
    long value;
    if (!number_of(data, len, 0, &value) || value < -OOM_OLD_STEP || value > OOM_OLD_MOST) {
        return -EINVAL;
    }
    return oom_set(ref, task,
                   value == OOM_OLD_MOST ? OOM_MOST : (int)value * OOM_MOST / OOM_OLD_STEP, len);
}

/* What a core file would hold: kept and inherited; no core files are written. */
int proc_coredump_text(const struct synth_ref *ref, struct strbuf *out) {
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(ref);
    if (process) {
        strbuf_printf(out, "%08x\n", process->coredump_filter ^ COREDUMP_DEFAULT);
    }
    pthread_mutex_unlock(&process_lock);
    return process ? 0 : -ESRCH;
}

ssize_t proc_coredump_write(const struct synth_ref *ref, struct task *task, const char *data,
                            size_t len) {
    long value;
    if (!number_of(data, len, 0, &value) || value < 0) {
        return -EINVAL;
    }
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(ref);
    if (process) {
        process->coredump_filter = ((uint32_t)value & COREDUMP_ALL) ^ COREDUMP_DEFAULT;
    }
    pthread_mutex_unlock(&process_lock);
    return process ? (ssize_t)len : -ESRCH;
}

/* Referenced and soft-dirty bits are the host's and are not shown: nothing is to be cleared. */
int proc_clear_refs_text(const struct synth_ref *ref, struct strbuf *out) {
    return -EINVAL;
}

ssize_t proc_clear_refs_write(const struct synth_ref *ref, struct task *task, const char *data,
                              size_t len) {
    long value;
    return number_of(data, len, 10, &value) && value >= 1 && value <= 5 ? (ssize_t)len : -EINVAL;
}

/* --- attr, ns -------------------------------------------------------------------------- */

/* No security module: as on a kernel that has none switched on. */
static int attr_text(const struct synth_ref *ref, struct strbuf *out) {
    return -EINVAL;
}

static ssize_t attr_write(const struct synth_ref *ref, struct task *task, const char *data,
                          size_t len) {
    return -EINVAL;
}

#define ATTR(n, m)                                                                                 \
    {                                                                                              \
        .name = n, .mode = S_IFREG | (m), .text = attr_text, .write = attr_write,                  \
        .stat = proc_stat_owner                                                                    \
    }

const struct synth_entry proc_attr_children[] = {ATTR("current", 0666),
                                                 ATTR("prev", 0444),
                                                 ATTR("exec", 0666),
                                                 ATTR("fscreate", 0666),
                                                 ATTR("keycreate", 0666),
                                                 ATTR("sockcreate", 0666),
                                                 {0}};

/* All guests are in the first namespace of each kind; the numbers are Linux's for these. */
#define NAMESPACE(fn, text_of)                                                                     \
    static int fn(const struct synth_ref *ref, struct strbuf *out) {                               \
        if (!proc_allowed(ref)) {                                                                  \
            return -EACCES;                                                                        \
        }                                                                                          \
        strbuf_printf(out, text_of);                                                               \
        return 0;                                                                                  \
    }
NAMESPACE(ns_cgroup, "cgroup:[4026531835]")
NAMESPACE(ns_ipc, "ipc:[4026531839]")
NAMESPACE(ns_mnt, "mnt:[4026531832]")
NAMESPACE(ns_net, "net:[4026531833]")
NAMESPACE(ns_pid, "pid:[4026531836]")
NAMESPACE(ns_time, "time:[4026531834]")
NAMESPACE(ns_user, "user:[4026531837]")
NAMESPACE(ns_uts, "uts:[4026531838]")

#define NS(n, fn)                                                                                  \
    { .name = n, .mode = S_IFLNK | 0777, .text = fn, .stat = proc_stat_owner }

const struct synth_entry proc_ns_children[] = {NS("cgroup", ns_cgroup),
                                               NS("ipc", ns_ipc),
                                               NS("mnt", ns_mnt),
                                               NS("net", ns_net),
                                               NS("pid", ns_pid),
                                               NS("pid_for_children", ns_pid),
                                               NS("time", ns_time),
                                               NS("time_for_children", ns_time),
                                               NS("user", ns_user),
                                               NS("uts", ns_uts),
                                               {0}};
