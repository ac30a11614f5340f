/* x86-64 code by the library's interface: registers, a large space, faults of addresses that no
 * space has. What instructions do is test/insn's subject. */
#include "test/api/api_test.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
#define PAGE  UINT64_C(0x1000)
#define CODE  UINT64_C(0x200000000) /* above 4 GiB */
#define DATA  UINT64_C(0xa00000000)
#define STACK UINT64_C(0xb00000000)

/* A cpu with code at CODE, a page of data and one of stack; NULL: this host has none. */
static struct fg_cpu *cpu_new(struct fg_space **space, const void *code, size_t len) {
    *space = fg_space_new(FG_MODE_X86_64);
    if (!*space && errno == ENOTSUP) {
        printf("# no x86-64 code on this host\n");
        return NULL;
    }
    CHECK("map", fg_space_map(*space, CODE, PAGE, PROT_READ | PROT_EXEC | PROT_WRITE), 0);
    CHECK("map", fg_space_map(*space, DATA, PAGE, PROT_READ | PROT_WRITE), 0);
    CHECK("map", fg_space_map(*space, STACK, PAGE, PROT_READ | PROT_WRITE), 0);
    CHECK("write", fg_space_write(*space, CODE, code, len), 0);
    return fg_cpu_new(*space);
}

#define CPU(space, ...)                                                                            \
    cpu_new(space, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void end(struct fg_cpu *cpu, struct fg_space *space) {
    fg_cpu_free(cpu);
    fg_space_free(space);
}

void long_registers(void) {
    struct fg_space *space;
    struct fg_cpu *cpu = CPU(&space, 0x49, 0x01, 0xc7,                 /* add r15, rax */
                             0x4d, 0x0f, 0xaf, 0xc0,                   /* imul r8, r8 */
                             0x44, 0x89, 0xc9,                         /* mov ecx, r9d */
                             0x41, 0x88, 0xe2,                         /* mov r10b, spl */
                             0x64, 0x48, 0x8b, 0x14, 0x25, 8, 0, 0, 0, /* mov rdx, fs:[8] */
                             0x0f, 0x05);                              /* syscall */
    if (!cpu) {
        return;
    }
    struct fg_registers regs = {.pc = CODE, .fs_base = DATA};
    for (unsigned i = 0; i < 16; i++) {
        regs.general[i] = UINT64_C(0x8000000100000000) * (i + 1) + i;
    }
    regs.general[R8] = UINT64_C(0x100000001);
    uint64_t sp = regs.general[RSP], word = UINT64_C(0x123456789abcdef0);
    CHECK("write", fg_space_write(space, DATA + 8, &word, 8), 0);
    fg_cpu_set(cpu, &regs);
    CHECK("exit", fg_cpu_run(cpu, 0).kind, FG_EXIT_SYSCALL);
    fg_cpu_get(cpu, &regs);
    CHECK("pc", regs.pc, CODE + 24);
    CHECK("r15", regs.general[R15], UINT64_C(0x8000000100000000) * 17 + 15);
    CHECK("r8", regs.general[R8], UINT64_C(0x200000001));
    CHECK("ecx", regs.general[RCX], 9);
    CHECK("r10b", regs.general[R10] & 0xff, sp & 0xff);
    CHECK("by fs", regs.general[RDX], word);
    CHECK("fs base", regs.fs_base, DATA);
    const char *name = "";
    CHECK("length", fg_decode(FG_MODE_X86_64, (const uint8_t[]){0x49, 0x01, 0xc7}, 3, &name), 3);
    CHECK("name", strcmp(name, "ADD"), 0);
    end(cpu, space);
}

void long_memory(void) {
    struct fg_space *space;
    struct fg_cpu *cpu = CPU(&space, 0x48, 0x89, 0x05, 0xf9, 0x01, 0, 0, /* mov [rip + 1f9], rax */
                             0x49, 0x87, 0x84, 0x24, 0xf8, 0, 0, 0,      /* xchg [r12 + f8], rax */
                             0x41, 0x54,                                 /* push r12 */
                             0x43, 0x8b, 0x4c, 0xac, 0x04, /* mov ecx, [r12 + r13 * 4 + 4] */
                             0xcc);
    if (!cpu) {
        return;
    }
    uint64_t top = fg_space_end(space), word = 0;
    struct fg_registers regs = {.pc = CODE};
    regs.general[RAX] = UINT64_C(0xfedcba9876543210);
    regs.general[RSP] = STACK + PAGE;
    regs.general[R12] = DATA;
    regs.general[R13] = 0x3e;
    fg_cpu_set(cpu, &regs);
    struct fg_exit exit = fg_cpu_run(cpu, 0);
    CHECK("vector", exit.vector, BP);
    fg_cpu_get(cpu, &regs);
    CHECK("rcx", regs.general[RCX], 0xfedcba98);
    CHECK("rsp", regs.general[RSP], STACK + PAGE - 8);
    CHECK("read", fg_space_read(space, &word, CODE + 0x200, 8), 0);
    CHECK("by rip", word, UINT64_C(0xfedcba9876543210));
    CHECK("read", fg_space_read(space, &word, STACK + PAGE - 8, 8), 0);
    CHECK("pushed", word, DATA);
    CHECK("end", top >= UINT64_C(1) << 32, 1);
    CHECK("the last page", fg_space_map(space, top - PAGE, PAGE, PROT_READ), 0);
    CHECK("beyond", fg_space_map(space, top, PAGE, PROT_READ), -EINVAL);
    CHECK("beyond", fg_space_read(space, &word, top - 4, 8), -EFAULT);
    end(cpu, space);
}

/* Each address of `base` in rbx, rsp or rsi; the instruction's fault. */
void long_faults(void) {
    static const struct {
        const char *what;
        uint8_t code[6];
        uint64_t address, fault;
        uint8_t vector, error;
    } list[] = {
        {"read above the space", {0x48, 0x8b, 0x03}, 1ull << 40, 1ull << 40, PF, 0},
        {"write above the space", {0x48, 0x89, 0x03}, 1ull << 46, 1ull << 46, PF, 2},
        {"read and write", {0x48, 0x01, 0x43, 0x08}, ~0xfull, ~0x7ull, PF, 2},
        {"the kernel's half",
         {0x8a, 0x03},
         0xffffull << 47 << 1 | 1ull << 47,
         0xffffull << 47 << 1 | 1ull << 47,
         PF,
         0},
        {"no address", {0x48, 0x8b, 0x03}, 1ull << 47, 0, GP, 0},
        {"no address, of the stack", {0x5d}, 1ull << 50, 0, SS, 0},
        {"no address, by rsp", {0x48, 0x89, 0x04, 0x24}, 1ull << 50, 0, SS, 0},
        {"below 0", {0x50}, 0, ~0x7ull, PF, 2},
        {"between stack and space", {0x48, 0x8b, 0x03}, STACK + PAGE, STACK + PAGE, PF, 0},
        {"half in a page", {0x48, 0x89, 0x03}, STACK + PAGE - 4, STACK + PAGE, PF, 2},
        {"a source", {0x48, 0xa5}, 1ull << 41, 1ull << 41, PF, 0},
        {"an absolute address", {0xa0, 0, 0, 0, 0, 0}, 0, 0, PF, 0},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct fg_space *space;
        struct fg_cpu *cpu = cpu_new(&space, list[i].code, sizeof list[i].code);
        if (!cpu) {
            return;
        }
        struct fg_registers regs = {.pc = CODE}, after;
        regs.general[RBX] = regs.general[RSP] = regs.general[RSI] = list[i].address;
        regs.general[RDI] = DATA;
        fg_cpu_set(cpu, &regs);
        struct fg_exit exit = fg_cpu_run(cpu, 0);
        CHECK(list[i].what, exit.kind, FG_EXIT_TRAP);
        CHECK(list[i].what, exit.vector, list[i].vector);
        CHECK(list[i].what, exit.error, list[i].error);
        CHECK(list[i].what, exit.vector == PF ? exit.address : 0, list[i].fault);
        fg_cpu_get(cpu, &after);
        CHECK("registers stay", memcmp(&after.general, &regs.general, sizeof regs.general), 0);
        CHECK("pc", after.pc, CODE);
        end(cpu, space);
    }
}
