/* ustat(2) and sysfs(2), by their numbers: C libraries have neither. A kernel may be built without
 * sysfs(2); what it says where it is there is then what a guest must say. */
#define _GNU_SOURCE
#include "../numbers.h"
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

struct kernel_ustat {
    int blocks;
    unsigned long inodes;
    char name[6], pack[6];
};

static const char *error_of(long result) {
    return result < 0 ? strerrorname_np(errno) : "fine";
}

int main(void) {
    struct stat st;
    struct statfs fs;
    struct {
        struct kernel_ustat is;
        char after[8];
    } out;
    memset(&out, 0x55, sizeof out);
    stat("/", &st);
    statfs("/", &fs);
    printf("ustat of /: %s\n", error_of(syscall(SYS_ustat, (unsigned)st.st_dev, &out.is)));
    long most = (long)fs.f_blocks;
    printf("blocks %s, inodes %s, names %d %d, after them %x\n",
           (unsigned)out.is.blocks <= (unsigned long)most || most >> 31 ? "fit" : "do not fit",
           out.is.inodes <= fs.f_files ? "fit" : "do not fit", out.is.name[0], out.is.pack[5],
           out.after[0]);
    printf("no device: %s\n", error_of(syscall(SYS_ustat, 0x7fffffff, &out.is)));
    printf("nowhere: %s\n", error_of(syscall(SYS_ustat, (unsigned)st.st_dev, 8)));

    long count = syscall(SYS_sysfs, 3);
    if (count < 0 && errno == ENOSYS) {
        puts("sysfs as it should be");
        return 0;
    }
    char name[64];
    int right = 0;
    for (long i = 0; i < count; i++) {
        right += syscall(SYS_sysfs, 2, i, name) == 0 && syscall(SYS_sysfs, 1, name) == i;
    }
    int good = count > 3 && right == count && syscall(SYS_sysfs, 1, "proc") >= 0 &&
               syscall(SYS_sysfs, 1, "nosuchfs") == -1 && errno == EINVAL &&
               syscall(SYS_sysfs, 2, count, name) == -1 && errno == EINVAL &&
               syscall(SYS_sysfs, 2, 0, 8) == -1 && errno == EFAULT &&
               syscall(SYS_sysfs, 1, 8) == -1 && errno == EFAULT && syscall(SYS_sysfs, 4) == -1 &&
               errno == EINVAL;
    puts(good ? "sysfs as it should be" : "sysfs is wrong");
    return 0;
}
