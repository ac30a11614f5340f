/* What the leaves of CPUID need of the processor that was chosen; the rest is in cpuid.h. */
#ifndef FG_CORE_CPU_FEATURES_H
#define FG_CORE_CPU_FEATURES_H

#include <stdint.h>

/* Leaf 1's EAX of the processor that was chosen by name; 0: it has none of its own. */
uint32_t cpuid_signature(void);

#endif
