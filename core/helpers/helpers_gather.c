/* Helper of the gathers of AVX2. Source: SDM Vol. 2, VGATHERDPS/VGATHERDPD and its relatives. */
#include "core/helpers/helpers.h"

#include <string.h>

static int64_t index_at(const uint8_t *vector, unsigned bytes, unsigned number) {
    int32_t narrow;
    int64_t wide;
    if (bytes == 4) {
        memcpy(&narrow, vector + 4 * number, 4);
        return narrow;
    }
    memcpy(&wide, vector + 8 * number, 8);
    return wide;
}

int helper_gather(struct cpu *cpu, const uint64_t *params) {
    uint64_t raw = params[0];
    unsigned number_of = cpu_vectors(cpu) - 1;
    uint8_t *dst = cpu->ymm[raw_reg(raw) & number_of], *mask = cpu->ymm[raw_vvvv(raw) & number_of];
    const uint8_t *index = cpu->ymm[raw_vector_index(raw) & number_of];
    unsigned element = raw_vex_w(raw) ? 8 : 4, index_bytes = raw_opcode(raw) & 1 ? 8 : 4;
    unsigned wider = element > index_bytes ? element : index_bytes;
    unsigned count = (raw_vex_l(raw) ? 32 : 16) / wider, used = count * element;
    int leave = 0;
    cpu->upper = 1; /* upper halves may be other than 0 from now on */
    /* The sign of a mask's element is what counts. It stays set for what is still to be read, so
     * that a fault in the middle can be resumed. */
    for (unsigned i = 0; i < count; i++) {
        bool selected = mask[i * element + element - 1] & 0x80;
        memset(mask + i * element, selected ? 0xff : 0, element);
    }
    for (unsigned i = 0; i < count && !leave; i++) {
        if (!mask[i * element]) {
            continue;
        }
        uint64_t at = cpu->ea + ((uint64_t)index_at(index, index_bytes, i) << raw_scale(raw));
        at = raw_addrsize(raw) == 4 && cpu->mode != GUEST_I386 ? (uint32_t)at : at;
        leave = helper_read(cpu, dst + i * element, helper_address(cpu, at), element);
        if (!leave) {
            memset(mask + i * element, 0, element);
        }
    }
    memset(mask + used, 0, sizeof cpu->ymm[0] - used);
    memset(dst + used, 0, sizeof cpu->ymm[0] - used);
    return leave;
}
