/* Operands of a decoded instruction against Zydis': registers, memory, immediates, sizes, prefixes.
 */
#ifndef FG_TEST_DECODER_OPERANDS_H
#define FG_TEST_DECODER_OPERANDS_H

#include "core/decode/insn.h"

#include <Zydis/Zydis.h>

/* What differs between an instruction and Zydis' view of the same bytes, a word; NULL: nothing.
 * `operand`: its z->operand_count operands. */
const char *operands_differ(const struct insn *insn, enum guest_mode mode,
                            const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand);

#endif
