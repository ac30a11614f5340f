/* Files of /proc that every program may open: they can be read, and say something. */
#include "test/syscalls/io_test.h"
#include <fcntl.h>

int main(void) {
    static const char *const names[] = {
        "cmdline", "cpuinfo",    "devices",     "filesystems", "loadavg",        "meminfo",
        "mounts",  "partitions", "stat",        "swaps",       "uptime",         "version",
        "self/io", "self/stat",  "self/limits", "self/auxv",   "self/mountinfo", "self/status"};
    static char text[100000], path[64];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/proc/%s", names[i]);
        int fd = open(path, O_RDONLY);
        ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text);
        printf("%s: %s\n", names[i], got < 0 ? strerrorname_np(errno) : got ? "some" : "none");
        close(fd);
    }
    return 0;
}
