/* Every call that takes a path, by a user who may not: through a directory without search
 * permission, in one without write permission, on files of others, in a sticky directory. Begins as
 * root, makes the tree in the current directory, gives up root, tries. Natively and in the guest
 * the lines are the same. Argument "own": files of the user's own as well. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#define USER 4242

static void show(const char *what, const char *path, long result) {
    printf("%s %s: %s\n", what, path, result < 0 ? strerror(errno) : "ok");
    if (result > 2 && result < 200) {
        close((int)result);
    }
}

static void make(const char *name, mode_t mode) {
    int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    (void)!write(fd, "text\n", 5);
    fchmod(fd, mode);
    close(fd);
}

static struct sockaddr_un address_of(const char *path) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    return un;
}

static int try_bind(const char *path) {
    struct sockaddr_un un = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int result = bind(fd, (struct sockaddr *)&un, sizeof un), error = errno;
    if (result == 0) {
        listen(fd, 5);
    } else {
        close(fd);
    }
    errno = error;
    return result;
}

static int try_connect(const char *path) {
    struct sockaddr_un un = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int result = connect(fd, (struct sockaddr *)&un, sizeof un), error = errno;
    close(fd);
    errno = error;
    return result;
}

static void tree(const char *name, mode_t mode) {
    char path[64];
    mkdir(name, 0700);
    snprintf(path, sizeof path, "%s/file", name);
    make(path, 0644);
    snprintf(path, sizeof path, "%s/public", name);
    make(path, 0666);
    snprintf(path, sizeof path, "%s/dir", name);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/link", name);
    (void)!symlink("file", path);
    snprintf(path, sizeof path, "%s/socket", name);
    try_bind(path);
    chmod(path, 0666);
    chmod(name, mode);
}

/* What looks. */
static void reads(const char *file, const char *dir, const char *link) {
    struct stat st;
    struct statfs fs;
    char text[64];
    show("open", file, open(file, O_RDONLY));
    show("path", file, open(file, O_PATH));
    show("stat", file, stat(file, &st));
    show("lstat", link, lstat(link, &st));
    show("readlink", link, readlink(link, text, sizeof text));
    show("access", file, access(file, F_OK));
    show("to read", file, access(file, R_OK));
    show("statfs", file, statfs(file, &fs));
    show("getxattr", file, getxattr(file, "user.none", text, sizeof text));
    show("listxattr", file, listxattr(file, text, sizeof text));
    show("directory", dir, open(dir, O_RDONLY | O_DIRECTORY));
    int back = open(".", O_PATH);
    show("chdir", dir, chdir(dir));
    fchdir(back);
    close(back);
    show("exec", file, execl(file, "x", NULL));
}

/* What changes the file. */
static void writes(const char *file) {
    static const struct timespec times[2] = {{1, 0}, {1, 0}};
    show("open to write", file, open(file, O_WRONLY));
    show("open and cut", file, open(file, O_RDONLY | O_TRUNC));
    show("to write", file, access(file, W_OK));
    show("truncate", file, truncate(file, 5));
    show("chmod", file, chmod(file, 0777));
    show("chown", file, chown(file, USER, USER));
    show("keep owner", file, chown(file, -1, -1));
    show("group", file, chown(file, -1, USER));
    show("times", file, utimensat(AT_FDCWD, file, times, 0));
    show("now", file, utimensat(AT_FDCWD, file, NULL, 0));
    show("setxattr", file, setxattr(file, "user.a", "1", 1, 0));
    show("removexattr", file, removexattr(file, "user.none"));
    int fd = open(file, O_PATH);
    if (fd < 0) {
        return;
    }
    char path[64];
    sprintf(path, "/proc/self/fd/%d", fd);
    show("again to write", file, open(path, O_WRONLY));
    show("again truncate", file, truncate(path, 5));
    show("again chmod", file, chmod(path, 0777));
    show("again chown", file, fchownat(fd, "", USER, USER, AT_EMPTY_PATH));
    show("again setxattr", file, setxattr(path, "user.a", "1", 1, 0));
    show("again times", file, utimensat(AT_FDCWD, path, times, 0));
    close(fd);
}

/* What changes names in `dir`. */
static void names(const char *dir) {
    char new[64], file[64], sub[64], sock[64], other[64];
    sprintf(new, "%s/new", dir);
    sprintf(file, "%s/file", dir);
    sprintf(sub, "%s/dir", dir);
    sprintf(sock, "%s/bound", dir);
    sprintf(other, "%s/other", dir);
    show("create", dir, open(new, O_CREAT | O_WRONLY, 0644));
    show("unnamed", dir, open(dir, O_TMPFILE | O_WRONLY, 0600));
    show("mkdir", dir, mkdir(new, 0755));
    show("fifo", dir, mknod(new, S_IFIFO | 0644, 0));
    show("plain node", dir, mknod(new, S_IFREG | 0644, 0));
    show("socket node", dir, mknod(new, S_IFSOCK | 0644, 0));
    show("symlink", dir, symlink("x", new));
    show("link", dir, link("open/public", new));
    show("bind", dir, try_bind(sock));
    show("rename", dir, rename(file, other));
    show("rename in", dir, rename("open/public", new));
    show("rename out", dir, rename(file, "open/out"));
    show("exchange", dir, syscall(SYS_renameat2, AT_FDCWD, file, AT_FDCWD, "open/public", 2));
    show("unlink", dir, unlink(file));
    show("rmdir", dir, rmdir(sub));
}

/* With descriptors of directories that root opened. */
static void below(int priv, int closed) {
    struct stat st;
    show("openat", "below priv", openat(priv, "file", O_RDONLY));
    show("statat", "below priv", fstatat(priv, "file", &st, 0));
    show("mkdirat", "below priv", mkdirat(priv, "new", 0755));
    show("unlinkat", "below priv", unlinkat(priv, "file", 0));
    show("fchdir", "priv", fchdir(priv));
    show("openat", "below closed", openat(closed, "file", O_RDONLY));
    show("mkdirat", "below closed", mkdirat(closed, "new", 0755));
    show("unlinkat", "below closed", unlinkat(closed, "file", 0));
}

static void own(void) {
    struct stat st;
    show("create", "open/mine", open("open/mine", O_CREAT | O_WRONLY, 0600));
    writes("open/mine");
    show("give away", "open/mine", chown("open/mine", 0, 0));
    show("device", "open", mknod("open/null", S_IFCHR | 0666, 0x103));
    show("link", "open/mine", link("open/mine", "open/mine2"));
    show("rename", "open/mine", rename("open/mine", "sticky/mine"));
    show("unlink own in", "sticky", unlink("sticky/mine"));
    show("unlink", "open/mine2", unlink("open/mine2"));
    show("bind", "open/socket", try_bind("open/bound"));
    show("connect", "open/bound", try_connect("open/bound"));
    show("chmod", "open/bound", chmod("open/bound", 0));
    show("connect", "open/bound 0", try_connect("open/bound"));
    show("symlink", "open", symlink("x", "open/mine"));
    lstat("open/mine", &st);
    printf("owner of a link %d\n", (int)st.st_uid);
    show("unlink", "open/mine", unlink("open/mine"));
    show("unlink", "open/bound", unlink("open/bound"));
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOFBF, 65536);
    umask(0);
    tree("open", 0777);
    tree("closed", 0755);
    tree("priv", 0700);
    tree("sticky", 01777);
    make("secret", 0600);
    try_bind("shut");
    chmod("shut", 0600);
    int priv = open("priv", O_PATH), closed = open("closed", O_RDONLY);
    if (setgroups(0, NULL) || setgid(USER) || setuid(USER)) {
        return 1;
    }
    reads("priv/file", "priv/dir", "priv/link");
    reads("priv/dir/../file", "priv", "priv/link");
    reads("closed/file", "closed", "closed/link");
    reads("secret", "closed/dir", "closed/link");
    writes("priv/file");
    writes("closed/file");
    writes("secret");
    names("priv");
    names("closed");
    below(priv, closed);
    show("connect", "open/socket", try_connect("open/socket"));
    show("connect", "closed/socket", try_connect("closed/socket"));
    show("connect", "priv/socket", try_connect("priv/socket"));
    show("connect", "shut", try_connect("shut"));
    show("unlink in", "sticky", unlink("sticky/file"));
    show("rename in", "sticky", rename("sticky/file", "sticky/other"));
    show("rename over in", "sticky", rename("open/public", "sticky/public"));
    show("rmdir in", "sticky", rmdir("sticky/dir"));
    if (argc > 1) {
        own();
    }
    return 0;
}
