/* CPUID as the guest sees it. The feature bits are generated from the spec: a bit is set when every
 * instruction of the feature is there. */
#ifndef FG_CORE_CPUID_H
#define FG_CORE_CPUID_H

#include <stdint.h>

/* ECX and EDX of leaf 1. */
void cpuid_features(uint32_t *leaf1_ecx, uint32_t *leaf1_edx);

/* The features that are set, for /proc/cpuinfo: reg 0 EDX, 1 ECX; lower-case name; ends with name
 * NULL. */
struct cpuid_feature {
    uint8_t reg, bit;
    const char *name;
};
extern const struct cpuid_feature cpuid_feature_list[];

/* Whole CPUID: out = EAX, EBX, ECX, EDX for a leaf and subleaf. Pure. */
void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

#endif
