/* x86-64 host: what native code is patched with, and how it is described (core/native/). */
#include "core/host/host.h"

#include <elf.h>
#include <string.h>

extern const char fg_exit_lookup[];

/* A displacement counts from its own end, which is the instruction's. */
void host_set_branch(uint8_t *write, const uint8_t *run, const uint8_t *to) {
    struct unaligned {
        int32_t value;
    } __attribute__((packed, may_alias));
    volatile struct unaligned *at = (volatile struct unaligned *)write;
    at->value = (int32_t)(to - (run + sizeof(int32_t)));
}

void host_write_nops(uint8_t *write, size_t bytes) {
    const uint8_t nop = 0x90;
    memset(write, nop, bytes);
}

const void *host_exit_lookup(void) {
    return fg_exit_lookup;
}

unsigned host_elf_machine(void) {
    return EM_X86_64;
}
