/* Tries to get out of a root by dots, links, magic links and races; run by test/suites/fs.py with
 * the canary's host path, device and inode. Without arguments there is nothing to do. */
#include "fs_test.h"
#include <pthread.h>

static const char *canary;
static unsigned long long canary_ino;
static int bad;
static volatile int stop;

static void check_fd(const char *how, int fd) {
    struct stat64 st;
    char buf[16] = "";
    if (fd < 0) {
        return;
    }
    if (fstat64(fd, &st) == 0 && st.st_ino == canary_ino) {
        printf("ESCAPED by inode: %s\n", how);
        bad++;
    }
    if (read(fd, buf, 6) == 6 && !memcmp(buf, "CANARY", 6)) {
        printf("ESCAPED by content: %s\n", how);
        bad++;
    }
    close(fd);
}

static void try_path(const char *path) {
    struct stat64 st;
    check_fd(path, open(path, O_RDONLY));
    check_fd(path, open(path, O_PATH));
    check_fd(path, open(path, O_RDWR));
    if (stat64(path, &st) == 0 && st.st_ino == canary_ino) {
        printf("ESCAPED by stat: %s\n", path);
        bad++;
    }
    char sub[PATH_MAX];
    snprintf(sub, sizeof sub, "%s/../canary", path);
    check_fd(sub, open(sub, O_RDONLY));
}

static void *swapper(void *arg) {
    while (!stop) {
        renameat2(AT_FDCWD, "swap_a", AT_FDCWD, "swap_b", 2 /* RENAME_EXCHANGE */);
        rename("moving/deep/deeper", "deeper");
        rename("deeper", "moving/deep/deeper");
    }
    return arg;
}

static void dots(char *out, int n, const char *rest) {
    *out = 0;
    for (int i = 0; i < n; i++) {
        strcat(out, "../");
    }
    strcat(out, *rest == '/' ? rest + 1 : rest);
}

int main(int argc, char **argv) {
    char path[PATH_MAX];
    if (argc < 3) {
        return 0;
    }
    canary = argv[1];
    canary_ino = strtoull(argv[2], NULL, 10);
    mkdir("work", 0755);
    chdir("work");
    try_path(canary);
    for (int i = 1; i < 20; i++) {
        dots(path, i, "canary");
        try_path(path);
        dots(path, i, canary);
        try_path(path);
    }
    /* links: absolute, with dots, chains, through directories */
    symlink(canary, "abs");
    try_path("abs");
    for (int i = 1; i < 20; i++) {
        char name[16];
        dots(path, i, canary);
        snprintf(name, sizeof name, "up%d", i);
        symlink(path, name);
        try_path(name);
        dots(path, i, "canary");
        snprintf(name, sizeof name, "near%d", i);
        symlink(path, name);
        try_path(name);
        dots(path, i, "");
        snprintf(name, sizeof name, "dir%d", i);
        symlink(path, name);
        snprintf(path, sizeof path, "%s/canary", name);
        try_path(path);
        snprintf(path, sizeof path, "%s%s", name, canary);
        try_path(path);
        if (chdir(name) == 0) {
            try_path("canary");
            try_path("../canary");
            try_path(canary + 1);
            chdir("/work");
        }
    }
    symlink("/proc/self/root", "proc_root");
    symlink("/proc/self/cwd", "proc_cwd");
    symlink("/proc/self/exe", "proc_exe");
    static const char *const through[] = {
        "/proc/self/root/..%s",
        "/proc/1/root%s",
        "/proc/self/cwd/../..%s",
        "proc_root/..%s",
        "proc_cwd/../..%s",
        "/proc/self/exe/..%s",
        "/dev/fd/../..%s",
        "/dev/shm/../..%s",
        "/dev/shm/../../..%s",
        "/proc/self/fd/0/../..%s",
        "/dev/pts/../../..%s",
        "/sys/../..%s",
        "/proc/self/task/../../..%s",
        "/proc/self/fd/3/..%s",
        "//..//..%s",
    };
    for (size_t i = 0; i < sizeof through / sizeof *through; i++) {
        snprintf(path, sizeof path, through[i], canary);
        try_path(path);
        snprintf(path, sizeof path, through[i], "/canary");
        try_path(path);
    }
    int top = open("/", O_RDONLY | O_DIRECTORY), shm = open("/dev/shm", O_RDONLY | O_DIRECTORY);
    for (int i = 1; i < 10; i++) {
        dots(path, i, "canary");
        check_fd("openat /", openat(top, path, O_RDONLY));
        check_fd("openat shm", openat(shm, path, O_RDONLY));
        dots(path, i, canary);
        check_fd("openat /", openat(top, path, O_RDONLY));
        check_fd("openat shm", openat(shm, path, O_RDONLY));
    }
    /* hard links and renames onto what is outside */
    link(canary, "hard");
    try_path("hard");
    linkat(AT_FDCWD, "abs", AT_FDCWD, "hard2", AT_SYMLINK_FOLLOW);
    try_path("hard2");
    rename(canary, "stolen");
    try_path("stolen");
    unlink(canary);
    truncate("abs", 0);
    chmod("abs", 0);

    /* races: a directory and a link to outside change places while others walk through */
    mkdir("swap_a", 0755);
    mkdir("moving", 0755);
    mkdir("moving/deep", 0755);
    mkdir("moving/deep/deeper", 0755);
    make_file("swap_a/canary", "inside");
    char *slash = strdup(canary);
    *strrchr(slash, '/') = 0;
    symlink(slash, "swap_b"); /* to the directory of the canary, by its host name */
    symlink("../../..", "moving/deep/deeper/out");
    pthread_t thread;
    pthread_create(&thread, NULL, swapper, NULL);
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (int i = 0; i < 50; i++) {
            try_path("swap_a/canary");
            try_path("swap_b/canary");
            try_path("moving/deep/deeper/../../../../../canary");
            try_path("moving/deep/deeper/out/canary");
            try_path("deeper/../../canary");
            int dir = open("moving/deep/deeper", O_RDONLY | O_DIRECTORY);
            if (dir >= 0) {
                check_fd("moved ..", openat(dir, "../../../../canary", O_RDONLY));
                check_fd("moved ..", openat(dir, "../../canary", O_RDONLY));
                check_fd("moved ..", openat(dir, "out/../canary", O_RDONLY));
                close(dir);
            }
            chmod("swap_a/canary", 0600);
            chown("swap_a/canary", 1, 1);
            truncate("swap_a/canary", 6);
            unlink("swap_b/canary");
            close(open("swap_b/canary", O_CREAT | O_WRONLY, 0644));
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < 3);
    stop = 1;
    pthread_join(thread, NULL);
    printf(bad ? "escaped %d times\n" : "inside\n", bad);
    return bad != 0;
}
