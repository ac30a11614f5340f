/* Images of a cpu's x87, SSE and AVX state as XSAVE has them in standard form: an FXSAVE image, a
 * header that says what is there, the upper halves of YMM registers. Source: SDM Vol. 1, 13.4. */
#ifndef FG_CORE_XSTATE_H
#define FG_CORE_XSTATE_H

#include "core/cpu/cpu.h"

/* State components, as bits of XCR0 and of a header's words. */
#define XSTATE_X87       UINT64_C(1)
#define XSTATE_SSE       UINT64_C(2)
#define XSTATE_AVX       UINT64_C(4)
#define XSTATE_COMPACTED (UINT64_C(1) << 63) /* of the header's second word */

/* Offsets in an image; the legacy part has the rest of 512 bytes. */
#define XSTATE_MXCSR  24
#define XSTATE_ST     32
#define XSTATE_XMM    160
#define XSTATE_HEADER 512
#define XSTATE_UPPER  576
#define XSTATE_BYTES  832

/* After a reset. */
#define FCW_DEFAULT   0x037fu
#define MXCSR_DEFAULT 0x1f80u

/* Write the state of a cpu that is outside cpu_run() and of this thread; the header is 0. Returns
 * the components that are not as after a reset (MXCSR does not count). */
uint64_t xstate_save(struct cpu *cpu, uint8_t image[XSTATE_BYTES]);
/* Take the components in `which`: those in `present` from the image, the others as after a reset.
 * MXCSR is always the image's; its upper half must be 0. */
void xstate_load(struct cpu *cpu, const uint8_t image[XSTATE_BYTES], uint64_t which,
                 uint64_t present);
/* Would XRSTOR take a header (eight words) where XCR0 is this? */
bool xstate_header_fits(const uint64_t header[8], uint64_t xcr0);

#endif
