/* Self-modifying code within a block: each store is seen by the very next fetch, wherever it goes
 * and whichever instruction makes it.
 * test: own */
#include "engine_test.h"

enum { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI };

static uint8_t *page;

/* The immediate of the instruction after the store. */
static void next_instruction(void) {
    for (uint32_t i = 0; i < 5; i++) {
        struct assembler a = {page};
        emit_store8(&a, a.at + 8, 0x40 + i);
        emit_mov(&a, EAX, 0);
        emit8(&a, 0xc3);
        printf("next %x %x\n", run(page), run(page));
    }
}

/* Further ahead, with other instructions and a change of length in between. */
static void ahead(void) {
    struct assembler a = {page};
    uint8_t *store = a.at;
    a.at += 10;
    emit_mov(&a, EAX, 1);
    emit_mov(&a, ECX, 2);
    EMIT(&a, "\x01\xc8"); /* add eax, ecx */
    uint8_t *patched = a.at;
    EMIT(&a, "\x90\x90\x90\x90\x01\xc8\xc3"); /* becomes add eax, 0x01909010 ... */
    struct assembler s = {store};
    emit_store32(&s, patched, 0x909010a8 & 0xffff05ff); /* 05: add eax, imm32 eats what follows */
    patched[4] = 0x90;
    patched[5] = 0x90;
    printf("ahead %x\n", run(page));
    patched[0] = 0x90;
    printf("ahead again %x\n", run(page));
}

/* Behind, in a loop: an inc becomes a dec and back. */
static void behind(void) {
    struct assembler a = {page};
    emit_mov(&a, EAX, 100);
    emit_mov(&a, ECX, 9);
    uint8_t *top = a.at;
    EMIT(&a, "\xff\xc0"); /* inc eax */
    EMIT(&a, "\x80\x35"); /* xor byte [top + 1], 8: inc <-> dec */
    emit_addr(&a, top + 1, 1);
    emit8(&a, 8);
    EMIT(&a, "\x8d\x44\x00\x01"); /* lea eax, [eax+eax+1] */
    EMIT(&a, "\xff\xc9");         /* dec ecx */
    EMIT(&a, "\x0f\x85");
    emit32(&a, (uint32_t)(top - (a.at + 4)));
    emit8(&a, 0xc3);
    for (int i = 0; i < 4; i++) {
        printf("behind %x\n", run(page));
    }
}

/* An instruction over a page boundary, patched on either side of it. */
static void across_pages(void) {
    for (uint32_t split = 1; split < 5; split++) {
        uint8_t *start = page + PAGE - split;
        struct assembler a = {start};
        emit_mov(&a, EAX, 0x11111111);
        emit8(&a, 0xc3);
        struct assembler first = {page};
        emit_store8(&first, start + 4, 0x20 + split); /* in the second page */
        emit8(&first, 0xe9);
        emit32(&first, (uint32_t)(start - (first.at + 4)));
        printf("across %x", run(page));
        emit_store8(&(struct assembler){page}, start + 1, 0x77);
        printf(" %x\n", run(page));
    }
}

#define RAX "\x48\xb8\x04\x03\x02\x01\xb9\x55\x66\x77"

/* Every kind of store. `code` patches 4 bytes at `where` with eax (the immediate of a mov). */
static void store_kinds(void) {
    static const struct {
        const char *name, *bytes;
        unsigned length;
    } kinds[] = {
        {"mov", "\x89\x07", 2},
        {"mov16", "\x66\x89\x07", 3},
        {"mov8", "\x88\x07", 2},
        {"xchg", "\x87\x07", 2},
        {"xadd", "\x0f\xc1\x07", 3},
        {"lock xadd", "\xf0\x0f\xc1\x07", 4},
        {"add", "\x01\x07", 2},
        {"lock add", "\xf0\x01\x07", 3},
        {"stosd", "\xab", 1},
        {"rep stosd", "\xb9\x01\0\0\0\xf3\xab", 7},
        {"rep stosb", "\xb9\x04\0\0\0\xf3\xaa", 7},
        {"movd xmm", "\x66\x0f\x6e\xc0\x66\x0f\x7e\x07", 8},
        {"movd mmx", "\x0f\x6e\xc0\x0f\x7e\x07\x0f\x77", 8},
        {"fistp", "\x50\xdb\x04\x24\xdb\x1f\x58", 7},
#ifdef __x86_64__ /* rax with the bytes that follow the immediate */
        {"push", RAX "\x48\x89\xe2\x48\x8d\x67\x08\x50\x48\x89\xd4", 21},
        {"pop", RAX "\x50\x8f\x07", 13},
        {"mov64", RAX "\x48\x89\x07", 13},
        {"stosq", RAX "\x48\xab", 12},
#else
        {"push", "\x89\xe2\x8d\x67\x04\x50\x89\xd4", 8},
        {"pop", "\x50\x8f\x07", 3},
#endif
        {"inc", "\xff\x07", 2},
        {"not", "\xf7\x17", 2},
        {"bts", "\x83\xe0\x1f\x0f\xab\x07", 6},
        {"shl", "\xd1\x27", 2},
        {"neg16", "\x66\xf7\x1f", 3},
        {"setz", "\x0f\x94\x07", 3},
        {"cmpxchg", "\x89\xc2\x8b\x07\x0f\xb1\x17", 7},
        {"cmpxchg8b", "\x89\xc3\x8b\x57\x04\x89\xd1\x8b\x07\x0f\xc7\x0f", 12},
        {"shld", "\x0f\xa4\x07\x05", 4},
        {"rcl", "\xd1\x17", 2},
        {"maskmovq", "\x0f\x6e\xc0\x0f\x74\xc9\x0f\x73\xd1\x20\x0f\xf7\xc1\x0f\x77", 15},
    };
    for (unsigned k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct assembler a = {page + 64};
        emit_mov(&a, EAX, 0x01020304);
        uint8_t *load_edi = a.at;
        emit_mov(&a, EDI, 0);
        emit_bytes(&a, kinds[k].bytes, kinds[k].length);
        uint8_t *patched = a.at;
        emit_mov(&a, EAX, 0x10203040);
        EMIT(&a, "\xb9\x55\x66\x77\x08"); /* mov ecx: what an 8-byte store may hit */
        EMIT(&a, "\x01\xc8\xc3");
        struct assembler fix = {load_edi};
        emit_mov(&fix, EDI, (uint32_t)(uintptr_t)(patched + 1));
        uint32_t first = run(page + 64);
        printf("%s %x %x\n", kinds[k].name, first, run(page + 64));
    }
}

/* A call that pushes its return address over code which runs next. */
static void call_into_code(void) {
    struct assembler a = {page};
    EMIT(&a, WIDE "\x89\xe2"); /* mov edx, esp */
    uint8_t *set_esp = a.at;
    emit_mov(&a, ESP, 0);
    EMIT(&a, "\xe8\0\0\0\0"); /* call next: stores eip below esp */
    uint8_t *back = a.at;
    EMIT(&a, WIDE "\x89\xd4");             /* mov esp, edx */
    EMIT(&a, WIDE "\xb8\x78\x56\x34\x12"); /* mov eax, */
#ifdef __x86_64__
    emit32(&a, 0);
#endif
    uint8_t *patched = a.at;
    emit8(&a, 0xc3);
    struct assembler fix = {set_esp};
    emit_mov(&fix, ESP, (uint32_t)(uintptr_t)patched);
    printf("call %d\n", run(page) == (uint32_t)(uintptr_t)back);
}

/* One store over the end of a data page into a code page that follows. */
static void straddling_store(void) {
    uint8_t *data_end = page + PAGE;
    struct assembler a = {data_end};
    emit_mov(&a, EAX, 0x44444444);
    emit8(&a, 0xc3);
    printf("straddle %x", run(data_end));
    uint64_t value = 0xaabbccb899999999ull;
    memcpy(data_end - 4, &value, 8);
    printf(" %x", run(data_end));
    memcpy(data_end - 7, "\1\2\3\4\5\6\7\xb8", 8);
    printf(" %x\n", run(data_end));
}

/* Much rewriting of one place, as a JIT does. */
static void rewrite_often(void) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        struct assembler a = {page + 16 * (i % 7)};
        uint8_t *start = a.at;
        emit_mov(&a, EAX, i);
        if (i % 3) {
            EMIT(&a, "\xf7\xd8"); /* neg */
        }
        emit8(&a, 0xc3);
        sum = sum * 31 + run(start);
    }
    printf("often %x\n", sum);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    page = code_pages(3);
    next_instruction();
    behind();
    across_pages();
    store_kinds();
    call_into_code();
    straddling_store();
    rewrite_often();
    page = code_pages(3);
    ahead();
    next_instruction();
    return 0;
}
