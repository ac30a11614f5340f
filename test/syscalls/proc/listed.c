/* Directories of /proc: each name once, and what the list says of it is what lstat says; sizes of
 * blocks; maps of ids. */
#include "test/syscalls/io_test.h"
#include <dirent.h>

static void list(const char *path) {
    static char names[4000][64];
    int count = 0, dots = 0, twice = 0, gone = 0, types = 0, inodes = 0;
    DIR *dir = opendir(path);
    if (!dir) {
        printf("%s: %s\n", path, strerrorname_np(errno));
        return;
    }
    for (struct dirent *entry; count < 4000 && (entry = readdir(dir));) {
        struct stat st;
        snprintf(names[count], sizeof(names[count]), "%s", entry->d_name);
        for (int i = 0; i < count; i++)
            twice += !strcmp(names[i], names[count]);
        count++;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) {
            dots++;
        } else if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
            gone += entry->d_name[0] < '0' || entry->d_name[0] > '9'; /* tasks may be gone */
        } else {
            types += entry->d_type != DT_UNKNOWN && IFTODT(st.st_mode) != entry->d_type;
            inodes += st.st_ino != entry->d_ino;
        }
    }
    closedir(dir);
    printf("%s: . and .. %d, twice %d, not there %d, of another type %d, of another inode %d\n",
           path, dots, twice, gone, types, inodes);
}

int main(void) {
    static const char *const dirs[] = {"/proc/self",        "/proc/self/task", "/proc/self/fd",
                                       "/proc/self/fdinfo", "/proc/self/ns",   "/proc/self/attr",
                                       "/proc/tty",         "/proc/sys",       "/proc/sys/kernel",
                                       "/proc/sys/vm",      "/proc/sys/fs",    "/proc"};
    int kept = open("/", O_RDONLY);
    for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
        list(dirs[i]);
    close(kept);
    static const char *const nodes[] = {"/proc",           "/proc/self",     "/proc/self/status",
                                        "/proc/self/fd/0", "/proc/self/exe", "/proc/mounts"};
    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
        struct stat st;
        printf("%s: %d, ", nodes[i], lstat(nodes[i], &st));
        printf("blocks of %ld\n", (long)st.st_blksize);
    }
    static const char *const texts[] = {"uid_map", "gid_map", "cgroup", "limits", "statm", "wchan"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char path[64], text[4096];
        snprintf(path, sizeof(path), "/proc/self/%s", texts[i]);
        int fd = open(path, O_RDONLY);
        printf("%s: %d\n", texts[i], (int)read(fd, text, sizeof(text)) > 0);
        printf("again: %d\n", (int)read(fd, text, sizeof(text)));
        close(fd);
    }
    return 0;
}
