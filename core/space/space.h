/* A guest address space as the engine sees it: the window, what each page allows, the code that was
 * compiled from it. The kernel layer's mm.c keeps the list of mappings above it and calls the
 * functions here to change pages.
 *
 * Window memory model: `window` is 4 GiB-aligned reserved host memory with guards on both sides, of
 * a size that the guest mode says (core/memory/window.h). A 64-bit guest may also map what is
 * beyond it; that is in other places on the host (core/memory/chunks.h).
 * Guest page protection is host page protection, except that guest-executable pages are never
 * executable on the host, and pages that hold compiled code lose host write permission
 * (PAGE_CODE), which the host fault handler and the copy functions undo on a write. */
#ifndef FG_CORE_SPACE_H
#define FG_CORE_SPACE_H

#include "core/base/space_state.h"
#include <sys/types.h>

struct cpu;

/* New empty space (every page unmapped) that has the addresses below `least` (of an i386 one:
 * space_mixed() of its parent), and more of them when the host has room; NULL with errno; ENOTSUP:
 * host_lacks(mode). */
struct space *space_create(enum guest_mode mode, gaddr_t least);
/* May its maker set `both`? Of an i386 space: had the host room for the window that 64-bit code
 * wants? */
bool space_may_mix(const struct space *space);
/* For a copy: where 64-bit code has run in this i386 space, more than its last address; else 0. */
gaddr_t space_mixed(const struct space *space);
struct space *space_ref(struct space *space);
/* Drops a reference; the last one frees the window. No cpu may run on it then. */
void space_unref(struct space *space);

/* Map pages, replacing what was there. addr, len page-aligned and inside the space; prot is
 * PROT_READ|PROT_WRITE|PROT_EXEC of the *guest*. fd < 0: anonymous. `shared`: MAP_SHARED. `id` may
 * be NULL (no sharing of fibers). Returns 0 or -errno: on an error of this and the following
 * functions pages are as they were, or (for want of memory, space_mapped() tells) what was at the
 * target is lost; every page is either mapped or reserved at any time, see window.h. Caller
 * serialises changes of one space (mm lock). */
int space_map(struct space *space, gaddr_t addr, gaddr_t len, int prot, bool shared, int fd,
              off_t offset, const struct file_id *id);
/* More of the MAP_SHARED object that is mapped at page `of` of space `from` (the same one, or a
 * parent's), from `skip` bytes after that page's; its file is not asked. */
int space_map_again(struct space *space, gaddr_t addr, gaddr_t len, int prot,
                    const struct space *from, gaddr_t of, gaddr_t skip);
int space_unmap(struct space *space, gaddr_t addr, gaddr_t len);
int space_protect(struct space *space, gaddr_t addr, gaddr_t len, int prot);
/* madvise(2) with advice that changes what the pages hold. */
int space_discard(struct space *space, gaddr_t addr, gaddr_t len, int advice);
/* madvise(2) with advice that does not. */
int space_advise(struct space *space, gaddr_t addr, gaddr_t len, int advice);
/* Move pages (mremap): target replaced, source unmapped. */
int space_move(struct space *space, gaddr_t from, gaddr_t from_len, gaddr_t to, gaddr_t to_len);
/* Copy the private pages of [addr, addr+len) that differ from their file (or, for anonymous memory,
 * exist) from one space into another in which the same mapping was just made; protections may be
 * anything. Returns 0 or -errno. */
int space_copy_private(struct space *to, struct space *from, gaddr_t addr, gaddr_t len);
/* Opens what tells space_copy_private which pages there are, while the host process may; else it
 * copies more than it needs. */
void space_open_pagemap(void);
/* How many pages of the range the host holds in memory. */
uint64_t space_resident(const struct space *space, gaddr_t addr, gaddr_t len);
/* The child of a fork uses the regions of files that its parent uses, where it has their pages
 * (call after all are mapped and copied). */
void space_share_code(struct space *child, struct space *parent);

/* For tests and fuzzers: 0 when each page of window and guards is reserved or mapped, none is
 * executable, and the host's protection is what the page flags say; else -EFAULT with a sentence in
 * `why`. Reads /proc/self/maps: slow. Nothing may change the space meanwhile (hold mm->lock).
 * --check-memory has the kernel layer call it after every system call. */
int space_check(struct space *space, char *why, size_t size);

/* Before the host (a system call such as read) writes to guest memory: drops compiled code in the
 * range so that the host does not see EFAULT for a page that the guest may write. Until the cpu
 * runs guest code again, code that other cpus find there is compiled as checked code, and the page
 * stays writable. Called by the cpu's thread. Returns 0, or -EFAULT when the range leaves the space
 * or its first byte is not writable for the guest. A range that becomes unwritable later on gives
 * the host call's own partial result. */
int space_prepare_write(struct cpu *cpu, gaddr_t addr, gaddr_t len);

/* Before, or after a failure, host accesses to [addr, addr+len) by space_ptr(): memory for what is
 * mapped there beyond the window. True: there is some that was not there before. No lock of the
 * space is held. */
bool space_touch(struct space *space, gaddr_t addr, gaddr_t len);

/* Copies between host and guest memory. Never crash: -EFAULT when the guest may not read or write
 * there (bytes before the fault may have been copied). */
int guest_read(struct space *space, void *to, gaddr_t from, size_t len);
int guest_write(struct space *space, gaddr_t to, const void *from, size_t len);
int guest_zero(struct space *space, gaddr_t to, size_t len);
/* Copies a string with its NUL; returns its length without it, -EFAULT, or -ENAMETOOLONG when there
 * is no NUL in the first `size` bytes. */
ssize_t guest_read_string(struct space *space, char *to, gaddr_t from, size_t size);
/* Atomic 32-bit operations for futexes; addr must be 4-byte aligned, else -EINVAL. */
int guest_load32(struct space *space, gaddr_t addr, uint32_t *value);
/* *old is in: expected, out: what was there. Returns 0 (swapped or not) or -EFAULT. */
int guest_cmpxchg32(struct space *space, gaddr_t addr, uint32_t *old, uint32_t desired);

#endif
