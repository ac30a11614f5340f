/* Compiled to assembly only: exports struct offsets and constants, which this host's gadgets and
 * entry code use, to assembly as `.set NAME, value` lines of build/gen/offsets.inc (the Makefile
 * picks the "->" lines out of the compiler's output). */
#include "core/base/cpu_state.h"
#include "core/host/x86_64/fixup.h"

#define DEFINE(name, value) __asm__ volatile("\n#->" #name " %0" : : "i"(value))
#define OFFSET(name, field) DEFINE(name, offsetof(struct cpu, field))

void offsets(void);
void offsets(void) {
    OFFSET(CPU_POLL, poll);
    OFFSET(CPU_POLL_AT, poll_at);
    OFFSET(CPU_JUMP_CACHE, jump_cache);
    OFFSET(CPU_ANCHOR, anchor);
    OFFSET(CPU_EXIT_LOOKUP, exit_lookup);
    OFFSET(CPU_WINDOW, window);
    OFFSET(CPU_HOST_SP, host_sp);
    OFFSET(CPU_REGS, regs);
    OFFSET(CPU_PC, pc);
    OFFSET(CPU_FLAGS, flags);
    OFFSET(CPU_FLAGS_HIDDEN, flags_hidden);
    OFFSET(CPU_EA, ea);
    OFFSET(CPU_FIBER, fiber);
    OFFSET(CPU_SCRATCH, scratch);
    OFFSET(CPU_EXIT_REASON, exit_reason);
    OFFSET(CPU_GATE, gate);
    OFFSET(CPU_MODE, mode);
    DEFINE(GUEST_I386, GUEST_I386);
    OFFSET(CPU_TRAP, trap);
    OFFSET(CPU_TRAP_ERROR, trap_error);
    OFFSET(CPU_MXCSR, mxcsr);
    OFFSET(CPU_HOST_MXCSR, host_mxcsr);
    OFFSET(CPU_SEG, seg);
    DEFINE(CPU_SEG_SIZE, sizeof(struct cpu_segment));
    DEFINE(SEG_BASE, offsetof(struct cpu_segment, base));
    DEFINE(SEG_SELECTOR, offsetof(struct cpu_segment, selector));
    OFFSET(CPU_YMM, ymm);
    OFFSET(CPU_UPPER, upper);
    OFFSET(CPU_FX, fx);
    OFFSET(CPU_WIDE, wide);
    DEFINE(EXIT_LINK, EXIT_LINK);
    DEFINE(EXIT_LOOKUP, EXIT_LOOKUP);
    DEFINE(EXIT_POLL, EXIT_POLL);
    DEFINE(EXIT_STEP, EXIT_STEP);
    DEFINE(EXIT_FAULT, EXIT_FAULT);
    DEFINE(EXIT_SYSCALL, EXIT_SYSCALL);
    DEFINE(EXIT_TRAP, EXIT_TRAP);
    DEFINE(EXIT_KICKED, EXIT_KICKED);
    DEFINE(GATE_INT80, GATE_INT80);
    DEFINE(GATE_SYSENTER, GATE_SYSENTER);
    DEFINE(GATE_SYSCALL, GATE_SYSCALL);
    DEFINE(TRAP_DE, TRAP_DE);
    DEFINE(TRAP_DB, TRAP_DB);
    DEFINE(TRAP_BP, TRAP_BP);
    DEFINE(TRAP_OF, TRAP_OF);
    DEFINE(TRAP_BR, TRAP_BR);
    DEFINE(TRAP_UD, TRAP_UD);
    DEFINE(TRAP_NP, TRAP_NP);
    DEFINE(TRAP_SS, TRAP_SS);
    DEFINE(TRAP_GP, TRAP_GP);
    DEFINE(TRAP_PF, TRAP_PF);
    DEFINE(FLAGS_HOST, FLAGS_HOST);
    DEFINE(FLAGS_STATUS, FLAGS_STATUS);
    DEFINE(FLAGS_HIDDEN, FLAGS_HIDDEN);
    DEFINE(FLAG_DF, FLAG_DF);
    DEFINE(FLAG_TF, FLAG_TF);
    DEFINE(FLAG_IF, FLAG_IF);
    DEFINE(FIXUP_CX_IN_TMP, FIXUP_CX_IN_TMP);
    DEFINE(FIXUP_FLAGS_PUSHED, FIXUP_FLAGS_PUSHED);
    DEFINE(FIXUP_WINDOW_SI, FIXUP_WINDOW_SI);
    DEFINE(FIXUP_WINDOW_DI, FIXUP_WINDOW_DI);
    DEFINE(FIXUP_WINDOW_SI_DI, FIXUP_WINDOW_SI_DI);
    DEFINE(FIXUP_WIDE, FIXUP_WIDE);
    DEFINE(FIXUP_POLL, FIXUP_POLL);
    DEFINE(FIXUP_STACK, FIXUP_STACK);
    DEFINE(ENTRY_NATIVE, ENTRY_NATIVE);
    DEFINE(PROBE, PROBE);
    DEFINE(CHUNK_BITS, CHUNK_BITS);
}
