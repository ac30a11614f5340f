/* The library's interface to the engine alone (core/fiberglass.h): what each function takes,
 * returns and refuses, and what threads may do. Prints the lines of a suite; test/suites/api.py
 * runs it. Only the public header is used, as by an embedder. */
#include "test/api/api_test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI };
enum { CODE = 0x10000, DATA = 0x20000, STACK = 0x30000, PAGE = 0x1000 };
#define ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

int failures;

/* A guest: code at CODE, zeroed pages at DATA and STACK. */
struct guest {
    struct fg_space *space;
    struct fg_cpu *cpu;
};

static struct guest guest_new(const void *code, size_t len) {
    struct guest guest = {.space = fg_space_new(FG_MODE_I386)};
    guest.cpu = fg_cpu_new(guest.space);
    CHECK("map", fg_space_map(guest.space, CODE, PAGE, ALL), 0);
    CHECK("map", fg_space_map(guest.space, DATA, PAGE, PROT_READ | PROT_WRITE), 0);
    CHECK("map", fg_space_map(guest.space, STACK, PAGE, PROT_READ | PROT_WRITE), 0);
    CHECK("write", fg_space_write(guest.space, CODE, code, len), 0);
    struct fg_registers regs = {.pc = CODE, .general = {[ESP] = STACK + PAGE}};
    fg_cpu_set(guest.cpu, &regs);
    return guest;
}

#define GUEST(...) guest_new((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void guest_free(struct guest guest) {
    fg_cpu_free(guest.cpu);
    fg_space_free(guest.space);
}

static uint64_t reg(struct guest guest, int number) {
    struct fg_registers regs;
    fg_cpu_get(guest.cpu, &regs);
    return regs.general[number];
}

static uint64_t pc(struct guest guest) {
    struct fg_registers regs;
    fg_cpu_get(guest.cpu, &regs);
    return regs.pc;
}

static void expect_trap(struct guest guest, unsigned vector, uint64_t at) {
    struct fg_exit end = fg_cpu_run(guest.cpu, 0);
    CHECK("kind", end.kind, FG_EXIT_TRAP);
    CHECK("vector", end.vector, vector);
    CHECK("pc", pc(guest), at);
}

static void expect_fault(struct guest guest, uint32_t error, uint64_t address, uint64_t at) {
    struct fg_exit end = fg_cpu_run(guest.cpu, 0);
    CHECK("kind", end.kind, FG_EXIT_TRAP);
    CHECK("vector", end.vector, PF);
    CHECK("error", end.error, error);
    CHECK("address", end.address, address);
    CHECK("pc", pc(guest), at);
}

/* --- spaces ----------------------------------------------------------------------------------- */

static void spaces_are_given_back(void) {
    for (int i = 0; i < 300; i++) { /* all at once they would need 1.2 TiB */
        struct guest guest = GUEST(0xcc);
        expect_trap(guest, BP, CODE + 1);
        guest_free(guest);
    }
    struct guest two[2] = {GUEST(0x40, 0xcc), GUEST(0x41, 0xcc)}; /* inc eax; inc ecx */
    for (int i = 0; i < 2; i++) {
        expect_trap(two[i], BP, CODE + 2);
        CHECK("eax", reg(two[i], EAX), i == 0);
        CHECK("ecx", reg(two[i], ECX), i == 1);
    }
    guest_free(two[0]);
    fg_space_free(two[1].space);       /* the cpu has its own reference */
    expect_trap(two[1], PF, CODE + 2); /* 00 00: add [eax], al */
    fg_cpu_free(two[1].cpu);
}

/* --- cpus ------------------------------------------------------------------------------------- */

static void registers(void) {
    struct fg_space *space = fg_space_new(FG_MODE_I386);
    struct fg_cpu *cpu = fg_cpu_new(space);
    struct fg_registers regs;
    fg_cpu_get(cpu, &regs);
    for (int i = 0; i < 8; i++) {
        CHECK("a new cpu's register", regs.general[i], 0);
        regs.general[i] = 0x1111111100000000u + (unsigned)i;
    }
    CHECK("a new cpu's pc", regs.pc, 0);
    CHECK("a new cpu's flags", regs.flags, 0x202);
    regs.pc = 0x9999999912345678;
    regs.flags = 0xffffffff;
    fg_cpu_set(cpu, &regs);
    fg_cpu_get(cpu, &regs);
    for (int i = 0; i < 8; i++) {
        CHECK("lower half", regs.general[i], i);
    }
    CHECK("pc", regs.pc, 0x12345678);
    CHECK("arithmetic flags, direction", regs.flags & 0xcd5, 0xcd5);
    CHECK("fixed bits", regs.flags & 0xffc0802a, 2);
    regs.flags = 0;
    fg_cpu_set(cpu, &regs);
    fg_cpu_get(cpu, &regs);
    CHECK("flags", regs.flags, 0x202);
    fg_cpu_free(cpu);
    fg_cpu_free(NULL);
    fg_space_free(space);
}

static void system_calls(void) {
    struct guest guest = GUEST(0x83, 0xc0, 0x05, /* add eax, 5 */
                               0xcd, 0x80,       /* int 0x80 */
                               0x01, 0xc0,       /* add eax, eax */
                               0x0f, 0x34);      /* sysenter */
    CHECK("kind", fg_cpu_run(guest.cpu, 0).kind, FG_EXIT_SYSCALL);
    CHECK("pc", pc(guest), CODE + 5);
    CHECK("eax", reg(guest, EAX), 5);
    CHECK("kind", fg_cpu_run(guest.cpu, 0).kind, FG_EXIT_SYSCALL);
    CHECK("pc", pc(guest), CODE + 9);
    CHECK("eax", reg(guest, EAX), 10);
    guest_free(guest);
}

static void traps(void) {
    struct guest guest = GUEST(0xf7, 0xf1); /* div ecx, which is 0 */
    expect_trap(guest, DE, CODE);
    guest_free(guest);
    guest = GUEST(0x90, 0x0f, 0x0b); /* ud2 */
    expect_trap(guest, UD, CODE + 1);
    guest_free(guest);
    guest = GUEST(0x90, 0xf4); /* hlt */
    expect_trap(guest, GP, CODE + 1);
    guest_free(guest);
    guest = GUEST(0xcc); /* int3 */
    expect_trap(guest, BP, CODE + 1);
    guest_free(guest);
    guest = GUEST(0xcd, 0x81); /* int 0x81: not for privilege 3 */
    expect_trap(guest, GP, CODE);
    guest_free(guest);
    guest = GUEST(0x90, 0x90);
    struct fg_registers regs = {.pc = CODE, .flags = 0x100};
    fg_cpu_set(guest.cpu, &regs); /* TF */
    struct fg_exit end = fg_cpu_run(guest.cpu, 0);
    CHECK("kind", end.kind, FG_EXIT_TRAP);
    CHECK("vector", end.vector, DB);
    CHECK("error", end.error, 0x4000);
    CHECK("pc", pc(guest), CODE + 1);
    guest_free(guest);
}

static void page_faults(void) {
    struct guest guest = GUEST(0xa1, 0x34, 0x12, 0x04, 0x00,  /* mov eax, [0x41234] */
                               0xff, 0x05, 0, 0x10, 0x04, 0,  /* inc dword [0x41000] */
                               0xe9, 0xf0, 0xff, 0x03, 0x00); /* jmp 0x50000 */
    expect_fault(guest, 0, 0x41234, CODE);
    CHECK("map", fg_space_map(guest.space, 0x41000, PAGE, PROT_READ), 0);
    expect_fault(guest, 3, 0x41000, CODE + 5);
    CHECK("map", fg_space_map(guest.space, 0x41000, PAGE, PROT_READ | PROT_WRITE), 0);
    expect_fault(guest, 16, 0x50000, 0x50000);
    CHECK("map", fg_space_map(guest.space, 0x50000, PAGE, PROT_READ | PROT_WRITE), 0);
    expect_fault(guest, 17, 0x50000, 0x50000); /* not executable */
    CHECK("map", fg_space_map(guest.space, 0x50000, PAGE, PROT_READ | PROT_EXEC), 0);
    expect_trap(guest, PF, 0x50000); /* 00 00: add [eax], al, with eax 0 */
    uint32_t value;
    CHECK("read", fg_space_read(guest.space, &value, 0x41000, 4), 0);
    CHECK("incremented once", value, 1);
    guest_free(guest);
}

/* Accesses by C helpers (BOUND reads 8 bytes, SGDT writes 6) to two pages of which one refuses, or
 * that go on from the last byte of the space with its first one. */
static void split_accesses(void) {
    static const struct {
        int prot;             /* of the second page; -1: there is none */
        uint32_t read, write; /* the error, 99: none */
    } second[] = {
        {-1, 0, 2}, {PROT_NONE, 1, 3}, {PROT_READ, 99, 3}, {PROT_READ | PROT_WRITE, 99, 99}};
    const uint64_t top = 0xfffff000;
    const uint32_t bounds[2] = {-5, 5};
    for (int i = 0; i < 8; i++) {
        uint64_t low = i < 4 ? DATA : top, high = i < 4 ? DATA + PAGE : 0;
        int prot = second[i % 4].prot;
        uint8_t got[6];
        struct guest guest = GUEST(0x62, 0x06,       /* bound eax, [esi] */
                                   0x0f, 0x01, 0x07, /* sgdt [edi] */
                                   0xf4);
        struct fg_registers regs = {.pc = CODE, .general = {[ESI] = low + PAGE - 4}};
        regs.general[EDI] = low + PAGE - 2;
        fg_cpu_set(guest.cpu, &regs);
        if (i >= 4) {
            expect_fault(guest, 0, top + PAGE - 4, CODE);
            CHECK("map", fg_space_map(guest.space, top, PAGE, PROT_READ | PROT_WRITE), 0);
        }
        CHECK("map", fg_space_map(guest.space, high, PAGE, PROT_READ | PROT_WRITE), 0);
        CHECK("write", fg_space_write(guest.space, low + PAGE - 4, &bounds[0], 4), 0);
        CHECK("write", fg_space_write(guest.space, high, &bounds[1], 4), 0);
        if (prot < 0) {
            CHECK("unmap", fg_space_unmap(guest.space, high, PAGE), 0);
        } else {
            CHECK("protect", fg_space_map(guest.space, high, PAGE, prot), 0);
            if (second[i % 4].read == 99) { /* new pages are empty: 0 is within */
                CHECK("the pages' upper bound", fg_space_read(guest.space, got, high, 4), 0);
            }
        }
        if (second[i % 4].read != 99) {
            expect_fault(guest, second[i % 4].read, high, CODE);
            regs.pc = CODE + 2;
            fg_cpu_set(guest.cpu, &regs);
        }
        if (second[i % 4].write != 99) {
            expect_fault(guest, second[i % 4].write, high, CODE + 2);
            CHECK("read", fg_space_read(guest.space, got, low + PAGE - 2, 2), 0);
            CHECK("nothing was written", got[0] == 0xff && got[1] == 0xff, true);
        } else {
            expect_trap(guest, GP, CODE + 5);
            CHECK("read", fg_space_read(guest.space, got, low + PAGE - 2, 2), 0);
            CHECK("read", fg_space_read(guest.space, got + 2, high, 4), 0);
            CHECK("was written", got[0] == 0xff && got[1] == 0xff, false);
            CHECK("to its end", got[5], 0xff);
        }
        guest_free(guest);
    }
    /* a bound that is exceeded, by what lies on the second page */
    struct guest guest = GUEST(0x62, 0x06, 0xf4);
    struct fg_registers regs = {.pc = CODE, .general = {[EAX] = 6, [ESI] = DATA + PAGE - 4}};
    fg_cpu_set(guest.cpu, &regs);
    CHECK("map", fg_space_map(guest.space, DATA + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
    CHECK("write", fg_space_write(guest.space, DATA + PAGE - 4, bounds, 8), 0);
    expect_trap(guest, BR, CODE);
    guest_free(guest);
}

static void limits(void) {
    struct guest guest = GUEST(0x40, 0x40, 0x41, 0xeb, 0xfb); /* inc eax twice, ecx; again */
    CHECK("kind", fg_cpu_run(guest.cpu, 1).kind, FG_EXIT_STOPPED);
    CHECK("pc", pc(guest), CODE + 1);
    CHECK("kind", fg_cpu_run(guest.cpu, 4 * 100 - 1).kind, FG_EXIT_STOPPED);
    CHECK("pc", pc(guest), CODE);
    CHECK("eax", reg(guest, EAX), 200);
    CHECK("ecx", reg(guest, ECX), 100);
    guest_free(guest);
}

static void ask_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    struct guest guest = GUEST(0x0f, 0xa2, 0xf4); /* cpuid; hlt */
    struct fg_registers regs = {.pc = CODE, .general = {[EAX] = leaf, [ECX] = subleaf}};
    regs.general[EBX] = regs.general[EDX] = 0x55555555;
    fg_cpu_set(guest.cpu, &regs);
    expect_trap(guest, GP, CODE + 2);
    out[0] = (uint32_t)reg(guest, EAX);
    out[1] = (uint32_t)reg(guest, EBX);
    out[2] = (uint32_t)reg(guest, ECX);
    out[3] = (uint32_t)reg(guest, EDX);
    guest_free(guest);
}

/* CPUID's leaves that say nothing of features; test/engine/cpuid_match.c has those. */
static void cpuid_leaves(void) {
    static const uint32_t wanted[][3] = {
        /* leaf, subleaf, eax; the others are 0 */
        {3, 0, 0},          {5, 0, 0},          {0x80000000, 0, 0x80000004},
        {0x80000005, 0, 0}, {0xffffffff, 0, 0}, {7, 5, 0},
        {0xd, 3, 0},        {0x1000, 0, 0}};
    uint32_t word[4], text[12];
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        ask_cpuid(wanted[i][0], wanted[i][1], word);
        CHECK("eax", word[0], wanted[i][2]);
        CHECK("the others", word[1] | word[2] | word[3], 0);
    }
    ask_cpuid(0, 0, word);
    uint32_t highest = word[0];
    CHECK("highest leaf", highest >= 2 && highest <= 0xd, true);
    CHECK("vendor",
          memcmp(&word[1], "Genu", 4) | memcmp(&word[3], "ineI", 4) | memcmp(&word[2], "ntel", 4),
          0);
    ask_cpuid(2, 77, text);
    CHECK("descriptors", text[0], highest < 4 ? 1 : 0xff01);
    for (uint32_t i = 0; highest >= 4 && i < 8; i++) { /* caches: sets * ways * line of 64 */
        ask_cpuid(4, i, text);
        uint32_t kind = text[0] & 31;
        CHECK("kind", kind == (i < 3 ? i + 1 : 0) || (i == 3 && kind == 3), true);
        CHECK("level", text[0] >> 5 & 7, kind == 0 ? 0 : i == 0 ? 1 : i);
        CHECK("line", text[1] & 0x3fffff, kind == 0 ? 0 : 63);
        CHECK("sets", kind == 0 || text[2] < 1u << 20, true);
    }
    ask_cpuid(1, 0, text);
    uint32_t threads = text[3] >> 28 & 1 ? text[1] >> 16 & 255 : 1;
    for (uint32_t i = 0; highest >= 0xb && i < 3; i++) { /* a thread, the cores, no more */
        ask_cpuid(0xb, i, text);
        CHECK("level", text[2], i < 2 ? i | (i + 1) << 8 : i);
        CHECK("processors",
              i == 0   ? text[1] == 1
              : i == 2 ? text[1] == 0
                       : text[1] <= threads,
              true);
    }
    for (uint32_t i = 0; i < 3; i++) {
        ask_cpuid(0x80000002 + i, 0, text + i * 4);
    }
    CHECK("brand", strcmp((char *)text, "Fiberglass virtual i686 CPU"), 0);
}

/* --- code that is written over, stops, threads ----------------------------------------- */

static void *run_once(void *cpu) {
    struct fg_exit end = fg_cpu_run(cpu, 0);
    return (void *)(uintptr_t)(end.kind == FG_EXIT_TRAP ? 100 + end.vector : end.kind);
}

static uintptr_t joined(pthread_t thread) {
    void *result;
    pthread_join(thread, &result);
    return (uintptr_t)result;
}

/* Waits until guest code, running on another thread, has changed the word at DATA. */
static void see_it_run(struct guest guest) {
    uint32_t first, now;
    CHECK("read", fg_space_read(guest.space, &first, DATA, 4), 0);
    do {
        usleep(100);
        CHECK("read", fg_space_read(guest.space, &now, DATA, 4), 0);
    } while (now == first);
}

static void written_code(void) {
    struct guest guest = GUEST(0xb8, 1, 0, 0, 0, 0xcc); /* mov eax, 1; int3 */
    expect_trap(guest, BP, CODE + 6);
    CHECK("eax", reg(guest, EAX), 1);
    uint8_t two = 2;
    CHECK("write", fg_space_write(guest.space, CODE + 1, &two, 1), 0);
    struct fg_registers regs = {.pc = CODE};
    fg_cpu_set(guest.cpu, &regs);
    expect_trap(guest, BP, CODE + 6);
    CHECK("eax", reg(guest, EAX), 2);
    guest_free(guest);

    guest = GUEST(0xff, 0x05, 0, 0, 0x02, 0, 0xeb, 0xf8); /* an endless loop, ended from outside */
    pthread_t thread;
    pthread_create(&thread, NULL, run_once, guest.cpu);
    see_it_run(guest);
    CHECK("write", fg_space_write(guest.space, CODE + 6, (const uint8_t[]){0xcc, 0x90}, 2), 0);
    CHECK("exit", joined(thread), 100 + BP);
    guest_free(guest);
}

static struct fg_cpu *to_stop;

static void on_alarm(int sig) {
    (void)sig;
    fg_cpu_stop(to_stop);
}

static void stops(void) {
    struct guest guest = GUEST(0xff, 0x05, 0, 0, 0x02, 0, 0xeb, 0xf8); /* inc dword [DATA]; again */
    fg_cpu_stop(guest.cpu);
    CHECK("stopped before", fg_cpu_run(guest.cpu, 0).kind, FG_EXIT_STOPPED);
    CHECK("pc", pc(guest), CODE);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, run_once, guest.cpu);
        see_it_run(guest);
        fg_cpu_stop(guest.cpu);
        CHECK("stopped by a thread", joined(thread), FG_EXIT_STOPPED);
    }
    to_stop = guest.cpu;
    signal(SIGALRM, on_alarm);
    ualarm(20000, 0);
    CHECK("stopped by a signal", fg_cpu_run(guest.cpu, 0).kind, FG_EXIT_STOPPED);
    guest_free(guest);
}

static void *serve(void *cpu) {
    unsigned long calls = 0;
    while (fg_cpu_run(cpu, 0).kind == FG_EXIT_SYSCALL) {
        calls++;
    }
    return (void *)calls;
}

/* A stop that comes while the cpu is leaving for another reason is not lost. */
static void stops_beside_calls(void) {
    struct guest guest = GUEST(0xcd, 0x80, 0xeb, 0xfc); /* int 0x80; again */
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, serve, guest.cpu);
        usleep(300);
        fg_cpu_stop(guest.cpu);
        joined(thread);
    }
    guest_free(guest);
}

/* Many cpus on one space: locked additions are never lost. */
static void threads_share_a_space(void) {
    enum { CPUS = 4, TIMES = 20000 };
    struct guest guest = GUEST(0xb9, TIMES & 0xff, TIMES >> 8, 0, 0, /* mov ecx, TIMES */
                               0xf0, 0xff, 0x05, 0, 0, 0x02, 0,      /* lock inc dword [DATA] */
                               0xe2, 0xf7, 0xcc);                    /* loop; int3 */
    struct fg_cpu *cpu[CPUS];
    pthread_t thread[CPUS];
    for (int i = 0; i < CPUS; i++) {
        struct fg_registers regs = {.pc = CODE};
        cpu[i] = fg_cpu_new(guest.space);
        fg_cpu_set(cpu[i], &regs);
        pthread_create(&thread[i], NULL, run_once, cpu[i]);
    }
    for (int i = 0; i < CPUS; i++) {
        CHECK("exit", joined(thread[i]), 100 + BP);
        fg_cpu_free(cpu[i]);
    }
    uint32_t sum;
    CHECK("read", fg_space_read(guest.space, &sum, DATA, 4), 0);
    CHECK("sum", sum, CPUS * TIMES);
    guest_free(guest);
}

/* Memory of a space that is gone is used by the next one, which must not find the code of the
 * first: everywhere in 64 KiB of addresses, what each space wrote there itself is run. */
static void spaces_find_nothing_of_dead_ones(void) {
    enum { SPACES = 12 };
    const uint64_t bytes = 0x10000, step = 0x800;
    for (uint8_t number = 1; number <= SPACES; number++) {
        struct guest guest = GUEST(0xcc);
        CHECK("map", fg_space_map(guest.space, CODE, bytes, ALL), 0);
        /* Some spaces run code in half of the places alone. */
        for (uint64_t at = CODE; at < CODE + bytes / (number % 3 ? 1 : 2); at += step) {
            const uint8_t code[] = {0xb8, number, 0, 0, 0, 0xcc}; /* mov eax, number; int3 */
            CHECK("write", fg_space_write(guest.space, at, code, sizeof code), 0);
            struct fg_registers regs = {.pc = at};
            fg_cpu_set(guest.cpu, &regs);
            expect_trap(guest, BP, at + sizeof code);
            CHECK("whose code", reg(guest, EAX), number);
        }
        guest_free(guest);
    }
}

/* The x87 stack goes with the cpu from thread to thread, and does not leak to another cpu. */
static void cpus_change_threads(void) {
    struct guest guest = GUEST(0xd9, 0xeb, 0xcc,                 /* fldpi; int3 */
                               0xdd, 0x1d, 0, 0, 0x02, 0, 0xcc); /* fstp qword [DATA]; int3 */
    expect_trap(guest, BP, CODE + 3);
    struct guest other = GUEST(0xd9, 0xe8, 0xcc); /* fld1; int3 */
    expect_trap(other, BP, CODE + 3);
    guest_free(other);
    pthread_t thread;
    pthread_create(&thread, NULL, run_once, guest.cpu);
    CHECK("exit", joined(thread), 100 + BP);
    double value;
    CHECK("read", fg_space_read(guest.space, &value, DATA, 8), 0);
    CHECK("pi", value == 3.141592653589793, true);
    guest_free(guest);
}

static void tiers_refuse(void) {
    CHECK("no such tier", fg_set_tier("fast", 0), -EINVAL);
    CHECK("threaded", fg_set_tier("threaded", 0), 0);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"decoder", decode_lengths},
    {"spaces refuse", space_refuses},
    {"copies", space_copies},
    {"spaces are given back", spaces_are_given_back},
    {"spaces find nothing of dead ones", spaces_find_nothing_of_dead_ones},
    {"registers", registers},
    {"system calls", system_calls},
    {"traps", traps},
    {"page faults", page_faults},
    {"split accesses", split_accesses},
    {"cpuid", cpuid_leaves},
    {"limits", limits},
    {"written code", written_code},
    {"stops", stops},
    {"stops beside system calls", stops_beside_calls},
    {"threads share a space", threads_share_a_space},
    {"cpus change threads", cpus_change_threads},
    {"registers of 64 bits", long_registers},
    {"memory of 64-bit code", long_memory},
    {"faults of 64-bit code", long_faults},
    {"tiers refuse", tiers_refuse},
};

/* Names of cases: these alone. FG_TIER: their tier. */
int main(int argc, char **argv) {
    int bad = 0;
    const char *tier = getenv("FG_TIER");
    if (tier && fg_set_tier(tier, 1) != 0) {
        printf("not ok fg_set_tier %s\n", tier);
        return 1;
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool wanted = argc == 1;
        for (int a = 1; a < argc; a++) {
            wanted |= !strcmp(cases[i].name, argv[a]);
        }
        if (!wanted) {
            continue;
        }
        failures = 0;
        fflush(stdout);
        alarm(120); /* a stop that got lost would hang */
        cases[i].run();
        alarm(0);
        printf("%s %s\n", failures ? "not ok" : "ok", cases[i].name);
        bad += failures != 0;
    }
    return bad != 0;
}
