/* What instruction helpers share: leaving with an exception, guest memory with precise faults. The
 * instructions themselves are in helpers_integer.c, helpers_string.c, helpers_system.c. */
#include "core/helpers/helpers.h"
#include "core/space/space.h"

int helper_trap(struct cpu *cpu, uint32_t vector, uint32_t error) {
    cpu->trap = vector;
    cpu->trap_error = error;
    return EXIT_TRAP;
}

/* The first byte of [addr, addr + len) that may not be accessed; addr + len when there is none. */
static gaddr_t first_refused(const struct cpu *cpu, gaddr_t addr, unsigned len, bool write) {
    const struct space *space = cpu->space;
    uint8_t need = write ? PAGE_WRITE : PAGE_READ | PAGE_WRITE | PAGE_EXEC;
    if (addr >= space->end) {
        return addr;
    }
    for (gaddr_t page = PAGE_BASE(addr); page < addr + len; page += PAGE_BYTES) {
        if (!(space_page(space, page) & need)) {
            return page > addr ? page : addr;
        }
    }
    return addr + len;
}

static int page_fault(struct cpu *cpu, gaddr_t at, bool write) {
    const struct space *space = cpu->space;
    bool present = space_mapped(space, at);
    cpu->trap_addr = at;
    return helper_trap(cpu, TRAP_PF, (write ? 2u : 0u) | (present ? 1u : 0u));
}

/* Addresses of i386 wrap at 4 GiB: an access that does is split. */
static unsigned before_wrap(const struct cpu *cpu, gaddr_t addr, unsigned len) {
    gaddr_t room = ((gaddr_t)1 << 32) - addr;
    return cpu->mode == GUEST_I386 && room < len ? (unsigned)room : len;
}

int helper_read(struct cpu *cpu, void *to, gaddr_t addr, unsigned len) {
    unsigned first = before_wrap(cpu, addr, len);
    if (guest_read(cpu->space, to, addr, first) < 0) {
        gaddr_t refused = first_refused(cpu, addr, first, false);
        return page_fault(cpu, refused == addr + first ? addr : refused, false);
    }
    if (first < len && guest_read(cpu->space, (char *)to + first, 0, len - first) < 0) {
        return page_fault(cpu, 0, false);
    }
    return 0;
}

int helper_write_probe(struct cpu *cpu, gaddr_t addr, unsigned len) {
    len = before_wrap(cpu, addr, len);
    gaddr_t refused = first_refused(cpu, addr, len, true);
    return refused == addr + len ? 0 : page_fault(cpu, refused, true);
}

int helper_write(struct cpu *cpu, gaddr_t addr, const void *from, unsigned len) {
    unsigned first = before_wrap(cpu, addr, len);
    gaddr_t refused = first_refused(cpu, addr, first, true); /* first, so that nothing is written */
    if (refused != addr + first) {
        return page_fault(cpu, refused, true);
    }
    gaddr_t rest = len - first, refused_rest = first_refused(cpu, 0, (unsigned)rest, true);
    if (refused_rest != rest) {
        return page_fault(cpu, refused_rest, true);
    }
    if (guest_write(cpu->space, addr, from, first) < 0) {
        return page_fault(cpu, addr, true);
    }
    if (first < len && guest_write(cpu->space, 0, (const char *)from + first, len - first) < 0) {
        return page_fault(cpu, 0, true);
    }
    return 0;
}

bool helper_insn(struct cpu *cpu, struct insn *insn) {
    uint8_t bytes[INSN_MAX_BYTES];
    size_t got = 0;
    while (got < sizeof bytes && guest_read(cpu->space, bytes + got, cpu->pc + got, 1) == 0) {
        got++;
    }
    return decode(insn, cpu->mode, cpu->pc, bytes, got) == DECODE_OK;
}

gaddr_t helper_operand(const struct cpu *cpu, const struct insn *insn) {
    uint64_t at = (uint64_t)insn->disp;
    if (insn->base >= 0) {
        bool pop = variants[insn->variant].mem == MEM_POP && insn->base == REG_SP;
        at += cpu->regs[insn->base] + (pop ? insn->opsize : 0);
    }
    if (insn->index >= 0) {
        at += cpu->regs[insn->index] << insn->scale;
    }
    if (insn->addrsize == 4) {
        at = (uint32_t)at;
    }
    return insn->seg < SEG_COUNT ? at + cpu->seg[insn->seg].base : at;
}
