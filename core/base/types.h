/* Types that every part of the engine and of the kernel layer shares.
 *
 * A guest address is 64 bits wide everywhere, whatever the guest mode: an i386 guest uses the low
 * 32. Nothing outside a guest-mode parameter may assume a width of 32. */
#ifndef FG_CORE_TYPES_H
#define FG_CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t gaddr_t; /* an address in a guest's address space */

enum guest_mode { GUEST_I386, GUEST_X86_64, GUEST_MODES };

/* Bits 48 to 63 of an address repeat bit 47, or no memory can be there. SDM Vol. 1, 3.3.7.1. */
static inline bool address_canonical(gaddr_t addr) {
    return (gaddr_t)((int64_t)(addr << 16) >> 16) == addr;
}

/* What lies outside of the window of a 64-bit guest is on the host in chunks of 2^36 bytes. */
#define CHUNK_BITS    36
#define ADDRESS_BITS  47 /* of a 64-bit guest */
#define PAGE_BITS     12
#define PAGE_BYTES    ((gaddr_t)1 << PAGE_BITS)
#define PAGE_ALIGN(a) (((a) + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1))
#define PAGE_BASE(a)  ((a) & ~(PAGE_BYTES - 1))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* An automatic variable that is not zeroed first, where others are (the kernel layer, see
 * Makefile): for text buffers of pages, which are read up to the NUL or length that was written,
 * and never handed to a guest as a whole. */
#if defined __has_attribute && __has_attribute(uninitialized)
#define UNZEROED __attribute__((uninitialized))
#else
#define UNZEROED
#endif

#endif
