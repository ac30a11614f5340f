/* execve and execveat: scripts, permissions, the change of program.
 *
 * The new address space is built beside the old one (elf.c, elf_stack.c), so that nothing is lost
 * when a header turns out bad; the point of no return is process_exec_image(). Where Linux is past
 * its own by then (mapping the segments), the process is killed as there.
 * Not here: argument strings from guest memory and limits (exec_args.c).
 * Sources: execve(2), execveat(2), credentials(7), prctl(2) (PR_SET_NO_NEW_PRIVS). */
#include "gen/syscall_protos.h"
#include "core/decode/cpuid.h"
#include "core/host/host.h"
#include "syscalls/task/capability.h"
#include "syscalls/exec/exec.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/registers.h"
#include "syscalls/exec/exec_args.h"
#include "syscalls/fs/fs.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/task/process.h"
#include "syscalls/signal/signal.h"
#include "syscalls/process/life.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT_LINE  256
#define SCRIPT_DEPTH 5

/* A program that is being started. */
struct program {
    struct file *file; /* the ELF program, or the script while it is one */
    struct file *interpreter;
    char path[PATH_MAX + 32]; /* as it was asked for, or the interpreter's of a script */
    struct stat st;
};

static int fail(struct exec_failure *failure, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct exec_failure *failure, int err, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(failure->text, sizeof failure->text, format, list);
    va_end(list);
    return err;
}

/* May the task execute a file with these data? Root needs one x bit, others theirs. */
static bool may_execute(const struct process *process, const struct stat *st) {
    unsigned shift = 0;
    if (process_capable(process, CAP_DAC_OVERRIDE)) {
        return st->st_mode & 0111;
    }
    if (process->fsuid == st->st_uid) {
        shift = 6;
    } else {
        bool member = process->fsgid == st->st_gid;
        for (int i = 0; i < process->group_count; i++) {
            member |= process->groups[i] == st->st_gid;
        }
        if (member) {
            shift = 3;
        }
    }
    return st->st_mode >> shift & 1;
}

/* Opens something to execute. */
static int open_program(struct task *task, int dirfd, const char *path, int flags,
                        struct file **out, struct stat *st, struct exec_failure *failure) {
    int err = fs_open_program(task, dirfd, path, flags, out);
    if (err == -ENXIO) {
        err = -EACCES; /* a socket */
    }
    if (err) {
        return fail(failure, err,
                    err == -ENOENT ? "there is no '%s' in the guest: %s; check the path and --root"
                                   : "cannot open '%s': %s",
                    path, strerror(-err));
    }
    err = file_stat(*out, st);
    if (!err && S_ISDIR(st->st_mode)) {
        err = fail(failure, -EACCES, "'%s' is a directory", path);
    } else if (!err && !S_ISREG(st->st_mode)) {
        err = fail(failure, -EACCES, "'%s' is not a regular file", path);
    } else if (!err && !may_execute(task->process, st)) {
        err = fail(failure, -EACCES, "'%s' is not executable (chmod +x it)", path);
    }
    if (err) {
        file_unref(*out);
        *out = NULL;
    }
    return err;
}

/* The line after "#!": interpreter and at most one argument, both in `line`. 0: no script. */
static int parse_script(char *line, size_t len, char **interpreter, char **argument) {
    if (len < 2 || line[0] != '#' || line[1] != '!') {
        return 0;
    }
    line[len] = 0;
    char *end = strchr(line, '\n');
    char *start = line + 2 + strspn(line + 2, " \t");
    if (!end) {
        /* Cut off: fine unless the interpreter's path itself may be. */
        end = line + strlen(line);
        if (len == SCRIPT_LINE && !strpbrk(start, " \t")) {
            return -ENOEXEC;
        }
    }
    while (end > start && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    if (end <= start) {
        return -ENOEXEC;
    }
    *end = 0;
    *interpreter = start;
    *argument = NULL;
    char *space = strpbrk(start, " \t");
    if (space) {
        *space = 0;
        char *rest = space + 1 + strspn(space + 1, " \t");
        if (*rest) {
            *argument = rest;
        }
    }
    return 1;
}

/* Follows scripts to the program that runs them. */
static int find_program(struct task *task, struct program *program, struct exec_args *args,
                        bool path_hidden, struct exec_failure *failure) {
    for (int depth = 0;; depth++) {
        char line[SCRIPT_LINE + 1], *interpreter, *argument;
        ssize_t n = file_read_at(program->file, task, line, SCRIPT_LINE, 0);
        if (n < 0) {
            return fail(failure, (int)n, "cannot read '%s': %s", program->path, strerror((int)-n));
        }
        int script = parse_script(line, (size_t)n, &interpreter, &argument);
        if (script < 0) {
            return fail(failure, script, "'%s' has a bad #! line", program->path);
        }
        if (script == 0) {
            return 0;
        }
        if (depth == SCRIPT_DEPTH) {
            return fail(failure, -ELOOP, "'%s': scripts call each other as interpreters too deeply",
                        program->path);
        }
        if (path_hidden) /* the interpreter could not open it: its descriptor closes on exec */
        {
            return fail(failure, -ENOENT, "script '%s' cannot be named", program->path);
        }
        int err = exec_args_script(args, interpreter, argument, program->path);
        if (err) {
            return fail(failure, err, "too many arguments for '%s'", interpreter);
        }
        file_unref(program->file);
        program->file = NULL;
        err = open_program(task, AT_FDCWD, interpreter, 0, &program->file, &program->st, failure);
        if (err) {
            return fail(failure, err, "the script '%s' needs '%s', which cannot be run: %s",
                        program->path, interpreter, strerror(-err));
        }
        snprintf(program->path, sizeof program->path, "%s", interpreter);
    }
}

/* Set-user-ID and set-group-ID, where the root's own metadata say so: an unprivileged emulator on
 * the host's "/" could not give what the bits promise. */
static void apply_set_id(struct process *process, const struct stat *st) {
    if (process->no_new_privs || !fs_private_root) {
        return;
    }
    if (st->st_mode & S_ISUID) {
        process->euid = st->st_uid;
    }
    if ((st->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) {
        process->egid = st->st_gid;
    }
}

/* What a program that cannot be loaded gives back. */
struct rights {
    uint32_t euid, suid, fsuid, egid, sgid, fsgid;
    struct capabilities caps;
    bool dumpable, secure_exec;
};

static struct rights rights_of(const struct process *process) {
    return (struct rights){process->euid, process->suid,     process->fsuid,
                           process->egid, process->sgid,     process->fsgid,
                           process->caps, process->dumpable, process->secure_exec};
}

static void restore_rights(struct process *process, const struct rights *old) {
    pthread_mutex_lock(&process_lock);
    process->euid = old->euid;
    process->suid = old->suid;
    process->fsuid = old->fsuid;
    process->egid = old->egid;
    process->sgid = old->sgid;
    process->fsgid = old->fsgid;
    process->caps = old->caps;
    process->dumpable = old->dumpable;
    process->secure_exec = old->secure_exec;
    __atomic_fetch_add(&process->ids_changed, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&process_lock);
}

/* A program with other rights, or one that its user may run but not read, is nobody's to look into.
 * Returns whether the new one is; until it has the memory, both it and the old one have to be. */
static bool set_credentials(struct task *task, const struct stat *st) {
    struct process *process = task->process;
    bool unreadable = fs_private_root && permission_check(task, st, 4) != 0;
    pthread_mutex_lock(&process_lock);
    const struct rights old = rights_of(process);
    apply_set_id(process, st);
    /* not for a program whose directories and umask another process moves under it (CLONE_FS) */
    bool shared = atomic_load(&task->fs->refs) > 1 && !process_capable(process, CAP_SETUID);
    bool denied = shared && (process->euid != process->uid || process->egid != process->gid);
    if (denied) {
        process->euid = process->uid;
        process->egid = process->gid;
    }
    bool files = process->fsuid != process->euid || process->fsgid != process->egid;
    process->suid = process->fsuid = process->euid;
    process->sgid = process->fsgid = process->egid;
    bool set_id = process->euid != old.euid || process->egid != old.egid;
    bool secure = capability_exec_locked(process, set_id) || denied ||
                  process->uid != process->euid || process->gid != process->egid;
    if (files || process->caps.effective != old.caps.effective ||
        process->caps.permitted != old.caps.permitted) {
        __atomic_fetch_add(&process->ids_changed, 1, __ATOMIC_RELEASE);
    }
    process->secure_exec = secure;
    bool dumpable =
        process->uid == process->euid && process->gid == process->egid && !set_id && !unreadable;
    process->dumpable = process->dumpable && dumpable;
    if (secure) {
        process->personality &= ~(uint32_t)PERSONA_CLEAR_ON_SETID;
    }
    pthread_mutex_unlock(&process_lock);
    return dumpable;
}

/* Builds the new memory. Mapping errors are past Linux's point of no return: *fatal. */
static struct mm *build(struct task *task, struct program *program, const struct exec_args *args,
                        const char *name, struct elf_file *elf, struct elf_file *interpreter,
                        struct elf_image *image, gaddr_t *sp, int *err,
                        struct exec_failure *failure) {
    struct mm *mm = mm_create(elf->mode, 0);
    if (!mm) {
        *err = fail(failure, -ENOMEM,
                    "cannot reserve an address space: %s; raise the limit on "
                    "virtual memory (ulimit -v)",
                    strerror(errno));
        return NULL;
    }
    mm_set_layout(mm, task->process->limits[RLIMIT_STACK].rlim_cur, elf_wants_low(task, elf));
    *err = elf_load(task, mm, elf, program->interpreter ? interpreter : NULL, image);
    if (!*err) {
        *err = elf_build_stack(task, mm, image, args, name, sp);
    }
    if (*err) {
        fail(failure, *err,
             *err == -EFAULT ? "'%s' is truncated: a segment lies past its end"
                             : "the segments of '%s' cannot be mapped: %s",
             program->path, strerror(-*err));
        failure->fatal = true;
        mm_unref(mm);
        return NULL;
    }
    return mm;
}

static int open_elf(struct task *task, struct program *program, struct elf_file *elf,
                    struct elf_file *interpreter, struct exec_failure *failure) {
    UNZEROED char path[PATH_MAX];
    const char *why = NULL;
    struct stat st;
    int err = elf_open(task, program->file, elf, &why);
    const char *lacks = host_lacks(GUEST_X86_64);
    if (err && elf->foreign && elf->machine == EM_X86_64 && elf->bits == 64 &&
        !cpuid_has_long_mode()) {
        return fail(failure, err,
                    "'%s' is an x86-64 program, which the processor that --cpu names "
                    "cannot run",
                    program->path);
    }
    if (err && elf->foreign && elf->machine == EM_X86_64 && elf->bits == 64 && lacks) {
        return fail(failure, err, "'%s' is an x86-64 program, which needs a host with %s",
                    program->path, lacks);
    }
    if (err && elf->foreign) {
        return fail(failure, err,
                    "'%s' is not an x86 ELF program that Fiberglass runs: it is for %s, %d bits; "
                    "it takes i386 %sprograms, say from a root given with --root",
                    program->path, elf_machine_name(elf->machine), elf->bits,
                    abi_of_mode(GUEST_X86_64) ? "and x86-64 " : "");
    }
    if (err) {
        return fail(failure, err, "'%s' %s", program->path, why);
    }
    err = elf_interpreter(task, elf, path, &why);
    if (err < 0) {
        return fail(failure, err, "'%s' %s", program->path, why);
    }
    if (err == 0) {
        return 0;
    }
    err = open_program(task, AT_FDCWD, path, 0, &program->interpreter, &st, failure);
    if (err) {
        return fail(failure, err, "'%s' needs the interpreter '%s', which cannot be opened: %s",
                    program->path, path, strerror(-err));
    }
    err = elf_open(task, program->interpreter, interpreter, &why);
    if (!err && interpreter->mode != elf->mode) {
        err = -ENOEXEC;
    }
    if (err == -ENOEXEC) {
        err = -ELIBBAD;
    }
    if (err) {
        return fail(failure, err, "the interpreter '%s' of '%s' is no usable ELF file", path,
                    program->path);
    }
    return 0;
}

/* The new program takes over. `path` names the task. */
static void commit(struct task *task, struct program *program, struct mm *mm, const char *path,
                   const struct elf_image *image, bool dumpable) {
    struct process *process = task->process;
    char *exe = strdup(program->file->path ? program->file->path : program->path);
    pthread_mutex_lock(&process_lock);
    struct file *old = process->exe_file;
    char *old_exe = process->exe;
    process->exe_file = program->file;
    process->exe = exe;
    program->file = NULL;
    if (image->read_implies_exec) {
        process->personality |= PERSONA_READ_IMPLIES_EXEC;
    } else if (mm->space->mode != GUEST_I386) {
        process->personality &= ~(uint32_t)PERSONA_READ_IMPLIES_EXEC;
    }
    pthread_mutex_unlock(&process_lock);
    if (old) {
        file_unref(old);
    }
    free(old_exe);
    process_exec_image(task, mm, path, dumpable);
}

/* From an open file on. `name` is AT_EXECFN. */
static int exec_file(struct task *task, struct program *program, const char *name, bool path_hidden,
                     struct exec_args *args, struct exec_failure *failure) {
    struct elf_file elf = {0}, interpreter = {0};
    struct elf_image image;
    gaddr_t sp;
    struct process *process = task->process;
    const struct rights rights = rights_of(process);

    int err = find_program(task, program, args, path_hidden, failure);
    if (!err) {
        err = open_elf(task, program, &elf, &interpreter, failure);
    }
    if (!err) {
        err = process_kill_other_threads(task);
    }
    if (!err) {
        err = task_unshare_fds(task); /* CLONE_FILES ends here (execve(2)) */
    }
    if (err) {
        goto out;
    }
    bool dumpable = set_credentials(task, &program->st); /* the auxiliary vector shows them */
    struct mm *mm =
        build(task, program, args, name, &elf, &interpreter, &image, &sp, &err, failure);
    if (!mm) {
        restore_rights(process, &rights);
        goto out;
    }
    commit(task, program, mm, name, &image, dumpable);
    task->abi->registers->begin(task->cpu, image.start, sp);
out:
    elf_close(&elf);
    elf_close(&interpreter);
    return err;
}

int exec_path(struct task *task, int dirfd, const char *path, int open_flags, const char *name,
              struct exec_args *args, struct exec_failure *failure) {
    struct program *program = calloc(1, sizeof *program);
    if (!program) {
        return fail(failure, -ENOMEM, "out of memory");
    }
    failure->fatal = failure->found = false;
    int err = open_program(task, dirfd, path, open_flags, &program->file, &program->st, failure);
    if (!err) {
        bool hidden = false;
        failure->found = true;
        snprintf(program->path, sizeof program->path, "%s", name);
        if (dirfd >= 0 && strcmp(name, path) != 0) { /* only reachable through the descriptor */
            pthread_mutex_lock(&task->fds->lock);
            if (dirfd < task->fds->size) {
                hidden = task->fds->slot[dirfd].cloexec;
            }
            pthread_mutex_unlock(&task->fds->lock);
        }
        err = exec_file(task, program, name, hidden, args, failure);
    }
    if (program->file) {
        file_unref(program->file);
    }
    if (program->interpreter) {
        file_unref(program->interpreter);
    }
    free(program);
    return err;
}

/* Both calls, with the path in host memory. */
static long exec_guest(struct task *task, int dirfd, const char *path, int open_flags,
                       const char *name, gaddr_t argv, gaddr_t envp) {
    struct exec_args args;
    struct exec_failure failure = {0};
    exec_args_init(&args, task->process->limits[RLIMIT_STACK].rlim_cur);
    int err = exec_args_read(task, &args, argv, envp);
    if (!err) {
        err = exec_path(task, dirfd, path, open_flags, name, &args, &failure);
    }
    exec_args_free(&args);
    if (err && failure.fatal) {
        process_exit_group(task, SIGSEGV);
    }
    return err;
}

long sys_execve(struct task *task, gaddr_t path, gaddr_t argv, gaddr_t envp) {
    UNZEROED char host_path[PATH_MAX];
    ssize_t n = guest_read_string(task->process->mm->space, host_path, path, sizeof host_path);
    if (n < 0) {
        return n;
    }
    if (n == 0) {
        return -ENOENT;
    }
    return exec_guest(task, AT_FDCWD, host_path, 0, host_path, argv, envp);
}

long sys_execveat(struct task *task, int32_t dirfd, gaddr_t path, gaddr_t argv, gaddr_t envp,
                  uint32_t flags) {
    UNZEROED char host_path[PATH_MAX];
    if (flags & ~(uint32_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) {
        return -EINVAL;
    }
    ssize_t n = guest_read_string(task->process->mm->space, host_path, path, sizeof host_path);
    if (n < 0) {
        return n;
    }
    if (n == 0) {
        if (!(flags & AT_EMPTY_PATH)) {
            return -ENOENT;
        }
        if (dirfd == AT_FDCWD) {
            return -EACCES; /* the current directory */
        }
        struct file *file = fd_get(task, dirfd);
        if (!file) {
            return -EBADF;
        }
        file_unref(file);
        char link[32], fd_name[32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
        snprintf(fd_name, sizeof fd_name, "/dev/fd/%d", dirfd);
        return exec_guest(task, dirfd, link, 0, fd_name, argv, envp);
    }
    /* The program is told of a relative path through the descriptor. */
    char name[PATH_MAX + 32];
    if (dirfd == AT_FDCWD || host_path[0] == '/') {
        snprintf(name, sizeof name, "%s", host_path);
    } else {
        snprintf(name, sizeof name, "/dev/fd/%d/%s", dirfd, host_path);
    }
    int open_flags = flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0;
    return exec_guest(task, dirfd, host_path, open_flags, name, argv, envp);
}
