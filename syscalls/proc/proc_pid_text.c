/* Texts of /proc/PID that are neither memory nor descriptors: stat, status, limits, mounts and
 * small ones. What needs process_lock is copied first and printed without it. */
#include "syscalls/abi/abi.h"
#include "syscalls/task/capability.h"
#include "syscalls/proc/proc_internal.h"
#include "syscalls/task/process.h"
#include "syscalls/tty/tty.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- stat, status ---------------------------------------------------------------------- */

static char state_of(const struct process *process, const struct task *task) {
    if (process->zombie || (!task && process->pid != INIT_PID)) {
        return 'Z';
    }
    if (task && task->resting) {
        return 'T';
    }
    return task && (task == current || task->cpu->epoch) ? 'R' : 'S';
}

/* Everything that needs process_lock, copied. */
struct snapshot {
    struct process process; /* pointers in it are not followed */
    char comm[16];
    uint64_t pending, blocked; /* of the task */
    struct timespec start;
    char state;
    int nice;
    uint32_t tty_number;
    int32_t foreground, ppid;
    int policy;
    int umask, fd_room; /* -1 and 0 when it has no directories and descriptors any more */
    uint64_t user_ns, system_ns, ignored, caught;
};

static int take_snapshot(const struct synth_ref *ref, struct snapshot *out) {
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(ref);
    struct task *task = proc_task(ref);
    if (!process || (ref->tid && !task && ref->tid != process->pid)) {
        pthread_mutex_unlock(&process_lock);
        return -ESRCH;
    }
    out->process = *process;
    out->start = task && ref->tid ? task->start_mono : process->start_mono;
    if (task) {
        memcpy(out->comm, task->comm, sizeof out->comm);
        out->pending = task->signals.pending.set;
        out->blocked = __atomic_load_n(&task->signals.blocked, __ATOMIC_RELAXED);
    }
    const struct task *files = proc_files_task(ref);
    out->umask = files && files->fs ? (int)files->fs->umask : -1;
    if (files && files->fds) {
        pthread_mutex_lock(&files->fds->lock);
        out->fd_room = files->fds->size;
        pthread_mutex_unlock(&files->fds->lock);
    }
    out->policy = task ? task->policy & ~SCHED_RESET_ON_FORK : 0;
    out->state = state_of(process, files); /* the first thread's, which may have ended */
    out->nice = *task_nice(process, ref->tid ? task : NULL);
    out->tty_number = tty_device_number(process->tty);
    out->foreground = process->tty ? process->tty->foreground : -1;
    out->ppid = process->parent ? process->parent->pid : 0;
    process_times_locked(process, &out->user_ns, &out->system_ns);
    for (int i = 1; i <= GUEST_SIGNALS; i++) {
        gaddr_t handler = process->signals.action[i].handler;
        uint64_t bit = 1ull << (i - 1);
        out->ignored |= handler == 1 ? bit : 0;
        out->caught |= handler > 1 ? bit : 0;
    }
    if (!task) /* a zombie, or pid 1: no task keeps the name */
    {
        snprintf(out->comm, sizeof out->comm, "%s", process->pid == INIT_PID ? "init" : "defunct");
    }
    pthread_mutex_unlock(&process_lock);
    return 0;
}

static unsigned long long ticks(uint64_t ns) {
    return ns / 10000000;
}

static unsigned long long ticks_of(struct timeval time) {
    return (unsigned long long)time.tv_sec * 100 + (unsigned long long)time.tv_usec / 10000;
}

/* proc(5), /proc/pid/stat: 52 fields */
int proc_stat_text(const struct synth_ref *ref, struct strbuf *out) {
    struct snapshot snap;
    struct proc_pages pages = {0};
    int error = take_snapshot(ref, &snap);
    if (error) {
        return error;
    }
    struct process *process = &snap.process;
    bool allowed = proc_allowed(ref); /* else no addresses */
    struct mm *mm = proc_mm(ref);
    uint64_t stack = 0, arg_start = 0, arg_end = 0, env_start = 0, env_end = 0, brk = 0;
    if (mm) {
        proc_pages(mm, &pages);
        pthread_mutex_lock(&mm->lock);
        stack = allowed ? mm->stack_top : 0;
        brk = allowed ? mm->brk_start : 0;
        arg_start = allowed ? mm->arg_start : 0;
        arg_end = allowed ? mm->arg_end : 0;
        env_start = allowed ? mm->env_start : 0;
        env_end = allowed ? mm->env_end : 0;
        pthread_mutex_unlock(&mm->lock);
        mm_unref(mm);
    }
    struct timespec start = snap.start;
    uint64_t limit = process->limits[RLIMIT_RSS].rlim_cur;
    unsigned long long most = current && abi_long_bytes(current) == 8 ? UINT64_MAX : UINT32_MAX;
    strbuf_printf(out, "%d (%s) %c %d %d %d %d %d %u", ref->tid ? ref->tid : ref->pid, snap.comm,
                  snap.state, snap.ppid, process->pgid, process->sid, (int)snap.tty_number,
                  snap.foreground, 0x400000u);
    strbuf_printf(
        out, " 0 0 0 0 %llu %llu %llu %llu %d %d %d 0 %llu %llu %llu %llu", ticks(snap.user_ns),
        ticks(snap.system_ns), ticks_of(process->child_usage.ru_utime),
        ticks_of(process->child_usage.ru_stime), 20 + snap.nice, snap.nice, process->task_count,
        (unsigned long long)start.tv_sec * 100 + (unsigned long long)start.tv_nsec / 10000000,
        (unsigned long long)pages.size * PAGE_BYTES, (unsigned long long)pages.resident,
        limit > most ? most : (unsigned long long)limit);
    strbuf_printf(out, " 0 0 %llu 0 0 %llu %llu %llu %llu 0 0 0 %d 0 0 %d 0 0 0 0 0 %llu",
                  (unsigned long long)stack, (unsigned long long)(snap.pending & 0x7fffffff),
                  (unsigned long long)(snap.blocked & 0x7fffffff),
                  (unsigned long long)(snap.ignored & 0x7fffffff),
                  (unsigned long long)(snap.caught & 0x7fffffff), process->exit_signal, snap.policy,
                  (unsigned long long)brk);
    strbuf_printf(out, " %llu %llu %llu %llu %d\n", (unsigned long long)arg_start,
                  (unsigned long long)arg_end, (unsigned long long)env_start,
                  (unsigned long long)env_end, allowed ? process->exit_status : 0);
    return 0;
}

static const char *state_name(char state) {
    switch (state) {
    case 'R':
        return "R (running)";
    case 'T':
        return "T (stopped)";
    case 'Z':
        return "Z (zombie)";
    default:
        return "S (sleeping)";
    }
}

static void status_memory(struct mm *mm, struct strbuf *out) {
    struct proc_pages pages = {0};
    proc_pages(mm, &pages);
    unsigned long long kb = PAGE_BYTES / 1024;
    strbuf_printf(out,
                  "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\nVmLck:\t%8llu kB\nVmPin:\t       0 kB\n"
                  "VmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\nRssAnon:\t%8llu kB\nRssFile:\t%8llu kB\n"
                  "RssShmem:\t       0 kB\nVmData:\t%8llu kB\nVmStk:\t%8llu kB\nVmExe:\t%8llu kB\n"
                  "VmLib:\t       0 kB\nVmPTE:\t       0 kB\nVmSwap:\t       0 kB\n",
                  pages.size * kb, pages.size * kb, pages.locked * kb, pages.resident * kb,
                  pages.resident * kb, (pages.resident - pages.shared) * kb, pages.shared * kb,
                  pages.data * kb, pages.stack * kb, pages.text * kb);
}

/* proc(5), /proc/pid/status */
int proc_status_text(const struct synth_ref *ref, struct strbuf *out) {
    struct snapshot snap;
    int error = take_snapshot(ref, &snap);
    if (error) {
        return error;
    }
    struct process *process = &snap.process;
    strbuf_printf(out, "Name:\t");
    for (const char *at = snap.comm; *at; at++) {
        const char *escape = *at == '\n' || *at == '\\' ? "\\" : "";
        strbuf_printf(out, "%s%c", escape, *at == '\n' ? 'n' : *at);
    }
    strbuf_printf(out, "\n");
    if (snap.umask >= 0) {
        strbuf_printf(out, "Umask:\t%04o\n", (unsigned)snap.umask);
    }
    strbuf_printf(out,
                  "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n"
                  "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%d\nGroups:\t",
                  state_name(snap.state), process->pid, ref->tid ? ref->tid : process->pid,
                  snap.ppid, process->uid, process->euid, process->suid, process->fsuid,
                  process->gid, process->egid, process->sgid, process->fsgid, snap.fd_room);
    for (int i = 0; i < process->group_count; i++) {
        strbuf_printf(out, "%u ", process->groups[i]);
    }
    strbuf_printf(out, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", process->pid,
                  ref->tid ? ref->tid : process->pid, process->pgid, process->sid);
    struct mm *mm = proc_mm(ref);
    if (mm) {
        status_memory(mm, out);
        mm_unref(mm);
    }
    const struct capabilities *caps = &process->caps;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    strbuf_printf(out,
                  "CoreDumping:\t0\nThreads:\t%d\nSigQ:\t%d/%llu\nSigPnd:\t%016llx\n"
                  "ShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n"
                  "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n"
                  "CapAmb:\t%016llx\nNoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n",
                  process->task_count, process->signals.queued,
                  (unsigned long long)process->limits[RLIMIT_SIGPENDING].rlim_cur,
                  (unsigned long long)snap.pending,
                  (unsigned long long)process->signals.pending.set,
                  (unsigned long long)snap.blocked, (unsigned long long)snap.ignored,
                  (unsigned long long)snap.caught, (unsigned long long)caps->inheritable,
                  (unsigned long long)caps->permitted, (unsigned long long)caps->effective,
                  (unsigned long long)caps->bounding, (unsigned long long)caps->ambient,
                  process->no_new_privs);
    strbuf_printf(out,
                  "Cpus_allowed:\t%llx\nCpus_allowed_list:\t0-%ld\nMems_allowed:\t1\n"
                  "Mems_allowed_list:\t0\nvoluntary_ctxt_switches:\t0\n"
                  "nonvoluntary_ctxt_switches:\t0\n",
                  cpus >= 64 ? ~0ull : (1ull << cpus) - 1, cpus - 1);
    return 0;
}

/* --- small files ----------------------------------------------------------------------- */

int proc_comm_text(const struct synth_ref *ref, struct strbuf *out) {
    struct snapshot snap;
    int error = take_snapshot(ref, &snap);
    if (!error) {
        strbuf_printf(out, "%s\n", snap.comm);
    }
    return error;
}

/* Only a task of the same process may rename (proc(5)). */
ssize_t proc_comm_write(const struct synth_ref *ref, struct task *task, const char *data,
                        size_t len) {
    pthread_mutex_lock(&process_lock);
    struct task *target = proc_task(ref);
    int error = !target ? -ESRCH : target->process != task->process ? -EINVAL : 0;
    if (!error) {
        snprintf(target->comm, sizeof target->comm, "%.*s", (int)strcspn(data, "\n"), data);
    }
    pthread_mutex_unlock(&process_lock);
    return error ? error : (ssize_t)len;
}

int proc_limits_text(const struct synth_ref *ref, struct strbuf *out) {
    static const struct {
        const char *name, *unit;
        int resource;
    } rows[] = {
        {"Max cpu time", "seconds", RLIMIT_CPU},
        {"Max file size", "bytes", RLIMIT_FSIZE},
        {"Max data size", "bytes", RLIMIT_DATA},
        {"Max stack size", "bytes", RLIMIT_STACK},
        {"Max core file size", "bytes", RLIMIT_CORE},
        {"Max resident set", "bytes", RLIMIT_RSS},
        {"Max processes", "processes", RLIMIT_NPROC},
        {"Max open files", "files", RLIMIT_NOFILE},
        {"Max locked memory", "bytes", RLIMIT_MEMLOCK},
        {"Max address space", "bytes", RLIMIT_AS},
        {"Max file locks", "locks", RLIMIT_LOCKS},
        {"Max pending signals", "signals", RLIMIT_SIGPENDING},
        {"Max msgqueue size", "bytes", RLIMIT_MSGQUEUE},
        {"Max nice priority", "", RLIMIT_NICE},
        {"Max realtime priority", "", RLIMIT_RTPRIO},
        {"Max realtime timeout", "us", RLIMIT_RTTIME},
    };
    struct snapshot snap;
    int error = take_snapshot(ref, &snap);
    if (error) {
        return error;
    }
    strbuf_printf(out, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct rlimit *limit = &snap.process.limits[rows[i].resource];
        char soft[24] = "unlimited", hard[24] = "unlimited";
        if (limit->rlim_cur != RLIM_INFINITY) {
            snprintf(soft, sizeof soft, "%llu", (unsigned long long)limit->rlim_cur);
        }
        if (limit->rlim_max != RLIM_INFINITY) {
            snprintf(hard, sizeof hard, "%llu", (unsigned long long)limit->rlim_max);
        }
        strbuf_printf(out, "%-25s %-20s %-20s ", rows[i].name, soft, hard);
        strbuf_printf(out, *rows[i].unit ? "%-10s\n" : "%s\n", rows[i].unit);
    }
    return 0;
}

/* As Debian mounts /dev/pts: slaves belong to the group tty. */
static const char *mount_options(const struct mount *mount) {
    return strcmp(mount->type, "devpts") ? "" : ",gid=5,mode=620,ptmxmode=666";
}

int proc_mounts_text(const struct synth_ref *ref, struct strbuf *out) {
    for (int i = 0; i < fs_mount_count; i++) {
        const struct mount *mount = &fs_mounts[i];
        if (!mount->node) {
            strbuf_printf(out, "%s %s %s %s,relatime%s 0 0\n",
                          mount->source && *mount->source ? mount->source : "none",
                          *mount->guest ? mount->guest : "/", mount->type,
                          mount->read_only ? "ro" : "rw", mount_options(mount));
        }
    }
    return 0;
}

int proc_mountinfo_text(const struct synth_ref *ref, struct strbuf *out) {
    for (int i = 0; i < fs_mount_count; i++) {
        const struct mount *mount = &fs_mounts[i];
        if (mount->node) {
            continue;
        }
        const char *mode = mount->read_only ? "ro" : "rw";
        strbuf_printf(out, "%d %d 0:%d / %s %s,relatime - %s %s %s%s\n", mount->id,
                      i ? fs_mounts[0].id : 1, mount->id, *mount->guest ? mount->guest : "/", mode,
                      mount->type, mount->source && *mount->source ? mount->source : "none", mode,
                      mount_options(mount));
    }
    return 0;
}

int proc_zero_text(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "0");
    return 0;
}

int proc_zero_line(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "0\n");
    return 0;
}

/* Who logged in, and in which session, for audit(8): pam_loginuid(8) sets it, children have it too.
 */
static int login_text(const struct synth_ref *ref, struct strbuf *out, bool session) {
    pthread_mutex_lock(&process_lock);
    const struct process *process = proc_process(ref);
    if (process) {
        strbuf_printf(out, "%u", session ? process->login_session : process->login_uid);
    }
    pthread_mutex_unlock(&process_lock);
    return process ? 0 : -ESRCH;
}

int proc_loginuid_text(const struct synth_ref *ref, struct strbuf *out) {
    return login_text(ref, out, false);
}

int proc_sessionid_text(const struct synth_ref *ref, struct strbuf *out) {
    return login_text(ref, out, true);
}

/* As Linux has it: one's own, and by the superuser once it is set. */
ssize_t proc_loginuid_write(const struct synth_ref *ref, struct task *task, const char *data,
                            size_t len) {
    static uint32_t sessions;
    char *end;
    struct process *own = task->process;
    unsigned long value = strtoul(data, &end, 10);
    if (end == data || data[0] == '-' || value > UINT32_MAX) {
        return -EINVAL;
    }
    pthread_mutex_lock(&process_lock);
    bool allowed = proc_process(ref) == own &&
                   (own->login_uid == UINT32_MAX || process_capable(own, CAP_AUDIT_CONTROL));
    if (allowed) {
        own->login_uid = (uint32_t)value;
        own->login_session = value == UINT32_MAX ? UINT32_MAX : ++sessions;
    }
    pthread_mutex_unlock(&process_lock);
    return allowed ? (ssize_t)len : -EPERM;
}

int proc_cgroup_text(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "0::/\n");
    return 0;
}

int proc_id_map(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "%10u %10u %10u\n", 0u, 0u, 4294967295u);
    return 0;
}

int proc_setgroups_text(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "allow\n");
    return 0;
}

int proc_personality_text(const struct synth_ref *ref, struct strbuf *out) {
    struct snapshot snap;
    int error = proc_allowed(ref) ? take_snapshot(ref, &snap) : -EPERM;
    if (!error) {
        strbuf_printf(out, "%08x\n", snap.process.personality);
    }
    return error;
}
