/* /proc/PID: memory. maps, smaps, statm, cmdline, environ, auxv, mem. The list of mappings is
 * copied under mm->lock and printed without it. */
#include "syscalls/abi/abi.h"
#include "syscalls/file/open_flags.h"
#include "syscalls/proc/proc_internal.h"
#include "syscalls/task/process.h"
#include "syscalls/fs/rw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static struct vma *copy_vmas(struct mm *mm, size_t *count) {
    pthread_mutex_lock(&mm->lock);
    struct vma *copy = malloc((mm->vma_count + 1) * sizeof *copy);
    *count = copy ? mm->vma_count : 0;
    for (size_t i = 0; i < *count; i++) {
        copy[i] = mm->vma[i];
        if (copy[i].file) {
            file_ref(copy[i].file);
        }
    }
    pthread_mutex_unlock(&mm->lock);
    return copy;
}

static void free_vmas(struct vma *vma, size_t count) {
    for (size_t i = 0; vma && i < count; i++) {
        file_unref(vma[i].file);
    }
    free(vma);
}

/* Pages of a range that the host holds in memory. */
static uint64_t resident(struct space *space, gaddr_t start, gaddr_t end) {
    bool inside = space_range_ok(space, start, end - start); /* [vsyscall] is not */
    return inside ? space_resident(space, start, end - start) : 0;
}

void proc_pages(struct mm *mm, struct proc_pages *pages) {
    size_t count;
    struct vma *vma = copy_vmas(mm, &count);
    for (size_t i = 0; i < count; i++) {
        uint64_t n = (vma[i].end - vma[i].start) / PAGE_BYTES;
        uint64_t in = vma[i].prot == PROT_NONE ? 0 : resident(mm->space, vma[i].start, vma[i].end);
        pages->size += n;
        pages->resident += in;
        pages->locked += vma[i].locked ? n : 0;
        if (vma[i].file) {
            pages->shared += in;
        }
        if (vma[i].file && (vma[i].prot & PROT_EXEC)) {
            pages->text += n;
        }
        if (!vma[i].file && (vma[i].prot & PROT_WRITE)) {
            pages->data += n;
        }
        if (vma[i].name && !strcmp(vma[i].name, "[stack]")) {
            pages->stack += n;
        }
    }
    free_vmas(vma, count);
}

int proc_statm(const struct synth_ref *ref, struct strbuf *out) {
    struct proc_pages pages = {0};
    struct mm *mm = proc_mm(ref);
    if (mm) {
        proc_pages(mm, &pages);
        mm_unref(mm);
    }
    strbuf_printf(out, "%llu %llu %llu %llu 0 %llu 0\n", (unsigned long long)pages.size,
                  (unsigned long long)pages.resident, (unsigned long long)pages.shared,
                  (unsigned long long)pages.text, (unsigned long long)pages.data);
    return 0;
}

/* --- maps ------------------------------------------------------------------------------ */

static void print_vma(const struct vma *vma, bool wide, struct strbuf *out) {
    struct stat st = {0};
    char path[PATH_MAX] = "";
    if (vma->file && !vma->name) { /* [vdso] has a file of ours, which is nobody's business */
        file_stat(vma->file, &st);
        if (file_path(vma->file, path, sizeof path)) {
            path[0] = 0;
        }
    }
    size_t start = out->len;
    strbuf_printf(out, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ",
                  (unsigned long long)vma->start, (unsigned long long)vma->end,
                  vma->prot & PROT_READ ? 'r' : '-', vma->prot & PROT_WRITE ? 'w' : '-',
                  vma->prot & PROT_EXEC ? 'x' : '-', vma->flags & MAP_SHARED ? 's' : 'p',
                  (unsigned long long)vma->offset, major(st.st_dev), minor(st.st_dev),
                  (unsigned long long)st.st_ino);
    const char *name = vma->name ? vma->name : path;
    if (*name) {
        size_t column = wide ? 73 : 49;
        while (!out->failed && out->len - start < column) {
            strbuf_add(out, " ", 1);
        }
        for (; *name; name++) /* a line is a line */
        {
            strbuf_printf(out, *name == '\n' ? "\\012" : "%c", *name);
        }
    }
    strbuf_add(out, "\n", 1);
}

/* Are its addresses printed with more than 32 bits? The names of mappings then begin later. */
static bool is_wide(const struct mm *mm) {
    return mm->space->mode != GUEST_I386;
}

static void print_smaps(struct mm *mm, const struct vma *vma, struct strbuf *out) {
    unsigned long long kb = PAGE_BYTES / 1024;
    unsigned long long size = (vma->end - vma->start) / 1024;
    unsigned long long in =
        vma->prot == PROT_NONE ? 0 : resident(mm->space, vma->start, vma->end) * kb;
    bool clean = vma->file && !(vma->prot & PROT_WRITE);
    strbuf_printf(
        out,
        "Size:           %8llu kB\nKernelPageSize:        4 kB\n"
        "MMUPageSize:           4 kB\nRss:            %8llu kB\nPss:            %8llu kB\n"
        "Shared_Clean:          0 kB\nShared_Dirty:          0 kB\n"
        "Private_Clean:  %8llu kB\nPrivate_Dirty:  %8llu kB\nReferenced:     %8llu kB\n"
        "Anonymous:      %8llu kB\nSwap:                  0 kB\nLocked:                0 kB\n",
        size, in, in, clean ? in : 0, clean ? 0 : in, in, vma->file ? 0 : in);
}

/* What an ABI has beyond all mappings: shown after them, nobody's to change. */
static bool fixed_page(const struct mm *mm, struct vma *vma) {
    gaddr_t page = abi_of_mode(mm->space->mode)->vsyscall_page;
    *vma = (struct vma){.start = page,
                        .end = page + PAGE_BYTES,
                        .prot = PROT_EXEC,
                        .flags = MAP_PRIVATE,
                        .name = "[vsyscall]"};
    return page;
}

static int print_maps(const struct synth_ref *ref, struct strbuf *out, bool details) {
    struct mm *mm = proc_mm(ref);
    if (!mm) {
        return 0;
    }
    size_t count;
    struct vma *vma = copy_vmas(mm, &count), fixed;
    size_t all = count + fixed_page(mm, &fixed);
    for (size_t i = 0; i < all; i++) {
        const struct vma *one = i < count ? &vma[i] : &fixed;
        print_vma(one, is_wide(mm), out);
        if (details) {
            print_smaps(mm, one, out);
        }
    }
    free_vmas(vma, count);
    mm_unref(mm);
    return 0;
}

int proc_maps(const struct synth_ref *ref, struct strbuf *out) {
    return print_maps(ref, out, false);
}

int proc_smaps(const struct synth_ref *ref, struct strbuf *out) {
    return print_maps(ref, out, true);
}

int proc_smaps_rollup(const struct synth_ref *ref, struct strbuf *out) {
    struct proc_pages pages = {0};
    struct mm *mm = proc_mm(ref);
    if (!mm) {
        return -ESRCH;
    }
    proc_pages(mm, &pages);
    pthread_mutex_lock(&mm->lock);
    struct vma all = {.name = "[rollup]"};
    if (mm->vma_count) {
        all.start = mm->vma[0].start;
        all.end = mm->vma[mm->vma_count - 1].end;
    }
    pthread_mutex_unlock(&mm->lock);
    print_vma(&all, is_wide(mm), out);
    mm_unref(mm);
    unsigned long long kb = PAGE_BYTES / 1024;
    strbuf_printf(out,
                  "Rss:            %8llu kB\nPss:            %8llu kB\nPrivate_Clean:  %8llu kB\n"
                  "Private_Dirty:  %8llu kB\nSwap:                  0 kB\n",
                  pages.resident * kb, pages.resident * kb, pages.shared * kb,
                  (pages.resident - pages.shared) * kb);
    return 0;
}

/* --- strings of the start -------------------------------------------------------------- */

enum { RANGE_ARGS, RANGE_ENV, RANGE_AUXV };

static int print_range(const struct synth_ref *ref, struct strbuf *out, int which) {
    struct mm *mm = proc_mm(ref);
    if (!mm) {
        return 0; /* zombies have none */
    }
    pthread_mutex_lock(&mm->lock);
    gaddr_t start = which == RANGE_ARGS  ? mm->arg_start
                    : which == RANGE_ENV ? mm->env_start
                                         : mm->auxv_start;
    gaddr_t end = which == RANGE_ARGS  ? mm->arg_end
                  : which == RANGE_ENV ? mm->env_end
                                       : mm->auxv_start + mm->auxv_len;
    pthread_mutex_unlock(&mm->lock);
    if (end - start > 16 << 20) {
        end = start;
    }
    while (start < end) {
        char buf[4096];
        size_t n = end - start < sizeof buf ? end - start : sizeof buf;
        if (guest_read(mm->space, buf, start, n)) {
            break;
        }
        strbuf_add(out, buf, n);
        start += n;
    }
    mm_unref(mm);
    return 0;
}

/* A program writes a title over its arguments, and beyond them over its environment, when there is
 * no NUL where the arguments ended: then it is what is there up to the first NUL, at most a
 * page (as setproctitle(3bsd) and Linux have agreed). */
int proc_cmdline(const struct synth_ref *ref, struct strbuf *out) {
    struct mm *mm = proc_mm(ref);
    char last = 0, title[PAGE_BYTES];
    if (!mm) {
        return 0;
    }
    pthread_mutex_lock(&mm->lock);
    gaddr_t start = mm->arg_start, end = mm->arg_end;
    gaddr_t most = mm->env_start == end && mm->env_end > end ? mm->env_end : end;
    pthread_mutex_unlock(&mm->lock);
    bool over = end > start && !guest_read(mm->space, &last, end - 1, 1) && last;
    size_t size = over && most - start < PAGE_BYTES ? most - start : PAGE_BYTES;
    if (over && guest_read(mm->space, title, start, size)) {
        size = 0;
    }
    mm_unref(mm);
    if (!over) {
        return print_range(ref, out, RANGE_ARGS);
    }
    size_t len = strnlen(title, size);
    strbuf_add(out, title, len < size ? len + 1 : len);
    return 0;
}

int proc_environ(const struct synth_ref *ref, struct strbuf *out) {
    return print_range(ref, out, RANGE_ENV);
}

int proc_auxv(const struct synth_ref *ref, struct strbuf *out) {
    return print_range(ref, out, RANGE_AUXV);
}

/* --- mem: the process's memory as a file ----------------------------------------------- */

/* Copies through the engine's checked copies; file->data is the mm. */
static ssize_t mem_copy(struct file *file, struct task *task, const struct iovec *iov, int count,
                        int64_t offset, bool write) {
    struct mm *mm = file->data;
    char buf[4096];
    ssize_t done = 0;
    bool at_position = offset < 0;
    if (at_position) {
        pthread_mutex_lock(&file->lock);
        offset = file->position;
        pthread_mutex_unlock(&file->lock);
    }
    for (int i = 0; i < count; i++) {
        gaddr_t own = guest_iov_address(task, &iov[i]);
        for (size_t at = 0; at < iov[i].iov_len;) {
            size_t n = iov[i].iov_len - at < sizeof buf ? iov[i].iov_len - at : sizeof buf;
            size_t to_page = PAGE_BYTES - (size_t)((gaddr_t)offset & (PAGE_BYTES - 1));
            n = n < to_page ? n : to_page;
            struct space *from = write ? task->cpu->space : mm->space;
            struct space *to = write ? mm->space : task->cpu->space;
            gaddr_t own_at = own + at, its = (gaddr_t)offset;
            if (guest_read(from, buf, write ? own_at : its, n) &&
                (write || mm_force(mm, its, buf, n, false))) {
                if (!done) {
                    done = write ? -EFAULT : -EIO;
                }
                goto out;
            }
            if (guest_write(to, write ? its : own_at, buf, n) &&
                (!write || mm_force(mm, its, buf, n, true))) {
                if (!done) {
                    done = write ? -EIO : -EFAULT;
                }
                goto out;
            }
            done += (ssize_t)n;
            at += n;
            offset += (int64_t)n;
        }
    }
out:
    if (at_position && done > 0) {
        pthread_mutex_lock(&file->lock);
        file->position = offset;
        pthread_mutex_unlock(&file->lock);
    }
    return done;
}

static ssize_t mem_read(struct file *file, struct task *task, const struct iovec *iov, int count,
                        int64_t offset) {
    return mem_copy(file, task, iov, count, offset, false);
}

static ssize_t mem_write(struct file *file, struct task *task, const struct iovec *iov, int count,
                         int64_t offset) {
    return mem_copy(file, task, iov, count, offset, true);
}

static int64_t mem_seek(struct file *file, int64_t offset, int whence) {
    if (whence != SEEK_SET && whence != SEEK_CUR) {
        return -EINVAL;
    }
    pthread_mutex_lock(&file->lock);
    file->position = whence == SEEK_CUR ? file->position + offset : offset;
    offset = file->position;
    pthread_mutex_unlock(&file->lock);
    return offset;
}

static int mem_stat(struct file *file, struct stat *st) {
    memset(st, 0, sizeof *st);
    st->st_mode = S_IFREG | 0600;
    st->st_nlink = 1;
    st->st_blksize = 1024;
    return 0;
}

static void mem_release(struct file *file) {
    mm_unref(file->data);
    if (file->host_fd >= 0) {
        close(file->host_fd);
    }
}

/* By name, so that the opener is asked whether it may look at the process. */
static int mem_reopen(struct file *file, struct task *task, int flags, struct file **out) {
    return file->path ? fs_open(task, AT_FDCWD, file->path, (int)open_flags_to_guest(flags), 0, out)
                      : -ENXIO;
}

static const struct file_ops mem_ops = {.kind = "mem",
                                        .read = mem_read,
                                        .write = mem_write,
                                        .seek = mem_seek,
                                        .stat = mem_stat,
                                        .reopen = mem_reopen,
                                        .release = mem_release};

int proc_mem_open(const struct synth_ref *ref, struct task *task, int flags, struct file **out) {
    pthread_mutex_lock(&process_lock);
    struct process *process = proc_process(ref);
    bool allowed = process && process_may_inspect(task->process, process, true);
    struct mm *mm = allowed && process->mm ? mm_ref(process->mm) : NULL;
    int error = !process ? -ENOENT : !process->mm ? -ESRCH : -EACCES;
    pthread_mutex_unlock(&process_lock);
    if (!mm) {
        return error;
    }
    /* The host's descriptor stands for it where descriptors are passed on. */
    *out = file_create(&mem_ops, open("/dev/null", O_RDWR | O_CLOEXEC), flags);
    if (!*out) {
        mm_unref(mm);
        return -ENOMEM;
    }
    (*out)->data = mm;
    return 0;
}
