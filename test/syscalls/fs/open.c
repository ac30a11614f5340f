/* open: every flag, creation, errors; openat2's restrictions. */
#include "fs_test.h"
#include <linux/openat2.h>

static int openat2_(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {flags, mode, resolve};
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

int main(void) {
    umask(027);
    make_file("f", "0123456789");
    mkdir("d", 0755);
    symlink("f", "l");
    symlink("made_by_link", "dl");
    symlink("d", "ld");

    SHOW_OPEN(open("new", O_CREAT | O_WRONLY, 0666));
    show_stat("new");
    SHOW_OPEN(open("suid", O_CREAT | O_WRONLY, 06755));
    show_stat("suid");
    SHOW_OPEN(open("zero", O_CREAT | O_RDWR, 0));
    show_stat("zero");
    SHOW_OPEN(open("new", O_CREAT | O_EXCL | O_WRONLY, 0666));
    SHOW_OPEN(open("l", O_CREAT | O_EXCL | O_WRONLY, 0666));
    SHOW_OPEN(open("dl", O_CREAT | O_EXCL | O_WRONLY, 0666));
    SHOW_OPEN(open("dl", O_CREAT | O_WRONLY, 0600));
    show_stat("made_by_link");
    SHOW_OPEN(open("l", O_RDONLY | O_NOFOLLOW));
    SHOW_OPEN(open("ld/", O_RDONLY | O_NOFOLLOW));
    SHOW_OPEN(open("ld", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
    SHOW_OPEN(open("d", O_WRONLY));
    SHOW_OPEN(open("d", O_RDWR));
    SHOW_OPEN(open("d", O_RDONLY | O_CREAT, 0644));
    SHOW_OPEN(open("f", O_RDONLY | O_DIRECTORY));
    SHOW_OPEN(open("nofile/", O_CREAT | O_WRONLY, 0644));
    SHOW_OPEN(open("d/.", O_CREAT | O_WRONLY, 0644));
    SHOW_OPEN(open("nodir/x", O_CREAT | O_WRONLY, 0644));
    SHOW_OPEN(open("f/x", O_CREAT | O_WRONLY, 0644));
    SHOW_OPEN(open("nofile", O_RDONLY));
    SHOW_OPEN(open("nofile", O_RDONLY | O_TRUNC));

    char buf[32];
    int fd = SHOW_FD(open("f", O_RDWR | O_APPEND));
    SHOW(write(fd, "ab", 2));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(pwrite(fd, "cd", 2, 0));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(fcntl(fd, F_GETFL) & ~0100000);
    SHOW(fcntl(fd, F_SETFL, O_NONBLOCK));
    SHOW(fcntl(fd, F_GETFL) & ~0100000);
    SHOW(write(fd, "XY", 2));
    close(fd);
    show_text("f");
    fd = SHOW_FD(open("f", O_WRONLY | O_TRUNC));
    SHOW(read(fd, buf, 1));
    close(fd);
    show_stat("f");
    fd = SHOW_FD(open("f", O_RDONLY));
    SHOW(write(fd, "x", 1));
    close(fd);

    fd = SHOW_FD(open("f", O_PATH));
    SHOW(read(fd, buf, 1));
    SHOW(write(fd, "x", 1));
    SHOW(fchmod(fd, 0600));
    SHOW(ioctl(fd, FIONREAD, buf));
    SHOW(fcntl(fd, F_GETFL));
    struct stat st;
    SHOW(fstat(fd, &st));
    SHOW(st.st_size);
    SHOW(close(fd));
    fd = SHOW_FD(open("l", O_PATH | O_NOFOLLOW));
    SHOW(fstat(fd, &st));
    SHOW(S_ISLNK(st.st_mode));
    SHOW(readlinkat(fd, "", buf, sizeof buf));
    close(fd);

    fd = SHOW_FD(open(".", O_TMPFILE | O_RDWR, 0640));
    SHOW(write(fd, "temporary", 9));
    SHOW(fstat(fd, &st));
    SHOW(st.st_nlink);
    SHOW(st.st_mode);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    SHOW(linkat(AT_FDCWD, link, AT_FDCWD, "kept", AT_SYMLINK_FOLLOW));
    close(fd);
    show_text("kept");
    SHOW_OPEN(open(".", O_TMPFILE | O_RDONLY, 0640));
    SHOW_OPEN(open("f", O_TMPFILE | O_RDWR, 0640));
    SHOW_OPEN(open("nodir", O_TMPFILE | O_RDWR, 0640));

    SHOW(creat("made", 0604) >= 0);
    show_stat("made");
    SHOW_OPEN(open("f", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOATIME));
    fd = open("f", O_RDONLY | O_CLOEXEC);
    SHOW(fcntl(fd, F_GETFD));
    close(fd);
    SHOW_OPEN(open("f", O_RDONLY | O_SYNC));
    fd = open("f", O_RDWR | O_SYNC);
    SHOW((fcntl(fd, F_GETFL) & O_SYNC) == O_SYNC);
    close(fd);

    SHOW_OPEN(openat2_(AT_FDCWD, "f", O_RDONLY, 0, 0));
    SHOW_OPEN(openat2_(AT_FDCWD, "f", O_RDONLY, 0644, 0));
    SHOW_OPEN(openat2_(AT_FDCWD, "f2", O_RDONLY | O_CREAT, 0644, 0));
    SHOW_OPEN(openat2_(AT_FDCWD, "f", O_RDONLY | 0x40000000, 0, 0));
    SHOW_OPEN(openat2_(AT_FDCWD, "f", O_RDONLY, 0, 0x8000));
    SHOW_OPEN(openat2_(AT_FDCWD, "l", O_RDONLY, 0, RESOLVE_NO_SYMLINKS));
    SHOW_OPEN(openat2_(AT_FDCWD, "ld/../f", O_RDONLY, 0, RESOLVE_NO_SYMLINKS));
    SHOW_OPEN(openat2_(AT_FDCWD, "d/../f", O_RDONLY, 0, RESOLVE_BENEATH));
    SHOW_OPEN(openat2_(AT_FDCWD, "../x", O_RDONLY, 0, RESOLVE_BENEATH));
    SHOW_OPEN(openat2_(AT_FDCWD, "/etc", O_RDONLY, 0, RESOLVE_BENEATH));
    SHOW_OPEN(openat2_(AT_FDCWD, "/f", O_RDONLY, 0, RESOLVE_IN_ROOT));
    SHOW_OPEN(openat2_(AT_FDCWD, "../../f", O_RDONLY, 0, RESOLVE_IN_ROOT));
    struct open_how how = {O_RDONLY, 0, 0};
    SHOW(syscall(SYS_openat2, AT_FDCWD, "f", &how, 8));
    return 0;
}
