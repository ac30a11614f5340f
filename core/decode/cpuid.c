/* CPUID's leaves. Which features there are is cpu_features.c's. Source: SDM Vol. 2A, CPUID. */
#include "core/decode/cpuid.h"
#include "core/cpu/xstate.h"
#include "core/decode/cpu_features.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* Family 6, model 2Ch (Westmere), whatever features are shown: by this C libraries know that loads
 * need not be aligned, and copy so; by a model before Nehalem's they would copy by PALIGNR as soon
 * as there is SSSE3, which takes twice the time here. */
#define CPUID_SIGNATURE 0x000206c2u
#define LINE            64u /* bytes of a cache line */
#define LEAF_CACHES     4u
#define LEAF_MORE       7u
#define LEAF_TOPOLOGY   0xbu
#define LEAF_XSAVE      0xdu
#define LEAF_EXTENDED   0x80000000u
#define LEAF_FEATURES   0x80000001u
#define LEAF_BRAND      0x80000002u /* and the two after it */
#define LEAF_CACHE2     0x80000006u
#define LEAF_SIZES      0x80000008u
#define HYPER_THREADS   (1u << 28) /* of leaf 1, EDX: there are several processors in the package */
#define SYSCALL_SYSRET  (1u << 11) /* of LEAF_FEATURES, EDX: what 64-bit mode has */
#define NO_EXECUTE      (1u << 20)
#define LONG_MODE       (1u << 29)
#define ADDRESS_SIZES   (48u << 8 | 40u) /* linear, physical */

/* The guest's processors are those of the host: cores of one package, a thread each. */
static uint32_t processors(void) {
    static _Atomic uint32_t known; /* the C library reads a file for it */
    uint32_t number = atomic_load_explicit(&known, memory_order_relaxed);
    if (!number) {
        long count = sysconf(_SC_NPROCESSORS_ONLN);
        number = count < 1 ? 1 : count > 0xffff ? 0xffff : (uint32_t)count;
        atomic_store_explicit(&known, number, memory_order_relaxed);
    }
    return number;
}

static uint32_t here(void) {
    int cpu = sched_getcpu();
    return cpu < 0 ? 0 : (uint32_t)cpu;
}

/* Bits that number `count` things. */
static uint32_t bits_for(uint32_t count) {
    uint32_t bits = 0;
    while (bits < 31 && (1u << bits) < count) {
        bits++;
    }
    return bits;
}

static uint32_t at_most(uint32_t value, uint32_t most) {
    return value < most ? value : most;
}

/* The highest leaf: the highest that has a bit to show, and those that came with features. */
static uint32_t highest_leaf(void) {
    uint32_t highest = cpuid_has_named("sse4_2")                            ? LEAF_TOPOLOGY
                       : cpuid_has_named("pni") || cpuid_has_named("ssse3") ? LEAF_CACHES
                                                                            : 2;
    for (unsigned i = 0; i < cpuid_feature_count; i++) {
        uint32_t leaf = cpuid_feature_list[i].leaf;
        if (leaf < LEAF_EXTENDED && leaf > highest && cpuid_has(i + 1)) {
            highest = leaf;
        }
    }
    return cpuid_xcr0() ? LEAF_XSAVE : highest;
}

/* Is a feature of the subleaf shown? */
static bool has_subleaf(uint32_t leaf, unsigned subleaf) {
    for (unsigned i = 0; i < cpuid_feature_count; i++) {
        const struct cpuid_feature *feature = &cpuid_feature_list[i];
        if (feature->leaf == leaf && feature->subleaf == subleaf && cpuid_has(i + 1)) {
            return true;
        }
    }
    return false;
}

/* The host's caches as its C library knows them, in the shape of leaf 4. */
struct cache {
    uint32_t type, level; /* 1 data, 2 instructions, 3 both */
    int size, ways;       /* for sysconf() */
    uint32_t bytes;       /* where that does not know */
    bool shared;          /* by all processors */
    _Atomic uint64_t measured;
};
static struct cache caches[] = {
    {1, 1, _SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL1_DCACHE_ASSOC, 32768, false, 0},
    {2, 1, _SC_LEVEL1_ICACHE_SIZE, _SC_LEVEL1_ICACHE_ASSOC, 32768, false, 0},
    {3, 2, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL2_CACHE_ASSOC, 524288, false, 0},
    {3, 3, _SC_LEVEL3_CACHE_SIZE, _SC_LEVEL3_CACHE_ASSOC, 0, true, 0},
};

/* Bytes and ways of a cache; ways * LINE divides bytes. Asked once: in a virtual machine each of
 * the C library's CPUIDs is a way out of it, and programs ask many times at their start. */
static void measure(struct cache *cache, uint32_t *bytes, uint32_t *ways) {
    uint64_t known = atomic_load_explicit(&cache->measured, memory_order_relaxed);
    if (!known) {
        long size = sysconf(cache->size), some = sysconf(cache->ways);
        *bytes = size > 0 && size < 1L << 31 ? (uint32_t)size : cache->bytes;
        *ways = some > 0 && some <= 1024 ? (uint32_t)some : 8;
        if (*bytes % (*ways * LINE)) {
            *ways = 1;
            *bytes -= *bytes % LINE;
        }
        known = (uint64_t)*bytes << 32 | *ways;
        atomic_store_explicit(&cache->measured, known, memory_order_relaxed);
    }
    *bytes = (uint32_t)(known >> 32);
    *ways = (uint32_t)known;
}

static void cache_leaf(uint32_t subleaf, uint32_t out[4]) {
    uint32_t bytes = 0, ways = 1;
    if (subleaf < ARRAY_LEN(caches)) {
        measure(&caches[subleaf], &bytes, &ways);
    }
    if (!bytes) {
        return; /* type 0: no more */
    }
    const struct cache *cache = &caches[subleaf];
    uint32_t ids = (1u << bits_for(processors())) - 1;
    out[0] = cache->type | cache->level << 5 | 1u << 8 | at_most(ids, 63) << 26 |
             (cache->shared ? at_most(ids, 4095) << 14 : 0);
    out[1] = (LINE - 1) | (ways - 1) << 22;
    out[2] = bytes / LINE / ways - 1;
}

/* Levels: threads of a core (one), cores of the package. */
static void topology_leaf(uint32_t subleaf, uint32_t out[4]) {
    out[2] = subleaf & 0xff;
    out[3] = here();
    if (subleaf < 2) {
        out[0] = subleaf == 0 ? 0 : bits_for(processors());
        out[1] = subleaf == 0 ? 1 : processors();
        out[2] |= (subleaf + 1) << 8;
    }
}

static void xsave_leaf(uint32_t subleaf, uint32_t out[4]) {
    uint64_t state = cpuid_xcr0();
    uint32_t bytes = state & XSTATE_AVX ? XSTATE_BYTES : XSTATE_UPPER;
    if (subleaf == 0 && state) {
        out[0] = (uint32_t)state;
        out[1] = out[2] = bytes;
    } else if (subleaf == 1 && state) {
        out[1] = bytes;
    } else if (subleaf == 2 && state & XSTATE_AVX) {
        out[0] = XSTATE_BYTES - XSTATE_UPPER;
        out[1] = XSTATE_UPPER;
    }
}

static void extended_leaf(enum guest_mode mode, uint32_t leaf, uint32_t out[4]) {
    static const char brands[GUEST_MODES][48] = {
        [GUEST_I386] = "Fiberglass virtual i686 CPU",
        [GUEST_X86_64] = "Fiberglass virtual x86-64 CPU",
    };
    bool wide = mode != GUEST_I386;
    uint32_t bytes, ways;
    switch (leaf) {
    case LEAF_EXTENDED:
        out[0] = wide ? LEAF_SIZES : LEAF_BRAND + 2;
        break;
    case LEAF_FEATURES:
        out[3] = wide ? SYSCALL_SYSRET | NO_EXECUTE | LONG_MODE : 0;
        break;
    case LEAF_BRAND:
    case LEAF_BRAND + 1:
    case LEAF_BRAND + 2:
        memcpy(out, brands[mode] + (leaf - LEAF_BRAND) * 16, 16);
        break;
    case LEAF_CACHE2:
        if (wide) {
            measure(&caches[2], &bytes, &ways);
            out[2] = LINE | 6u << 12 | at_most(bytes / 1024, 0xffff) << 16; /* 6: 8 ways */
        }
        break;
    case LEAF_SIZES:
        out[0] = wide ? ADDRESS_SIZES : 0;
        break;
    default:
        break;
    }
}

void cpuid(enum guest_mode mode, uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    uint32_t highest = leaf < LEAF_EXTENDED ? highest_leaf() : 0, count = processors();
    memset(out, 0, 16);
    if (leaf > highest && leaf < LEAF_EXTENDED) {
        return;
    }
    switch (leaf) {
    case 0:
        out[0] = highest;
        memcpy(&out[1], "Genu", 4);
        memcpy(&out[3], "ineI", 4);
        memcpy(&out[2], "ntel", 4);
        break;
    case 1:
        out[0] = cpuid_signature() ? cpuid_signature() : CPUID_SIGNATURE;
        out[1] = LINE / 8 << 8 | at_most(1u << bits_for(count), 255) << 16 | (here() & 0xff) << 24;
        out[3] = count > 1 ? HYPER_THREADS : 0;
        break;
    case 2: /* descriptors: FF, caches are in leaf 4; without that leaf no information */
        out[0] = highest >= LEAF_CACHES ? 0xff01 : 1;
        break;
    case LEAF_MORE:
        out[0] = subleaf == 0 && has_subleaf(LEAF_MORE, 1) ? 1 : 0; /* the last subleaf */
        break;
    case LEAF_CACHES:
        cache_leaf(subleaf, out);
        break;
    case LEAF_TOPOLOGY:
        topology_leaf(subleaf, out);
        break;
    case LEAF_XSAVE:
        xsave_leaf(subleaf, out);
        break;
    default:
        extended_leaf(mode, leaf, out);
        break;
    }
    /* Leaves without subleaves give the same for each. */
    bool by_subleaf = leaf == LEAF_MORE || leaf == LEAF_XSAVE;
    for (unsigned i = 0; i < cpuid_feature_count; i++) {
        const struct cpuid_feature *feature = &cpuid_feature_list[i];
        if (feature->leaf == leaf && (!by_subleaf || feature->subleaf == subleaf) &&
            cpuid_has(i + 1)) {
            out[feature->reg] |= 1u << feature->bit;
        }
    }
}
