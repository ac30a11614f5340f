/* Types of file systems: /proc/filesystems, and sysfs(2), which numbers them. */
#include "gen/syscall_protos.h"
#include "syscalls/proc/proc_internal.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *name;
    bool device; /* lives on one */
} types[] = {{"sysfs", false},  {"tmpfs", false},  {"proc", false},   {"devtmpfs", false},
             {"devpts", false}, {"pipefs", false}, {"sockfs", false}, {"ext4", true}};

int proc_filesystems(const struct synth_ref *ref, struct strbuf *out) {
    for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
        strbuf_printf(out, "%s\t%s\n", types[i].device ? "" : "nodev", types[i].name);
    }
    return 0;
}

/* sysfs(2): option 1 is a name's number, 2 a number's name, 3 how many there are */
long sys_sysfs(struct task *task, int32_t option, uint64_t one, uint64_t two) {
    char name[32];
    if (option == 1) {
        ssize_t len = guest_read_string(task->cpu->space, name, one, sizeof name);
        if (len < 0 && len != -ENAMETOOLONG) {
            return len;
        }
        for (unsigned i = 0; len > 0 && i < ARRAY_LEN(types); i++) {
            if (strcmp(name, types[i].name) == 0) {
                return i;
            }
        }
        return -EINVAL;
    }
    if (option == 2) {
        uint32_t number = (uint32_t)one;
        return number < ARRAY_LEN(types) ? guest_write(task->cpu->space, two, types[number].name,
                                                       strlen(types[number].name) + 1)
                                         : -EINVAL;
    }
    return option == 3 ? (long)ARRAY_LEN(types) : -EINVAL;
}
