/* Extended attributes of the user, and copies between files. */
#include "fs_test.h"

int main(void) {
    char buf[256];
    int fd = file_with("f", "0123456789");
    symlink("f", "l");
    SHOW(setxattr("f", "user.one", "abc", 3, 0));
    SHOW(setxattr("l", "user.two", "", 0, XATTR_CREATE));
    SHOW(setxattr("f", "user.two", "x", 1, XATTR_CREATE));
    SHOW(setxattr("f", "user.three", "x", 1, XATTR_REPLACE));
    SHOW(fsetxattr(fd, "user.two", "xy", 2, XATTR_REPLACE));
    SHOW(lsetxattr("l", "user.one", "x", 1, 0));
    SHOW(setxattr("f", "wrong", "x", 1, 0));
    SHOW(setxattr("f", "", "x", 1, 0));
    SHOW(setxattr("f", "user.one", "x", 1, 8));
    SHOW(setxattr("nothing", "user.one", "x", 1, 0));
    SHOW(getxattr("f", "user.one", buf, sizeof buf));
    SHOW(getxattr("f", "user.one", NULL, 0));
    SHOW(getxattr("f", "user.one", buf, 2));
    SHOW(getxattr("f", "user.none", buf, 2));
    SHOW(fgetxattr(fd, "user.two", buf, sizeof buf));
    SHOW(lgetxattr("l", "user.one", buf, sizeof buf));
    ssize_t n = listxattr("f", buf, sizeof buf);
    SHOW(n);
    SHOW(n > 0 && memmem(buf, (size_t)n, "user.one", 9) != NULL);
    SHOW(listxattr("f", NULL, 0));
    SHOW(listxattr("f", buf, 3));
    SHOW(llistxattr("l", buf, sizeof buf));
    SHOW(removexattr("f", "user.one"));
    SHOW(removexattr("f", "user.one"));
    SHOW(fremovexattr(fd, "user.two"));
    SHOW(flistxattr(fd, buf, sizeof buf));
    SHOW(fgetxattr(99, "user.two", buf, sizeof buf));

    /* A socket's protocol is an attribute of it. */
    int sock = socket(AF_UNIX, SOCK_STREAM, 0);
    SHOW(fgetxattr(sock, "system.sockprotoname", NULL, 0) > 4);
    SHOW(fgetxattr(sock, "system.sockprotoname", buf, sizeof buf) > 4 && !memcmp(buf, "UNIX", 4));
    snprintf(buf, sizeof buf, "/proc/self/fd/%d", sock);
    SHOW(getxattr(buf, "system.sockprotoname", buf, sizeof buf) > 4);
    SHOW(fgetxattr(sock, "user.one", buf, sizeof buf));
    SHOW(fsetxattr(sock, "user.one", "x", 1, 0));
    SHOW(flistxattr(sock, buf, sizeof buf) > 0);
    SHOW(close(sock));

    /* sendfile, copy_file_range, splice, tee */
    int out = open("copy", O_RDWR | O_CREAT, 0644);
    off_t at = 2;
    SHOW(sendfile(out, fd, &at, 5));
    SHOW(at);
    lseek(fd, 8, SEEK_SET);
    SHOW(sendfile(out, fd, NULL, 100));
    SHOW(sendfile(out, fd, NULL, 100));
    show_text("copy");
    SHOW(sendfile(99, fd, NULL, 1));
    SHOW(sendfile(out, 99, NULL, 1));
    loff_t from = 1, to = 20;
    SHOW(copy_file_range(fd, &from, out, &to, 3, 0));
    SHOW(from);
    SHOW(to);
    SHOW(copy_file_range(fd, &from, out, &to, 3, 1));
    struct stat st;
    fstat(out, &st);
    SHOW(st.st_size);
    int a[2], b[2];
    pipe(a);
    pipe(b);
    from = 3;
    SHOW(splice(fd, &from, a[1], NULL, 4, 0));
    SHOW(from);
    SHOW(tee(a[0], b[1], 100, 0));
    memset(buf, 0, sizeof buf);
    SHOW(read(b[0], buf, 100));
    puts(buf);
    SHOW(splice(a[0], NULL, out, NULL, 100, 0));
    SHOW(splice(fd, NULL, out, NULL, 100, 0));
    struct iovec iov[2] = {{"vm", 2}, {"splice", 6}};
    SHOW(vmsplice(a[1], iov, 2, 0));
    memset(buf, 0, sizeof buf);
    SHOW(read(a[0], buf, 100));
    puts(buf);

    /* inotify */
    int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    mkdir("d", 0755);
    SHOW(inotify_add_watch(in, "d", IN_CREATE | IN_DELETE | IN_MOVED_FROM));
    SHOW(inotify_add_watch(in, "nothing", IN_CREATE));
    SHOW(inotify_add_watch(fd, "d", IN_CREATE));
    SHOW(read(in, buf, sizeof buf));
    make_file("d/new", "");
    unlink("d/new");
    n = read(in, buf, sizeof buf);
    for (ssize_t i = 0; i < n;) {
        struct inotify_event *event = (struct inotify_event *)(buf + i);
        printf("event %x %s\n", event->mask, event->len ? event->name : "");
        i += (ssize_t)(sizeof *event + event->len);
    }
    SHOW(inotify_rm_watch(in, 1));
    SHOW(inotify_rm_watch(in, 1));
    return 0;
}
