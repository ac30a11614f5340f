/* Between the files of /proc. */
#ifndef FG_SYSCALLS_PROC_INTERNAL_H
#define FG_SYSCALLS_PROC_INTERNAL_H

#include "syscalls/fs/fs_place.h"
#include "syscalls/mm/mm.h"
#include "syscalls/task/task.h"
#include "syscalls/fs/vfs_synthetic.h"

extern const struct synth_entry proc_sys_children[], proc_net_children[], proc_fd_dir,
    proc_fdinfo_dir;

int proc_lookup_pid(const struct synth_ref *dir, const char *name, struct synth_ref *out);
int proc_list_pids(const struct synth_ref *dir, int64_t from, synth_list_emit emit, void *arg);
/* Guest tasks alive, and the highest process number given out so far that is alive. */
void proc_counts(int *tasks, int *last);

/* The process or task behind a node; caller holds process_lock. NULL: gone. */
struct process *proc_process(const struct synth_ref *ref);
struct task *proc_task(const struct synth_ref *ref);
/* The task whose descriptors and directories a node shows: the thread's, or of /proc/PID the first
 * thread's; caller holds process_lock. NULL: it has ended. */
struct task *proc_files_task(const struct synth_ref *ref);
/* Its memory or current directory, referenced; NULL when it has none any more. Take process_lock
 * themselves. */
struct mm *proc_mm(const struct synth_ref *ref);
struct file *proc_cwd(const struct synth_ref *ref);
/* May the calling task look into the process (ptrace(2), "PTRACE_MODE_READ")? True also when it is
 * gone: then there is nothing to see. */
bool proc_allowed(const struct synth_ref *ref);
/* Guards of files that show a process's memory, and of its descriptors' directories. The former
 * show the program that ran when they were opened, and nothing once another runs. */
int proc_guard_memory(struct synth_ref *ref, struct task *task, int error);
int proc_guard_own(struct synth_ref *ref, struct task *task, int error);
/* Owner of /proc/PID nodes: the process's effective user; root, where nobody may look into it (but
 * for plain directories). -ENOENT when it is gone. */
int proc_stat_owner(const struct synth_ref *ref, struct stat *st);
/* Non-negative decimal number without leading zeros, or -1. */
int32_t proc_number(const char *name);

/* filesystems.c */
int proc_filesystems(const struct synth_ref *ref, struct strbuf *out);

/* proc_pid_text.c */
int proc_stat_text(const struct synth_ref *ref, struct strbuf *out);
int proc_status_text(const struct synth_ref *ref, struct strbuf *out);
int proc_comm_text(const struct synth_ref *ref, struct strbuf *out);
int proc_limits_text(const struct synth_ref *ref, struct strbuf *out);
int proc_mounts_text(const struct synth_ref *ref, struct strbuf *out);
int proc_mountinfo_text(const struct synth_ref *ref, struct strbuf *out);
int proc_zero_text(const struct synth_ref *ref, struct strbuf *out);
int proc_zero_line(const struct synth_ref *ref, struct strbuf *out);
int proc_loginuid_text(const struct synth_ref *ref, struct strbuf *out);
int proc_sessionid_text(const struct synth_ref *ref, struct strbuf *out);
int proc_cgroup_text(const struct synth_ref *ref, struct strbuf *out);
int proc_id_map(const struct synth_ref *ref, struct strbuf *out);
int proc_setgroups_text(const struct synth_ref *ref, struct strbuf *out);
int proc_personality_text(const struct synth_ref *ref, struct strbuf *out);
ssize_t proc_comm_write(const struct synth_ref *ref, struct task *task, const char *data,
                        size_t len);
ssize_t proc_loginuid_write(const struct synth_ref *ref, struct task *task, const char *data,
                            size_t len);

/* proc_pid_more.c */
extern const struct synth_entry proc_attr_children[], proc_ns_children[];
int proc_io_text(const struct synth_ref *ref, struct strbuf *out);
int proc_syscall_text(const struct synth_ref *ref, struct strbuf *out);
int proc_children_text(const struct synth_ref *ref, struct strbuf *out);
int proc_oom_adj_text(const struct synth_ref *ref, struct strbuf *out);
int proc_oom_score_adj_text(const struct synth_ref *ref, struct strbuf *out);
int proc_coredump_text(const struct synth_ref *ref, struct strbuf *out);
ssize_t proc_oom_adj_write(const struct synth_ref *ref, struct task *task, const char *data,
                           size_t len);
ssize_t proc_oom_score_adj_write(const struct synth_ref *ref, struct task *task, const char *data,
                                 size_t len);
ssize_t proc_coredump_write(const struct synth_ref *ref, struct task *task, const char *data,
                            size_t len);
int proc_clear_refs_text(const struct synth_ref *ref, struct strbuf *out);
ssize_t proc_clear_refs_write(const struct synth_ref *ref, struct task *task, const char *data,
                              size_t len);

/* proc_pid_mem.c */
int proc_maps(const struct synth_ref *ref, struct strbuf *out);
int proc_smaps(const struct synth_ref *ref, struct strbuf *out);
int proc_smaps_rollup(const struct synth_ref *ref, struct strbuf *out);
int proc_cmdline(const struct synth_ref *ref, struct strbuf *out);
int proc_environ(const struct synth_ref *ref, struct strbuf *out);
int proc_auxv(const struct synth_ref *ref, struct strbuf *out);
int proc_statm(const struct synth_ref *ref, struct strbuf *out);
int proc_mem_open(const struct synth_ref *ref, struct task *task, int flags, struct file **out);
/* Pages of a process: mapped, and of those with a file or the host resident. */
struct proc_pages {
    uint64_t size, resident, shared, text, data, stack, locked;
};
void proc_pages(struct mm *mm, struct proc_pages *pages);

extern const struct synth_entry proc_root, dev_root, sys_root, devpts_root;
extern const struct synth_entry proc_pid_root, proc_task_root; /* /proc/PID, /proc/PID/task/TID */
/* /dev/shm where the host has no place for it. */
extern const struct synth_entry dev_shm;
/* Single nodes that are mounted over a host's /dev when the root is "/". */
extern const struct synth_entry dev_tty, dev_ptmx, dev_console;

/* --- proc_fdinfo.c: /proc/PID/fdinfo --------------------------------------------------- */

/* The whole text for a descriptor of `table` (only compared: its record locks are shown). */
void fdinfo_text(struct file *file, bool cloexec, const struct fd_table *table, struct strbuf *out);

#endif
