/* Forms: instructions ready to run but for their inputs, as gen/cases/cases.py enumerates them from
 * the spec, and the choice of inputs for them. */
#ifndef FG_TEST_INSN_FORMS_H
#define FG_TEST_INSN_FORMS_H

#include "test/insn/case.h"
#include "test/insn/runner.h"
#include <stdbool.h>
#include <stddef.h>

#define FORMS_MAGIC 0x32736746u

/* Memory operands: what computes the address. */
enum { FORM_NO_MEM, FORM_MEM32, FORM_MEM16, FORM_MEM64 };
#if CASE_BITS == 32
enum { FORM_NATIVE = FORM_MEM32, FORM_SHORT = FORM_MEM16 }; /* without prefix 67, with it */
#else
enum { FORM_NATIVE = FORM_MEM64, FORM_SHORT = FORM_MEM32 };
#endif
enum { NO_REG = REGS, RIP_BASE }; /* of struct form: no base or index; base RIP */

/* What inputs a form wants. Names and values are in gen/cases/cases.py as well. */
#define HINT_FAULT      (1u << 0) /* the memory operand shall fault: unmapped, or half so */
#define HINT_READ_ONLY  (1u << 1) /* ... or lie in the read-only page */
#define HINT_SOURCE     (1u << 2) /* implicit DS:eSI */
#define HINT_DEST       (1u << 3) /* implicit ES:eDI */
#define HINT_REP        (1u << 4) /* eCX counts: small */
#define HINT_STACK      (1u << 5) /* pushes or pops */
#define HINT_LEAVE      (1u << 6) /* eBP points into the stack */
#define HINT_XLAT       (1u << 7)
#define HINT_CMPXCHG    (1u << 8)  /* eAX equals the destination half of the time */
#define HINT_CMPXCHG8B  (1u << 9)  /* ... eDX:eAX */
#define HINT_BIT_OFFSET (1u << 10) /* ModRM.reg is a bit offset from the memory operand */
#define HINT_DIVIDE     (1u << 11) /* mostly no overflow */
#define HINT_INDIRECT   (1u << 12) /* the operand is a branch target */
#define HINT_RETURN     (1u << 13) /* the top of the stack is a branch target */
#define HINT_FAR        (1u << 14) /* ... with a selector after it */
#define HINT_FLAGS_TOP  (1u << 15) /* POPF: no TF, no AC on the stack */
#define HINT_FPU_ENV    (1u << 16) /* stores FIP, FDP, FOP */
#define HINT_FPU_LOAD   (1u << 17) /* loads control or status words from memory */
#define HINT_MXCSR      (1u << 18) /* loads MXCSR */
#define HINT_MASKMOV    (1u << 19) /* eDI points to 16 bytes */
#define HINT_ADDR16     (1u << 20) /* implicit operands use the registers of prefix 67 */
#define HINT_NO_STREAM  (1u << 21) /* not for random streams */
#define HINT_BRANCH     (1u << 22) /* a direct branch */
#define HINT_FP         (1u << 23) /* floating-point operand in memory */
#define HINT_SEGMENT    (1u << 24) /* the operand is a selector */
#define HINT_X87        (1u << 25)
#define HINT_BOUND      (1u << 26)
#define HINT_TLS        (1u << 27) /* HINT_SEGMENT: the segment may have a base */
#define HINT_GENERAL    (1u << 28) /* a vector instruction with a general register */
#define HINT_IGNORED    (1u << 29) /* a prefix that the row ignores and another processor may not */

struct form {
    uint32_t row;       /* into the rows of the file */
    uint32_t seed;      /* hash of the row's text and the form's number in it */
    uint32_t first;     /* number of its first case within the row */
    uint32_t count;     /* cases */
    uint32_t undefined; /* EFLAGS bits */
    uint32_t hints;
#if CASE_BITS == 32
    int32_t disp;
#else
    int64_t disp;
#endif
    uint16_t access; /* bytes of the memory operand */
    uint8_t align;   /* that it must be aligned to, 1: none */
    uint8_t opsize;
    uint8_t len;
    uint8_t bytes[15];
    uint8_t mem;                /* FORM_* */
    uint8_t base, index, scale; /* NO_REG, RIP_BASE; FORM_MEM16: base is ModRM.rm, 8 absolute */
    uint8_t seg;                /* override SEG_*, 0xff none */
    uint8_t reg;                /* ModRM.reg */
    uint8_t rm;                 /* of a register operand */
#if CASE_BITS == 64
    uint8_t rex;    /* has a REX prefix: byte registers 4 to 7 are SPL to DIL */
    uint8_t rip_at; /* where the displacement of a RIP-relative operand is in `bytes` */
#endif
    uint32_t vendor; /* rules that apply, by their place in vendors[] (vendors.h) */
};
_Static_assert(sizeof(struct form) == (CASE_BITS == 32 ? 60 : 72),
               "as gen/cases/cases.py packs it");

struct form_row {
    const char *name;      /* "ADD" */
    const char *cite;      /* the spec line */
    uint32_t first, forms; /* its forms */
    uint32_t cases;
};

struct forms {
    struct form *form;
    struct form_row *row;
    uint32_t forms, rows;
    uint64_t cases;
    uint32_t engine_rules; /* vendor rules in which the engine decides, not its host */
    char *text;
};

/* Loads a file that gen/cases/cases.py made; exits with a message when it cannot. */
void forms_load(struct forms *forms, const char *path);

/* Does the host's kernel keep what the row changes? Without HWCAP2_FSGSBASE it knows nothing of
 * bases that user code writes, and loses them when it next switches tasks. */
bool row_kept_by_host(const struct form_row *row);

/* Case `number` (0 <= number < form->count) of a form, at `code_at`, and what may differ. */
void expand(struct tcase *test, struct tolerance *ok, const struct form *form, uint32_t number,
            greg code_at);

struct random;
#if CASE_BITS == 64
/* Where expand() puts the memory that an instruction accesses, unless 0; for forms with
 * memory_aimed(). Of an operand in memory, of string, stack and other implicit operands. */
extern greg expand_address;
/* Can the form's access be put at any address? */
bool memory_aimed(const struct form *form);
/* An address that no 64-bit program has (see expand.c); `bytes`: the access. */
greg hostile_place(struct random *r, uint32_t bytes);
#endif

/* A random generator (SplitMix64); the same seed gives the same inputs everywhere. */
struct random {
    uint64_t state;
};
uint64_t random64(struct random *r);
uint32_t below(struct random *r, uint32_t limit);
/* A value that instructions find interesting: edges half of the time; of 32 bits, of a register. */
uint32_t edge32(struct random *r);
greg edge_value(struct random *r);
/* Base address of a segment override; 0 of none. */
greg segment_base(uint8_t seg);
/* `bytes` bytes of integer or floating-point material. */
void edge_bytes(struct random *r, uint8_t *to, uint32_t bytes, bool floating);
/* A random x87, MMX and SSE state; `calm`: all exceptions masked, none pending. */
void random_fp(struct random *r, struct fp_state *fp, bool calm);
/* Upper halves of the YMM registers of a case, by its other values; 0 where the host has none. */
void random_upper(struct tcase *test);
/* The memory image that every batch starts from. */
void fill_memory(struct batch *batch);

/* Room in front of a case's code, so that short backward branches land on int3. */
#define CODE_LEAD   48
#define CASE_STRIDE 256

#endif
