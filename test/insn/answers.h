/* The comparison tried with answers that processors are known to give. */
#ifndef FG_TEST_INSN_ANSWERS_H
#define FG_TEST_INSN_ANSWERS_H

#include "test/insn/runner.h"

/* Reads a file of cases with their listed answers, feeds the comparison with them, and prints a
 * suite line for each vendor rule. Returns an exit status. */
int answers_check(const struct batch *batch, const char *path);

#endif
