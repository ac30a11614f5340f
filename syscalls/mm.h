/* A process's mappings above the engine's space: what /proc/self/maps shows, brk, mmap placement. */
#ifndef FG_SYSCALLS_MM_H
#define FG_SYSCALLS_MM_H

#include "core/space.h"
#include "syscalls/file.h"

/* Guest's personality bits that matter to mappings (personality(2)). */
#define PERSONA_READ_IMPLIES_EXEC 0x0400000
#define PERSONA_ADDR_NO_RANDOMIZE 0x0040000

struct vma {
    gaddr_t start, end;
    int prot;          /* PROT_* of the guest */
    int flags;         /* MAP_SHARED or MAP_PRIVATE, MAP_GROWSDOWN, MAP_ANONYMOUS, MAP_NORESERVE */
    struct file *file; /* referenced, NULL: anonymous */
    uint64_t offset;
    const char *name;  /* "[heap]", "[stack]", "[vdso]" or NULL; static string */
    bool dont_fork, wipe_on_fork;
};

struct mm {
    struct space *space;
    pthread_mutex_t lock; /* guards all below */
    struct vma *vma;      /* sorted by start, disjoint, neighbours merged when alike */
    size_t vma_count, vma_room;
    gaddr_t brk_start, brk;
    gaddr_t mmap_top;     /* placement goes downwards from here */
    gaddr_t stack_top;
    gaddr_t vdso;         /* base of the vDSO page */
    gaddr_t arg_start, arg_end, env_start, env_end;
    gaddr_t auxv_start;   /* saved auxiliary vector, for /proc/self/auxv */
    uint32_t auxv_len;
    uint64_t total_pages, locked_pages;
    _Atomic int refs; /* CLONE_VM */
};

struct mm *mm_create(enum guest_mode mode);
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

#endif
