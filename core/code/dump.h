/* What --dump and --trace show. Formats are for people; nothing parses them. */
#ifndef FG_CORE_DUMP_H
#define FG_CORE_DUMP_H

#include "core/build/block.h"
#include "core/code/fiber.h"
#include "core/cpu/cpu.h"

/* A fiber just made, as fg_debug asks: its guest bytes, its gadgets by name, its slots. To stderr.
 */
void dump_fiber(const struct fiber *fiber, const struct block *block);
/* A fiber just made, and its native code where it has some: guest instructions with their bytes,
 * gadgets, host instructions. To stderr; the locks with which it was made are held. */
void dump_native(const struct space *space, const struct fiber *fiber, const struct block *block);
/* The name of an instruction; `text` is room for it. */
const char *dump_mnemonic(const struct insn *insn, char text[24]);
/* One line: pc and registers of a stopped cpu, bytes and mnemonic of the instruction there. */
void dump_registers(const struct cpu *cpu);

#endif
