/* Recorded vectors: forms and the host CPU's results, for hosts that cannot run the oracle. */
#ifndef FG_TEST_INSN_VECTORS_H
#define FG_TEST_INSN_VECTORS_H

#include "test/insn/forms.h"

/* Writes a sample of the cases with the oracle's results. Returns an exit status. */
int vectors_record(struct runner *runner, const struct forms *forms, const char *path);
/* Runs recorded cases in the engine and compares; prints suite lines. Returns an exit status. */
int vectors_check(struct runner *runner, const char *path);

#endif
