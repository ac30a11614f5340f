/* A process's mappings above the engine's space: what /proc/self/maps shows, brk, mmap placement.
 */
#ifndef FG_SYSCALLS_MM_H
#define FG_SYSCALLS_MM_H

#include "core/space/space.h"
#include "syscalls/file/file.h"

/* Guest's personality bits that matter to mappings (personality(2)). */
#define PERSONA_ADDR_NO_RANDOMIZE 0x0040000
#define PERSONA_MMAP_PAGE_ZERO    0x0100000
#define PERSONA_COMPAT_LAYOUT     0x0200000 /* ADDR_COMPAT_LAYOUT */
#define PERSONA_READ_IMPLIES_EXEC 0x0400000
#define PERSONA_LIMIT_3GB         0x8000000 /* ADDR_LIMIT_3GB */
/* What a program does not inherit that gets other rights by its set-id bits. */
#define PERSONA_CLEAR_ON_SETID                                                                     \
    (PERSONA_READ_IMPLIES_EXEC | PERSONA_ADDR_NO_RANDOMIZE | PERSONA_COMPAT_LAYOUT |               \
     PERSONA_MMAP_PAGE_ZERO)

struct vma {
    gaddr_t start, end;
    int prot;          /* PROT_* of the guest */
    int flags;         /* MAP_SHARED or MAP_PRIVATE, MAP_GROWSDOWN, MAP_ANONYMOUS, MAP_NORESERVE */
    struct file *file; /* referenced, NULL: anonymous */
    uint64_t offset;
    const char *name; /* "[heap]", "[stack]", "[vdso]" or NULL; static string */
    bool dont_fork, wipe_on_fork, locked;
    uint16_t policy; /* MPOL_* and its flags, see mm_policy.c */
};

#define MM_MIN_ADDR  0x10000u  /* vm.mmap_min_addr as distributions set it */
#define MM_STACK_GAP 0x100000u /* kept free below a MAP_GROWSDOWN mapping */
#define MM_MAX_VMAS  65530

struct mm {
    struct space *space;
    pthread_mutex_t lock; /* guards all below */
    struct vma *vma;      /* sorted by start, disjoint, neighbours merged when alike */
    size_t vma_count, vma_room;
    gaddr_t brk_start, brk;
    gaddr_t mmap_top; /* placement goes downwards from here */
    gaddr_t stack_top;
    gaddr_t vdso; /* base of the vDSO page */
    gaddr_t arg_start, arg_end, env_start, env_end;
    gaddr_t auxv_start; /* saved auxiliary vector, for /proc/self/auxv */
    uint32_t auxv_len;
    uint64_t total_pages, locked_pages;
    uint64_t reserved_pages; /* of the stack, mapped ahead of use: not counted against limits */
    /* Placement: no gap between place_from and mmap_top is as large as place_size. */
    gaddr_t place_from, place_size;
    struct account *account; /* whose share of the host's mappings it uses, see account.h */
    long host_maps;          /* how many: one for each vma and for each gap */
    gaddr_t task_top;        /* where the stack ends, and places below it do */
    bool bottom_up;          /* ADDR_COMPAT_LAYOUT: places are looked for from a third upwards */
    bool lock_future;        /* mlockall(MCL_FUTURE) */
    uint32_t membarrier;     /* registered MEMBARRIER_CMD_*, see mm_calls.c */
    _Atomic int refs;        /* CLONE_VM */
};

/* An empty one, which has the addresses below `least` (space_create()). NULL with errno. */
struct mm *mm_create(enum guest_mode mode, gaddr_t least);
struct mm *mm_ref(struct mm *mm);
void mm_unref(struct mm *mm);
/* Copy for fork: same mappings, private pages copied, fibers shared. NULL with errno. */
struct mm *mm_fork(struct mm *mm);

/* Inner functions of the memory calls (mmap(2), munmap(2), ...). They lock mm->lock. Addresses or
 * -errno. mmap flags are the guest's MAP_* (the same numbers as the host's). */
int64_t mm_map(struct mm *mm, gaddr_t addr, gaddr_t len, int prot, int flags, struct file *file,
               uint64_t offset, const char *name);
int mm_unmap(struct mm *mm, gaddr_t addr, gaddr_t len);
int mm_protect(struct mm *mm, gaddr_t addr, gaddr_t len, int prot);
/* Grows MAP_GROWSDOWN mappings over `addr` when the fault is a stack access; true when it did and
 * the access should be tried again. */
bool mm_grow_stack(struct mm *mm, gaddr_t addr);

/* Set where addresses end and how they are chosen, for a stack limit (RLIMIT_STACK) and the running
 * process's personality, as exec does (mm_layout.c). `low`: in the lowest 2 GiB, as a program with
 * AddressSanitizer wants it (x86-64). */
void mm_set_layout(struct mm *mm, uint64_t stack_limit, bool low);
/* Move the break; returns the new one, or the old one when it cannot move (brk(2)). */
gaddr_t mm_brk(struct mm *mm, gaddr_t brk);
/* mremap(2), all flags. The new address or -errno. */
int64_t mm_remap(struct mm *mm, gaddr_t old, gaddr_t old_len, gaddr_t new_len, int flags,
                 gaddr_t new_addr);
/* madvise(2). 0 or -errno. */
int mm_advise(struct mm *mm, gaddr_t addr, gaddr_t len, int advice);
/* Mark [addr, addr+len) as locked or not; accounting only, the host may page as it likes. 0 or
 * -errno. */
int mm_lock_range(struct mm *mm, gaddr_t addr, gaddr_t len, bool lock);

/* For tests and fuzzers (--check-memory): space_check() of the memory; ends the run with a message
 * when it fails. `number` is the system call after which it is done. */
void mm_check(struct mm *mm, int64_t number);

/* First vma that ends above addr, or NULL. Caller holds mm->lock. */
struct vma *mm_find(struct mm *mm, gaddr_t addr);
/* Reads or writes within one page of mapped memory whatever its protection, as /proc/PID/mem does
 * (proc(5)): a write to a private mapping makes a copy, a shared one has to be writable. 0 or -EIO.
 * Other threads may see the page accessible meanwhile. */
int mm_force(struct mm *mm, gaddr_t addr, void *data, size_t len, bool write);

/* Pages that count against RLIMIT_AS and for mlockall(2). */
static inline uint64_t mm_counted_pages(const struct mm *mm) {
    return mm->total_pages > mm->reserved_pages ? mm->total_pages - mm->reserved_pages : 0;
}

#endif
