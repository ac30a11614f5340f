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

/* The 8 bytes are written at once. Threads that fetch them meanwhile find the old ones or the new
 * ones (AMD64 manual, Vol. 2, 7.6.1: naturally aligned quadwords). */
void host_set_jump(uint8_t *write, const uint8_t *run, const uint8_t *to) {
    static const uint8_t nop[JUMP_BYTES] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
    uint8_t jump[JUMP_BYTES] = {0xe9};
    const int32_t displacement = (int32_t)(to - (run + JUMP_BYTES));
    memcpy(jump + 1, &displacement, sizeof displacement);
    const unsigned within = (unsigned)((uintptr_t)write % sizeof(uint64_t));
    uint64_t *word = (uint64_t *)(uintptr_t)(write - within), value = *word;
    memcpy((uint8_t *)&value + within, displacement ? jump : nop, sizeof jump);
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* ModRM.mod 10 becomes 01 (SDM Vol. 2A, table 2-2). */
void host_short_displacement(uint8_t *write, bool sib) {
    write[sib ? -2 : -1] ^= 0xc0;
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
