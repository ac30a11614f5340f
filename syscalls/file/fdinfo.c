/* What the host says of a descriptor in its /proc/self/fdinfo, for kinds that are the host's own.
 */
#include "syscalls/file/fdinfo.h"
#include "syscalls/file/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fdinfo_host_lines(struct file *file, fdinfo_line emit, void *arg) {
    char path[40], *line = NULL;
    size_t room = 0;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", file->host_fd);
    FILE *lines = file->host_fd < 0 ? NULL : fopen(path, "re");
    while (lines && getline(&line, &room, lines) > 0) {
        emit(arg, line);
    }
    free(line);
    if (lines) {
        fclose(lines);
    }
}

static void add_own_line(void *arg, const char *line) {
    static const char *const general[] = {"pos:", "flags:", "mnt_id:", "ino:", "lock:"};
    for (size_t i = 0; i < ARRAY_LEN(general); i++) {
        if (!strncmp(line, general[i], strlen(general[i]))) {
            return;
        }
    }
    strbuf_add(arg, line, strlen(line));
}

void fdinfo_of_host(struct file *file, struct strbuf *out) {
    fdinfo_host_lines(file, add_own_line, out);
}
