/* See xstate.h. */
#include "core/cpu/xstate.h"

#include <string.h>

static bool all_zero(const uint8_t *bytes, size_t count) {
    while (count && !*bytes) {
        bytes++;
        count--;
    }
    return count == 0;
}

uint64_t xstate_save(struct cpu *cpu, uint8_t image[XSTATE_BYTES]) {
    static const uint16_t fresh[4] = {FCW_DEFAULT}; /* status, tags, opcode are 0 */
    uint64_t used = 0;
    size_t bytes = 16 * cpu_vectors(cpu);
    memset(image, 0, XSTATE_BYTES);
    cpu_fpu_save(cpu);
    memcpy(image, cpu->fx, XSTATE_XMM + bytes);
    uint8_t upper[16][16];
    cpu_upper_save(cpu, upper);
    memcpy(image + XSTATE_UPPER, upper, bytes);
    if (memcmp(image, fresh, sizeof fresh) != 0 ||
        !all_zero(image + XSTATE_ST, XSTATE_XMM - XSTATE_ST)) {
        used |= XSTATE_X87;
    }
    if (!all_zero(image + XSTATE_XMM, bytes)) {
        used |= XSTATE_SSE;
    }
    if (!all_zero(image + XSTATE_UPPER, bytes)) {
        used |= XSTATE_AVX;
    }
    return used;
}

void xstate_load(struct cpu *cpu, const uint8_t image[XSTATE_BYTES], uint64_t which,
                 uint64_t present) {
    size_t bytes = 16 * cpu_vectors(cpu);
    uint8_t upper[16][16];
    cpu_fpu_save(cpu);
    cpu_upper_save(cpu, upper);
    if (which & XSTATE_X87) {
        memset(cpu->fx, 0, XSTATE_MXCSR);
        memset(cpu->fx + XSTATE_ST, 0, XSTATE_XMM - XSTATE_ST);
        if (present & XSTATE_X87) {
            memcpy(cpu->fx, image, XSTATE_MXCSR);
            memcpy(cpu->fx + XSTATE_ST, image + XSTATE_ST, XSTATE_XMM - XSTATE_ST);
        } else {
            memcpy(cpu->fx, &(uint16_t){FCW_DEFAULT}, 2);
        }
    }
    memcpy(cpu->fx + XSTATE_MXCSR, image + XSTATE_MXCSR, 4);
    if (which & XSTATE_SSE) {
        memset(cpu->fx + XSTATE_XMM, 0, bytes);
        if (present & XSTATE_SSE) {
            memcpy(cpu->fx + XSTATE_XMM, image + XSTATE_XMM, bytes);
        }
    }
    cpu_fpu_dirty(cpu);
    if (which & XSTATE_AVX) {
        memset(upper, 0, bytes);
        if (present & XSTATE_AVX) {
            memcpy(upper, image + XSTATE_UPPER, bytes);
        }
        cpu_upper_load(cpu, upper);
    }
}

bool xstate_header_fits(const uint64_t header[8], uint64_t xcr0) {
    bool compacted = header[1] & XSTATE_COMPACTED;
    uint64_t has = compacted ? header[1] & ~XSTATE_COMPACTED : xcr0;
    if (header[0] & ~has || has & ~xcr0 || (!compacted && header[1])) {
        return false;
    }
    for (unsigned i = 2; i < (compacted ? 8 : 3); i++) {
        if (header[i]) {
            return false;
        }
    }
    return true;
}
