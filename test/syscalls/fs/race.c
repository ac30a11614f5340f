/* test: -pthread */
/* A file appears with its owner and mode, or not yet: processes that run into each other's
 * creations and changes never see a state between. As an ordinary user, where the test is run as
 * root. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define USER    1234
#define SECONDS 1

static atomic_bool over;
static atomic_int wrong;

static void expect(bool good, const char *what, int error) {
    if (!good && atomic_fetch_add(&wrong, 1) < 5) {
        printf("%s: %s\n", what, strerror(error));
    }
}

static void *makes_directories(void *arg) {
    while (!over) {
        mkdir("d", 0700);
        unlink("d/f");
        rmdir("d");
    }
    return arg;
}

static void *makes_files_in_them(void *arg) {
    while (!over) {
        int fd = open("d/f", O_CREAT | O_WRONLY, 0600);
        expect(fd >= 0 || errno == ENOENT, "create in a new directory", errno);
        close(fd);
    }
    return arg;
}

static void *makes_files(void *arg) {
    while (!over) {
        close(open("new", O_CREAT | O_EXCL | O_WRONLY, 0640));
        unlink("new");
    }
    return arg;
}

static void *looks_at_them(void *arg) {
    struct stat st;
    while (!over) {
        if (stat("new", &st) == 0) {
            expect(st.st_uid == getuid() && (st.st_mode & 07777) == 0640, "owner or mode", 0);
        }
        int fd = open("new", O_RDWR);
        expect(fd >= 0 || errno == ENOENT, "open a new file", errno);
        close(fd);
    }
    return arg;
}

static void *changes_mode(void *arg) {
    struct stat st;
    for (mode_t mode = 0600; !over; mode ^= 0055) {
        chmod("both", mode);
        stat("both", &st);
        expect((st.st_mode & 07777) == mode, "mode is not as set", 0);
    }
    return arg;
}

static void *changes_group(void *arg) {
    while (!over) {
        expect(chown("both", getuid(), getgid()) == 0, "chown", errno);
    }
    return arg;
}

static void both(const char *what, void *(*one)(void *), void *(*two)(void *)) {
    pthread_t thread[2];
    over = false;
    wrong = 0;
    pthread_create(&thread[0], NULL, one, NULL);
    pthread_create(&thread[1], NULL, two, NULL);
    nanosleep(&(struct timespec){SECONDS, 0}, NULL);
    over = true;
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    printf("%s: %s\n", what, wrong ? "not ok" : "ok");
}

int main(void) {
    umask(0);
    mkdir("race", 0777);
    if (chown("race", USER, USER) == 0 && setgid(USER) == 0) {
        (void)!setuid(USER);
    }
    (void)!chdir("race");
    close(open("both", O_CREAT | O_WRONLY, 0600));
    both("directories", makes_directories, makes_files_in_them);
    both("files", makes_files, looks_at_them);
    both("changes", changes_mode, changes_group);
    return 0;
}
