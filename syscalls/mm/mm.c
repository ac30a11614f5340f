/* Mappings of a process: mm life cycle, mmap, munmap, mprotect, brk and stack growth.
 *
 * Inner functions: they take the mm, lock it, and return -errno as Linux does; the system calls
 * themselves are in mm_calls.c, mremap in mm_move.c, madvise in mm_advise.c, fork in mm_fork.c. The
 * list of mappings is mm_list.c's, the pages are core/space/space.h's.
 * Sources: mmap(2), munmap(2), mprotect(2), brk(2), getrlimit(2), proc(5). */
#include "core/base/populate.h"
#include "core/decode/cpuid.h"
#include "core/run/run.h"
#include "syscalls/task/capability.h"
#include "syscalls/mm/mm_internal.h"
#include "syscalls/task/account.h"
#include "syscalls/task/task.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8
#endif

/* Smaller requests are not looked at: they take their chance. */
#define OVERCOMMIT_ASKED ((gaddr_t)4 << 30)

struct mm *mm_create(enum guest_mode mode, gaddr_t least) {
    struct mm *mm = calloc(1, sizeof *mm);
    if (!mm) {
        return NULL;
    }
    mm->space = space_create(mode, least);
    if (!mm->space) {
        free(mm);
        return NULL;
    }
    mm->space->both = engine_has(GUEST_I386) && engine_has(GUEST_X86_64) && cpuid_has_long_mode() &&
                      space_may_mix(mm->space);
    pthread_mutex_init(&mm->lock, NULL);
    mm->refs = 1;
    mm->account = account_current();
    mm->host_maps = 1;
    account_add(mm->account, SHARE_MAPS, mm->host_maps);
    mm_set_layout(mm, mm_limit(RLIMIT_STACK), false);
    return mm;
}

struct mm *mm_ref(struct mm *mm) {
    atomic_fetch_add(&mm->refs, 1);
    return mm;
}

void mm_unref(struct mm *mm) {
    if (!mm || atomic_fetch_sub(&mm->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < mm->vma_count; i++) {
        if (mm->vma[i].file) {
            file_unref(mm->vma[i].file);
        }
    }
    free(mm->vma);
    account_add(mm->account, SHARE_MAPS, -mm->host_maps);
    space_unref(mm->space);
    pthread_mutex_destroy(&mm->lock);
    free(mm);
}

uint64_t mm_limit(int resource) {
    return current ? current->process->limits[resource].rlim_cur : RLIM_INFINITY;
}

void mm_check(struct mm *mm, int64_t number) {
    char why[128];
    pthread_mutex_lock(&mm->lock);
    int err = space_check(mm->space, why, sizeof why);
    pthread_mutex_unlock(&mm->lock);
    if (err) {
        fprintf(stderr, "fiberglass: guest memory is broken after system call %d: %s\n",
                (int)number, why);
        abort();
    }
}

bool mm_too_low(gaddr_t addr) {
    return addr < MM_MIN_ADDR && current && !task_capable(current, CAP_SYS_RAWIO);
}

bool mm_may_have_maps(struct mm *mm, long extra) {
    struct account *account = account_current();
    if (account != mm->account) { /* after setuid(2) */
        account_add(mm->account, SHARE_MAPS, -mm->host_maps);
        account_add(account, SHARE_MAPS, mm->host_maps);
        mm->account = account;
    }
    return account_allows(account, SHARE_MAPS, extra);
}

/* What RLIMIT_DATA counts: private, writable, not a stack. */
static bool counts_as_data(int prot, int flags) {
    return (prot & PROT_WRITE) && (flags & MAP_TYPE) == MAP_PRIVATE && !(flags & MAP_GROWSDOWN);
}

bool mm_overcommits(gaddr_t bytes, bool counted, int flags) {
    struct sysinfo info;
    return counted && !(flags & MAP_NORESERVE) && bytes >= OVERCOMMIT_ASKED && !sysinfo(&info) &&
           bytes > (uint64_t)(info.totalram + info.totalswap) * info.mem_unit;
}

int mm_may_expand(const struct mm *mm, gaddr_t bytes, int prot, int flags) {
    uint64_t limit = mm_limit(RLIMIT_AS);
    if (mm_overcommits(bytes, prot & PROT_WRITE && (flags & MAP_TYPE) == MAP_PRIVATE, flags)) {
        return -ENOMEM;
    }
    if (limit != RLIM_INFINITY &&
        mm->total_pages + (bytes >> PAGE_BITS) > (limit >> PAGE_BITS) + mm->reserved_pages) {
        return -ENOMEM;
    }
    limit = mm_limit(RLIMIT_DATA);
    if (limit == RLIM_INFINITY || !counts_as_data(prot, flags)) {
        return 0;
    }
    for (size_t i = 0; i < mm->vma_count; i++) {
        if (counts_as_data(mm->vma[i].prot, mm->vma[i].flags)) {
            bytes += mm->vma[i].end - mm->vma[i].start;
        }
    }
    return bytes > limit ? -ENOMEM : 0;
}

int vma_map_pages(struct mm *mm, const struct vma *vma, gaddr_t start, gaddr_t end) {
    struct file_id id;
    struct stat st;
    bool known = false, shared = vma_shared(vma);
    if (!vma->file) {
        return space_map(mm->space, start, end - start, vma->prot, shared, -1, 0, NULL);
    }
    int fd = vma->file->host_fd;
    bool sharable = !shared && (vma->prot & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC;
    bool writable = shared && (vma->file->flags & O_ACCMODE) == O_RDWR;
    if ((sharable || writable) && fstat(fd, &st) == 0) {
        known = sharable && mm_file_identity(fd, &st, &id);
        if (writable) {
            mm_file_written_unseen(&st);
        }
    }
    return space_map(mm->space, start, end - start, vma->prot, shared, fd,
                     (off_t)(vma->offset + (start - vma->start)), known ? &id : NULL);
}

int vma_extend_pages(struct mm *mm, const struct vma *vma, gaddr_t start, gaddr_t end,
                     const struct mm *from, gaddr_t of, gaddr_t skip) {
    if (vma_shared(vma) &&
        space_map_again(mm->space, start, end - start, vma->prot, from->space, of, skip) == 0) {
        return 0;
    }
    return vma_map_pages(mm, vma, start, end); /* private, or of a device that refuses the other */
}

/* Memory that several processes share but no file backs (MAP_SHARED|MAP_ANONYMOUS): a memory file,
 * so that children of fork map the same pages. Linux calls it so in /proc/self/maps, too. */
static int shared_memory_file(gaddr_t len, struct file **out) {
    static const struct file_ops shared_memory_ops = {.kind = "shm"};
    int fd = memfd_create("shared", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create("shared", MFD_CLOEXEC);
    }
    if (fd < 0) {
        return -errno;
    }
    if (ftruncate(fd, (off_t)len) < 0) {
        int err = errno;
        close(fd);
        return -err;
    }
    struct file *file = file_create(&shared_memory_ops, fd, O_RDWR);
    if (!file) {
        return -ENOMEM;
    }
    file->path = strdup("/dev/zero (deleted)");
    *out = file;
    return 0;
}

/* /dev/zero: its mappings are anonymous memory. */
static bool is_zero_device(const struct stat *st) {
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 5);
}

/* May this file be mapped so? mmap(2), EACCES and ENODEV. */
static int check_file(const struct file *file, int prot, int flags, bool *anonymous) {
    int access = file->flags & O_ACCMODE;
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    struct stat st;
    if (shared && (prot & PROT_WRITE) && access != O_RDWR) {
        return -EACCES;
    }
    if (access == O_WRONLY) {
        return -EACCES;
    }
    if (file->regular && !file->ops->read && !(flags & MAP_GROWSDOWN)) {
        *anonymous = false;
        return 0; /* what most mappings are of: nothing to ask */
    }
    /* Devices say themselves; the rest (sockets, pipes, directories, what has no type such as an
     * eventfd, and our own texts behind /proc) is nothing that can be mapped. */
    if (file->host_fd < 0 || fstat(file->host_fd, &st) < 0 ||
        !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) ||
        (S_ISREG(st.st_mode) && file->ops->read)) {
        return S_ISSOCK(st.st_mode) && (flags & MAP_GROWSDOWN) ? -EINVAL : -ENODEV;
    }
    *anonymous = is_zero_device(&st);
    if (!(flags & MAP_GROWSDOWN)) {
        return 0;
    }
    return S_ISREG(st.st_mode) || is_zero_device(&st) ? -EINVAL : -ENODEV;
}

/* The address that mmap's arguments ask for, or -errno. */
static int64_t choose_address(struct mm *mm, gaddr_t addr, gaddr_t len, int flags) {
    if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
        return mm_place(mm, addr, len, flags);
    }
    if (len > mm_end(mm) || addr > mm_end(mm) - len) {
        return -ENOMEM;
    }
    if (addr & (PAGE_BYTES - 1)) {
        return -EINVAL;
    }
    if (mm_too_low(addr)) {
        return -EPERM;
    }
    if (flags & MAP_FIXED_NOREPLACE) {
        struct vma *next = mm_find(mm, addr);
        if (next && next->start < addr + len) {
            return -EEXIST;
        }
    }
    return (int64_t)addr;
}

#define MAP_LEGACY_MASK                                                                            \
    (MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE |       \
     MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |        \
     MAP_HUGETLB | MAP_32BIT | 0x80 /* MAP_ABOVE4G */ |                                            \
     0x7c000000 /* MAP_UNINITIALIZED and the sizes of huge pages */)

int64_t mm_map_locked(struct mm *mm, gaddr_t addr, gaddr_t len, int prot, int flags,
                      struct file *file, uint64_t offset, const char *name) {
    int err = mm_reserve(mm, 3);
    if (err || mm->vma_count > MM_MAX_VMAS || !mm_may_have_maps(mm, 3)) {
        return -ENOMEM;
    }
    int64_t place = choose_address(mm, addr, len, flags);
    if (place < 0) {
        return place;
    }
    addr = (gaddr_t)place;
    bool anonymous = false;
    if (file && (err = check_file(file, prot, flags, &anonymous))) {
        return err;
    }
    if (anonymous) {
        file = NULL;
        offset = 0;
    }
    /* Pages that MAP_FIXED replaces make room; Linux counts them away before, too. */
    gaddr_t old = 0;
    for (size_t i = mm_index(mm, addr); i < mm->vma_count && mm->vma[i].start < addr + len; i++) {
        gaddr_t start = mm->vma[i].start > addr ? mm->vma[i].start : addr;
        gaddr_t end = mm->vma[i].end < addr + len ? mm->vma[i].end : addr + len;
        old += end - start;
    }
    if (len > old && (err = mm_may_expand(mm, len - old, prot, flags))) {
        return err;
    }

    struct vma vma = {
        .start = addr,
        .end = addr + len,
        .prot = prot,
        .flags = flags & (MAP_TYPE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_NORESERVE),
        .offset = offset,
        .name = name,
        .locked = (flags & MAP_LOCKED) || mm->lock_future,
    };
    if ((flags & MAP_TYPE) == MAP_SHARED_VALIDATE) {
        vma.flags = (vma.flags & ~MAP_TYPE) | MAP_SHARED;
    }
    uint64_t lock_limit = mm_limit(RLIMIT_MEMLOCK);
    if (vma.locked && lock_limit != RLIM_INFINITY && current &&
        !task_capable(current, CAP_IPC_LOCK) &&
        (mm->locked_pages << PAGE_BITS) + len > lock_limit) {
        return -EAGAIN;
    }
    if (file) {
        vma.file = file_ref(file);
    } else if (vma_shared(&vma)) {
        err = mm_overcommits(len, true, flags) ? -ENOMEM : shared_memory_file(len, &vma.file);
        if (err) {
            return err;
        }
    }
    err = vma_map_pages(mm, &vma, addr, addr + len);
    if (err) {
        if (vma.file) {
            file_unref(vma.file);
        }
        if (!space_mapped(mm->space, addr)) /* gone, as after Linux's unmap-then-fail */
        {
            mm_forget(mm, addr, addr + len);
        }
        return err;
    }
    mm_forget(mm, addr, addr + len);
    mm_insert(mm, vma);
    if ((flags & MAP_POPULATE) && !(flags & MAP_NONBLOCK)) {
        (void)space_touch(mm->space, addr, len);
        (void)space_advise(mm->space, addr, len,
                           (prot & PROT_WRITE) && !vma_shared(&vma) ? MADV_POPULATE_WRITE
                                                                    : MADV_POPULATE_READ);
    }
    return place;
}

int64_t mm_map(struct mm *mm, gaddr_t addr, gaddr_t len, int prot, int flags, struct file *file,
               uint64_t offset, const char *name) {
    if (len == 0) {
        return -EINVAL;
    }
    if (len > mm_end(mm)) {
        return -ENOMEM;
    }
    len = PAGE_ALIGN(len);
    prot &= PROT_READ | PROT_WRITE | PROT_EXEC;
    switch (flags & MAP_TYPE) {
    case MAP_SHARED_VALIDATE:
        if (file && (flags & ~MAP_LEGACY_MASK)) {
            return -EOPNOTSUPP;
        }
        if (!file) {
            return -EINVAL;
        }
        break;
    case MAP_SHARED:
    case MAP_PRIVATE:
        break;
    default:
        return -EINVAL;
    }
    if (file) {
        if (file->flags & O_PATH) {
            return -EBADF;
        }
        if (offset & (PAGE_BYTES - 1)) {
            return -EINVAL;
        }
        if (offset + len < offset || offset + len > INT64_MAX) {
            return -EOVERFLOW;
        }
    } else if ((flags & MAP_TYPE) == MAP_SHARED && (flags & MAP_GROWSDOWN)) {
        return -EINVAL;
    }
    pthread_mutex_lock(&mm->lock);
    int64_t result = mm_map_locked(mm, addr, len, prot, flags, file, file ? offset : 0, name);
    pthread_mutex_unlock(&mm->lock);
    return result;
}

int mm_unmap_locked(struct mm *mm, gaddr_t addr, gaddr_t len) {
    struct vma *first = mm_find(mm, addr);
    if (!first || first->start >= addr + len) {
        return 0;
    }
    int err = mm_reserve(mm, 2);
    if (!err && mm->vma_count >= MM_MAX_VMAS && first->start < addr && first->end > addr + len) {
        err = -ENOMEM;
    }
    if (!err) {
        err = space_unmap(mm->space, addr, len);
    }
    if (!err) {
        mm_forget(mm, addr, addr + len);
    }
    return err;
}

int mm_unmap(struct mm *mm, gaddr_t addr, gaddr_t len) {
    const gaddr_t size = mm_task_size(mm), end = mm_end(mm);
    if ((addr & (PAGE_BYTES - 1)) || addr > size || len > size - addr) {
        return -EINVAL;
    }
    len = PAGE_ALIGN(len);
    if (len == 0) {
        return -EINVAL;
    }
    if (addr >= end) {
        return 0;
    }
    len = len < end - addr ? len : end - addr;
    pthread_mutex_lock(&mm->lock);
    int err = mm_unmap_locked(mm, addr, len);
    pthread_mutex_unlock(&mm->lock);
    return err;
}

static int protect_locked(struct mm *mm, gaddr_t addr, gaddr_t len, int prot, bool grows_down) {
    size_t i = mm_index(mm, addr);
    gaddr_t end = addr + len;
    if (i == mm->vma_count || (mm->vma[i].start > addr && !grows_down) || mm->vma[i].start >= end) {
        return -ENOMEM;
    }
    if (grows_down) {
        if (!(mm->vma[i].flags & MAP_GROWSDOWN)) {
            return -EINVAL;
        }
        addr = mm->vma[i].start;
    }
    /* How far it goes: up to a hole, or to a mapping that may not become writable. What lies in
     * front is changed all the same. */
    int result = 0;
    gaddr_t reached = addr;
    for (; reached < end; i++) {
        if (i == mm->vma_count || mm->vma[i].start > reached) {
            result = -ENOMEM;
            break;
        }
        struct vma *vma = &mm->vma[i];
        if (vma_shared(vma) && vma->file && (prot & PROT_WRITE) &&
            (vma->file->flags & O_ACCMODE) != O_RDWR) {
            result = -EACCES;
            break;
        }
        gaddr_t stop = vma->end < end ? vma->end : end;
        bool counted = !vma_shared(vma) && prot & ~vma->prot & PROT_WRITE;
        if (mm_overcommits(stop - reached, counted, vma->flags)) {
            result = -ENOMEM;
            break;
        }
        reached = stop;
    }
    if (reached == addr) {
        return result;
    }
    int err = mm_may_have_maps(mm, 2) ? mm_reserve(mm, 2) : -ENOMEM;
    if (!err) {
        err = space_protect(mm->space, addr, reached - addr, prot);
    }
    if (err) {
        return err;
    }
    mm_split(mm, addr);
    mm_split(mm, reached);
    for (i = mm_index(mm, addr); i < mm->vma_count && mm->vma[i].start < reached; i++) {
        mm->vma[i].prot = prot;
    }
    mm_merge(mm, addr, reached);
    return result;
}

int mm_protect(struct mm *mm, gaddr_t addr, gaddr_t len, int prot) {
    bool grows_down = prot & PROT_GROWSDOWN;
    if (grows_down && (prot & PROT_GROWSUP)) {
        return -EINVAL;
    }
    prot &= ~(PROT_GROWSDOWN | PROT_GROWSUP);
    if (addr & (PAGE_BYTES - 1)) {
        return -EINVAL;
    }
    if (len == 0) {
        return 0;
    }
    len = PAGE_ALIGN(len);
    if (addr + len <= addr) {
        return -ENOMEM;
    }
    if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | 8 /* PROT_SEM */)) {
        return -EINVAL;
    }
    prot &= PROT_READ | PROT_WRITE | PROT_EXEC;
    pthread_mutex_lock(&mm->lock);
    int err = protect_locked(mm, addr, len, prot, grows_down);
    pthread_mutex_unlock(&mm->lock);
    return err;
}

static bool brk_locked(struct mm *mm, gaddr_t brk) {
    uint64_t limit = mm_limit(RLIMIT_DATA);
    gaddr_t old_end = PAGE_ALIGN(mm->brk), new_end = PAGE_ALIGN(brk);
    if (brk < mm->brk_start || brk > mm_end(mm) - PAGE_BYTES) {
        return false;
    }
    if (limit != RLIM_INFINITY && brk - mm->brk_start > limit) {
        return false;
    }
    if (new_end < old_end) {
        return mm_unmap_locked(mm, new_end, old_end - new_end) == 0;
    }
    if (new_end == old_end) {
        return true;
    }
    /* One page stays free between heap and the next mapping, and the gap below a stack. */
    struct vma *next = mm_find(mm, old_end);
    if (next && vma_start_gap(next) < new_end + PAGE_BYTES) {
        return false;
    }
    bool exec = current && (current->process->personality & PERSONA_READ_IMPLIES_EXEC);
    int prot = PROT_READ | PROT_WRITE | (exec ? PROT_EXEC : 0);
    return mm_map_locked(mm, old_end, new_end - old_end, prot,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, "[heap]") >= 0;
}

gaddr_t mm_brk(struct mm *mm, gaddr_t brk) {
    pthread_mutex_lock(&mm->lock);
    if (brk_locked(mm, brk)) {
        mm->brk = brk;
    }
    gaddr_t result = mm->brk;
    pthread_mutex_unlock(&mm->lock);
    return result;
}

/* Linux grows a stack for any access below it, as long as the gap to the mapping underneath and
 * RLIMIT_STACK allow it. */
bool mm_grow_stack(struct mm *mm, gaddr_t addr) {
    bool grown = false;
    gaddr_t page = PAGE_BASE(addr);
    pthread_mutex_lock(&mm->lock);
    size_t i = mm_index(mm, addr);
    if (i == mm->vma_count) {
        goto out;
    }
    struct vma *vma = &mm->vma[i];
    if (vma->start <= addr) /* another thread was quicker, or it is no matter of growth */
    {
        goto out;
    }
    if (!(vma->flags & MAP_GROWSDOWN) || page < MM_MIN_ADDR) {
        goto out;
    }
    if (vma->end - page > mm_limit(RLIMIT_STACK) ||
        mm_may_expand(mm, vma->start - page, vma->prot, vma->flags)) {
        goto out;
    }
    if (i > 0) {
        struct vma *below = &mm->vma[i - 1];
        bool guard = below->prot != PROT_NONE && !(below->flags & MAP_GROWSDOWN);
        if (guard && page - below->end < MM_STACK_GAP) {
            goto out;
        }
    }
    if (vma_map_pages(mm, vma, page, vma->start)) {
        goto out;
    }
    uint64_t pages = (vma->start - page) >> PAGE_BITS;
    mm->total_pages += pages;
    if (vma->locked) {
        mm->locked_pages += pages;
    }
    mm_set_bounds(mm, vma, page, vma->end);
    grown = true;
out:
    pthread_mutex_unlock(&mm->lock);
    return grown;
}
