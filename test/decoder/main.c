/* The decoder against Zydis, an independent one: which byte strings are instructions, how long, and
 * with which operands.
 *
 *   decoder [--quick] [--count N] [--seed N]     N random strings (default 10 million) after the
 *                                                enumeration of opcodes x ModRM x prefixes
 *   decoder --guest MODE                         i386 or x86-64 alone; both without it
 *   decoder --bytes HEX                          one string, both answers (i386 without --guest)
 *
 * Zydis knows every extension. What is legal to Zydis and #UD here is told apart by Zydis' name of
 * the extension: what the spec's features claim must decode. */
#include "core/decode/cpuid.h"
#include "core/decode/insn.h"
#include "test/decoder/operands.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Zydis' names for the instruction sets that we claim, and the CPUID feature that shows each
 * (cpuid_has); the spec's. All others are #UD here. */
static const struct {
    const char *name;
    unsigned feature;
    enum guest_mode only; /* the mode that has it; GUEST_MODES: each */
} isa_sets[] = {
/* clang-format off */
#include "gen/isa_sets.inc"
    /* clang-format on */
};

/* Single instructions that are #UD here though their extension is claimed. */
static const struct {
    ZydisMnemonic mnemonic;
    uint8_t opcode;
    ZydisOpcodeMap map;
    const char *why;
} departures[] = {
    {ZYDIS_MNEMONIC_RSM, 0xaa, ZYDIS_OPCODE_MAP_0F, "#UD outside system management mode"},
    {ZYDIS_MNEMONIC_SYSENTER, 0x34, ZYDIS_OPCODE_MAP_0F,
     "not for 64-bit code: #UD on AMD processors in 64-bit mode"},
    {ZYDIS_MNEMONIC_MOV, 0x20, ZYDIS_OPCODE_MAP_0F,
     "MOV from CR with a memory ModRM: #UD here, privileged on a CPU"},
    {ZYDIS_MNEMONIC_MOV, 0x21, ZYDIS_OPCODE_MAP_0F, "MOV from DR, likewise"},
    {ZYDIS_MNEMONIC_MOV, 0x22, ZYDIS_OPCODE_MAP_0F, "MOV to CR, likewise"},
    {ZYDIS_MNEMONIC_MOV, 0x23, ZYDIS_OPCODE_MAP_0F, "MOV to DR, likewise"},
    {ZYDIS_MNEMONIC_NOP, 0x0d, ZYDIS_OPCODE_MAP_0F,
     "PREFETCHW without memory: #UD on AMD processors"},
    {ZYDIS_MNEMONIC_VPEXTRD, 0x16, ZYDIS_OPCODE_MAP_0F3A, "VEX.W1 in 32-bit mode: #UD (measured)"},
    {ZYDIS_MNEMONIC_VPINSRD, 0x22, ZYDIS_OPCODE_MAP_0F3A, "likewise"},
};

enum verdict { AGREE, NOT_CLAIMED, WE_REFUSE, ZYDIS_REFUSES, LENGTHS, OPERANDS, VERDICTS };
static const char *const verdict_text[VERDICTS] = {
    "agree",          "not claimed",    "legal to Zydis, #UD here", "#UD to Zydis, legal here",
    "lengths differ", "operands differ"};

static const struct guest {
    const char *name, *title;
    ZydisMachineMode mode;
    ZydisStackWidth stack;
} guests[GUEST_MODES] = {
    [GUEST_I386] = {"i386", "", ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32},
    [GUEST_X86_64] = {"x86-64", "x86-64: ", ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64},
};
static enum guest_mode guest;
static ZydisDecoder zydis;
static uint64_t counts[VERDICTS];
static uint64_t refused[ZYDIS_ISA_SET_MAX_VALUE + 1]; /* legal strings of sets not claimed */
static const char *program;

struct answer {
    enum decode_status status;
    struct insn insn;
    bool legal; /* to Zydis */
    ZydisDecodedInstruction z;
    const char *operands; /* what differs of them, NULL: nothing */
};

static bool departure(const ZydisDecodedInstruction *z) {
    for (size_t i = 0; i < sizeof departures / sizeof departures[0]; i++) {
        if (z->mnemonic == departures[i].mnemonic && z->opcode == departures[i].opcode &&
            z->opcode_map == departures[i].map) {
            return true;
        }
    }
    return false;
}

static bool claimed(const char *name) {
    for (size_t i = 0; i < sizeof isa_sets / sizeof isa_sets[0]; i++) {
        if (!strcmp(isa_sets[i].name, name)) {
            if (isa_sets[i].only == guest || isa_sets[i].only == GUEST_MODES) {
                return cpuid_has(isa_sets[i].feature);
            }
        }
    }
    return false;
}

static enum verdict judge(struct answer *a, const uint8_t *bytes, size_t size) {
    a->status = decode(&a->insn, guest, 0x1000, bytes, size);
    ZydisDecoderContext context;
    a->legal = ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&zydis, &context, bytes, size, &a->z));
    a->operands = NULL;
    bool ours = a->status == DECODE_OK;
    if (ours && a->legal) {
        ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
        if (a->insn.len != a->z.length) {
            return LENGTHS;
        }
        if (ZYAN_SUCCESS(ZydisDecoderDecodeOperands(&zydis, &context, &a->z, operands,
                                                    a->z.operand_count))) {
            a->operands = operands_differ(&a->insn, guest, &a->z, operands);
        }
        return a->operands ? OPERANDS : AGREE;
    }
    if (ours) {
        return ZYDIS_REFUSES;
    }
    if (!a->legal) {
        return AGREE;
    }
    if (departure(&a->z)) {
        return NOT_CLAIMED;
    }
    if (claimed(ZydisISASetGetString(a->z.meta.isa_set))) {
        return WE_REFUSE;
    }
    refused[a->z.meta.isa_set]++;
    return NOT_CLAIMED;
}

/* One report for each pair of names: the same cause shows up in thousands of strings. */
struct seen {
    enum verdict verdict;
    uint16_t row;
    ZydisMnemonic mnemonic;
    const char *operands;
};
static struct seen seen[4096];
static unsigned seen_count;

static void report(const struct answer *a, enum verdict verdict, const uint8_t *bytes) {
    struct seen key = {verdict, a->status == DECODE_OK ? a->insn.row : 0,
                       a->legal ? a->z.mnemonic : 0, a->operands};
    for (unsigned i = 0; i < seen_count; i++) {
        if (memcmp(&seen[i], &key, sizeof key) == 0) {
            return;
        }
    }
    if (seen_count == sizeof(seen) / sizeof seen[0]) {
        return;
    }
    seen[seen_count++] = key;
    printf("# %s%s%s: ", verdict_text[verdict], a->operands ? ", " : "",
           a->operands ? a->operands : "");
    for (int i = 0; i < 15; i++) {
        printf("%02x", bytes[i]);
    }
    printf("\n#   here: status %d length %u %s (%s)\n", a->status, a->insn.len,
           rows[a->insn.row].mnemonic ? rows[a->insn.row].mnemonic : "-",
           rows[a->insn.row].cite ? rows[a->insn.row].cite : "-");
    if (a->legal) {
        printf("#   Zydis: length %u %s, ISA set %s\n", a->z.length,
               ZydisMnemonicGetString(a->z.mnemonic), ZydisISASetGetString(a->z.meta.isa_set));
    }
    printf("# replay: %s --guest %s --bytes ", program, guests[guest].name);
    for (int i = 0; i < 15; i++) {
        printf("%02x", bytes[i]);
    }
    printf("\n");
}

static void check(const uint8_t *bytes, size_t size) {
    struct answer answer;
    enum verdict verdict = judge(&answer, bytes, size);
    counts[verdict]++;
    if (verdict > NOT_CLAIMED) {
        report(&answer, verdict, bytes);
    }
}

static uint64_t random_state;
static uint64_t random64(void) {
    uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Every opcode of every map, every ModRM byte, these prefixes (64-bit mode: after them REX); SIB
 * and the rest at random. */
static void enumerate(bool quick) {
    static const char *const prefixes[] = {
        "",         "\x66",     "\xf2",     "\xf3",     "\x67",         "\xf0",     "\x2e",
        "\x64",     "\x65",     "\x66\x67", "\x66\xf2", "\x66\xf3",     "\xf0\x66", "\xf0\xf3",
        "\xf3\xf2", "\xf2\xf3", "\x66\x66", "\x36\x64", "\xf3\x66\xf2", "\xf2\xf0"};
    static const char *const maps[] = {"", "\x0f", "\x0f\x38", "\x0f\x3a"};
    /* none, W, RXB, all, B alone, one that does not count, one that the next takes back */
    static const char *const rex[] = {"", "\x48", "\x47", "\x4f", "\x41", "\x48\x66", "\x48\x40"};
    size_t rexes = guest == GUEST_I386 ? 1 : quick ? 3 : sizeof rex / sizeof rex[0];
    for (size_t p = 0; p < rexes * sizeof prefixes / sizeof prefixes[0]; p++) {
        char start[8];
        strcpy(start, prefixes[p / rexes]);
        strcat(start, rex[p % rexes]);
        for (size_t m = 0; m < 4; m++) {
            for (unsigned op = 0; op < 0x10000; op++) {
                uint8_t bytes[32];
                size_t at = strlen(start);
                memcpy(bytes, start, at);
                memcpy(bytes + at, maps[m], strlen(maps[m]));
                at += strlen(maps[m]);
                bytes[at++] = (uint8_t)(op >> 8);
                bytes[at++] = (uint8_t)op;
                uint64_t rest[2] = {random64(), random64()};
                memcpy(bytes + at, rest, sizeof rest);
                check(bytes, 15);
            }
        }
    }
}

/* Every opcode after every VEX prefix, legal or not; ModRM and the rest at random. And some of
 * them after prefixes that make VEX #UD, and after such as do not. */
static void enumerate_vex(void) {
    static const char *const prefixes[] = {"",     "\x66", "\xf2", "\xf3",
                                           "\xf0", "\x67", "\x65", "\x48"};
    for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++) {
        for (unsigned op = 0; op < 0x100; op++) {
            for (unsigned last = 0; last < 0x100; last++) /* W vvvv L pp */
            {
                for (unsigned first = 0; first < 6; first++) { /* mmmmm; 5: the two-byte prefix */
                    uint8_t bytes[32];
                    uint64_t rest[2] = {random64(), random64()};
                    size_t at = strlen(prefixes[p]);
                    memcpy(bytes, prefixes[p], at);
                    bytes[at++] = first < 5 ? 0xc4 : 0xc5;
                    if (first < 5) {
                        bytes[at++] = (uint8_t)((guest == GUEST_I386 ? 0xc0 | (rest[0] & 0x20)
                                                                     : rest[0] & 0xe0) |
                                                first);
                    }
                    bytes[at++] = (uint8_t)last;
                    bytes[at++] = (uint8_t)op;
                    memcpy(bytes + at, rest, sizeof rest);
                    if (p < 2 || (rest[1] >> 60) == 0) {
                        check(bytes, 15);
                    }
                }
            }
        }
    }
}

static void random_strings(uint64_t count) {
    static const uint8_t prefixes[] = {0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36,
                                       0x3e, 0x64, 0x65, 0x0f, 0x0f, 0xc5, 0xc4, 0x0f};
    for (uint64_t k = 0; k < count; k++) {
        uint64_t word[3] = {random64(), random64(), random64()};
        uint8_t bytes[16];
        memcpy(bytes, word, 16);
        for (unsigned i = 0; i < (word[2] >> 60); i++) /* prefixes in front, up to 15 */
        {
            if (word[2] >> (32 + i % 8) & 1) {
                bytes[i] = guest != GUEST_I386 && (word[2] >> (i + 8) & 3) == 0
                               ? (uint8_t)(0x40 | (bytes[i] & 15))
                               : prefixes[word[2] >> (2 * i) & 15];
            }
        }
        /* now and then the bytes end early, as they do at a page that is not there */
        check(bytes, (word[2] >> 40 & 15) == 0 ? (word[2] >> 44) % 15 + 1 : 15);
    }
}

static int one(const char *hex) {
    uint8_t bytes[16] = {0};
    size_t size = 0;
    for (unsigned byte; size < 15 && sscanf(hex, "%2x", &byte) == 1; hex += 2) {
        bytes[size++] = (uint8_t)byte;
    }
    struct answer a;
    enum verdict verdict = judge(&a, bytes, size);
    printf("here: status %d length %u variant %u, %s\n", a.status, a.insn.len, a.insn.variant,
           rows[a.insn.row].cite ? rows[a.insn.row].cite : "-");
    if (a.legal) {
        printf("Zydis: length %u %s, ISA set %s\n", a.z.length,
               ZydisMnemonicGetString(a.z.mnemonic), ZydisISASetGetString(a.z.meta.isa_set));
    } else {
        printf("Zydis: no instruction\n");
    }
    printf("%s %s\n", verdict_text[verdict], a.operands ? a.operands : "");
    return verdict > NOT_CLAIMED;
}

static void start(void) {
    ZydisDecoderInit(&zydis, guests[guest].mode, guests[guest].stack);
    /* Encodings that are something older on a processor without these: NOP, BSF, BSR, WBINVD. */
    static const struct {
        ZydisDecoderMode mode;
        const char *set;
    } newer[] = {
        {ZYDIS_DECODER_MODE_MPX, "MPX"},           {ZYDIS_DECODER_MODE_CET, "CET"},
        {ZYDIS_DECODER_MODE_LZCNT, "LZCNT"},       {ZYDIS_DECODER_MODE_TZCNT, "BMI1"},
        {ZYDIS_DECODER_MODE_WBNOINVD, "WBNOINVD"}, {ZYDIS_DECODER_MODE_CLDEMOTE, "CLDEMOTE"}};
    for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++) {
        ZydisDecoderEnableMode(&zydis, newer[i].mode, claimed(newer[i].set));
    }
}

/* All strings for one guest mode; returns whether there was nothing to report. */
static bool run(uint64_t count, bool quick) {
    const char *title = guests[guest].title;
    memset(counts, 0, sizeof counts);
    memset(refused, 0, sizeof refused);
    seen_count = 0;
    start();
    enumerate(quick);
    printf("%s %sopcodes x ModRM x prefixes\n", seen_count ? "not ok" : "ok", title);
    unsigned before_vex = seen_count;
    enumerate_vex();
    printf("%s %sVEX prefixes x opcodes\n", seen_count > before_vex ? "not ok" : "ok", title);
    uint64_t enumerated = counts[AGREE] + counts[NOT_CLAIMED];
    unsigned after_enumeration = seen_count;
    random_strings(count);
    printf("%s %srandom byte strings\n", seen_count > after_enumeration ? "not ok" : "ok", title);
    for (int set = 0; set <= ZYDIS_ISA_SET_MAX_VALUE; set++) {
        if (refused[set]) {
            printf("# %llu of %s: not claimed\n", (unsigned long long)refused[set],
                   ZydisISASetGetString((ZydisISASet)set));
        }
    }
    printf("note %s%llu enumerated and %llu random byte strings against Zydis", title,
           (unsigned long long)enumerated, (unsigned long long)count);
    for (int v = WE_REFUSE; v < VERDICTS; v++) {
        if (counts[v]) {
            printf(", %llu %s", (unsigned long long)counts[v], verdict_text[v]);
        }
    }
    printf("\n");
    return seen_count == 0;
}

int main(int argc, char **argv) {
    uint64_t count = 10000000;
    bool quick = false;
    int first = 0, last = GUEST_MODES - 1;
    const char *hex = NULL;
    program = argv[0];
    random_state = 1;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            count = 2000000;
            quick = true;
        } else if (!strcmp(argv[i], "--count") && i + 1 < argc) {
            count = strtoull(argv[++i], NULL, 0);
        } else if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
            random_state = strtoull(argv[++i], NULL, 0);
        } else if (!strcmp(argv[i], "--guest") && i + 1 < argc) {
            first = last = strcmp(argv[++i], "x86-64") ? GUEST_I386 : GUEST_X86_64;
        } else if (!strcmp(argv[i], "--bytes") && i + 1 < argc) {
            hex = argv[++i];
        } else if (!strcmp(argv[i], "--jobs")) {
            i++;
        }
    }
    if (hex) {
        guest = (enum guest_mode)first;
        start();
        return one(hex);
    }
    bool well = true;
    for (int mode = first; mode <= last; mode++) {
        guest = (enum guest_mode)mode;
        well &= run(count, quick);
    }
    return !well;
}
