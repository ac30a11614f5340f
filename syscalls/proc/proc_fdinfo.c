/* The text of /proc/PID/fdinfo/N (proc(5)): what every descriptor has, locks, then the lines of its
 * kind (ops->info). Kinds that are the host's own take the host's lines as they are. */
#include "syscalls/file/fdinfo.h"
#include "syscalls/file/lock.h"
#include "syscalls/file/open_flags.h"
#include "syscalls/fs/rw.h"
#include "syscalls/proc/proc_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct flock_lines {
    struct file *file;
    struct strbuf *out;
    int count;
};

/* flock(2) is the host's; it does not know which guest process took the lock. */
static void add_flock_line(void *arg, const char *line) {
    struct flock_lines *found = arg;
    char kind[8], place[64];
    if (sscanf(line, "lock:\t%*d: FLOCK ADVISORY %7s %*d %63s", kind, place) == 2) {
        strbuf_printf(found->out, "lock:\t%d: FLOCK  ADVISORY  %s %d %s 0 EOF\n", ++found->count,
                      kind, found->file->flock_pid, place);
    }
}

void fdinfo_text(struct file *file, bool cloexec, const struct fd_table *table,
                 struct strbuf *out) {
    struct stat st = {0};
    int64_t at = file_seek(file, 0, SEEK_CUR);
    uint32_t flags = open_flags_to_guest(file->flags | (cloexec ? O_CLOEXEC : 0));
    file_stat(file, &st);
    strbuf_printf(out, "pos:\t%lld\nflags:\t0%o\nmnt_id:\t%d\nino:\t%llu\n",
                  at < 0 ? 0ll : (long long)at, flags, file->mount ? file->mount->id : 0,
                  (unsigned long long)st.st_ino);
    struct flock_lines flocks = {file, out, 0};
    if (file->flock_pid) {
        fdinfo_host_lines(file, add_flock_line, &flocks);
    }
    lock_info(table, file, flocks.count, out);
    if (file->ops->info) {
        file->ops->info(file, out);
    }
}
