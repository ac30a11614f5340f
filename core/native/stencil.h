/* Stencils: bodies of gadgets as native code is made of them. The generator writes them
 * (gen/emit/stencils.py), one for each gadget that can have one. */
#ifndef FG_CORE_STENCIL_H
#define FG_CORE_STENCIL_H

#include <stdbool.h>
#include <stdint.h>

/* What is patched into a copy of a body. Kinds up to HOLE_64 are bytes of a parameter of the
 * gadget; what the body has in a HOLE_32 or HOLE_32S already is added, HOLE_BASE away. */
enum hole_kind {
    HOLE_8,
    HOLE_16,
    HOLE_32,
    HOLE_32S, /* of a parameter of 8 bytes, which must fit with its sign */
    HOLE_64,
    HOLE_SLOT,   /* 8 bytes: where the gadget's slots are */
    HOLE_ENTRY,  /* 1 byte: which entry of a fiber an indirect branch goes to, from its slot 0 */
    HOLE_BRANCH, /* to what the link slot leads to */
    HOLE_FIXUP,  /* no bytes: `from` is a kind of core/host/HOST/fixup.h for a fault here */
    /* Notes, which have no bytes (known.h). In the low byte of `at` is a register, `from` is a
     * parameter, or 0: the constant is in the high byte of `at`, with its sign. */
    HOLE_PROBE,  /* what is to be in the window before: register + displacement */
    HOLE_HOME,   /* goes with the one before it: where NOTE_HOME is in the cpu */
    HOLE_MOVED,  /* the parameter is added to a register (NOTE_MINUS: subtracted) */
    HOLE_STORED, /* a register at home is written; `from`: where */
    /* The EA register becomes base + index * scale + the parameter: numbers of both in the low byte
     * of `at`, in the high one the scale's logarithm, NOTE_NO_BASE, NOTE_NO_INDEX. */
    HOLE_SUM,
    HOLE_REACHED, /* after the body a register is an address that it accessed */
};
#define NOTE_HOME     8 /* number of a register at home in the cpu */
#define NOTE_EA       9 /* HOLE_PROBE: the EA register has it; constant: its scratch register */
#define NOTE_NO_BASE  4
#define NOTE_NO_INDEX 8
#define NOTE_PERHAPS  0x10 /* HOLE_PROBE: the body may go on without the access */
#define NOTE_MINUS    0x80
/* Added to HOLE_32 and HOLE_32S: a displacement at its instruction's end, behind a ModRM byte or a
 * SIB byte, so that it has a short form (host_short_displacement()). */
#define HOLE_SHORT     0x40
#define HOLE_SHORT_SIB 0x80
#define HOLE_KINDS     (HOLE_SHORT - 1)
#define HOLE_BASE      0x10000000u

struct hole {
    uint16_t at;  /* bytes from the body's start */
    uint8_t from; /* where the parameter is: bytes from the gadget's slot 0 */
    uint8_t kind; /* enum hole_kind, and HOLE_SHORT... */
};

struct stencil {
    const uint8_t *code;
    const struct hole *hole;
    unsigned bytes, holes;
    uint8_t changed; /* guest registers, by bits, that it may change otherwise than notes say */
};

/* The stencil of a gadget, which is one of the program's own (the word in front of it is read);
 * false: it has none. Thread-safe, and safe in signal handlers. */
bool stencil_of(const void *gadget, struct stencil *stencil);

#endif
