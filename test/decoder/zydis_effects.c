/* What Zydis says of an instruction's operands: the oracle of the effects that the spec lists.
 *
 * Reads lines of hexadecimal instruction bytes (32-bit mode, with the argument 64 64-bit mode).
 * Prints for each a line of words `VISIBILITY:OPERAND=ACCESS/BITS`: visibility E (explicit), I
 * (implicit, but shown) or H (hidden), the register, [BASE] of memory, `address` (LEA) or `value`;
 * r read, w written, c perhaps written. A line `-` for bytes that Zydis does not know. */
#include <Zydis/Zydis.h>

#include <stdio.h>
#include <string.h>

static const char *access_of(const ZydisDecodedOperand *operand) {
    static char text[4];
    unsigned actions = operand->actions;
    snprintf(text, sizeof text, "%s%s%s",
             actions & (ZYDIS_OPERAND_ACTION_READ | ZYDIS_OPERAND_ACTION_CONDREAD) ? "r" : "",
             actions & ZYDIS_OPERAND_ACTION_WRITE ? "w" : "",
             actions & ZYDIS_OPERAND_ACTION_CONDWRITE ? "c" : "");
    return text;
}

static void print_operand(const ZydisDecodedOperand *operand) {
    const char *visibility = operand->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT   ? "E"
                             : operand->visibility == ZYDIS_OPERAND_VISIBILITY_IMPLICIT ? "I"
                                                                                        : "H";
    printf(" %s:", visibility);
    if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
        printf("%s", ZydisRegisterGetString(operand->reg.value));
    } else if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY) {
        printf("value");
    } else if (operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN) {
        printf("address");
    } else {
        const char *base = ZydisRegisterGetString(operand->mem.base);
        printf("[%s]", base ? base : "");
    }
    printf("=%s/%u", access_of(operand), operand->size);
}

int main(int argc, char **argv) {
    ZydisDecoder decoder;
    char line[64];
    if (argc > 1 && !strcmp(argv[1], "64")) {
        ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    } else {
        ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    }
    while (fgets(line, sizeof line, stdin)) {
        unsigned char bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
        size_t count = 0;
        for (const char *at = line; count < sizeof bytes && sscanf(at, "%2hhx", &bytes[count]) == 1;
             at += 2) {
            count++;
        }
        ZydisDecodedInstruction insn;
        ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, count, &insn, operand))) {
            printf("-\n");
            continue;
        }
        printf("%s", ZydisMnemonicGetString(insn.mnemonic));
        for (unsigned i = 0; i < insn.operand_count; i++) {
            print_operand(&operand[i]);
        }
        printf("\n");
    }
    return 0;
}
