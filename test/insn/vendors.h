/* Where processors give different answers, each of them right (gen/spec/vendors): what each rule
 * lets a comparison accept. A rule lists the answers to a case, as whole results; two results agree
 * when each is one of them. So whatever a rule does not name is compared as ever. */
#ifndef FG_TEST_INSN_VENDORS_H
#define FG_TEST_INSN_VENDORS_H

#include "test/insn/forms.h"

/* A case as a rule sees it. */
struct vendor_case {
    const struct batch *batch; /* memory at the start */
    const struct tcase *test;
    const struct form *form;
    greg operand; /* address of the memory operand */
};

/* Makes in `answer` the n-th answer to the case; false: there is none. `answer` comes in as the
 * result that the engine gave, `judged` is the result in question: where a rule leaves a value open
 * it takes it from there, if the rule allows that value. */
typedef bool vendor_rule(const struct vendor_case *c, unsigned n, const struct tresult *judged,
                         struct tresult *answer);

struct vendor {
    const char *name; /* as in gen/spec/vendors */
    vendor_rule *rule;
};

extern const struct vendor vendors[];
extern const unsigned vendor_count;

/* A bit for each word `NAME:DECIDER` of `text`, by the order in vendors[]; `numbers` gets the place
 * of each word's rule, `engine` the bits of those that the engine decides. Exits when a name is
 * unknown here: a rule in the spec without code. */
uint32_t vendor_numbers(const char *text, uint8_t numbers[32], uint32_t *engine);
/* The bit of one rule. */
uint32_t vendor_bit(const char *name);
/* The file's bits as bits of vendors[]. */
uint32_t vendor_bits(uint32_t bits, const uint8_t numbers[32]);

/* The case left everything as it was; it ended after the instruction. */
void start_state(struct tresult *result, const struct tcase *test);
/* The instruction has done nothing but fault. */
void fault_state(struct tresult *result, const struct tcase *test, uint32_t trap, uint32_t error,
                 greg addr);
/* Bytes of memory: at the start, and in a result. Setting fails when the list of changes is full.
 */
bool start_byte(const struct vendor_case *c, greg addr, uint8_t *byte);
uint8_t result_byte(const struct vendor_case *c, const struct tresult *r, greg addr);
bool set_result_byte(const struct vendor_case *c, struct tresult *r, greg addr, uint8_t byte);
/* The first of `bytes` bytes that may not be read (written); `addr + bytes` when all may. */
greg first_unreadable(greg addr, uint32_t bytes);
greg first_unwritable(greg addr, uint32_t bytes);

/* Rules of vendors_value.c: a value that the manual leaves open, within bounds. */
vendor_rule rule_lar_access, rule_scan_f3, rule_shiftd_over, rule_bswap16, rule_approximation,
    rule_x87_functions, rule_sysexit;

/* Of a host without Linux' segment of 32-bit code, selector 23h, as some hypervisors leave it: the
 * answer to a case that loads or asks for this selector; false: any other case, or a host that has
 * it. The engine's processor always has it. */
vendor_rule rule_no_code32;
bool host_has_code32(void);

#endif
