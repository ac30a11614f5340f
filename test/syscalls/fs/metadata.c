/* Owners, modes and devices in a private root: test/suites/fs.py runs it with an argument; two runs
 * see the same. Without an argument there is nothing to do. */
#include "fs_test.h"
#include <grp.h>
#include <sys/un.h>

static void owner(const char *name) {
    struct stat st;
    if (lstat(name, &st)) {
        printf("%s: %s\n", name, strerrorname_np(errno));
    } else {
        printf("%s: %06o %u:%u dev %x size %lld\n", name, st.st_mode, st.st_uid, st.st_gid,
               (unsigned)st.st_rdev, S_ISDIR(st.st_mode) ? 0ll : (long long)st.st_size);
    }
    fflush(stdout);
}

/* Does the listing say what lstat says? */
static void types(void) {
    struct dirent *entry;
    struct stat st;
    int entries = 0;
    DIR *dir = opendir(".");
    while (dir && (entry = readdir(dir))) {
        if (lstat(entry->d_name, &st) || entry->d_type != IFTODT(st.st_mode)) {
            printf("%s: type %d, mode %06o\n", entry->d_name, entry->d_type, st.st_mode);
        }
        entries++;
    }
    printf("listing of %s entries\n", entries > 10 ? "all" : "too few");
    if (dir) {
        closedir(dir);
    }
}

static void all(void) {
    static const char *const names[] = {"plain", "suid",  "dir",  "sgid",  "sgid/in", "sgid/sub",
                                        "null",  "block", "none", "nodir", "fifo"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        owner(names[i]);
    }
    types();
}

/* A user's own fifos, links and sockets are theirs while the run lasts. */
static void special_of_user(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "open/socket"};
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    SHOW(mkfifo("open/fifo", 0640));
    owner("open/fifo");
    SHOW(chmod("open/fifo", 0600));
    SHOW(symlink("plain", "open/link"));
    owner("open/link");
    SHOW(bind(server, (struct sockaddr *)&name, sizeof name));
    SHOW(listen(server, 1));
    SHOW(chmod("open/socket", 0600));
    owner("open/socket");
    SHOW(connect(client, (struct sockaddr *)&name, sizeof name));
    SHOW(rename("open/fifo", "open/moved"));
    owner("open/moved");
    SHOW(unlink("open/moved"));
    SHOW(unlink("open/link"));
}

/* Another user's. */
static void special_of_other(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "open/socket"};
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    setgroups(0, NULL);
    setresgid(2000, 2000, 2000);
    setresuid(2000, 2000, 2000);
    owner("open/socket");
    SHOW(connect(client, (struct sockaddr *)&name, sizeof name));
    SHOW(chmod("open/socket", 0777));
}

/* What user 1000 may do. */
static void as_user(void) {
    setgroups(0, NULL);
    setresgid(1000, 1000, 1000);
    setresuid(1000, 1000, 1000);
    SHOW_OPEN(open("none", O_RDONLY));
    SHOW_OPEN(open("plain", O_RDONLY));
    SHOW_OPEN(open("plain", O_WRONLY));
    SHOW(access("plain", W_OK));
    SHOW(chmod("plain", 0777));
    SHOW(chown("mine", 0, 0));
    SHOW(chmod("mine", 0640));
    SHOW_OPEN(open("new", O_CREAT | O_WRONLY, 0644));
    SHOW_OPEN(open("open/new", O_CREAT | O_WRONLY, 0644));
    owner("open/new");
    SHOW(unlink("open/roots"));
    SHOW(unlink("open/new"));
    SHOW(mkdir("open/d", 0777));
    owner("open/d");
    SHOW(mknod("open/dev", S_IFCHR | 0666, makedev(1, 3)));
    SHOW(chown("plain", 1000, 1000));
    SHOW(chdir("nodir"));
    SHOW_OPEN(open("nodir/inside", O_RDONLY));
    SHOW_OPEN(open("nodir/../plain", O_RDONLY));
    SHOW_OPEN(open("open/../plain", O_RDONLY));
    special_of_user();
    SHOW(access("nodir/nothing", F_OK));
    SHOW(utimensat(AT_FDCWD, "plain", (struct timespec[2]){{1, 0}, {1, 0}}, 0));
}

int main(int argc, char **argv) {
    char buf[64];
    if (argc < 2) {
        return 0;
    }
    if (!strcmp(argv[1], "again")) {
        all();
        return 0;
    }
    umask(022);
    make_file("plain", "x");
    owner("plain");
    SHOW(chown("plain", 1234, 567));
    owner("plain");
    make_file("suid", "");
    SHOW(chmod("suid", 04755));
    owner("suid");
    SHOW(chown("suid", 1, 2));
    owner("suid");
    SHOW(chmod("suid", 06711));
    mkdir("dir", 0700);
    SHOW(lchown("dir", 65534, 65534));
    mkdir("sgid", 0755);
    SHOW(chown("sgid", -1, 50));
    SHOW(chmod("sgid", 02775));
    make_file("sgid/in", "");
    mkdir("sgid/sub", 0755);
    SHOW(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    SHOW(mknod("block", S_IFBLK | 0660, makedev(8, 1)));
    SHOW(mkfifo("fifo", 0600));
    make_file("none", "secret");
    SHOW(chmod("none", 0));
    show_text("none");
    mkdir("nodir", 0755);
    SHOW(chmod("nodir", 0));
    make_file("nodir/inside", "in");
    show_text("nodir/inside");
    SHOW_OPEN(open("block", O_RDONLY));
    int fd = SHOW_FD(open("null", O_RDWR));
    SHOW(write(fd, "abc", 3));
    SHOW(read(fd, buf, 3));
    close(fd);
    SHOW(mknod("char", S_IFCHR | 0666, makedev(1, 5)));
    fd = SHOW_FD(open("char", O_RDONLY));
    SHOW(read(fd, buf, 3));
    struct stat st;
    close(fd);
    SHOW(getxattr("plain", "user.containers.override_stat", buf, sizeof buf));
    SHOW(setxattr("plain", "user.containers.override_stat", "0:0:0777", 8, 0));
    SHOW(listxattr("plain", buf, sizeof buf));
    fd = open("plain", O_RDONLY);
    SHOW(fstat(fd, &st));
    SHOW(st.st_uid);
    SHOW(fchown(fd, 7, 8));
    SHOW(fchmod(fd, 0604));
    owner("plain");
    /* what follows the data: a rename, a link, a rewrite */
    SHOW(rename("plain", "moved"));
    owner("moved");
    SHOW(rename("moved", "plain"));
    SHOW(link("plain", "hard"));
    owner("hard");
    unlink("hard");
    make_file("plain", "rewritten");
    owner("plain");
    fd = open(".", O_TMPFILE | O_RDWR, 04640);
    SHOW(fstat(fd, &st));
    SHOW(st.st_mode);
    all();

    make_file("mine", "");
    chown("mine", 1000, 1000);
    mkdir("open", 0777);
    chmod("open", 01777);
    make_file("open/roots", "");
    fflush(stdout);
    if (!fork()) {
        as_user();
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    owner("mine");
    fflush(stdout);
    if (!fork()) {
        special_of_other();
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    return 0;
}
