/* CPUID as the guest sees it: which features there are, and the leaves. A feature is there when the
 * spec has rows of it (generated list) and the host has it; what is not there does not decode. */
#ifndef FG_CORE_CPUID_H
#define FG_CORE_CPUID_H

#include "core/base/types.h"

/* The features that have rows; ends with name NULL. */
struct cpuid_feature {
    uint32_t leaf;
    uint8_t subleaf, reg, bit; /* reg 0 EAX, 1 EBX, 2 ECX, 3 EDX */
    bool complete;             /* no instruction of it is missing */
    const char *name;          /* as /proc/cpuinfo shows it */
};
extern const struct cpuid_feature cpuid_feature_list[];
extern const unsigned cpuid_feature_count;

/* Is feature `number` (1: the first of the list; 0: what needs no bit) there? Any thread. */
bool cpuid_has(unsigned number);

/* Whole CPUID: out = EAX, EBX, ECX, EDX for a leaf and subleaf. Any thread. */
void cpuid(enum guest_mode mode, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

#endif
