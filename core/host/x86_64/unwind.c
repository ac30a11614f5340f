/* x86-64 host: how debuggers get from native code to what called it, in DWARF's terms (.eh_frame:
 * System V ABI, x86-64 supplement, 4.2; DWARF 4, 6.4). Where the registers of the caller are is
 * what host_enter() in entry.S says; native code itself leaves the stack as it is. */
#include "core/host/host.h"

#include <string.h>

/* Numbers of registers, and how they are kept. */
enum { RBX = 3, RBP = 6, RSP = 7, R12 = 12, R13, R14, R15, RETURN };
enum { CFA_OFFSET = 0x80, CFA_DEF_CFA = 0x0c };

/* The common part: entry.S pushes six registers and takes 8 bytes more. */
struct common {
    uint32_t bytes, id;
    uint8_t version, augmentation, code_unit, data_unit, return_register;
    uint8_t rules[3 + 2 * 7], pad[10];
};
struct range {
    uint32_t bytes, common;
    uint64_t start, length;
};
struct unwind {
    struct common common;
    struct range range;
    uint32_t end;
};
_Static_assert(offsetof(struct unwind, range) == sizeof(struct common), "without a gap");
_Static_assert(sizeof(struct unwind) <= HOST_UNWIND_BYTES, "room for it");

void host_unwind(uint8_t to[HOST_UNWIND_BYTES], uint64_t code, uint64_t bytes) {
    const uint8_t minus_8 = 0x78; /* SLEB128 */
    const struct unwind unwind = {
        .common = {.bytes = sizeof unwind.common - sizeof unwind.common.bytes,
                   .version = 1,
                   .code_unit = 1,
                   .data_unit = minus_8,
                   .return_register = RETURN,
                   .rules = {CFA_DEF_CFA, RSP, 8 * 8, CFA_OFFSET | RETURN, 1, CFA_OFFSET | RBP, 2,
                             CFA_OFFSET | RBX, 3, CFA_OFFSET | R12, 4, CFA_OFFSET | R13, 5,
                             CFA_OFFSET | R14, 6, CFA_OFFSET | R15, 7}},
        .range = {.bytes = sizeof unwind.range - sizeof unwind.range.bytes,
                  .common = sizeof unwind.common + sizeof unwind.range.bytes,
                  .start = code,
                  .length = bytes},
    };
    memset(to, 0, HOST_UNWIND_BYTES);
    memcpy(to, &unwind, sizeof unwind);
}
