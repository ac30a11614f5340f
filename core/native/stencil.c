/* Finding stencils by their gadgets. See stencil.h. */
#include "core/native/stencil.h"

#include <string.h>

/* A record is its body's length, its number of holes, what it changes, the holes, the body; or,
 * with this number of holes, what comes before them alone: the body is the gadget's. */
#define IN_GADGET 255

/* In front of a gadget is how far its record is from there; 0: it has none. */
bool stencil_of(const void *gadget, struct stencil *stencil) {
    int32_t distance;
    const uint8_t *word = (const uint8_t *)gadget - sizeof distance;
    memcpy(&distance, word, sizeof distance);
    if (!distance) {
        return false;
    }
    const uint8_t *record = word + distance;
    uint16_t bytes;
    memcpy(&bytes, record, sizeof bytes);
    stencil->bytes = bytes;
    stencil->changed = record[3];
    stencil->holes = record[2] == IN_GADGET ? 0 : record[2];
    stencil->hole = (const struct hole *)(record + 4);
    stencil->code =
        record[2] == IN_GADGET ? gadget : record + 4 + stencil->holes * sizeof(struct hole);
    return true;
}
