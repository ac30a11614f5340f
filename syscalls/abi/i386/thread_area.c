/* Thread-local storage of the i386 ABI: set_thread_area(2), get_thread_area(2), CLONE_SETTLS; the
 * GDT entries 12 to 14 of a task are cpu->tls_desc (SDM Vol. 3 3.4.5, <asm/ldt.h>). */
#include "gen/syscall_protos.h"
#include "syscalls/abi/i386/i386.h"

#include <errno.h>

#define TLS_FIRST   12
#define TLS_ENTRIES ARRAY_LEN(((struct cpu *)0)->tls_desc)

/* struct user_desc; bits of `flags` in the order of its bit fields */
struct i386_user_desc {
    uint32_t entry, base, limit, flags;
};
#define DESC_32BIT       1u
#define DESC_CONTENTS(f) ((f) >> 1 & 3u)
#define DESC_READ_ONLY   8u
#define DESC_PAGES       16u
#define DESC_NOT_PRESENT 32u
#define DESC_USEABLE     64u

static bool is_empty(const struct i386_user_desc *desc) {
    bool cleared = desc->base == 0 && desc->limit == 0;
    return cleared && ((desc->flags & 0x7f) == (DESC_READ_ONLY | DESC_NOT_PRESENT) ||
                       (desc->flags & 0x7f) == 0);
}

/* The two words of a data or code segment descriptor for ring 3. */
static uint64_t encode(const struct i386_user_desc *desc) {
    if (is_empty(desc)) {
        return 0;
    }
    uint32_t flags = desc->flags;
    uint32_t type =
        (flags & DESC_READ_ONLY ? 0u : 2u) | DESC_CONTENTS(flags) << 2 | 1u /* accessed */;
    uint32_t low = desc->limit & 0xffff;
    uint32_t high = type << 8 | 1u << 12 | 3u << 13;
    low |= desc->base << 16;
    high |= (desc->base >> 16 & 0xff) | (desc->base & 0xff000000);
    high |= desc->limit & 0xf0000;
    high |= flags & DESC_NOT_PRESENT ? 0 : 1u << 15;
    high |= flags & DESC_USEABLE ? 1u << 20 : 0;
    high |= flags & DESC_32BIT ? 1u << 22 : 0;
    high |= flags & DESC_PAGES ? 1u << 23 : 0;
    return low | (uint64_t)high << 32;
}

static void decode(uint64_t raw, struct i386_user_desc *desc) {
    uint32_t low = (uint32_t)raw, high = (uint32_t)(raw >> 32);
    desc->base = low >> 16 | (high & 0xff) << 16 | (high & 0xff000000);
    desc->limit = (low & 0xffff) | (high & 0xf0000);
    desc->flags = (high >> 22 & 1) | (high >> 10 & 3) << 1 | (high >> 9 & 1 ? 0 : DESC_READ_ONLY) |
                  (high >> 23 & 1 ? DESC_PAGES : 0) | (high >> 15 & 1 ? 0 : DESC_NOT_PRESENT) |
                  (high >> 20 & 1 ? DESC_USEABLE : 0);
}

/* The segment registers hold copies of their descriptor: those that name this entry get the new
 * one. */
static void reload(struct cpu *cpu, unsigned entry) {
    for (int seg = 0; seg < SEG_COUNT; seg++) {
        uint16_t selector = cpu->seg[seg].selector;
        if (selector >> 3 == entry && !(selector & 4) && seg != SEG_CS && seg != SEG_SS &&
            cpu_load_segment(cpu, seg, selector)) {
            cpu_load_segment(cpu, seg, 0);
        }
    }
}

static int set_entry(struct cpu *cpu, const struct i386_user_desc *desc) {
    if (desc->entry < TLS_FIRST || desc->entry >= TLS_FIRST + TLS_ENTRIES) {
        return -EINVAL;
    }
    if (!is_empty(desc) && DESC_CONTENTS(desc->flags) > 1) {
        return -EINVAL; /* code segments: their base and limit would have to be honoured */
    }
    if (!is_empty(desc) && (!(desc->flags & DESC_32BIT) || desc->flags & DESC_NOT_PRESENT)) {
        return -EINVAL; /* 16-bit stack segments; what is not present, as Linux since 3.19 */
    }
    cpu->tls_desc[desc->entry - TLS_FIRST] = encode(desc);
    reload(cpu, desc->entry);
    return 0;
}

int abi_i386_set_tls(struct task *task, struct cpu *cpu, uint64_t from) {
    struct i386_user_desc desc;
    if (guest_read(task->cpu->space, &desc, from, sizeof desc)) {
        return -EFAULT;
    }
    return set_entry(cpu, &desc);
}

/* set_thread_area(2); entry -1 asks for a free one */
long sys_set_thread_area(struct task *task, gaddr_t addr) {
    struct i386_user_desc desc;
    struct cpu *cpu = task->cpu;
    if (guest_read(cpu->space, &desc, addr, sizeof desc)) {
        return -EFAULT;
    }
    if (desc.entry != UINT32_MAX) {
        return set_entry(cpu, &desc);
    }
    unsigned free = 0;
    while (free < TLS_ENTRIES && cpu->tls_desc[free]) {
        free++;
    }
    if (free == TLS_ENTRIES) {
        return -ESRCH;
    }
    desc.entry = TLS_FIRST + free;
    int error = set_entry(cpu, &desc);
    return error ? error : guest_write(cpu->space, addr, &desc.entry, sizeof desc.entry);
}

/* get_thread_area(2) */
long sys_get_thread_area(struct task *task, gaddr_t addr) {
    struct i386_user_desc desc;
    struct cpu *cpu = task->cpu;
    if (guest_read(cpu->space, &desc, addr, sizeof desc)) {
        return -EFAULT;
    }
    if (desc.entry < TLS_FIRST || desc.entry >= TLS_FIRST + TLS_ENTRIES) {
        return -EINVAL;
    }
    decode(cpu->tls_desc[desc.entry - TLS_FIRST], &desc);
    return guest_write(cpu->space, addr, &desc, sizeof desc);
}
