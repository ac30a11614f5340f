/* C functions for instructions that the host lacks (spec field `portable`): where CPUID shows them
 * all the same, lowering calls these instead of gadgets. No intrinsics, nothing of a host. A family
 * has a file, portable_*.c; what they share is in portable.c. Parameters: raw, then the immediate.
 */
#ifndef FG_CORE_PORTABLE_H
#define FG_CORE_PORTABLE_H

#include "core/helpers/helpers.h"

/* A vector register of up to 256 bits, or an MMX register in its low 64. */
union vector {
    uint8_t b[32];
    int8_t sb[32];
    uint16_t w[16];
    int16_t sw[16];
    uint32_t d[8];
    int32_t sd[8];
    uint64_t q[4];
    int64_t sq[4];
};

/* One execution of a vector instruction. */
struct vector_op {
    struct cpu *cpu;
    unsigned bytes; /* of its vectors: 8, 16, 32 */
    uint8_t imm;
    union vector *dst;       /* its old value in, its new one out */
    const union vector *src; /* the first source: with VEX that of VEX.vvvv, else dst as it was */
    const union vector *src2;
    const union vector *xmm0;
    uint32_t raised; /* MXCSR's exception flags that it has raised */
};
typedef void (*vector_fn)(struct vector_op *op);

/* Runs a vector instruction whose operands are ModRM.reg, VEX.vvvv where there is VEX, and
 * ModRM.rm, in memory `size` bytes (0: as wide as the vector). Writes dst, unless it raised an
 * exception. Returns what a helper returns. */
enum {
    VECTOR_ALIGNED = 1,   /* without VEX a whole vector in memory must be aligned */
    VECTOR_MMX = 2,       /* without prefix 66 the registers are MMX's */
    VECTOR_NO_RESULT = 4, /* dst is no destination */
};
int portable_vector(struct cpu *cpu, const uint64_t *params, vector_fn run, unsigned size,
                    unsigned flags);
/* Has `op` raised an exception that is not masked? Operations of several steps look after each. */
bool portable_stops(const struct vector_op *op);

#define VECTOR_HELPER(name, size, flags)                                                           \
    int helper_portable_##name(struct cpu *cpu, const uint64_t *params) {                          \
        return portable_vector(cpu, params, name, size, flags);                                    \
    }                                                                                              \
    HELPER(portable_##name)
/* dst's elements of the union's member m, each out of `expression` of i. */
#define EACH(m, expression)                                                                        \
    for (unsigned i = 0; i < op->bytes / sizeof op->dst->m[0]; i++) {                              \
        op->dst->m[i] = (expression);                                                              \
    }

/* Reads ModRM.rm, a general register or memory of `size` bytes; 0 or what the helper returns. */
int portable_read_rm(struct cpu *cpu, uint64_t raw, unsigned size, uint64_t *value);
/* Writes it; a register of `register_size` bytes. */
int portable_write_rm(struct cpu *cpu, uint64_t raw, unsigned size, unsigned register_size,
                      uint64_t value);
/* Sets the flags of `mask` to those of `flags`. */
void portable_flags(struct cpu *cpu, uint32_t mask, uint32_t flags);
/* The vector register of a number of ModRM or VEX (32-bit mode: of eight). */
union vector *portable_register(struct cpu *cpu, unsigned number);

/* portable_float.c: IEEE arithmetic by MXCSR (rounding, DAZ, FTZ), which notes exceptions in
 * op->raised. Singles are bits in the low half. */
struct float_format {
    unsigned fraction, exponent; /* bits */
};
extern const struct float_format format_single, format_double;
uint64_t portable_add(struct vector_op *op, const struct float_format *f, uint64_t a, uint64_t b);
uint64_t portable_sub(struct vector_op *op, const struct float_format *f, uint64_t a, uint64_t b);
uint64_t portable_mul(struct vector_op *op, const struct float_format *f, uint64_t a, uint64_t b);
/* To an integer, as ROUNDPS' immediate says. */
uint64_t portable_round(struct vector_op *op, const struct float_format *f, uint64_t a,
                        unsigned control);

/* Clamped to the range of a signed or unsigned integer. */
static inline int64_t clamp(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : value > most ? most : value;
}

/* portable_integer.c */
HELPER(portable_andn);
HELPER(portable_bextr);
HELPER(portable_blsi);
HELPER(portable_blsmsk);
HELPER(portable_blsr);
HELPER(portable_lzcnt);
HELPER(portable_tzcnt);
HELPER(portable_popcnt);
HELPER(portable_movbe);
HELPER(portable_crc32);
HELPER(portable_serialize);

/* portable_sse3.c */
HELPER(portable_addsubpd);
HELPER(portable_addsubps);
HELPER(portable_haddpd);
HELPER(portable_haddps);
HELPER(portable_hsubpd);
HELPER(portable_hsubps);
HELPER(portable_lddqu);
HELPER(portable_movddup);
HELPER(portable_movsldup);
HELPER(portable_movshdup);
HELPER(portable_fisttp);

/* portable_ssse3.c */
HELPER(portable_pshufb);
HELPER(portable_phaddw);
HELPER(portable_phaddd);
HELPER(portable_phaddsw);
HELPER(portable_phsubw);
HELPER(portable_phsubd);
HELPER(portable_phsubsw);
HELPER(portable_pmaddubsw);
HELPER(portable_psignb);
HELPER(portable_psignw);
HELPER(portable_psignd);
HELPER(portable_pmulhrsw);
HELPER(portable_pabsb);
HELPER(portable_pabsw);
HELPER(portable_pabsd);
HELPER(portable_palignr);

/* portable_sse4.c */
HELPER(portable_blendps);
HELPER(portable_blendpd);
HELPER(portable_pblendw);
HELPER(portable_pblendvb);
HELPER(portable_blendvps);
HELPER(portable_blendvpd);
HELPER(portable_dpps);
HELPER(portable_dppd);
HELPER(portable_roundps);
HELPER(portable_roundpd);
HELPER(portable_roundss);
HELPER(portable_roundsd);
HELPER(portable_insertps);
HELPER(portable_extractps);
HELPER(portable_pextrb);
HELPER(portable_pextrw);
HELPER(portable_pextrd);
HELPER(portable_pextrq);
HELPER(portable_pinsrb);
HELPER(portable_pinsrd);
HELPER(portable_pinsrq);
HELPER(portable_mpsadbw);
HELPER(portable_phminposuw);
HELPER(portable_packusdw);
HELPER(portable_pcmpeqq);
HELPER(portable_pcmpgtq);
HELPER(portable_pminsb);
HELPER(portable_pminsd);
HELPER(portable_pminuw);
HELPER(portable_pminud);
HELPER(portable_pmaxsb);
HELPER(portable_pmaxsd);
HELPER(portable_pmaxuw);
HELPER(portable_pmaxud);
HELPER(portable_pmuldq);
HELPER(portable_pmulld);
HELPER(portable_pmovsxbw);
HELPER(portable_pmovsxbd);
HELPER(portable_pmovsxbq);
HELPER(portable_pmovsxwd);
HELPER(portable_pmovsxwq);
HELPER(portable_pmovsxdq);
HELPER(portable_pmovzxbw);
HELPER(portable_pmovzxbd);
HELPER(portable_pmovzxbq);
HELPER(portable_pmovzxwd);
HELPER(portable_pmovzxwq);
HELPER(portable_pmovzxdq);
HELPER(portable_ptest);
HELPER(portable_movntdqa);

/* portable_strings.c */
HELPER(portable_pcmpestri);
HELPER(portable_pcmpestrm);
HELPER(portable_pcmpistri);
HELPER(portable_pcmpistrm);

/* portable_crypto.c */
HELPER(portable_aesenc);
HELPER(portable_aesenclast);
HELPER(portable_aesdec);
HELPER(portable_aesdeclast);
HELPER(portable_aesimc);
HELPER(portable_aeskeygenassist);
HELPER(portable_pclmulqdq);
HELPER(portable_gf2p8mulb);
HELPER(portable_gf2p8affineqb);
HELPER(portable_gf2p8affineinvqb);

/* portable_sha.c */
HELPER(portable_sha1nexte);
HELPER(portable_sha1msg1);
HELPER(portable_sha1msg2);
HELPER(portable_sha1rnds4);
HELPER(portable_sha256msg1);
HELPER(portable_sha256msg2);
HELPER(portable_sha256rnds2);

/* portable_vnni.c */
HELPER(portable_vpdpbusd);
HELPER(portable_vpdpbusds);
HELPER(portable_vpdpwssd);
HELPER(portable_vpdpwssds);
HELPER(portable_vpmadd52luq);
HELPER(portable_vpmadd52huq);

#endif
