/* Host memory of windows: where they are, and changes of what is mapped in them.
 *
 * The one rule here: no byte of a window or of its guards may ever belong to anything but the
 * window, for the guest reaches all of it. So nothing is ever unmapped to be mapped again:
 *  - shared mappings, which files refuse (seals, devices), are made at a place that the host
 * chooses and moved into place in one call, since mmap(MAP_FIXED) may give the old mapping up
 * before it asks the file. Private ones are put in place at once where the next but one rule holds
 * without exception: a fork and an exec make twenty of them, and the two calls cost twice as much;
 *  - pages that hold nothing yet become anonymous memory by a change of their protection;
 *  - where the host takes the old pages away and fails then (it may, for want of its own memory),
 *    the hole is filled at once (lost), and until then nobody can get it: windows are below the
 *    part of the address space that mmap without an address looks through, and host code asks for
 *    no address anywhere else. (A host whose address space has no room there, such as a sanitizer
 *    build's, gets windows wherever there is room, and keeps the two rules above.)
 * space.c holds the guest's page flags to what is done here. Sources: mmap(2), mremap(2). */
#ifndef FG_CORE_WINDOW_H
#define FG_CORE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A window has 2^bits bytes, 32 or more of them, and begins at a multiple of WINDOW_ALIGN. Before
 * and after it is a guard, where nothing is ever mapped. In the large windows of 64-bit guests an
 * access may name any address, so a gadget looks first, without a flag or a branch: it loads the
 * byte at (address >> bits) after the last byte of the probe page. That page, the lowest of the
 * lower guard, is readable; all after it, up to the window, is not (bits > 33, so that every
 * shifted address ends there). */
#define WINDOW_BITS_I386   32
#define WINDOW_BITS_MIXED  34 /* of i386 programs that may go on in 64-bit code */
#define WINDOW_BITS_X86_64 36 /* of all 64-bit guests at least; some hundreds of them have room */
#define WINDOW_BITS_LARGE  40 /* of some fifty, and of those that need it */
#define WINDOW_ALIGN       ((size_t)1 << 32)
#define WINDOW_GUARD       ((size_t)1 << 20)
#define WINDOW_PROBE       ((size_t)1 << 31) /* the probe page is so far below a large window */
size_t window_guard(unsigned bits);

/* Host protection of guest pages: never executable; what may be executed or written may be read, as
 * on a 32-bit x86. */
int window_prot(bool read, bool write, bool exec);

/* A new window, all reserved: the address of its byte 0. NULL with errno: there is no room, or not
 * enough of it that one should be made which is not `needed`: a smaller one would do. Any thread.
 */
uint8_t *window_new(unsigned bits, bool needed);
void window_free(uint8_t *window, unsigned bits);
/* Is there room for more than the windows that programs need to start? Any thread. */
bool window_plenty(void);

/* All that follow: page-aligned, inside of a window, serialised by the caller for the bytes that
 * are changed; 0 or -errno, and on an error everything is as it was unless *lost says that what was
 * at the target is gone: it is reserved then. */

/* Reserve [at, at+len): whatever was there goes. */
int window_reserve(void *at, size_t len, bool *lost);
/* Anonymous memory where nothing but a reservation is. */
int window_fill(void *at, size_t len, int prot);
/* A mapping in place of whatever is there: of a file (fd >= 0), or anonymous and private. */
int window_map(void *at, size_t len, int prot, bool shared, int fd, off_t offset, bool *lost);
/* Another mapping of the object that `of`, a page of a shared mapping, shows, beginning `skip`
 * bytes after it. Asks no file: works where a new mmap() would be refused (seals, modes that
 * changed, devices). */
int window_share(void *at, size_t len, int prot, void *of, size_t skip, bool *lost);
/* Move the pages at `from`, which is reserved afterwards; the two do not overlap. */
int window_move(void *from, void *to, size_t len, bool *lost);

#endif
