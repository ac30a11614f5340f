/* Start and end of a run: builds the first guest process, gives it files, directories, environment
 * and user, executes its program, waits for its end.
 *
 * Implements fg_run() of core/fiberglass.h; cli/main.c turns the command line into fg_options.
 * What goes wrong here is told in one sentence on stderr, with the exit status that the header
 * names. */
#include "core/run/run.h"
#include "core/fiberglass.h"
#include "syscalls/task/capability.h"
#include "core/base/debug.h"
#include "core/code/fiber.h"
#include "core/decode/cpuid.h"
#include "core/host/host.h"
#include "core/build/profile.h"
#include "core/native/report.h"
#include "core/base/stats.h"
#include "syscalls/abi/i386/i386.h"
#include "syscalls/abi/x86_64/x86_64.h"
#include "syscalls/exec/exec.h"
#include "syscalls/exec/guest_name.h"
#include "syscalls/file/file.h"
#include "syscalls/fs/fs.h"
#include "syscalls/file/io.h"
#include "syscalls/fs/privilege.h"
#include "syscalls/task/process.h"
#include "syscalls/net/socket.h"
#include "syscalls/trace/strace.h"
#include "syscalls/tty/tty.h"
#include "syscalls/signal/signal.h"
#include "syscalls/run/loop.h"
#include "syscalls/ipc/ipc.h"
#include "syscalls/poll/poll.h"
#include "syscalls/proc/proc.h"
#include "syscalls/time/time.h"
#include "syscalls/process/life.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Names come from files and command lines: a control character in one is shown as an escape, so
 * that
 * "/bin/sh\r" tells what is wrong with a script, and none reaches the terminal. */
static void print_visibly(const char *text) {
    static const char control[] = "\t\n\r\033", letter[] = "tnre";
    for (const char *at = text; *at; at++) {
        const char *known = strchr(control, *at);
        if (known) {
            fprintf(stderr, "\\%c", letter[known - control]);
        } else if ((unsigned char)*at < ' ' || *at == 127) {
            fprintf(stderr, "\\x%02x", (unsigned)*at);
        } else {
            fputc(*at, stderr);
        }
    }
}

__attribute__((format(printf, 2, 3))) static int error(int status, const char *format, ...) {
    char text[PATH_MAX + 512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    flockfile(stderr);
    fputs("fiberglass: ", stderr);
    print_visibly(text);
    fputc('\n', stderr);
    funlockfile(stderr);
    return status;
}

/* What lower rooms reach of higher ones, they are told here: the ABIs, the run loop, the kinds of
 * files that come open from outside, what happens at the end of processes and files. */
static void connect_rooms(void) {
    abi_add(&abi_i386);
    if (engine_has(GUEST_X86_64) && !host_lacks(GUEST_X86_64) && cpuid_has_long_mode()) {
        abi_add(&abi_x86_64);
    }
    task_loop = task_run;
    signal_init();
    file_kind_add(&pipe_ops);
    file_kind_add(&socket_ops);
    file_kind_add(&eventfd_ops);
    file_kind_add(&timerfd_ops);
    tty_init();
    timer_init();
    ipc_init();
    mqueue_init();
    epoll_init();
    rights_init();
}

static int set_up_files(const struct fg_options *options, bool own_root) {
    const char *root = options->root ? options->root : "/";
    struct stat st;
    if (stat(root, &st) < 0) {
        return error(FG_STATUS_ERROR, "cannot use the root '%s': %s; name an existing directory",
                     root, strerror(errno));
    }
    if (!S_ISDIR(st.st_mode)) {
        return error(FG_STATUS_ERROR, "the root '%s' is not a directory; name one", root);
    }
    int err = fs_init(root, own_root);
    if (err) {
        return error(FG_STATUS_ERROR, "cannot use the root '%s': %s", root, strerror(-err));
    }
    proc_mounts(own_root);
    return 0;
}

static int mount_directories(struct task *task, const struct fg_options *options) {
    for (size_t i = 0; i < options->mount_count; i++) {
        const struct fg_mount *mount = &options->mounts[i];
        int err = fs_mount_host(task, mount->host, mount->guest, mount->read_only);
        if (err == FS_NO_MOUNT_POINT) {
            return error(FG_STATUS_ERROR,
                         "cannot mount '%s' at '%s': the guest has no directory to hold that; make "
                         "it in the root first",
                         mount->host, mount->guest);
        }
        if (err == -ENOSPC) {
            return error(FG_STATUS_ERROR, "cannot mount '%s' at '%s': too many mounts", mount->host,
                         mount->guest);
        }
        if (err) {
            return error(FG_STATUS_ERROR,
                         "cannot mount '%s' at '%s': %s; both have to be directories, "
                         "the second an absolute path in the guest",
                         mount->host, mount->guest, strerror(-err));
        }
    }
    return 0;
}

/* With the host's root the guest is who started it; with a root of its own it is root there. */
static void set_user(struct process *process, const struct fg_options *options, bool own_root) {
    uint32_t uid = 0, gid = 0;
    process->group_count = 0;
    if (options->set_user) {
        process->ids_changed++;
        uid = options->uid;
        gid = options->gid;
    } else if (!own_root) {
        gid_t groups[ARRAY_LEN(process->groups)];
        uid = geteuid();
        gid = getegid();
        int count = getgroups(ARRAY_LEN(groups), groups);
        for (int i = 0; i < count; i++) {
            process->groups[process->group_count++] = groups[i];
        }
    }
    process->uid = process->euid = process->suid = process->fsuid = uid;
    process->gid = process->egid = process->sgid = process->fsgid = gid;
    capability_start(process);
    fs_owner_init(uid, gid);
}

/* Descriptors 0 to 2, as far as they are open. No others: they might lead out of the root. */
static int adopt_descriptors(struct task *task) {
    for (int fd = 0; fd <= 2; fd++) {
        struct file *file;
        if (fcntl(fd, F_GETFD) < 0) {
            continue;
        }
        int err = tty_adopt_host(fd, &file); /* 1: it is a terminal */
        if (!err) {
            err = file_adopt_host(fd, &file);
        }
        if (err >= 0) {
            err = fd_install(task, file, false, fd);
        }
        if (err < 0) {
            return error(FG_STATUS_ERROR, "cannot take over file descriptor %d: %s", fd,
                         strerror(-err));
        }
    }
    return 0;
}

static int enter_directory(struct task *task, const struct fg_options *options, bool own_root) {
    char host[PATH_MAX];
    const char *path = options->workdir;
    if (!path) {
        path = own_root || !getcwd(host, sizeof host) ? "/" : host;
    }
    int err = fs_chdir(task, path);
    if (err && options->workdir) {
        return error(FG_STATUS_ERROR, "cannot enter the directory '%s' of the guest: %s", path,
                     strerror(-err));
    }
    return 0;
}

/* Value of NAME= in an environment, or NULL. */
static const char *find_env(char *const *env, const char *name) {
    size_t len = strlen(name);
    for (; env && *env; env++) {
        if (!strncmp(*env, name, len) && (*env)[len] == '=') {
            return *env + len + 1;
        }
    }
    return NULL;
}

static int fill_args(struct exec_args *args, const struct fg_options *options) {
    int err = 0;
    for (char *const *arg = options->argv; !err && *arg; arg++) {
        err = exec_args_add(args, *arg, false);
    }
    for (char *const *env = options->env; !err && env && *env; env++) {
        err = exec_args_add(args, *env, true);
    }
    return err;
}

static int try_path(struct task *task, const struct fg_options *options, const char *path,
                    struct exec_failure *failure) {
    struct exec_args args;
    exec_args_init(&args, task->process->limits[RLIMIT_STACK].rlim_cur);
    int err = fill_args(&args, options);
    if (err) {
        snprintf(failure->text, sizeof failure->text, "arguments and environment are too long");
    } else {
        err = exec_path(task, AT_FDCWD, path, 0, path, &args, failure);
    }
    exec_args_free(&args);
    return err;
}

static int exec_status(int err) {
    switch (err) {
    case -ENOENT:
    case -ENOTDIR:
    case -ENAMETOOLONG:
        return FG_STATUS_NOT_FOUND;
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
        return FG_STATUS_ERROR;
    default:
        return FG_STATUS_CANNOT_RUN;
    }
}

/* execvp(3), in the guest: a name without a slash is looked up in its PATH. 0 or an exit status. */
static int execute(struct task *task, const struct fg_options *options) {
    struct exec_failure failure = {0};
    const char *program = options->program;
    if (strchr(program, '/')) {
        int err = try_path(task, options, program, &failure);
        return err ? error(exec_status(err), "%s", failure.text) : 0;
    }
    const char *path = find_env(options->env, "PATH");
    if (!path) {
        path = DEFAULT_PATH;
    }
    int denied = 0;
    for (const char *at = path; *program; at++) {
        char full[PATH_MAX];
        size_t len = strcspn(at, ":");
        int n =
            snprintf(full, sizeof full, "%.*s/%s", (int)(len ? len : 1), len ? at : ".", program);
        at += len;
        if (n > 0 && (size_t)n < sizeof full) {
            int err = try_path(task, options, full, &failure);
            if (!err) {
                return 0;
            }
            if (err == -EACCES && !failure.found) {
                denied = err;
            } else if (failure.found || (err != -ENOENT && err != -ENOTDIR)) {
                return error(exec_status(err), "%s", failure.text);
            }
        }
        if (!*at) {
            break;
        }
    }
    if (denied) {
        return error(FG_STATUS_CANNOT_RUN,
                     "'%s' is in the guest's PATH but not an executable file; "
                     "chmod +x it",
                     program);
    }
    return error(FG_STATUS_NOT_FOUND,
                 "cannot find '%s' in the guest's PATH (%s); give its full path, "
                 "or the right --root",
                 program, path);
}

static int prepare(struct task *task, const struct fg_options *options, bool own_root,
                   mode_t mask) {
    struct process *process = task->process;
    task->fds = fd_table_create();
    task->fs = fs_context_create();
    if (!task->fds || !task->fs) {
        return error(FG_STATUS_ERROR, "out of memory");
    }
    task->fs->umask = mask;
    int status = mount_directories(task, options); /* as root, whoever the guest is to be */
    set_user(process, options, own_root);
    int err = options->set_user && !status ? privilege_become(process) : 0;
    if (err) {
        status =
            error(FG_STATUS_ERROR, "cannot become the user %u: %s", options->uid, strerror(-err));
    }
    if (!status) {
        status = adopt_descriptors(task);
    }
    if (!status) {
        status = enter_directory(task, options, own_root);
    }
    if (!status) {
        status = execute(task, options);
    }
    return status;
}

/* The guests' processor, as the options choose it. 0, or the exit status. */
static int choose_processor(const struct fg_options *options) {
    char why[2048];
    if (options->host_features && cpuid_narrow(options->host_features, true, why, sizeof why)) {
        return error(FG_STATUS_ERROR, "--host-features: %s", why);
    }
    if (options->cpu && cpuid_narrow(options->cpu, false, why, sizeof why)) {
        return error(FG_STATUS_ERROR, "--cpu: %s", why);
    }
    return 0;
}

/* Is `root` a directory of its own, not the host's "/"? */
static bool is_own_root(const char *root) {
    struct stat st, host;
    return root && !(stat(root, &st) == 0 && stat("/", &host) == 0 && st.st_dev == host.st_dev &&
                     st.st_ino == host.st_ino);
}

/* What is shown of fibers, or counted of them, is so of threaded ones; native code can be shown
 * where there is some. */
static const char *tier_of(const struct fg_options *options) {
    bool fibers = options->dump_fibers || options->dump_blocks || options->dump_gadgets ||
                  options->profile_file;
    return options->dump_native ? "native"
           : fibers             ? "threaded"
           : options->tier      ? options->tier
                                : "auto";
}

/* Tools of the host that are to know native code by the guest's names. 0, or the exit status. */
static int name_code(const struct fg_options *options) {
    const char *path = "";
    int err = options->perf_map ? native_report_perf_map(&path) : 0;
    if (!err && options->jitdump) {
        err = native_report_jitdump(&path);
    }
    if (options->gdb) {
        native_report_gdb();
    }
    native_namer = guest_name;
    return err ? error(FG_STATUS_ERROR, "cannot make '%s' for perf: %s", path, strerror(-err)) : 0;
}

int fg_run(const struct fg_options *options) {
    bool own_root = is_own_root(options->root);
    int status = choose_processor(options);
    if (status) {
        return status;
    }
    privilege_start(own_root);
    mode_t mask = umask(0);
    fg_debug = (struct fg_debug){
        .dump_fibers = options->dump_fibers,
        .dump_blocks = options->dump_blocks,
        .dump_gadgets = options->dump_gadgets,
        .dump_native = options->dump_native,
        .native_plain = options->no_native_opt,
        .trace = options->trace,
        .stats = options->stats,
        .most_maps = options->map_limit,
        .most_chunks = options->code_kib / (CHUNK_BYTES / 1024) + (options->code_kib != 0),
        .check_memory = options->check_memory,
        .profile = options->profile_file != NULL,
        .plain = options->profile_file != NULL,
    };
    engine_init();
    status = fg_set_tier(tier_of(options), options->code_size);
    if (status) {
        return error(FG_STATUS_ERROR,
                     "the host allows no executable memory: %s; say --tier threaded",
                     strerror(-status));
    }
    if ((status = name_code(options)) != 0) {
        return status;
    }
    connect_rooms();
    /* First of all, so that the guest inherits the host's limits as they were. */
    struct task *task = process_create_first();
    if (!task) {
        return error(FG_STATUS_ERROR, "out of memory");
    }
    status = set_up_files(options, own_root);
    if (status) {
        return status;
    }
    tty_block_host_signals();
    socket_network = !options->no_network;
    if (options->strace && (status = strace_start(options->strace_file)) != 0) {
        status = error(FG_STATUS_ERROR, "cannot write system calls to '%s': %s",
                       options->strace_file ? options->strace_file : "stderr", strerror(-status));
        goto out;
    }
    current = task; /* limits and credentials while its program is loaded */
    status = prepare(task, options, own_root, mask);
    current = NULL;
    if (status) {
        goto out;
    }
    int err = tty_host_start(task->process);
    if (!err) {
        err = task_start(task);
    }
    if (err) {
        status =
            error(FG_STATUS_ERROR, "cannot start a thread for the program: %s", strerror(-err));
    } else {
        int wait_status = process_wait_first();
        status = WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
    }
    tty_host_stop();
    if (options->stats) {
        engine_stats_print();
    }
    if (options->profile_file && (err = profile_write(options->profile_file)) != 0) {
        error(FG_STATUS_ERROR, "cannot write the profile '%s': %s", options->profile_file,
              strerror(-err));
    }
out:
    fs_shutdown();
    return status;
}
