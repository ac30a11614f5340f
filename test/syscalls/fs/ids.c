/* test: -pthread */
/* Who gives up root is held to what the files allow: opening, creating, names, access(2); by
 * set*id, file system ids and groups, in every thread. Run by an ordinary user all of it is theirs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define USER  1234
#define GROUP 2345

static void show(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "ok");
}

static void make(const char *name, mode_t mode, uid_t uid, gid_t gid) {
    int fd = open(name, O_CREAT | O_WRONLY, 0600);
    (void)!fchown(fd, uid, gid);
    fchmod(fd, mode);
    close(fd);
}

static void try_open(const char *what, const char *name, int flags) {
    int fd = open(name, flags, 0644);
    show(what, fd);
    close(fd);
}

static void all(const char *who) {
    printf("-- %s\n", who);
    try_open("root's", "root's", O_RDONLY);
    try_open("the group's", "group's", O_RDONLY);
    try_open("the group's, to write", "group's", O_WRONLY);
    show("access root's", access("root's", R_OK));
    show("access the group's", access("group's", R_OK));
    show("as acting user, root's", faccessat(AT_FDCWD, "root's", R_OK, AT_EACCESS));
    try_open("create in the open", "open/new", O_CREAT | O_EXCL | O_WRONLY);
    struct stat st = {0};
    stat("open/new", &st);
    printf("mine %d\n", st.st_uid == (uid_t)geteuid() || st.st_uid == USER);
    show("chown", chown("open/new", 0, 0));
    show("remove", unlink("open/new"));
    try_open("create in root's", "closed/new", O_CREAT | O_WRONLY);
    show("mkdir in root's", mkdir("closed/d", 0755));
    show("rename root's", rename("closed/f", "closed/g"));
    show("rename back", rename("closed/g", "closed/f"));
    show("unlink root's", unlink("closed/none"));
    show("chmod root's", chmod("root's", 0600));
    show("truncate root's", truncate("root's", 0));
    show("attribute of root's", setxattr("root's", "user.a", "1", 1, 0));
    show("to read", getxattr("root's", "user.a", &st, sizeof st) >= 0 || errno == ENODATA ? 0 : -1);
    show("remove it", removexattr("root's", "user.a"));
    show("times of root's", utimensat(AT_FDCWD, "root's", (struct timespec[2]){{1, 0}, {1, 0}}, 0));
    show("now", utimensat(AT_FDCWD, "group's", NULL, 0));
    show("exec root's", execl("./root's", "x", NULL));
}

static sem_t go, done;

static void *other_thread(void *arg) {
    sem_wait(&go);
    try_open("in another thread", "root's", O_RDONLY);
    sem_post(&done);
    return arg;
}

static void child(const char *who, void (*change)(void)) {
    fflush(stdout);
    if (fork() == 0) {
        pthread_t thread;
        sem_init(&go, 0, 0);
        sem_init(&done, 0, 0);
        pthread_create(&thread, NULL, other_thread, NULL);
        change();
        all(who);
        sem_post(&go);
        sem_wait(&done);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

static void nobody(void) {
    (void)!setgroups(0, NULL);
    (void)!setgid(USER);
    (void)!setuid(USER);
}

static void with_group(void) {
    gid_t group = GROUP;
    (void)!setgroups(1, &group);
    (void)!setgid(USER);
    (void)!setuid(USER);
}

static void acting(void) {
    (void)!setgroups(0, NULL);
    (void)!setegid(USER);
    (void)!seteuid(USER);
}

static void there_and_back(void) {
    (void)!seteuid(USER);
    (void)!seteuid(0);
}

int main(void) {
    setvbuf(stdout, NULL, _IOFBF, 65536);
    umask(0);
    if (getuid()) { /* the ids and files of an ordinary user are always theirs */
        puts("not root");
        return 0;
    }
    make("root's", 0600, 0, 0);
    make("group's", 0640, 0, GROUP);
    mkdir("open", 0777);
    mkdir("closed", 0755);
    make("closed/f", 0600, 0, 0);
    child("another user", nobody);
    child("with a group", with_group);
    child("acting as another", acting);
    child("there and back", there_and_back);
    setfsuid(USER);
    setfsgid(USER);
    try_open("user for files: root's", "root's", O_RDONLY);
    show("access asks for the real one", access("root's", R_OK));
    setfsuid(0);
    setfsgid(0);
    try_open("and back", "root's", O_RDONLY);
    return 0;
}
