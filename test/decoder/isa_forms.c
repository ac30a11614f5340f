/* The forms of instructions that Zydis knows, and what of them the spec has.
 *
 *   isa_forms MODE <BYTES           MODE: i386 or x86-64; BYTES: lines of hexadecimal digits, the
 *                                   instructions that the tests run (insn --forms)
 *
 * A form is a mnemonic with an opcode and the kinds and widths of its operands. Prints a line for
 * each: ISA set, `user` or `system`, how many byte strings of it were tried, how many of them the
 * decoder takes, how many of the tests' instructions it has, the form and one of its byte strings;
 * the decoder as it is on a host that has every extension (host_has_feature() is replaced). */
#include "core/decode/insn.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct form {
    char name[120];
    ZydisISASet set;
    bool system;
    unsigned tried, taken, tested;
    uint8_t bytes[15], len;
};

#define TABLE 65536u
static struct form *table[TABLE];
static unsigned forms;
static enum guest_mode guest;
static ZydisDecoder zydis;

bool __wrap_host_has_feature(uint32_t leaf, uint32_t subleaf, unsigned reg, unsigned bit);
bool __wrap_host_has_feature(uint32_t leaf, uint32_t subleaf, unsigned reg, unsigned bit) {
    (void)leaf, (void)subleaf, (void)reg, (void)bit;
    return true;
}

static const char *operand_name(const ZydisDecodedOperand *operand, char *to, size_t size) {
    const char *kind = "m";
    if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        kind = "i";
    } else if (operand->type == ZYDIS_OPERAND_TYPE_POINTER) {
        kind = "far";
    } else if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
        switch (ZydisRegisterGetClass(operand->reg.value)) {
        case ZYDIS_REGCLASS_XMM:
        case ZYDIS_REGCLASS_YMM:
        case ZYDIS_REGCLASS_ZMM:
            kind = "v";
            break;
        case ZYDIS_REGCLASS_MMX:
            kind = "mm";
            break;
        case ZYDIS_REGCLASS_X87:
            kind = "st";
            break;
        case ZYDIS_REGCLASS_SEGMENT:
            kind = "s";
            break;
        case ZYDIS_REGCLASS_MASK:
            kind = "k";
            break;
        default:
            kind = "r";
        }
    }
    snprintf(to, size, "%s%u", kind, operand->size);
    return to;
}

/* The form of a byte string as Zydis has it, made at first sight; NULL: it is no instruction. */
static struct form *form_of(const uint8_t *bytes, size_t size, unsigned *length) {
    ZydisDecodedInstruction z;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(&zydis, bytes, size, &z, operands))) {
        return NULL;
    }
    static const char *const encodings[] = {"", "3DNow ", "XOP ", "VEX ", "EVEX ", "MVEX "};
    char name[120], part[20];
    int at = snprintf(name, sizeof name, "%s %s%02X", ZydisMnemonicGetString(z.mnemonic),
                      encodings[z.encoding], z.opcode);
    for (unsigned i = 0; i < z.operand_count_visible; i++) {
        at += snprintf(name + at, sizeof name - (size_t)at, " %s",
                       operand_name(&operands[i], part, sizeof part));
    }
    *length = z.length;
    uint32_t hash = z.meta.isa_set;
    for (const char *p = name; *p; p++) {
        hash = hash * 31 + (uint8_t)*p;
    }
    while (table[hash % TABLE] && (strcmp(table[hash % TABLE]->name, name) != 0 ||
                                   table[hash % TABLE]->set != z.meta.isa_set)) {
        hash++;
    }
    struct form **place = &table[hash % TABLE];
    if (!*place) {
        if (++forms == TABLE / 2) {
            fprintf(stderr, "isa_forms: more forms than expected\n");
            exit(2);
        }
        *place = calloc(1, sizeof **place);
        strcpy((*place)->name, name);
        (*place)->set = z.meta.isa_set;
        (*place)->system = (z.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) != 0;
        (*place)->len = z.length;
        memcpy((*place)->bytes, bytes, z.length);
    }
    return *place;
}

static void try_bytes(const uint8_t *bytes, size_t len) {
    uint8_t padded[15] = {0};
    unsigned length;
    memcpy(padded, bytes, len);
    struct form *form = form_of(padded, sizeof padded, &length);
    if (form) {
        struct insn insn;
        form->tried++;
        bool taken =
            decode(&insn, guest, 0x1000, padded, sizeof padded) == DECODE_OK && insn.len == length;
        if (!taken && !form->taken) {
            form->len = (uint8_t)length;
            memcpy(form->bytes, padded, length);
        }
        form->taken += taken;
    }
}

/* Every ModRM byte after `start`, with an SIB byte and a displacement of zeros. */
static void try_modrm(const uint8_t *start, size_t len) {
    uint8_t bytes[15];
    memcpy(bytes, start, len);
    for (unsigned modrm = 0; modrm < 256; modrm++) {
        bytes[len] = (uint8_t)modrm;
        try_bytes(bytes, len + 1);
    }
}

/* The same with each ModRM.reg, and a register, memory at a register, memory with an SIB byte. */
static void try_some_modrm(const uint8_t *start, size_t len) {
    static const uint8_t modrms[] = {0xc1, 0, 4};
    uint8_t bytes[15];
    memcpy(bytes, start, len);
    for (unsigned i = 0; i < 24; i++) {
        bytes[len] = (uint8_t)(modrms[i % 3] | i / 3 << 3);
        try_bytes(bytes, len + 1);
    }
}

static void legacy(void) {
    static const char *const prefixes[] = {"",         "\x66",         "\xf2",         "\xf3",
                                           "\x66\xf2", "\x66\xf3",     "\x67",         "\x48",
                                           "\x66\x48", "\xf2\x48",     "\xf3\x48",     "\x41",
                                           "\x67\x48", "\x66\xf2\x48", "\x66\xf3\x48", "\xf3\x66"};
    static const char *const maps[] = {"", "\x0f", "\x0f\x38", "\x0f\x3a", "\x0f\x0f"};
    for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++) {
        if (guest == GUEST_I386 && strpbrk(prefixes[p], "\x41\x48")) {
            continue;
        }
        for (size_t m = 0; m < 5; m++) {
            for (unsigned opcode = 0; opcode < 256; opcode++) {
                uint8_t bytes[15];
                size_t at = strlen(prefixes[p]);
                memcpy(bytes, prefixes[p], at);
                memcpy(bytes + at, maps[m], strlen(maps[m]));
                at += strlen(maps[m]);
                if (m == 4) { /* 3DNow!: the opcode comes last */
                    memcpy(bytes + at, "\xc0", 1);
                    bytes[at + 1] = (uint8_t)opcode;
                    try_bytes(bytes, at + 2);
                    bytes[at] = 0;
                    try_bytes(bytes, at + 2);
                    continue;
                }
                bytes[at++] = (uint8_t)opcode;
                try_modrm(bytes, at);
            }
        }
    }
}

/* VEX and XOP: W, vvvv (none, a register), L, pp. */
static void with_vex(uint8_t escape, unsigned first_map, unsigned last_map) {
    for (unsigned map = first_map; map <= last_map; map++) {
        for (unsigned last = 0; last < 256; last++) {
            if ((last >> 3 & 15) != 15 && (last >> 3 & 15) != 13) {
                continue;
            }
            for (unsigned opcode = 0; opcode < 256; opcode++) {
                uint8_t bytes[15] = {escape, (uint8_t)(0xe0 | map), (uint8_t)last, (uint8_t)opcode};
                try_some_modrm(bytes, 4);
            }
        }
    }
}

static void with_evex(void) {
    for (unsigned map = 1; map <= 6; map++) {
        for (unsigned middle = 0; middle < 16; middle++) { /* W, a vvvv, pp */
            for (unsigned last = 0; last < 16; last++) {   /* L'L, b, a mask */
                for (unsigned opcode = 0; opcode < 256; opcode++) {
                    unsigned second = (middle & 8) << 4 | (middle & 4 ? 0x7c : 0x6c) | (middle & 3);
                    unsigned third = (last & 3) << 5 | (last & 4) << 2 | 8 | (last & 8 ? 1 : 0);
                    uint8_t bytes[15] = {0x62, (uint8_t)(0xf0 | map), (uint8_t)second,
                                         (uint8_t)third, (uint8_t)opcode};
                    try_some_modrm(bytes, 5);
                }
            }
        }
    }
}

static void read_tested(void) {
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        uint8_t bytes[15] = {0};
        size_t size = 0;
        unsigned byte, length;
        for (const char *p = line; size < 15 && sscanf(p, "%2x", &byte) == 1; p += 2) {
            bytes[size++] = (uint8_t)byte;
        }
        struct form *form = form_of(bytes, sizeof bytes, &length);
        if (form) {
            form->tested++;
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 2 || (strcmp(argv[1], "i386") != 0 && strcmp(argv[1], "x86-64") != 0)) {
        fprintf(stderr, "usage: isa_forms i386|x86-64 <BYTES\n");
        return 2;
    }
    guest = argv[1][0] == 'i' ? GUEST_I386 : GUEST_X86_64;
    ZydisDecoderInit(
        &zydis, guest == GUEST_I386 ? ZYDIS_MACHINE_MODE_LEGACY_32 : ZYDIS_MACHINE_MODE_LONG_64,
        guest == GUEST_I386 ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_64);
    legacy();
    with_vex(0xc4, 1, 3);
    with_vex(0x8f, 8, 10);
    with_evex();
    read_tested();
    for (unsigned i = 0; i < TABLE; i++) {
        const struct form *form = table[i];
        if (form) {
            printf("%s\t%s\t%u\t%u\t%u\t%s\t", ZydisISASetGetString(form->set),
                   form->system ? "system" : "user", form->tried, form->taken, form->tested,
                   form->name);
            for (unsigned b = 0; b < form->len; b++) {
                printf("%02x", form->bytes[b]);
            }
            printf("\n");
        }
    }
    return 0;
}
