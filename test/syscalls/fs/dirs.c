/* Reading directories: contents, types, positions, small buffers, changes meanwhile.
 * test: own */
#include "fs_test.h"

static char *names[400];
static int count;

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void show_names(void) {
    qsort(names, (size_t)count, sizeof *names, by_name);
    unsigned sum = 0;
    for (int i = 0; i < count; i++) {
        for (char *at = names[i]; *at; at++) {
            sum = sum * 31 + (unsigned char)*at;
        }
    }
    printf("%d names, sum %u, first %s, last %s\n", count, sum, names[0], names[count - 1]);
    count = 0;
}

static void raw(long number, const char *dir, size_t size) {
    static char buf[8192];
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    long n;
    while ((n = syscall(number, fd, buf, size)) > 0) {
        for (long at = 0; at < n;) {
            int head = number == SYS_getdents64 ? 16 : 2 * (int)sizeof(long);
            int name = head + (number == SYS_getdents64 ? 3 : 2);
            int len = *(uint16_t *)(buf + at + head);
            names[count++] = strdup(buf + at + name);
            at += len;
        }
    }
    printf("%ld\n", n < 0 ? -errno : n);
    close(fd);
    if (count) {
        show_names();
    }
}

int main(void) {
    mkdir("d", 0755);
    for (int i = 0; i < 300; i++) {
        char name[40];
        snprintf(name, sizeof name, "d/name-%03d-%.*s", i, i % 20, "abcdefghijklmnopqrstuvwxyz");
        make_file(name, "");
    }
    DIR *dir = opendir("d");
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        names[count++] = strdup(entry->d_name);
    }
    show_names();
    rewinddir(dir);
    while ((entry = readdir(dir))) {
        names[count++] = strdup(entry->d_name);
    }
    show_names();
    /* go on from a remembered position */
    rewinddir(dir);
    for (int i = 0; i < 100; i++) {
        entry = readdir(dir);
    }
    long at = telldir(dir);
    char next[64];
    strcpy(next, readdir(dir)->d_name);
    for (int i = 0; i < 50; i++) {
        readdir(dir);
    }
    seekdir(dir, at);
    SHOW(!strcmp(next, readdir(dir)->d_name));
    closedir(dir);
    raw(SYS_getdents64, "d", 8192);
    raw(SYS_getdents64, "d", 100);
    raw(SYS_getdents64, "d", 20);
    raw(SYS_getdents, "d", 8192);
    raw(SYS_getdents, "d", 64);
    raw(SYS_getdents, "d", 10);

    mkdir("t", 0755);
    make_file("t/file", "");
    mkdir("t/dir", 0755);
    symlink("x", "t/link");
    mkfifo("t/fifo", 0644);
    char types[6][40];
    int n = 0;
    dir = opendir("t");
    while ((entry = readdir(dir))) {
        snprintf(types[n++], 40, "%s %d", entry->d_name, entry->d_type);
    }
    closedir(dir);
    for (int i = 0; i < n; i++) {
        for (int j = i + 1; j < n; j++) {
            if (strcmp(types[i], types[j]) > 0) {
                char swap[40];
                strcpy(swap, types[i]);
                strcpy(types[i], types[j]);
                strcpy(types[j], swap);
            }
        }
    }
    for (int i = 0; i < n; i++) {
        puts(types[i]);
    }

    /* remove everything while reading */
    dir = opendir("d");
    int removed = 0;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == 'n') {
            removed += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
        }
    }
    closedir(dir);
    SHOW(removed);
    SHOW(rmdir("d"));
    int fd = open("t/file", O_RDONLY);
    char buf[100];
    SHOW(syscall(SYS_getdents64, fd, buf, sizeof buf));
    SHOW(syscall(SYS_getdents64, 99, buf, sizeof buf));
    fd = open("t", O_RDONLY);
    SHOW(read(fd, buf, 10));
    SHOW(syscall(SYS_getdents64, fd, 8, 1000));
#ifdef SYS_readdir
    SHOW(syscall(SYS_readdir, fd, buf, 1));
#endif
    SHOW(lseek(fd, 0, SEEK_SET));
    return 0;
}
