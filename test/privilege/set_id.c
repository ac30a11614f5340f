/* Who loses set-id bits: files of root's that everybody may write, changed by a user in every way;
 * the user's own; modes that the user asks for. Begins as root in an empty directory, then gives
 * root up. The lines are the same natively and in the guest. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define USER  4242
#define GROUP 4343

static void mode_of(const char *what, const char *name) {
    struct stat st = {0};
    stat(name, &st);
    printf("%s: %o\n", what, st.st_mode & 07777);
}

/* One way to change the file `name`, which is open at fd. */
static long change(int way, int fd, const char *name) {
    struct iovec iov = {"x", 1};
    int other, ends[2];
    long result;
    switch (way) {
    case 0:
        return write(fd, "x", 1);
    case 1:
        return pwrite(fd, "x", 1, 0);
    case 2:
        return writev(fd, &iov, 1);
    case 3:
        return ftruncate(fd, 0);
    case 4:
        return truncate(name, 0);
    case 5:
        return fallocate(fd, 0, 0, 10);
    case 6:
        return open(name, O_WRONLY | O_TRUNC);
    case 7:
        return open(name, O_WRONLY);
    case 8:
        other = open("source", O_RDONLY);
        result = sendfile(fd, other, NULL, 3);
        close(other);
        return result;
    case 9:
        other = open("source", O_RDONLY);
        result = syscall(SYS_copy_file_range, other, NULL, fd, NULL, 3, 0);
        close(other);
        return result;
    case 10:
        if (pipe(ends) || write(ends[1], "abc", 3) != 3) {
            return -1;
        }
        result = splice(ends[0], NULL, fd, NULL, 3, 0);
        close(ends[0]);
        close(ends[1]);
        return result;
    default:
        return -1;
    }
}

static const char *const ways[] = {"write",    "pwrite",     "writev",    "ftruncate",
                                   "truncate", "fallocate",  "open, cut", "open",
                                   "sendfile", "copy range", "splice"};
#define WAYS (int)(sizeof ways / sizeof *ways)

static void make(const char *name, mode_t mode) {
    int fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0600);
    (void)!write(fd, "abcdef", 6);
    fchmod(fd, mode);
    close(fd);
}

/* Root changes modes while the user has the file open. */
static void given_later(int to_root, int from_root) {
    char byte = 0;
    int fd = open("later", O_RDWR);
    (void)!write(fd, "x", 1);
    (void)!write(to_root, &byte, 1);
    (void)!read(from_root, &byte, 1);
    mode_of("given later", "later");
    (void)!write(fd, "x", 1);
    mode_of("and written", "later");
    close(fd);
}

int main(void) {
    static const mode_t modes[] = {06777, 04777, 02777, 02767};
    char name[32];
    int to_root[2], from_root[2];
    umask(0);
    setvbuf(stdout, NULL, _IOFBF, 65536);
    make("source", 0644);
    make("later", 0777);
    for (int way = 0; way < WAYS; way++) {
        for (int i = 0; i < 4; i++) {
            sprintf(name, "f%d-%d", way, i);
            make(name, modes[i]);
        }
    }
    make("root", 06777);
    int root = open("root", O_RDWR);
    (void)!write(root, "x", 1);
    mode_of("root writes", "root");
    (void)!chown("root", 0, 0);
    mode_of("root owns anew", "root");
    make("foreign", 0777);
    (void)!chown("foreign", USER, GROUP);
    mkdir("groups", 0777);
    (void)!chown("groups", 0, GROUP);
    chmod("groups", 02777);
    if (pipe(to_root) || pipe(from_root)) {
        return 1;
    }
    if (fork() == 0) {
        char byte;
        (void)!read(to_root[0], &byte, 1);
        chmod("later", 06777);
        (void)!write(from_root[1], &byte, 1);
        _exit(0);
    }
    if (setgroups(0, NULL) || setgid(USER) || setuid(USER)) {
        return 1;
    }
    for (int way = 0; way < WAYS; way++) {
        for (int i = 0; i < 4; i++) {
            sprintf(name, "f%d-%d", way, i);
            int fd = open(name, O_RDWR);
            long result = change(way, fd, name);
            close(fd);
            if (result < 0) {
                printf("%s\n", strerror(errno));
            }
            mode_of(ways[way], name);
        }
    }
    given_later(to_root[1], from_root[0]);
    mode_of("a group of others", "foreign");
    chmod("foreign", 06777);
    mode_of("asked for", "foreign");
    printf("group %d\n", chown("foreign", -1, USER));
    mode_of("own group", "foreign");
    chmod("foreign", 06777);
    mode_of("asked for", "foreign");
    printf("same owner %d\n", chown("foreign", USER, -1));
    mode_of("after chown", "foreign");
    close(open("groups/made", O_CREAT | O_WRONLY, 06777));
    mode_of("made in a group's", "groups/made");
    (void)!mknod("groups/node", S_IFREG | 06777, 0);
    mode_of("node in a group's", "groups/node");
    mkdir("groups/dir", 06777);
    mode_of("directory in a group's", "groups/dir");
    chmod("groups/dir", 02777);
    mode_of("asked for", "groups/dir");
    return 0;
}
