/* CPUID: which features a guest has, and the leaves that say so. Source: SDM Vol. 2A, CPUID. */
#include "core/decode/cpuid.h"
#include "core/host/host.h"

#include <stdatomic.h>
#include <string.h>

#define CPUID_SIGNATURE   0x000006d8u /* family 6: what programs take for an i686 with SSE2 */
#define CPUID_CLFLUSH     (8u << 8)   /* 64-byte lines, in units of 8 */
#define CPUID_LOGICAL_ONE (1u << 16)
#define LEAF_EXTENDED     0x80000000u
#define LEAF_FEATURES     0x80000001u
#define LEAF_BRAND        0x80000002u /* and the two after it */
#define LEAF_SIZES        0x80000008u
#define SYSCALL_SYSRET    (1u << 11) /* of LEAF_FEATURES, EDX: what 64-bit mode has */
#define NO_EXECUTE        (1u << 20)
#define LONG_MODE         (1u << 29)
#define ADDRESS_SIZES     (48u << 8 | 40u) /* linear, physical */

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

void cpuid(enum guest_mode mode, uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    static const char brands[GUEST_MODES][48] = {
        [GUEST_I386] = "Fiberglass virtual i686 CPU",
        [GUEST_X86_64] = "Fiberglass virtual x86-64 CPU",
    };
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
        out[0] = mode == GUEST_I386 ? LEAF_BRAND + 2 : LEAF_SIZES;
        break;
    case LEAF_FEATURES:
        if (mode != GUEST_I386) {
            out[3] = SYSCALL_SYSRET | NO_EXECUTE | LONG_MODE;
        }
        break;
    case LEAF_SIZES:
        out[0] = mode == GUEST_I386 ? 0 : ADDRESS_SIZES;
        break;
    case LEAF_BRAND:
    case LEAF_BRAND + 1:
    case LEAF_BRAND + 2:
        memcpy(out, brands[mode] + (leaf - LEAF_BRAND) * 16, 16);
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
