/* execve: arguments, environment, limits, errors, what a new program inherits. Runs itself again
 * with other arguments. */
#include "test/syscalls/mm/mm_test.h"
#include <sys/auxv.h>
#include <sys/prctl.h>

static char self[256];

/* Runs fn in a child; prints how it ended. */
static void in_child(const char *what, void (*fn)(void)) {
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        fn();
        printf("  %s: %s\n", what, strerrorname_np(errno));
        fflush(stdout);
        _exit(9);
    }
    waitpid(pid, &status, 0);
    printf("%s: status %x\n", what, status);
}

static void write_file(const char *name, const char *text, int mode) {
    unlink(name);
    int fd = open(name, O_WRONLY | O_CREAT, 0700);
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        exit(1);
    }
    fchmod(fd, (mode_t)mode);
    close(fd);
}

static void missing(void) {
    execl("/nonexistent/program", "x", NULL);
}
static void directory(void) {
    execl("/tmp", "x", NULL);
}
static void not_executable(void) {
    write_file("exec_test_file", "hello", 0600);
    execl("./exec_test_file", "x", NULL);
}
static void no_format(void) {
    write_file("exec_test_file", "hello", 0700);
    syscall(SYS_execve, "./exec_test_file", (char *[]){"x", NULL}, NULL);
}
static void empty_file(void) {
    write_file("exec_test_file", "", 0700);
    syscall(SYS_execve, "./exec_test_file", (char *[]){"x", NULL}, NULL);
}
static void fifo(void) {
    mkfifo("exec_test_fifo", 0700);
    execl("./exec_test_fifo", "x", NULL);
}
static void below_file(void) {
    execl("/proc/self/exe/x", "x", NULL);
}
static void bad_path(void) {
    syscall(SYS_execve, 8, NULL, NULL);
}
static void bad_argv(void) {
    syscall(SYS_execve, self, 8, NULL);
}
static void bad_arg(void) {
    syscall(SYS_execve, self, (char *[]){"x", (char *)8, NULL}, NULL);
}
static void empty_path(void) {
    execl("", "x", NULL);
}
static char long_arg[131073];
static void too_long(void) {
    memset(long_arg, 'a', 131072);
    execl(self, self, "count", long_arg, NULL);
}
static void just_right(void) {
    memset(long_arg, 'a', 131071);
    execl(self, self, "count", long_arg, NULL);
}
static void too_many(void) {
    char *argv[60] = {self, "count"};
    memset(long_arg, 'b', 131000);
    for (int i = 2; i < 30; i++) {
        argv[i] = long_arg;
    }
    execv(self, argv);
}
static void script(void) {
    char text[512];
    snprintf(text, sizeof text, "#! %s  list one two \t\nrest\n", self);
    write_file("exec_test_script", text, 0700);
    execl("./exec_test_script", "zero", "a", "b", NULL);
}
static void script_bare(void) {
    char text[512];
    snprintf(text, sizeof text, "#!%s", self);
    write_file("exec_test_script", text, 0700);
    execl("./exec_test_script", "zero", "list", NULL);
}
static void script_without(void) {
    write_file("exec_test_script", "#!  \nx", 0700);
    syscall(SYS_execve, "./exec_test_script", (char *[]){"x", NULL}, NULL);
}
static void script_missing(void) {
    write_file("exec_test_script", "#!/nonexistent x\n", 0700);
    execl("./exec_test_script", "x", NULL);
}
static void script_loop(void) {
    write_file("exec_test_script", "#!./exec_test_script\n", 0700);
    execl("./exec_test_script", "x", NULL);
}
static void script_nested(void) {
    char text[512];
    snprintf(text, sizeof text, "#!%s list inner\n", self);
    write_file("exec_test_inner", text, 0700);
    write_file("exec_test_script", "#!./exec_test_inner outer\n", 0700);
    execl("./exec_test_script", "zero", "a", NULL);
}
static void no_args(void) {
    syscall(SYS_execve, self, NULL, NULL);
}
static void by_fd(void) {
    int fd = open(self, O_RDONLY | O_CLOEXEC);
    char *argv[] = {"by fd", "name", NULL}, *env[] = {NULL};
    syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
}
static void by_path_fd(void) {
    int fd = open(self, O_PATH);
    char *argv[] = {"by O_PATH", "list", NULL}, *env[] = {NULL};
    syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
}
static void at_dir(void) {
    char *argv[] = {"at", "list", NULL}, *env[] = {NULL};
    int dir = open("/proc/self", O_RDONLY | O_DIRECTORY);
    syscall(SYS_execveat, dir, "exe", argv, env, AT_SYMLINK_NOFOLLOW);
    printf("  nofollow: %s\n", strerrorname_np(errno));
    syscall(SYS_execveat, dir, "exe", argv, env, 0x8000);
}
static void closed_script(void) {
    char text[512];
    snprintf(text, sizeof text, "#!%s list\n", self);
    write_file("exec_test_script", text, 0700);
    int fd = open("exec_test_script", O_RDONLY | O_CLOEXEC);
    char *argv[] = {"x", NULL}, *env[] = {NULL};
    syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
}
static void ignored(int signo) {
    (void)signo;
}
static void inherit(void) {
    signal(SIGUSR1, ignored);
    signal(SIGUSR2, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int kept = dup(1), closed = fcntl(1, F_DUPFD_CLOEXEC, 0);
    static char stack[32768];
    stack_t alt = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alt, NULL);
    char a[16], b[16];
    snprintf(a, sizeof a, "%d", kept);
    snprintf(b, sizeof b, "%d", closed);
    umask(027);
    execl(self, self, "state", a, b, NULL);
}

static int state(char **argv) {
    struct sigaction usr1, usr2;
    stack_t alt;
    sigset_t set;
    sigaction(SIGUSR1, NULL, &usr1);
    sigaction(SIGUSR2, NULL, &usr2);
    sigprocmask(SIG_BLOCK, NULL, &set);
    sigaltstack(NULL, &alt);
    SHOW(usr1.sa_handler == SIG_DFL);
    SHOW(usr2.sa_handler == SIG_IGN);
    SHOW(sigismember(&set, SIGALRM));
    SHOW(alt.ss_flags == SS_DISABLE);
    SHOW(fcntl(atoi(argv[2]), F_GETFD));
    SHOW(fcntl(atoi(argv[3]), F_GETFD));
    SHOW(umask(0));
    return 3;
}

int main(int argc, char **argv, char **envp) {
    if (argc >= 2 && !strcmp(argv[1], "count")) {
        size_t total = 0;
        for (int i = 0; i < argc; i++) {
            total += strlen(argv[i]) + 1;
        }
        printf("  %d arguments, %zu bytes\n", argc, total - strlen(argv[0]) - 1);
        return 0;
    }
    if (argc >= 2 && (!strcmp(argv[1], "list") || !strcmp(argv[1], "list one two") ||
                      !strncmp(argv[1], "./exec_test", 11) || !strcmp(argv[1], "name") ||
                      !strcmp(argv[1], "list inner"))) {
        const char *name = (const char *)getauxval(AT_EXECFN);
        for (int i = 1; i < argc; i++) {
            printf("  [%s]\n", argv[i]);
        }
        printf("  env %s, %s AT_EXECFN\n", *envp ? "set" : "empty",
               strncmp(name, "/dev/fd/", 8) ? "a" : "fd");
        char comm[17] = "";
        prctl(PR_GET_NAME, comm);
        if (!strncmp(comm, "exec_test", 9)) {
            printf("  comm %s\n", comm);
        }
        return 0;
    }
    if (argc >= 2 && !strcmp(argv[1], "state")) {
        return state(argv);
    }
    if (argc == 0 || argv[0][0] == 0) {
        printf("  argc %d\n", argc);
        return 0;
    }
    if (getenv("EXEC_TEST_RUNS")) { /* a case went astray: never all of it again */
        printf("  ran main with %d arguments\n", argc);
        return 4;
    }
    setenv("EXEC_TEST_RUNS", "1", 1);
    char dir[] = "/tmp/exec_test_XXXXXX";
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0 || !mkdtemp(dir) || chdir(dir)) {
        return 1;
    }
    in_child("missing", missing);
    in_child("directory", directory);
    in_child("not executable", not_executable);
    in_child("no format", no_format);
    in_child("empty file", empty_file);
    in_child("fifo", fifo);
    in_child("below a file", below_file);
    in_child("bad path", bad_path);
    in_child("bad argv", bad_argv);
    in_child("bad argument", bad_arg);
    in_child("empty path", empty_path);
    in_child("too long", too_long);
    in_child("just right", just_right);
    in_child("too many", too_many);
    in_child("script", script);
    in_child("bare script", script_bare);
    in_child("script without", script_without);
    in_child("script missing", script_missing);
    in_child("script loop", script_loop);
    in_child("script nested", script_nested);
    in_child("no args", no_args);
    in_child("by fd", by_fd);
    in_child("by O_PATH", by_path_fd);
    in_child("at", at_dir);
    in_child("closed script", closed_script);
    in_child("inherit", inherit);
    unlink("exec_test_file");
    unlink("exec_test_fifo");
    unlink("exec_test_script");
    unlink("exec_test_inner");
    return chdir("/") || rmdir(dir);
}
