/* CPUID as the guest sees it: which features there are, and the leaves. A feature is there when the
 * spec has rows of it (generated list), the host has it and the run was not told otherwise; what is
 * not there does not decode. /proc/cpuinfo and the auxiliary vector say what this says. */
#ifndef FG_CORE_CPUID_H
#define FG_CORE_CPUID_H

#include "core/base/types.h"

/* The features that have rows (gen/spec/features); ends with name NULL. */
struct cpuid_feature {
    uint32_t leaf;
    uint8_t subleaf, reg, bit; /* reg 0 EAX, 1 EBX, 2 ECX, 3 EDX */
    bool complete;             /* no instruction of it is missing */
    const char *name;          /* as /proc/cpuinfo shows it */
    const char *also;          /* another name that --cpu takes, or NULL */
    uint8_t needs;             /* number of one without which it is not there; 0: none */
    bool portable;             /* each of its rows is served on a host that lacks it, too */
};
extern const struct cpuid_feature cpuid_feature_list[];
extern const unsigned cpuid_feature_count;

/* Processors by name (gen/spec/cpus); ends with name NULL. */
struct cpuid_model {
    const char *name;
    uint32_t signature;      /* leaf 1, EAX; 0: the engine's own */
    bool long_mode;          /* runs x86-64 programs */
    const uint8_t *features; /* numbers as for cpuid_has(), ends with 0; NULL: every one */
};
extern const struct cpuid_model cpuid_models[];

/* Is feature `number` (1: the first of the list; 0: what needs no bit) there? Any thread. */
bool cpuid_has(unsigned number);
/* Can the host run its instructions, as far as it was not narrowed (cpuid_narrow())? Any thread. */
bool cpuid_host_has(unsigned number);
/* The same as cpuid_has() by the name in /proc/cpuinfo; false: also when there is no such feature.
 * Slow. */
bool cpuid_has_named(const char *name);
/* Can the guest's processor run x86-64 programs, as far as it was chosen (cpuid_narrow())? */
bool cpuid_has_long_mode(void);
/* XCR0: the state components that the guest's processor keeps; 0 where XSAVE is not shown. */
uint64_t cpuid_xcr0(void);

/* Narrows what there is, for all guests of the process: `text` is NAME, NAME,+FEATURE,-FEATURE,...
 * or +FEATURE,-FEATURE,... (of everything). With `host` it says what the host has, else it is the
 * guest's processor, which must then have each +FEATURE; a processor that is named, and a +FEATURE,
 * has also what the host lacks, where C serves all of it. Call it before any guest code is decoded,
 * for the host first. 0, or -1 with a sentence in `why`. */
int cpuid_narrow(const char *text, bool host, char *why, size_t size);

/* Whole CPUID: out = EAX, EBX, ECX, EDX for a leaf and subleaf. Any thread. */
void cpuid(enum guest_mode mode, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

#endif
