/* The ABIs that programs of this run may have. */
#include "syscalls/abi/abi.h"

static const struct abi *known[2];

void abi_add(const struct abi *abi) {
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (!known[i] || known[i] == abi) {
            known[i] = abi;
            return;
        }
    }
}

const struct abi *abi_of_mode(enum guest_mode mode) {
    for (size_t i = 0; i < ARRAY_LEN(known) && known[i]; i++) {
        if (known[i]->mode == mode) {
            return known[i];
        }
    }
    return NULL;
}
