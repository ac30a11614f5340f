/* What the two sides of an instruction test share: the layout of the machine under test, of a case
 * and of a result. Included by the oracles and by the 64-bit driver, so every type here has the
 * same size and alignment in all of them. CASE_BITS is the guest's mode: 32 (the default) or 64;
 * each test program is built for one.
 *
 * A batch lives in one shared memory file: the driver fills `cases`, the oracle (the host CPU) and
 * the engine fill a row of `results` each, the driver compares. How cases come about is not told
 * here: expand.c (from spec rows) and ../stream/ (random streams). */
#ifndef FG_TEST_INSN_CASE_H
#define FG_TEST_INSN_CASE_H

#include <stddef.h>
#include <stdint.h>

#ifndef CASE_BITS
#define CASE_BITS 32
#endif

/* The machine: the same addresses on both sides, unmapped neighbours around each area. */
#define DATA_BYTES  0x4000u
#define RO_BYTES    0x1000u
#define STACK_BYTES 0x2000u
#define SEL_DATA    0x2b
#if CASE_BITS == 32
typedef uint32_t greg; /* a general register, an address */
#define REGS       8
#define CODE_BYTES 0x00400000u
#define CODE_MAX   1024 /* bytes of a case */
#define CODE_ADDR  0x10000000u
#define DATA_ADDR  0x20000000u /* pages that may be written */
#define RO_ADDR    0x20004000u /* one page after them that may only be read */
#define STACK_ADDR 0x30000000u
/* Where the oracle keeps itself; nothing of a case may lie here. */
#define SHARED_ADDR 0x50000000u
/* Selectors of a 32-bit program under a 64-bit Linux, and two TLS segments. */
#define SEL_CODE 0x23
#define SEL_FLAT SEL_DATA /* in DS and ES */
#define SEL_FS   0x63     /* GDT entry 12 */
#define SEL_GS   0x6b     /* GDT entry 13 */
#define FS_BASE  0x20001000u
#define GS_BASE  0x1fff8000u /* so that 16-bit offsets 0x8000..0xbfff are the data pages */
#else
/* Above 4 GiB, so that an address cut to 32 bits is noticed; below 64 GiB, where a guest's window
 * may end. Absolute addresses and prefix 67 reach the low pages alone. */
typedef uint64_t greg;
#define REGS        16
#define CODE_BYTES  0x00800000u
#define CODE_MAX    2048
#define CODE_ADDR   UINT64_C(0x710000000)
#define DATA_ADDR   UINT64_C(0x720000000)
#define RO_ADDR     UINT64_C(0x720004000)
#define STACK_ADDR  UINT64_C(0x730000000)
#define LOW_ADDR    UINT64_C(0x20000000)
#define LOW_BYTES   0x4000u
#define SHARED_ADDR UINT64_C(0x610000000000)
#define SEL_CODE    0x33
#define SEL_FLAT    0
#define SEL_FS      0 /* bases without a selector, by arch_prctl */
#define SEL_GS      0
#define FS_BASE     UINT64_C(0x720001000)
#define GS_BASE     UINT64_C(0x6a0000000) /* 32-bit offsets from 0x80000000 on are the data pages */
#endif

#define BATCH_CASES 2048
#define PATCH_MAX   4
#define PATCH_BYTES 64
#define CHANGE_MAX  160

struct fp_state {
    uint16_t fcw, fsw;
    uint16_t ftw; /* abridged: bit set = register in use */
    uint16_t unused;
    uint32_t mxcsr;
    uint32_t unused2;
    uint8_t st[8][16]; /* ST(i), 10 bytes each */
    uint8_t xmm[REGS][16];
};

/* Bytes laid over the memory image before the case runs. */
struct patch {
    greg addr;
    uint32_t len;
    uint8_t bytes[PATCH_BYTES];
};

struct tcase {
    greg code_at;
    uint32_t code_len;
    greg regs[REGS];
    uint32_t eflags;
    uint32_t patches;
    struct fp_state fp;
    uint8_t upper[REGS][16]; /* halves of the YMM registers; 0 where the host has none */
    struct patch patch[PATCH_MAX];
    uint8_t code[CODE_MAX];
};

enum { RESULT_NONE, RESULT_DONE, RESULT_TIMEOUT, RESULT_CRASHED };

/* State at the trap that ended a case. Segment order is ES CS SS DS FS GS. */
struct tresult {
    uint32_t status;
    uint32_t trap, error;
    greg addr;
    greg eip;
    uint32_t eflags;
    greg regs[REGS];
    uint16_t seg[6], unused[2];
#if CASE_BITS == 64
    uint64_t base[2]; /* of FS and GS */
#endif
    uint32_t changes;   /* dwords of memory that differ from the start; the first are listed */
    uint32_t rest_hash; /* of those that are not */
    struct fp_state fp;
    greg change_addr[CHANGE_MAX];
    uint32_t change_value[CHANGE_MAX];
    uint8_t upper[REGS][16]; /* last, so that recorded vectors stay valid */
};

enum { SIDE_ORACLE, SIDE_ENGINE, SIDES };

/* The engine's ways to run code: fibers; checked code, as for MAP_SHARED pages; single steps;
 * fibers while another thread kicks the cpu out of them all the time. */
enum { MODE_FIBERS, MODE_CHECKED, MODE_STEPS, MODE_KICKS };

#define CANARIES     16
#define CANARY_BYTES 0x10000u

struct batch {
    uint32_t count;
    uint32_t next[SIDES];     /* the case that each side is working on */
    uint32_t mode;            /* MODE_*: how the engine runs them */
    uint8_t data[DATA_BYTES]; /* memory at the start of each case */
    uint8_t ro[RO_BYTES];
    uint8_t stack[STACK_BYTES];
#if CASE_BITS == 64
    uint8_t low[LOW_BYTES];
    /* Of the engine's process: where the guest's address 0 is; memory that no guest may reach. */
    uint64_t window, window_bits, canary[CANARIES];
#endif
    struct tcase cases[BATCH_CASES];
    struct tresult results[SIDES][BATCH_CASES];
};

/* Memory that cases may write: where it is, where its start image is in the batch. */
struct area {
    greg addr;
    uint32_t bytes;
    size_t image;
};
static const struct area areas[] = {
    {DATA_ADDR, DATA_BYTES, offsetof(struct batch, data)},
    {STACK_ADDR, STACK_BYTES, offsetof(struct batch, stack)},
#if CASE_BITS == 64
    {LOW_ADDR, LOW_BYTES, offsetof(struct batch, low)},
#endif
};
enum { AREAS = sizeof areas / sizeof areas[0], AREA_MAX = DATA_BYTES };

_Static_assert(sizeof(struct fp_state) == 144 + 16 * REGS, "the same on both sides");
_Static_assert(sizeof(struct tcase) % 8 == 0 && sizeof(struct tresult) % 8 == 0, "no odd padding");

/* Compares memory with the start image, writes the changes to the result and undoes them. `area`
 * is live memory, `start` the image. Shared by both sides so that they cannot differ. */
static inline void collect_changes(struct tresult *result, uint8_t *area, const uint8_t *start,
                                   greg addr, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i += 32) {
        uint64_t *live = (uint64_t *)(area + i);
        const uint64_t *was = (const uint64_t *)(start + i);
        if (!((live[0] ^ was[0]) | (live[1] ^ was[1]) | (live[2] ^ was[2]) | (live[3] ^ was[3]))) {
            continue;
        }
        uint32_t *live32 = (uint32_t *)live;
        const uint32_t *was32 = (const uint32_t *)was;
        for (int k = 0; k < 8; k++) {
            if (live32[k] == was32[k]) {
                continue;
            }
            if (result->changes < CHANGE_MAX) {
                result->change_addr[result->changes] = addr + i + 4 * (uint32_t)k;
                result->change_value[result->changes] = live32[k];
            } else {
                result->rest_hash =
                    (result->rest_hash ^ ((uint32_t)addr + i) ^ live32[k]) * 0x9e3779b1u;
            }
            result->changes++;
            live32[k] = was32[k];
        }
    }
}

#endif
