/* See frame_xstate.h. */
#include "syscalls/abi/frame_xstate.h"
#include "core/cpu/xstate.h"
#include "core/decode/cpuid.h"
#include "core/space/space.h"

#include <errno.h>
#include <string.h>

#define SOFTWARE_AT 464         /* in the image */
#define MAGIC1      0x46505853u /* FP_XSTATE_MAGIC1 and _MAGIC2 of Linux */
#define MAGIC2      0x46505845u

struct software {
    uint32_t magic, extended_size;
    uint64_t components;
    uint32_t state_size, unused[7];
};
_Static_assert(SOFTWARE_AT + sizeof(struct software) == 512, "struct _fpx_sw_bytes");

struct after {
    uint64_t header[8];
    uint8_t upper[16][16];
    uint32_t magic;
} __attribute__((packed));
_Static_assert(sizeof(struct after) == XSTATE_BYTES - 512 + 4, "struct _xstate");

unsigned frame_xstate_bytes(void) {
    return cpuid_xcr0() & XSTATE_AVX ? sizeof(struct after) : 0;
}

void frame_xstate_note(uint8_t fx[512], unsigned before) {
    if (frame_xstate_bytes()) {
        struct software software = {.magic = MAGIC1,
                                    .extended_size = before + 512 + frame_xstate_bytes(),
                                    .components = cpuid_xcr0(),
                                    .state_size = XSTATE_BYTES};
        memcpy(fx + SOFTWARE_AT, &software, sizeof software);
    }
}

int frame_xstate_write(struct task *task, gaddr_t at) {
    struct after after = {.magic = MAGIC2};
    uint8_t image[XSTATE_BYTES] __attribute__((aligned(64)));
    if (!frame_xstate_bytes()) {
        return 0;
    }
    after.header[0] = xstate_save(task->cpu, image) | XSTATE_X87 | XSTATE_SSE;
    memcpy(after.upper, image + XSTATE_UPPER, sizeof after.upper);
    return guest_write(task->cpu->space, at, &after, sizeof after) ? -EFAULT : 0;
}

/* Reads what follows the image; false when it does not say that it is there, or is not. */
static bool read_after(struct task *task, const uint8_t fx[512], gaddr_t at, struct after *after,
                       uint64_t *components) {
    struct software software;
    memcpy(&software, fx + SOFTWARE_AT, sizeof software);
    *components = software.components;
    return frame_xstate_bytes() && software.magic == MAGIC1 &&
           software.state_size == XSTATE_BYTES && software.extended_size >= 512 + sizeof *after &&
           guest_read(task->cpu->space, after, at, sizeof *after) == 0 && after->magic == MAGIC2;
}

bool frame_xstate_take(struct task *task, const uint8_t fx[512], gaddr_t at, bool all) {
    struct after after = {.magic = 0};
    uint64_t components;
    uint8_t image[XSTATE_BYTES] __attribute__((aligned(64)));
    if (!read_after(task, fx, at, &after, &components)) {
        memset(&after, 0, sizeof after);
        cpu_upper_load(task->cpu, after.upper);
        return true;
    }
    uint64_t header[8];
    memcpy(header, after.header, sizeof header);
    if (!xstate_header_fits(header, cpuid_xcr0())) {
        return false;
    }
    memcpy(image, fx, 512);
    memset(image + XSTATE_HEADER, 0, XSTATE_BYTES - XSTATE_HEADER);
    memcpy(image + XSTATE_UPPER, after.upper, sizeof after.upper);
    uint64_t mask = all ? ~UINT64_C(0) : XSTATE_AVX;
    xstate_load(task->cpu, image, cpuid_xcr0() & mask, header[0] & components);
    return true;
}
