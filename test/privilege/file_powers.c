/* Root that gave up a capability over files, one after the other: what it may still do with files
 * of its own and of another user. Runs as root in a directory of its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIT(cap)  ((uint64_t)1 << (cap))
#define TRY(call) show(#call, (call))
#define OTHER     4711

static void show(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
}

static void give_up(uint64_t gone) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data)) {
        exit(1);
    }
    for (int i = 0; i < 2; i++) {
        data[i].effective &= ~(uint32_t)(gone >> (32 * i));
        data[i].permitted &= ~(uint32_t)(gone >> (32 * i));
    }
    if (syscall(SYS_capset, &header, data)) {
        exit(1);
    }
}

static void make(const char *name, mode_t mode) {
    close(open(name, O_CREAT | O_RDWR, 0600));
    if (chown(name, OTHER, OTHER) || chmod(name, mode)) {
        exit(1);
    }
}

static void files(void) {
    TRY(open("secret", O_RDONLY));
    TRY(open("secret", O_WRONLY));
    TRY(open("closed/inside", O_RDONLY));
    TRY(open("closed/new", O_CREAT | O_EXCL | O_WRONLY, 0600));
    TRY(open("readable", O_RDONLY | O_DIRECTORY));
    TRY(mkdir("closed/directory", 0700));
    TRY(rename("closed/inside", "closed/renamed"));
    TRY(link("secret", "closed/link"));
    TRY(unlink("sticky/theirs"));
    TRY(chdir("closed"));
}

static void attributes(void) {
    TRY(access("secret", R_OK));
    TRY(access("secret", X_OK));
    TRY(faccessat(AT_FDCWD, "secret", W_OK, AT_EACCESS));
    TRY(chown("open", OTHER + 1, OTHER + 1));
    TRY(chown("open", -1, -1));
    TRY(chmod("open", 06777));
    const struct timespec times[2] = {{1, 0}, {1, 0}};
    TRY(utimensat(AT_FDCWD, "open", times, 0));
    TRY(utimensat(AT_FDCWD, "secret", NULL, 0));
    TRY(truncate("set-id", 5));
    struct stat st;
    stat("set-id", &st);
    printf("set-id has %o\n", st.st_mode);
    TRY(execl("program", "program", NULL));
}

int main(void) {
    static const struct {
        const char *name;
        uint64_t set;
    } gone[] = {
        {"none", 0},
        {"override", BIT(CAP_DAC_OVERRIDE)},
        {"override, search", BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH)},
        {"owner", BIT(CAP_FOWNER)},
        {"chown", BIT(CAP_CHOWN)},
        {"set-id", BIT(CAP_FSETID)},
        {"all", BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) |
                    BIT(CAP_CHOWN) | BIT(CAP_FSETID)},
    };
    umask(022);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu", i);
        if (mkdir(name, 0755) || chdir(name)) {
            return 1;
        }
        make("secret", 0600);
        make("open", 0666);
        make("set-id", 06777);
        make("program", 0711);
        mkdir("closed", 0700);
        mkdir("readable", 0700);
        mkdir("sticky", 0777);
        make("closed/inside", 0666);
        make("sticky/theirs", 0666);
        if (chown("closed", OTHER, OTHER) || chown("readable", OTHER, OTHER) ||
            chown("sticky", OTHER, OTHER) || chmod("sticky", 01777)) {
            return 1;
        }
        fflush(stdout);
        if (fork() == 0) {
            printf("--- without %s\n", gone[i].name);
            give_up(gone[i].set);
            files();
            exit(0);
        }
        wait(NULL);
        if (fork() == 0) {
            give_up(gone[i].set);
            attributes();
            exit(0);
        }
        wait(NULL);
        if (chdir("..")) {
            return 1;
        }
    }
    return 0;
}
