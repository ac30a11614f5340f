/* A guest CPU outside of gadgets: creation, flags, FPU state, segments, kicks. What it is made of
 * is in core/base/cpu_state.h; running it is core/run/run.h's. */
#ifndef FG_CORE_CPU_H
#define FG_CORE_CPU_H

#include "core/base/cpu_state.h"

/* A fresh cpu in `mode`, on no space: registers zero, flat segments, x87 and MXCSR as after FNINIT.
 * Returns NULL with errno ENOMEM. Not thread-safe for one cpu; different cpus are independent. */
struct cpu *cpu_create(enum guest_mode mode);
/* Copy of `from` (which must not be running; its x87 state is saved first) for fork and clone. */
struct cpu *cpu_clone(struct cpu *from);

/* Make cpu_run() return EXIT_KICKED soon, from any thread, also from a signal handler. Sets the
 * poll word and interrupts a blocking host_call(). */
void cpu_kick(struct cpu *cpu);
/* To be called by the owner thread when it has looked at what the kick was for. */
void cpu_kick_clear(struct cpu *cpu);

/* Vector registers that code of the cpu's mode has: 8 or 16. */
unsigned cpu_vectors(const struct cpu *cpu);
/* x87 state: save to cpu->fx (from the host's unit), or say that cpu->fx was rewritten and must be
 * loaded at the next cpu_run(). XMM registers and MXCSR are in cpu->ymm and cpu->mxcsr at any time
 * outside cpu_run(); save copies them into the image too, dirty copies them out of it. */
void cpu_fpu_save(struct cpu *cpu);
void cpu_fpu_dirty(struct cpu *cpu);
/* The upper halves of the YMM registers, outside cpu_run(), as the AVX part of an XSAVE image has
 * them (SDM Vol. 1, 13.5.2). What is loaded is dropped at the next cpu_run() where the host has
 * none. */
void cpu_upper_save(const struct cpu *cpu, uint8_t image[16][16]);
void cpu_upper_load(struct cpu *cpu, const uint8_t image[16][16]);
/* x87, vector registers and MXCSR as a new program finds them. */
void cpu_fpu_reset(struct cpu *cpu);

/* Whole guest EFLAGS, as PUSHF shows them; and setting them with no privilege check but the fixed
 * bits (for signal return: caller masks). */
uint32_t cpu_eflags(const struct cpu *cpu);
void cpu_set_eflags(struct cpu *cpu, uint32_t eflags);

/* Load a segment register with a selector, by the guest's descriptor tables as i386 Linux lays them
 * out. Returns 0, or -TRAP_GP style negative trap number with nothing changed. A CS of the other
 * mode changes the cpu's, where its space has both. Outside of cpu_run() and from helpers that
 * leave with EXIT_LOOKUP. */
int cpu_load_segment(struct cpu *cpu, int seg, uint16_t selector);
/* Would that be 0? Then *out is the segment. */
int cpu_check_segment(const struct cpu *cpu, int seg, uint16_t selector, struct cpu_segment *out);
/* One of the first eight registers as 64-bit code would find it. Manuals promise nothing of upper
 * halves after 32-bit code; processors keep them, but for RSP's, where a register is not written.
 * Here they are kept where the lower half is as it was on the way into 32-bit code, but for RAX's,
 * which programs expect to be 0 when a function has returned. */
uint64_t cpu_wide_register(const struct cpu *cpu, unsigned number);
/* Set one, in either mode. */
void cpu_set_wide_register(struct cpu *cpu, unsigned number, uint64_t value);
/* The mode of code in a segment. */
static inline enum guest_mode segment_mode(const struct cpu_segment *code) {
    return code->attr & ATTR_LONG ? GUEST_X86_64 : GUEST_I386;
}

/* The code or data segment that a selector names, present or not; false: null, or none that
 * privilege 3 may see. */
bool cpu_find_segment(const struct cpu *cpu, uint16_t selector, struct cpu_segment *out);

#endif
