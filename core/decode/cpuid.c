/* CPUID: which features a guest has, and the leaves that say so. Source: SDM Vol. 2A, CPUID. */
#include "core/decode/cpuid.h"
#include "core/host/host.h"

#include <stdatomic.h>
#include <string.h>

#define CPUID_SIGNATURE   0x000006d8u /* family 6: what programs take for an i686 with SSE2 */
#define CPUID_CLFLUSH     (8u << 8)   /* 64-byte lines, in units of 8 */
#define CPUID_LOGICAL_ONE (1u << 16)
#define LEAF_EXTENDED     0x80000000u
#define LEAF_BRAND        0x80000002u /* and the two after it */

bool cpuid_has(unsigned number) {
    static _Atomic uint8_t known[256]; /* 0: not asked yet, 1: there, 2: not; row.feature's range */
    if (number == 0) {
        return true;
    }
    uint8_t state = atomic_load_explicit(&known[number], memory_order_relaxed);
    if (state == 0) {
        const struct cpuid_feature *feature = &cpuid_feature_list[number - 1];
        state = feature->complete && host_has_feature(feature->leaf, feature->subleaf, feature->reg,
                                                      feature->bit)
                    ? 1
                    : 2;
        atomic_store_explicit(&known[number], state, memory_order_relaxed);
    }
    return state == 1;
}

/* The highest leaf that has a bit to show, at least 2. */
static uint32_t highest_leaf(void) {
    uint32_t highest = 2;
    for (unsigned i = 0; i < cpuid_feature_count; i++) {
        uint32_t leaf = cpuid_feature_list[i].leaf;
        if (leaf < LEAF_EXTENDED && leaf > highest && cpuid_has(i + 1)) {
            highest = leaf;
        }
    }
    return highest;
}

void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    static const char brand[48] = "Fiberglass virtual i686 CPU";
    memset(out, 0, 16);
    switch (leaf) {
    case 0:
        out[0] = highest_leaf();
        memcpy(&out[1], "Genu", 4);
        memcpy(&out[3], "ineI", 4);
        memcpy(&out[2], "ntel", 4);
        break;
    case 1:
        out[0] = CPUID_SIGNATURE;
        out[1] = CPUID_CLFLUSH | CPUID_LOGICAL_ONE;
        break;
    case 2: /* one descriptor byte: no information, as for a processor without leaf 4 */
        out[0] = 1;
        break;
    case LEAF_EXTENDED:
        out[0] = LEAF_BRAND + 2;
        break;
    case LEAF_BRAND:
    case LEAF_BRAND + 1:
    case LEAF_BRAND + 2:
        memcpy(out, brand + (leaf - LEAF_BRAND) * 16, 16);
        break;
    default:
        break;
    }
    /* Leaves without subleaves give the same for each. */
    bool by_subleaf = leaf == 7 || leaf == 0xd;
    for (unsigned i = 0; i < cpuid_feature_count; i++) {
        const struct cpuid_feature *feature = &cpuid_feature_list[i];
        if (feature->leaf == leaf && (!by_subleaf || feature->subleaf == subleaf) &&
            cpuid_has(i + 1)) {
            out[feature->reg] |= 1u << feature->bit;
        }
    }
}
