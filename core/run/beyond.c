/* What becomes of accesses beyond the window. See beyond.h. */
#include "core/run/beyond.h"
#include "core/code/region.h"
#include "core/helpers/helpers.h"
#include "core/memory/chunks.h"
#include "core/space/space.h"

#include <string.h>

#define CROSS_ALIGN 64
#define CROSS_BYTES 1024 /* more than any operand has */

/* The first byte is beyond the window: is something mapped there, of which the gadget knew nothing
 * yet? */
static bool first_access(struct cpu *cpu, const uint64_t *slot) {
    struct space *space = cpu->space;
    bool made = chunk_made(space, cpu->trap_addr);
    if (!(space_page(space, cpu->trap_addr) & (PAGE_READ | PAGE_WRITE | PAGE_EXEC))) {
        return false;
    }
    if (!made && !space_touch(space, cpu->trap_addr, 1) && !chunk_made(space, cpu->trap_addr)) {
        cpu->trap_error |= FAULT_NO_MEMORY | FAULT_FETCH;
        return false;
    }
    cpu->wide = space_wide_table(space);
    return !slot || cpu->fault_beyond || code_widen(cpu, slot); /* the former look everywhere */
}

/* The access began before the end of the window or a chunk and went on into the guard: is what
 * follows in the guest mapped? */
static bool reaches_over(struct cpu *cpu) {
    uint8_t flags = space_page(cpu->space, cpu->trap_addr);
    uint8_t need = cpu->trap_error & 2 ? PAGE_WRITE : PAGE_READ | PAGE_WRITE | PAGE_EXEC;
    if (flags & need) {
        cpu->cross = cpu->step_once = true;
    }
    return cpu->cross;
}

bool fault_beyond(struct cpu *cpu, const uint64_t *slot) {
    struct space *space = cpu->space;
    bool over = !cpu->fault_probe && cpu->trap_addr >= space->top;
    if (cpu->mode == GUEST_I386 || cpu->trap != TRAP_PF) {
        return false;
    }
    if (cpu->fault_beyond && !cpu->fault_probe) {
        const void *host = (const void *)(uintptr_t)cpu->trap_addr;
        if (!space_address_of(space, host, &cpu->trap_addr, &over)) {
            cpu->trap_addr = 0; /* cannot be: the gadget looked */
            return false;
        }
    }
    if (!space->chunks || cpu->trap_addr >= space->end || cpu->trap_error & FAULT_BUS) {
        return false;
    }
    return cpu->fault_probe ? first_access(cpu, slot) : over && reaches_over(cpu);
}

/* The operand of the instruction that is being run so, and its bytes. */
static __thread struct {
    gaddr_t addr;
    unsigned len;
    bool writes;
    uint64_t delta;
    uint8_t bytes[CROSS_BYTES + CROSS_ALIGN] __attribute__((aligned(CROSS_ALIGN)));
} crossing;

static uint8_t *crossing_bytes(void) {
    return crossing.bytes + crossing.addr % CROSS_ALIGN;
}

bool cross_begin(struct cpu *cpu) {
    const struct insn *insn = code_step_insn();
    const struct variant *variant = &variants[insn->variant];
    if (wide_way(cpu->mode, insn) != WIDE_OPERAND || variant->bytes > CROSS_BYTES) {
        cpu->cross = false; /* done in C; or another one by now, which finds its own way */
        return true;
    }
    crossing.addr = helper_operand(cpu, insn);
    crossing.len = variant->bytes;
    crossing.writes = variant->writes;
    memset(crossing.bytes, 0, sizeof crossing.bytes);
    int leave = helper_read(cpu, crossing_bytes(), crossing.addr, crossing.len);
    if (!leave && crossing.writes) {
        leave = helper_write_probe(cpu, crossing.addr, crossing.len);
    }
    if (leave) {
        cpu->cross = false;
        return false;
    }
    /* The table has one entry, that of this operand. */
    uint64_t number = crossing.addr >> CHUNK_BITS;
    crossing.delta = (uint64_t)(uintptr_t)crossing_bytes() - crossing.addr - host_wide_base();
    cpu->wide = (uint64_t)(uintptr_t)&crossing.delta - number * sizeof crossing.delta;
    return true;
}

void cross_end(struct cpu *cpu, enum exit_reason reason) {
    cpu->cross = false;
    cpu->wide = space_wide_table(cpu->space);
    if (reason == EXIT_STEP && crossing.writes) {
        (void)guest_write(cpu->space, crossing.addr, crossing_bytes(), crossing.len);
    }
}
