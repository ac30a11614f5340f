/* Helper of MOVDIR64B, for every host. Source: SDM Vol. 2, MOVDIR64B. */
#include "core/helpers/helpers.h"

#define LINE 64u

int helper_movdir64b(struct cpu *cpu, const uint64_t *params) {
    uint64_t raw = params[0];
    uint8_t bytes[LINE];
    uint64_t to = helper_cut(cpu->regs[raw_reg(raw)], raw_addrsize(raw)); /* in ES, which is flat */
    int leave = to % LINE ? helper_trap(cpu, TRAP_GP, 0) : 0;
    leave = leave ? leave : helper_read(cpu, bytes, cpu->ea, LINE);
    return leave ? leave : helper_write(cpu, helper_address(cpu, to), bytes, LINE);
}
