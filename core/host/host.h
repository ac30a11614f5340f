/* What the engine needs of a host architecture; implemented in core/host/<arch>/ alone. */
#ifndef FG_CORE_HOST_H
#define FG_CORE_HOST_H

#include "core/base/cpu_state.h"
#include <stddef.h>

/* Once per process: fault handlers (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP) and the kick
 * signal's. Aborts with a message when the host lacks what the gadgets need. */
void host_init(void);
/* The signal that cpu_kick() sends to a cpu's thread; task threads must not block it. */
int host_kick_signal(void);
/* Native code (core/native/), for the fault handler: where a host instruction belongs. */
struct host_native_place {
    const uint64_t *slot; /* of its gadget */
    const void *gadget;
    unsigned fixup; /* kind of a fixup at this instruction; 0: none */
};
/* True, and *place, when `code` lies in native code; async-signal-safe. NULL: there is none. */
extern bool (*host_native_place)(const void *code, struct host_native_place *place);
/* Let the branch whose displacement is written at `write` and run at `run` go to `to`. The four
 * bytes lie in one cache line: threads that run it meanwhile go to the old or to the new place. */
void host_set_branch(uint8_t *write, const uint8_t *run, const uint8_t *to);
/* As host_set_branch(), of a jump: `write` and `run` are where its JUMP_BYTES are, which lie in 8
 * aligned bytes. A jump to what follows it becomes an instruction that does nothing. */
#define JUMP_BYTES 5
void host_set_jump(uint8_t *write, const uint8_t *run, const uint8_t *to);
/* The displacement of 4 bytes at `write`, its instruction's last ones, is to have one. `sib`: a SIB
 * byte is in front of it, otherwise ModRM. */
void host_short_displacement(uint8_t *write, bool sib);
/* Instructions that do nothing. */
void host_write_nops(uint8_t *write, size_t bytes);
/* The host instruction in the `size` bytes at `code`, which runs there, as text for people; its
 * length. 0: no instruction, or there is nothing that could tell (host_no_disassembler()). */
#define HOST_INSN_TEXT 96
unsigned host_disassemble(const uint8_t *code, size_t size, char text[HOST_INSN_TEXT]);
/* Why nothing can be disassembled, half a sentence; NULL: it can. Any thread. */
const char *host_no_disassembler(void);
/* What the section .eh_frame of native code says, of [code, code + bytes). */
#define HOST_UNWIND_BYTES 80
void host_unwind(uint8_t to[HOST_UNWIND_BYTES], uint64_t code, uint64_t bytes);
/* This host's number in ELF headers. */
unsigned host_elf_machine(void);
/* Where native code leaves when an indirect branch missed the jump cache (cpu.exit_lookup). */
const void *host_exit_lookup(void);

/* Called before the host process ends over a fault of its own; must be async-signal-safe. NULL:
 * nothing. */
extern void (*host_fatal_hook)(void);
/* Make `window` the one that gadgets of this thread reach. */
void host_use_window(uint64_t window);

/* Load the cpu's state into the host registers and dispatch `slot0`; returns at an exit. */
enum exit_reason host_enter(struct cpu *cpu, const uint64_t *slot0);

/* Guests may have vector registers of 256 bits from now on: entries and exits keep their upper
 * halves where the host has some. Before the first gadget that could change one; any thread. */
void host_use_upper(void);

/* x87: between the host's unit and an FXSAVE image (x87 part only matters). */
void host_fpu_save(uint8_t *image);
void host_fpu_load(const uint8_t *image);
void host_fpu_reset(void);

/* Copies that survive faults: bytes NOT copied. */
size_t host_copy(void *to, const void *from, size_t len);
size_t host_fill_zero(void *to, size_t len);
/* 0, or -1 on a fault. */
int host_load32(const void *from, uint32_t *value);
int host_cmpxchg32(void *at, uint32_t *old, uint32_t desired);

/* The entry that matches no guest pc: an empty jump-cache word (0) leads to it. One for each size
 * of windows (2^bits bytes, 32 <= bits < 48), whose address modulo 64 is `bits`. */
const uint64_t *host_null_entry(unsigned bits);
/* The window's base with which gadgets reach what is beyond the window (core/memory/chunks.h). */
uint64_t host_wide_base(void);
/* Has the host what the gadgets of a guest mode need? NULL, or what is missing. */
const char *host_lacks(enum guest_mode mode);

/* Can this host run the gadgets of a CPUID feature? reg 0 to 3: EAX EBX ECX EDX. AVX is one that
 * the host's kernel keeps the registers of. */
bool host_has_feature(uint32_t leaf, uint32_t subleaf, unsigned reg, unsigned bit);

#endif
