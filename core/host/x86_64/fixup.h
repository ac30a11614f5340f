/* Kinds of the fixup table, which bodies fill (templates/x86_64/lib/fault.j2) for host instructions
 * that may fault while guest state is not where the register contract says. One table entry: .quad
 * address, kind. fault.c puts things right. */
#ifndef FG_CORE_FIXUP_H
#define FG_CORE_FIXUP_H
#define FIXUP_CX_IN_TMP    1 /* guest ecx is in tmp (r10d) */
#define FIXUP_FLAGS_PUSHED 2 /* guest flags were pushed: at (%rsp) */
/* The window's base was added to the address registers of a string instruction. */
#define FIXUP_WINDOW_SI    3
#define FIXUP_WINDOW_DI    4
#define FIXUP_WINDOW_SI_DI 5
/* The load from the table of chunks by the address in the EA register. */
#define FIXUP_WIDE 6
/* Native code is asked to stop, in front of the gadget. */
#define FIXUP_POLL 7
/* The stack pointer leads out of the window: at the entry of native code that relies on it, or in
 * front of a branch to such. */
#define FIXUP_STACK 8
/* From the window's base (and an address shifted right by the window's bits) to the last byte of
 * the probe page, which other pages of the guard follow (lib/memory.j2: check()). */
#define PROBE (-0x7ffff001)
#endif
