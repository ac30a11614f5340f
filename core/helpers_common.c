/* What instruction helpers share: leaving with an exception, guest memory with precise faults. The
 * instructions themselves are in helpers_integer.c, helpers_string.c, helpers_system.c. */
#include "core/helpers.h"
#include "core/space.h"

int helper_trap(struct cpu *cpu, uint32_t vector, uint32_t error) {
    cpu->trap = vector;
    cpu->trap_error = error;
    return EXIT_TRAP;
}

/* #PF at the first byte of [addr, addr + len) that may not be accessed. */
static int page_fault(struct cpu *cpu, gaddr_t addr, unsigned len, bool write) {
    const struct space *space = cpu->space;
    gaddr_t at = addr;
    uint8_t need = write ? PAGE_WRITE : PAGE_READ | PAGE_WRITE | PAGE_EXEC;
    for (gaddr_t page = PAGE_BASE(addr); page < addr + len && page < space->top;
         page += PAGE_BYTES) {
        if (!(space->page[page >> PAGE_BITS] & need)) {
            at = page > addr ? page : addr;
            break;
        }
    }
    bool present = at < space->top && (space->page[at >> PAGE_BITS] & PAGE_MAPPED);
    cpu->trap_addr = at;
    return helper_trap(cpu, TRAP_PF, 4u | (write ? 2u : 0u) | (present ? 1u : 0u));
}

/* Addresses wrap at 4 GiB: an access that does is split. */
static unsigned before_wrap(const struct cpu *cpu, gaddr_t addr, unsigned len) {
    gaddr_t room = cpu->space->top - addr;
    return room < len ? (unsigned)room : len;
}

int helper_read(struct cpu *cpu, void *to, gaddr_t addr, unsigned len) {
    unsigned first = before_wrap(cpu, addr, len);
    if (guest_read(cpu->space, to, addr, first) < 0) {
        return page_fault(cpu, addr, first, false);
    }
    if (first < len && guest_read(cpu->space, (char *)to + first, 0, len - first) < 0) {
        return page_fault(cpu, 0, len - first, false);
    }
    return 0;
}

int helper_write(struct cpu *cpu, gaddr_t addr, const void *from, unsigned len) {
    unsigned first = before_wrap(cpu, addr, len);
    if (guest_write(cpu->space, addr, from, first) < 0) {
        return page_fault(cpu, addr, first, true);
    }
    if (first < len &&
        guest_write(cpu->space, 0, (const char *)from + first, len - first) < 0) {
        return page_fault(cpu, 0, len - first, true);
    }
    return 0;
}
