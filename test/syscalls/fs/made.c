/* Names by their edges: set-group-id directories, sticky ones of others, links to what is open,
 * names of /proc and /sys, slashes and dots, flags that exclude each other. test:
 * -D_FILE_OFFSET_BITS=64 */
#include "fs_test.h"
#include <grp.h>
#include <sys/statvfs.h>

static void show_owner(const char *name) {
    struct stat st;
    if (lstat(name, &st)) {
        printf("%s: %s\n", name, strerrorname_np(errno));
    } else {
        printf("%s: %06o %u:%u links %d\n", name, st.st_mode, st.st_uid, st.st_gid,
               S_ISDIR(st.st_mode) ? 0 : (int)st.st_nlink);
    }
    fflush(stdout);
}

/* Modes and masks of what is made; the group of a set-group-id directory. */
static void modes(void) {
    static const mode_t masks[] = {0, 022, 0777, 027};
    mkdir("sgid", 0755);
    (void)!chown("sgid", -1, getuid() ? getgid() : 4321);
    SHOW(chmod("sgid", 02777));
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        umask(masks[i]);
        for (int inside = 0; inside < 2; inside++) {
            (void)!chdir(inside ? "sgid" : ".");
            SHOW(mkdir("d", 07777));
            show_owner("d");
            SHOW(mknod("r", S_IFREG | 07777, 0));
            show_owner("r");
            SHOW(mknod("p", S_IFIFO | 0666, 0));
            show_owner("p");
            SHOW(mknod("s", S_IFSOCK | 0777, 0));
            show_owner("s");
            SHOW_OPEN(open("o", O_CREAT | O_WRONLY, 07777));
            show_owner("o");
            SHOW(symlink("x", "l"));
            show_owner("l");
            rmdir("d");
            unlink("r");
            unlink("p");
            unlink("s");
            unlink("o");
            unlink("l");
            (void)!chdir(inside ? ".." : ".");
        }
    }
    umask(022);
    SHOW(mknod("x", 0, 0));
    show_owner("x");
    SHOW(mknod("y", S_IFLNK | 0777, 0));
    SHOW(mknod("y", S_IFMT | 0777, 0));
    SHOW(mknod("y/", S_IFREG | 0644, 0));
    SHOW(mknod("x/", S_IFREG | 0644, 0));
    SHOW(mknod("", S_IFREG | 0644, 0));
    SHOW(mknod(".", S_IFREG | 0644, 0));
    SHOW(mknod("..", S_IFREG | 0644, 0));
    SHOW(mknod("nowhere/y", S_IFREG | 0644, 0));
    unlink("x");
}

/* Sticky directories: one's own names alone, or in one's own directory. */
static void sticky(void) {
    if (getuid()) {
        return;
    }
    mkdir("sticky", 0777);
    chmod("sticky", 01777);
    mkdir("own", 0777);
    chmod("own", 01777);
    (void)!chown("own", 1234, 1234);
    static const char *const names[] = {"sticky/a", "sticky/b", "sticky/mine", "own/a", "own/b"};
    for (int i = 0; i < 5; i++) {
        make_file(names[i], "");
        chmod(names[i], 0666);
    }
    (void)!chown("sticky/mine", 1234, 1234);
    fflush(stdout);
    if (fork() == 0) {
        (void)!setgroups(0, NULL);
        (void)!setgid(1234);
        (void)!setuid(1234);
        SHOW(unlink("sticky/a"));
        SHOW(rename("sticky/a", "sticky/c"));
        SHOW(rename("sticky/mine", "sticky/a"));
        SHOW(rename("sticky/mine", "sticky/moved"));
        SHOW(rename("sticky/a", "sticky/moved"));
        SHOW(renameat2(AT_FDCWD, "sticky/moved", AT_FDCWD, "sticky/a", 2));
        SHOW(link("sticky/a", "sticky/hard"));
        SHOW(unlink("sticky/hard"));
        SHOW(unlink("sticky/moved"));
        SHOW(unlink("own/a"));
        SHOW(rename("own/b", "own/c"));
        SHOW(mkdir("sticky/d", 0700));
        SHOW(rmdir("sticky/d"));
        SHOW(mkdir("new", 0700));
        SHOW(unlink("plain"));
        SHOW(rename("plain", "other"));
        SHOW(symlink("plain", "other"));
        SHOW(mknod("other", S_IFIFO | 0600, 0));
        SHOW(mknod("sticky/dev", S_IFCHR | 0600, makedev(1, 3)));
        SHOW(mknod("sticky/block", S_IFBLK | 0600, makedev(1, 3)));
        _exit(0);
    }
    wait(NULL);
    show_owner("sticky/a");
    show_owner("own/c");
}

/* Links to what is open. */
static void links(void) {
    char name[40];
    int unnamed = open(".", O_TMPFILE | O_RDWR, 0640), file = open("plain", O_RDONLY);
    int path = open("plain", O_PATH), directory = open(".", O_RDONLY), pair[2];
    int link = open("l", O_PATH | O_NOFOLLOW);
    (void)!pipe(pair);
    SHOW(linkat(unnamed, "", AT_FDCWD, "t1", 0));
    SHOW(linkat(unnamed, "", AT_FDCWD, "t1", AT_EMPTY_PATH) == 0 || errno == ENOENT);
    snprintf(name, sizeof name, "/proc/self/fd/%d", unnamed);
    SHOW(linkat(AT_FDCWD, name, AT_FDCWD, "t2", AT_SYMLINK_FOLLOW));
    SHOW(linkat(AT_FDCWD, name, AT_FDCWD, "t2", AT_SYMLINK_FOLLOW));
    SHOW(linkat(AT_FDCWD, name, AT_FDCWD, "t3", 0));
    show_owner("t2");
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    SHOW(linkat(AT_FDCWD, name, AT_FDCWD, "t4", AT_SYMLINK_FOLLOW));
    snprintf(name, sizeof name, "/proc/self/fd/%d", path);
    SHOW(linkat(AT_FDCWD, name, AT_FDCWD, "t5", AT_SYMLINK_FOLLOW));
    snprintf(name, sizeof name, "/proc/self/fd/%d", directory);
    SHOW(linkat(AT_FDCWD, name, AT_FDCWD, "t6", AT_SYMLINK_FOLLOW));
    snprintf(name, sizeof name, "/proc/self/fd/%d", pair[0]);
    SHOW(linkat(AT_FDCWD, name, AT_FDCWD, "t7", AT_SYMLINK_FOLLOW));
    SHOW(linkat(link, "", AT_FDCWD, "t8", AT_EMPTY_PATH) == 0 || errno == ENOENT);
    SHOW(linkat(AT_FDCWD, "plain", AT_FDCWD, "t9", 1));
    SHOW(linkat(AT_FDCWD, "plain", AT_FDCWD, "plain", 0));
    SHOW(linkat(AT_FDCWD, "plain", AT_FDCWD, ".", 0));
    SHOW(linkat(AT_FDCWD, ".", AT_FDCWD, "t9", 0));
    SHOW(linkat(AT_FDCWD, "plain/", AT_FDCWD, "t9", 0));
    SHOW(linkat(AT_FDCWD, "", AT_FDCWD, "t9", 0));
    SHOW(linkat(AT_FDCWD, "dangling", AT_FDCWD, "t9", AT_SYMLINK_FOLLOW));
    SHOW(linkat(AT_FDCWD, "dangling", AT_FDCWD, "t9", 0));
    show_owner("plain");
    unlink("t9");
    int gone = file_with("gone", "x");
    unlink("gone");
    snprintf(name, sizeof name, "/proc/self/fd/%d", gone);
    SHOW(linkat(AT_FDCWD, name, AT_FDCWD, "t9", AT_SYMLINK_FOLLOW));
    for (int i = 1; i < 10; i++) {
        snprintf(name, sizeof name, "t%d", i);
        unlink(name);
    }
    show_owner("plain");
}

/* Directories that are the kernel's. */
static void kernels(void) {
    static const char *const in[] = {"/proc", "/proc/self", "/proc/self/task", "/proc/sys"};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s/new", in[i]);
        printf("-- %s\n", name);
        SHOW(mkdir(name, 0700) == -1);
        SHOW(mknod(name, S_IFREG | 0600, 0) == -1);
        SHOW(symlink("x", name) == -1);
        SHOW(link("plain", name) == -1);
        SHOW(rename("plain", name) == -1);
        SHOW(unlink(name));
        SHOW(rmdir(name));
        SHOW(rename(name, "plain2") == -1);
        SHOW_OPEN(open(name, O_CREAT | O_WRONLY, 0600));
    }
    SHOW(mkdir("/proc/new", 0700));
    SHOW(unlink("/proc/version"));
    SHOW(rmdir("/proc/version"));
    SHOW(unlink("/proc/self"));
    SHOW(rmdir("/proc/self/task"));
    SHOW(mkdir("/proc/self", 0700));
    SHOW(mkdir("/proc/self/task", 0700));
    SHOW(link("/proc/version", "copy"));
    SHOW(rename("/proc/version", "copy"));
    SHOW(rename("plain", "/proc/version"));
    SHOW(rename("/proc/version", "/proc/other") == -1);
    struct statvfs top;
    if (statvfs("/", &top) == 0 && !(top.f_flag & ST_RDONLY)) { /* EROFS and EXDEV otherwise */
        SHOW(unlink("/proc"));
        SHOW(rmdir("/proc"));
        SHOW(rename("/proc", "x"));
    }
    SHOW(rmdir("/"));
    SHOW(unlink("/"));
    SHOW(rename("/", "x"));
    SHOW(mkdir("/", 0700));
}

/* Slashes, dots and flags of rename. */
static void renames(void) {
    mkdir("dir", 0755);
    mkdir("dir/sub", 0755);
    make_file("f", "f");
    SHOW(rename("f", "dir/"));
    SHOW(rename("f/", "g"));
    SHOW(rename("f", "g/"));
    SHOW(rename("dir", "f"));
    SHOW(rename("f", "dir"));
    SHOW(rename("dir/", "dir2/"));
    SHOW(rename("dir2", "f/"));
    SHOW(rename("dir2/.", "x"));
    SHOW(rename("dir2/sub/..", "x"));
    SHOW(rename("f", "dir2/.."));
    SHOW(rename("f", "."));
    SHOW(rename("dir2", "dir2/sub/x"));
    SHOW(rename("dir2/sub", "dir2"));
    SHOW(rename("nothing", "dir2"));
    SHOW(rename("nothing", "."));
    SHOW(rename("", "x"));
    SHOW(rename("f", ""));
    SHOW(renameat2(AT_FDCWD, "f", AT_FDCWD, "dir2", 1));
    SHOW(renameat2(AT_FDCWD, "f", AT_FDCWD, "f", 1));
    SHOW(renameat2(AT_FDCWD, "nothing", AT_FDCWD, "f", 1));
    SHOW(renameat2(AT_FDCWD, "f", AT_FDCWD, "dir2", 3));
    SHOW(renameat2(AT_FDCWD, "f", AT_FDCWD, "dir2", 6));
    SHOW(renameat2(AT_FDCWD, "f", AT_FDCWD, "dir2", 8));
    SHOW(renameat2(AT_FDCWD, "f", AT_FDCWD, "nothing", 2));
    SHOW(renameat2(AT_FDCWD, "nothing", AT_FDCWD, "f", 2));
    SHOW(renameat2(AT_FDCWD, "f", AT_FDCWD, "dir2/", 2));
    show_stat("f");
    SHOW(renameat2(AT_FDCWD, "f/", AT_FDCWD, "dir2", 2));
    show_stat("f");
    SHOW(renameat2(AT_FDCWD, "dir2", AT_FDCWD, "dir2/sub", 2));
    SHOW(renameat2(99, "f", AT_FDCWD, "x", 0));
    SHOW(renameat2(AT_FDCWD, "f", 99, "x", 0));
    SHOW(unlinkat(AT_FDCWD, "f", 0x100));
    SHOW(unlinkat(AT_FDCWD, "dir2/", 0));
    SHOW(unlinkat(AT_FDCWD, "f/", AT_REMOVEDIR));
    SHOW(unlinkat(99, "f", 0));
    SHOW(rmdir("dir2/sub/."));
    SHOW(rmdir("dir2/sub/.."));
    SHOW(rmdir("dir2"));
    SHOW(rmdir("dir2/sub/"));
    SHOW(rmdir("dir2"));
    SHOW(rmdir("f"));
}

int main(void) {
    umask(022);
    (void)!chmod(".", 0755);
    make_file("plain", "x");
    symlink("plain", "l");
    symlink("nothing", "dangling");
    modes();
    sticky();
    links();
    kernels();
    renames();
    return 0;
}
