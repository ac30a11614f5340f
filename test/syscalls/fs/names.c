/* Names: mkdir, rmdir, unlink, link, symlink, rename with its flags, mknod, and their errors. */
#include "fs_test.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE  2
#endif

int main(void) {
    char buf[64];
    umask(022);
    SHOW(mkdir("d", 0777));
    show_stat("d");
    SHOW(mkdir("d", 0777));
    SHOW(mkdir("d/", 0777));
    SHOW(mkdir("e/", 0700));
    show_stat("e");
    SHOW(mkdir("x/y", 0777));
    SHOW(mkdir(".", 0777));
    SHOW(mkdir("..", 0777));
    SHOW(mkdir("/", 0777));
    SHOW(mkdir("", 0777));
    SHOW(mkdir("sticky", 01777));
    show_stat("sticky");
    make_file("f", "ff");
    SHOW(mkdir("f", 0777));
    SHOW(mkdir("f/x", 0777));
    symlink("nowhere", "dangling");
    symlink("d", "ld");
    SHOW(mkdir("dangling", 0777));
    SHOW(mkdir("dangling/", 0777));

    SHOW(rmdir("f"));
    SHOW(rmdir("ld"));
    SHOW(rmdir("ld/"));
    SHOW(rmdir("."));
    SHOW(rmdir("d/."));
    SHOW(rmdir("d/.."));
    SHOW(rmdir("/"));
    SHOW(rmdir("nowhere"));
    SHOW(unlink("d"));
    SHOW(unlink("."));
    SHOW(unlink("f/"));
    SHOW(unlink("ld/"));
    SHOW(unlink("nowhere"));
    SHOW(unlinkat(AT_FDCWD, "e", AT_REMOVEDIR));
    SHOW(unlinkat(AT_FDCWD, "d", 0));
    SHOW(unlinkat(AT_FDCWD, "d", 0x1000));

    SHOW(symlink("", "s"));
    SHOW(symlink("target", "d"));
    SHOW(symlink("target", "s/"));
    SHOW(symlink("target", "s"));
    show_link("s");
    show_link("f");
    show_link("nowhere");
    SHOW(readlink("s", buf, 3));
    SHOW(readlink("s", buf, 0));
    SHOW(lstat("s", &(struct stat){0}));
    show_stat("s");

    SHOW(link("f", "f2"));
    show_stat("f2");
    SHOW(link("f", "f2"));
    SHOW(link("d", "d2"));
    SHOW(link("nowhere", "n"));
    SHOW(link("f", "x/y"));
    SHOW(link("f", "f3/"));
    SHOW(link("s", "s2"));
    show_link("s2");
    SHOW(linkat(AT_FDCWD, "ld", AT_FDCWD, "x2", AT_SYMLINK_FOLLOW));
    SHOW(linkat(AT_FDCWD, "f", AT_FDCWD, "x2", 0x10000));

    SHOW(rename("f2", "f4"));
    show_stat("f4");
    SHOW(rename("f", "f4"));
    show_stat("f4");
    show_stat("f");
    SHOW(rename("nowhere", "x"));
    SHOW(rename("f", "d"));
    SHOW(rename("d", "f"));
    SHOW(rename("d", "d/x"));
    SHOW(rename("d", "d"));
    SHOW(rename("d/.", "x"));
    SHOW(rename("d", "x/.."));
    SHOW(rename("f/", "x"));
    SHOW(rename("f", "x/"));
    SHOW(rename("d/", "dd/"));
    show_stat("dd");
    mkdir("full", 0755);
    make_file("full/x", "");
    SHOW(rename("dd", "full"));
    SHOW(rmdir("full"));
    mkdir("empty", 0755);
    SHOW(rename("full", "empty"));
    SHOW(rename("ld", "ld2"));
    show_link("ld2");
    make_file("a", "A");
    make_file("b", "B");
    SHOW(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
    SHOW(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE));
    show_text("a");
    show_text("b");
    SHOW(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_EXCHANGE));
    SHOW(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
    show_text("c");
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "empty", RENAME_EXCHANGE));
    show_stat("c");
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_EXCHANGE | RENAME_NOREPLACE));
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", 0x80));

    SHOW(mknod("fifo", S_IFIFO | 0644, 0));
    show_stat("fifo");
    SHOW(mknod("reg", 0640, 0));
    show_stat("reg");
    SHOW(mknod("reg", S_IFREG | 0640, 0));
    SHOW(mknod("dir", S_IFDIR | 0755, 0));
    SHOW(mknod("bad", 0110000 | 0755, 0));
    SHOW(mknod("sock", S_IFSOCK | 0755, 0));
    show_stat("sock");
    SHOW_OPEN(open("sock", O_RDONLY));
    SHOW_OPEN(open("fifo", O_WRONLY | O_NONBLOCK));
    SHOW_OPEN(open("fifo", O_RDONLY | O_NONBLOCK));
    int both = SHOW_FD(open("fifo", O_RDWR));
    SHOW(write(both, "xyz", 3));
    SHOW(read(both, buf, sizeof buf));
    return 0;
}
