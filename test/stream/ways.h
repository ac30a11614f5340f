/* From gadgets back to instructions, for tests that want a certain gadget to run. */
#ifndef FG_TEST_STREAM_WAYS_H
#define FG_TEST_STREAM_WAYS_H

#include "core/build/block.h"
#include "test/insn/forms.h"

#define TESTED (CASE_BITS == 32 ? GUEST_I386 : GUEST_X86_64)

/* One way to make a run of gadgets: a form, behind it a Jcc when the two are fused. */
#define KEY_MAX 4
struct way {
    const void *gadget[KEY_MAX];
    uint32_t gadgets;
    uint32_t form;
    int8_t condition; /* -1: no Jcc */
    int16_t imm;      /* last byte of the instruction, -1: as it is */
};
extern struct way *ways;
extern size_t way_count;
extern struct forms forms;
extern struct lowered low; /* what lower_bytes() made */
extern const struct form *any_indexed;

struct sequence {
    gaddr_t pc; /* where it will be */
    uint8_t bytes[512];
    uint32_t len;
    uint32_t forms;
    bool based[REGS], indexed[REGS]; /* registers in memory operands */
    uint32_t undefined;
    const struct form *last; /* what was put last */
};

/* Finds the ways of all forms; n-grams must be off in this process. */
void index_forms(void);
/* A way to make these gadgets, or NULL. */
const struct way *pick_way(const void *const *gadgets, uint32_t count, struct random *r);
/* A form with an indexed operand whose access is this gadget, and a copy with another index. */
const struct form *find_indexed(const void *gadget);
bool change_index(struct form *to, const struct form *from, unsigned ea);
/* Appends a form; large displacements become small, so that one base serves several operands. */
void put_form(struct sequence *s, const struct form *f, struct random *r);
/* Decodes and lowers bytes as one block into `low`; false when they are not whole instructions. */
bool lower_bytes(const uint8_t *bytes, uint32_t size, gaddr_t pc);
const void *lowered_gadget(uint32_t i);
/* Inputs under which most operands are in the data pages, and some just beside. */
void fill_case(struct tcase *test, const struct sequence *s, uint32_t slot, struct random *r);

#endif
