/* Path resolution: dots, slashes, symlinks, lengths, descriptors as starting points. */
#include "fs_test.h"

static char longname[300], longpath[5000], chain[16];

int main(void) {
    umask(022);
    mkdir("d", 0755);
    mkdir("d/sub", 0755);
    make_file("d/file", "text");
    symlink("d", "to_d");
    symlink("file", "d/to_file");
    symlink("../d/sub/../file", "d/round");
    symlink("nowhere", "dangling");
    symlink("loop2", "loop1");
    symlink("loop1", "loop2");
    symlink("d/", "to_d_slash");
    symlink(".", "here");
    symlink("d/file", "file_link");

    SHOW_OPEN(open("d/file", O_RDONLY));
    SHOW_OPEN(open("d//file", O_RDONLY));
    SHOW_OPEN(open("./d/./file", O_RDONLY));
    SHOW_OPEN(open("d/sub/../file", O_RDONLY));
    SHOW_OPEN(open("d/nosub/../file", O_RDONLY));
    SHOW_OPEN(open("d/file/../file", O_RDONLY));
    SHOW_OPEN(open("d/file/.", O_RDONLY));
    SHOW_OPEN(open("d/file/", O_RDONLY));
    SHOW_OPEN(open("d/", O_RDONLY));
    SHOW_OPEN(open("to_d/file", O_RDONLY));
    SHOW_OPEN(open("to_d_slash/file", O_RDONLY));
    SHOW_OPEN(open("to_d/to_file", O_RDONLY));
    SHOW_OPEN(open("to_d/sub/../to_file", O_RDONLY));
    SHOW_OPEN(open("d/round", O_RDONLY));
    SHOW_OPEN(open("here/here/here/d/file", O_RDONLY));
    SHOW_OPEN(open("dangling", O_RDONLY));
    SHOW_OPEN(open("loop1", O_RDONLY));
    SHOW_OPEN(open("loop1/x", O_RDONLY));
    SHOW_OPEN(open("file_link/", O_RDONLY));
    SHOW_OPEN(open("file_link/x", O_RDONLY));
    SHOW_OPEN(open("", O_RDONLY));
    SHOW_OPEN(open("nodir/x", O_RDONLY));
    SHOW_OPEN(open("/", O_RDONLY));
    SHOW_OPEN(open("/..", O_RDONLY));
    SHOW_OPEN(open("/../../../..", O_RDONLY));
    SHOW_OPEN(open("//", O_RDONLY));
    SHOW_OPEN(open((char *)8, O_RDONLY));

    memset(longname, 'a', 256);
    SHOW_OPEN(open(longname, O_RDONLY));
    SHOW(mkdir(longname, 0755));
    longname[255] = 0;
    SHOW_OPEN(open(longname, O_RDONLY));
    SHOW(mkdir(longname, 0755));
    SHOW(rmdir(longname));
    for (int i = 0; i < 4999; i++) {
        longpath[i] = i % 2 ? '/' : '.';
    }
    SHOW_OPEN(open(longpath, O_RDONLY));
    longpath[4096] = 0;
    SHOW_OPEN(open(longpath, O_RDONLY));
    longpath[4095] = 0;
    SHOW_OPEN(open(longpath, O_RDONLY));

    /* 40 links in a row may be followed, 41 not */
    make_file("c0", "end");
    for (int i = 1; i <= 41; i++) {
        char to[16];
        snprintf(to, sizeof to, "c%d", i - 1);
        snprintf(chain, sizeof chain, "c%d", i);
        symlink(to, chain);
    }
    SHOW_OPEN(open("c40", O_RDONLY));
    SHOW_OPEN(open("c41", O_RDONLY));

    /* a link whose target ends in dots: the directory itself, not the link */
    symlink("..", "d/sub/up");
    SHOW(chdir("here"));
    SHOW(mkdir("made", 0755));
    SHOW(chdir("d/sub/up"));
    SHOW(mkdir("made", 0755));
    SHOW(rmdir("../here/d/made"));
    SHOW(chdir("../made"));
    SHOW(chdir(".."));
    SHOW(mkdir("d/sub/up/", 0755));

    int dir = SHOW_FD(open("d", O_RDONLY | O_DIRECTORY));
    int path = SHOW_FD(open("to_d", O_PATH));
    int file = SHOW_FD(open("d/file", O_RDONLY));
    SHOW_OPEN(openat(dir, "file", O_RDONLY));
    SHOW_OPEN(openat(path, "file", O_RDONLY));
    SHOW_OPEN(openat(dir, "../d/file", O_RDONLY));
    SHOW_OPEN(openat(dir, "..", O_RDONLY));
    SHOW_OPEN(openat(dir, "", O_RDONLY));
    SHOW_OPEN(openat(file, "x", O_RDONLY));
    SHOW_OPEN(openat(99, "x", O_RDONLY));
    SHOW_OPEN(openat(99, "/", O_RDONLY));
    SHOW_OPEN(openat(dir, "sub/../to_file", O_RDONLY));

    /* a directory that moves takes its descriptor along */
    SHOW(rename("d", "moved"));
    SHOW_OPEN(openat(dir, "file", O_RDONLY));
    SHOW_OPEN(openat(dir, "../moved/file", O_RDONLY));
    SHOW_OPEN(openat(dir, "../d/file", O_RDONLY));
    SHOW(fchdir(dir));
    char cwd[PATH_MAX];
    SHOW(getcwd(cwd, sizeof cwd) != NULL);
    printf("cwd ends in %s\n", strrchr(cwd, '/'));
    SHOW(rename("../moved", "../again"));
    SHOW(getcwd(cwd, sizeof cwd) != NULL);
    printf("cwd ends in %s\n", strrchr(cwd, '/'));
    SHOW_OPEN(open("file", O_RDONLY));
    SHOW_OPEN(open("../again/file", O_RDONLY));
    SHOW(syscall(SYS_getcwd, cwd, 2));
    SHOW(chdir("sub"));
    SHOW(rmdir("../sub"));
    SHOW(getcwd(cwd, sizeof cwd) != NULL);
    SHOW_OPEN(open("x", O_CREAT | O_WRONLY, 0644));
    SHOW_OPEN(open("..", O_RDONLY));
    SHOW_OPEN(open(".", O_RDONLY));
    SHOW(mkdir("y", 0755));
    SHOW(chdir(".."));
    SHOW(chdir("file"));
    SHOW(chdir("nowhere"));
    SHOW(chdir(""));
    SHOW(fchdir(file));
    SHOW(fchdir(99));
    return 0;
}
