/* What --dump and --trace show. Formats are for people; nothing parses them. */
#ifndef FG_CORE_DUMP_H
#define FG_CORE_DUMP_H

#include "core/build/block.h"
#include "core/code/fiber.h"
#include "core/cpu/cpu.h"

/* A fiber just made, as fg_debug asks: its guest bytes, its gadgets by name, its slots. To stderr.
 */
void dump_fiber(const struct fiber *fiber, const struct block *block);
/* One line: pc and registers of a stopped cpu, bytes and mnemonic of the instruction there. */
void dump_registers(const struct cpu *cpu);

#endif
