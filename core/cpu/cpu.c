/* A guest CPU outside of gadgets: creation, flags, FPU state, segments, kicks. */
#include "core/cpu/cpu.h"
#include "core/base/space_state.h"
#include "core/cpu/xstate.h"
#include "core/host/host.h"
#include "core/cpu/epoch.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define FX_MXCSR_MASK 28 /* offsets in an FXSAVE image, beside those of xstate.h */
#define FX_POINTERS   8

/* Selectors of a process under a 64-bit Linux kernel. */
#define SEL_USER_CS   0x23
#define SEL_USER_CS64 0x33
#define SEL_USER_DS   0x2b
#define GDT_TLS_FIRST 12

static struct cpu_segment flat_segment(uint16_t selector, uint16_t attr) {
    return (struct cpu_segment){.base = 0, .limit = 0xffffffff, .selector = selector, .attr = attr};
}

/* Descriptor bits of the flat segments, as LAR shows them from bit 8 on. */
#define FLAT_CODE   0xcffb
#define FLAT_CODE64 0xaffb
#define FLAT_DATA   0xcff3

struct cpu *cpu_create(enum guest_mode mode) {
    struct cpu *cpu = aligned_alloc(64, (sizeof *cpu + 63) & ~(size_t)63);
    if (!cpu) {
        return NULL;
    }
    memset(cpu, 0, sizeof *cpu);
    cpu_poll_set(cpu, POLL_RUN);
    cpu->mode = mode;
    cpu->flags_hidden = FLAG_IF;
    cpu->seg[SEG_CS] = mode == GUEST_I386 ? flat_segment(SEL_USER_CS, FLAT_CODE)
                                          : flat_segment(SEL_USER_CS64, FLAT_CODE64);
    if (mode == GUEST_I386) { /* in 64-bit programs DS and ES are null */
        cpu->seg[SEG_DS] = flat_segment(SEL_USER_DS, FLAT_DATA);
        cpu->seg[SEG_ES] = flat_segment(SEL_USER_DS, FLAT_DATA);
    }
    cpu->seg[SEG_SS] = flat_segment(SEL_USER_DS, FLAT_DATA);
    cpu_fpu_reset(cpu);
    cpu_list_add(cpu);
    return cpu;
}

struct cpu *cpu_clone(struct cpu *from) {
    struct cpu *cpu = aligned_alloc(64, (sizeof *cpu + 63) & ~(size_t)63);
    if (!cpu) {
        return NULL;
    }
    cpu_fpu_save(from);
    memcpy(cpu, from, sizeof *cpu);
    cpu->fx_valid = true;
    cpu->step_chunks = NULL;
    cpu->owner = NULL;
    cpu->thread = 0;
    cpu->step_once = false;
    atomic_store(&cpu->epoch, 0);
    atomic_store(&cpu->kicked, false);
    cpu_poll_set(cpu, POLL_RUN);
    cpu_list_add(cpu);
    return cpu;
}

void cpu_kick(struct cpu *cpu) {
    atomic_store(&cpu->kicked, true);
    cpu_poll_set(cpu, POLL_STOP);
    uint64_t thread = __atomic_load_n(&cpu->thread, __ATOMIC_ACQUIRE);
    if (thread) {
        pthread_kill((pthread_t)thread, host_kick_signal());
    }
}

void cpu_kick_clear(struct cpu *cpu) {
    atomic_store(&cpu->kicked, false);
    cpu_poll_set(cpu, POLL_RUN);
}

unsigned cpu_vectors(const struct cpu *cpu) {
    return cpu->mode == GUEST_I386 ? 8 : 16;
}

/* Those that its program may have, also while it is in 32-bit code. */
static unsigned program_vectors(const struct cpu *cpu) {
    return cpu->space && cpu->space->both ? 16 : cpu_vectors(cpu);
}

void cpu_fpu_save(struct cpu *cpu) {
    if (!cpu->fx_valid) {
        uint8_t image[512] __attribute__((aligned(16))) = {0}; /* FXSAVE leaves gaps */
        host_fpu_save(image);
        memcpy(cpu->fx, image, XSTATE_MXCSR);
        memcpy(cpu->fx + XSTATE_ST, image + XSTATE_ST, XSTATE_XMM - XSTATE_ST);
        memset(cpu->fx + FX_POINTERS, 0, XSTATE_MXCSR - FX_POINTERS); /* host addresses */
    }
    memcpy(cpu->fx + XSTATE_MXCSR, &cpu->mxcsr, 4);
    memcpy(cpu->fx + FX_MXCSR_MASK, &(uint32_t){0xffff}, 4);
    unsigned count = program_vectors(cpu);
    for (unsigned i = 0; i < count; i++) {
        memcpy(cpu->fx + XSTATE_XMM + 16 * i, cpu->ymm[i], 16);
    }
    /* The guest has no more registers. A gadget's FXSAVE leaves the host's here, and sigreturn what
     * the guest wrote. */
    size_t end = XSTATE_XMM + 16 * count;
    memset(cpu->fx + end, 0, sizeof cpu->fx - end);
}

void cpu_fpu_dirty(struct cpu *cpu) {
    memcpy(&cpu->mxcsr, cpu->fx + XSTATE_MXCSR, 4);
    cpu->mxcsr &= 0xffff; /* LDMXCSR of reserved bits would fault on the host */
    for (unsigned i = 0; i < program_vectors(cpu); i++) {
        memcpy(cpu->ymm[i], cpu->fx + XSTATE_XMM + 16 * i, 16);
    }
    cpu->fx_valid = true;
}

void cpu_fpu_reset(struct cpu *cpu) {
    memset(cpu->fx, 0, sizeof cpu->fx);
    memcpy(cpu->fx, &(uint16_t){FCW_DEFAULT}, 2);
    memcpy(cpu->fx + XSTATE_MXCSR, &(uint32_t){MXCSR_DEFAULT}, 4);
    cpu_fpu_dirty(cpu);
    memset(cpu->ymm, 0, sizeof cpu->ymm);
    cpu->upper = 0;
}

void cpu_upper_save(const struct cpu *cpu, uint8_t image[16][16]) {
    for (unsigned i = 0; i < ARRAY_LEN(cpu->ymm); i++) {
        memcpy(image[i], cpu->ymm[i] + 16, 16);
    }
}

void cpu_upper_load(struct cpu *cpu, const uint8_t image[16][16]) {
    uint8_t any = 0;
    for (unsigned i = 0; i < program_vectors(cpu); i++) {
        memcpy(cpu->ymm[i] + 16, image[i], 16);
        for (unsigned byte = 0; byte < 16; byte++) {
            any |= image[i][byte];
        }
    }
    cpu->upper = any != 0;
    if (any) {
        host_use_upper();
    }
}

uint32_t cpu_eflags(const struct cpu *cpu) {
    return (uint32_t)((cpu->flags & FLAGS_HOST) | (cpu->flags_hidden & FLAGS_HIDDEN) | FLAG_IF | 2);
}

void cpu_set_eflags(struct cpu *cpu, uint32_t eflags) {
    cpu->flags = eflags & FLAGS_HOST;
    cpu->flags_hidden = (eflags & FLAGS_HIDDEN) | FLAG_IF;
}

/* Read a raw descriptor (SDM Vol. 3 3.4.5) into a segment. False when it is not a data or code
 * segment that ring 3 may see (as an empty one is not). */
static bool read_descriptor(uint64_t desc, uint16_t selector, struct cpu_segment *out) {
    bool system = !(desc >> 44 & 1);
    if (system || (desc >> 45 & 3) != 3) {
        return false;
    }
    uint32_t limit = (uint32_t)((desc & 0xffff) | (desc >> 32 & 0xf0000));
    if (desc >> 55 & 1) {
        limit = limit << 12 | 0xfff;
    }
    *out = (struct cpu_segment){
        .base = (desc >> 16 & 0xffffff) | (desc >> 32 & 0xff000000),
        .limit = limit,
        .selector = selector,
        .attr = (uint16_t)(desc >> 40),
    };
    return true;
}

bool cpu_find_segment(const struct cpu *cpu, uint16_t selector, struct cpu_segment *out) {
    static const struct {
        uint16_t selector, attr;
    } flat[] = {{SEL_USER_DS, FLAT_DATA}, {SEL_USER_CS, FLAT_CODE}, {SEL_USER_CS64, FLAT_CODE64}};
    for (unsigned i = 0; i < ARRAY_LEN(flat); i++) {
        if ((selector | 3) == flat[i].selector) {
            *out = flat_segment(selector, flat[i].attr);
            return true;
        }
    }
    unsigned index = selector >> 3;
    return !(selector & 4) && index >= GDT_TLS_FIRST &&
           index < GDT_TLS_FIRST + ARRAY_LEN(cpu->tls_desc) &&
           read_descriptor(cpu->tls_desc[index - GDT_TLS_FIRST], selector, out);
}

/* May the register hold such a segment? SDM Vol. 2B MOV, Vol. 3A 5.6 and 5.7. The code segment of a
 * mode that the space has not can be looked at and read through, but not entered. */
static bool suits(const struct cpu *cpu, int seg, const struct cpu_segment *loaded) {
    bool code = loaded->attr & ATTR_CODE, rw = loaded->attr & ATTR_RW;
    if (seg == SEG_CS) {
        return code && (segment_mode(loaded) == cpu->mode || (cpu->space && cpu->space->both));
    }
    return seg == SEG_SS ? !code && rw && (loaded->selector & 3) == 3 : !code || rw;
}

int cpu_check_segment(const struct cpu *cpu, int seg, uint16_t selector, struct cpu_segment *out) {
    if ((selector & ~3) == 0) {
        if (seg == SEG_SS || seg == SEG_CS) {
            return -TRAP_GP;
        }
        *out = (struct cpu_segment){.selector = selector};
        return 0;
    }
    if (!cpu_find_segment(cpu, selector, out) || !suits(cpu, seg, out)) {
        return -TRAP_GP;
    }
    if (!(out->attr & ATTR_PRESENT)) {
        return seg == SEG_SS ? -TRAP_SS : -TRAP_NP;
    }
    /* Gadgets add a base for FS and GS alone: another segment with one cannot be had, but for
     * 64-bit code, where it counts for nothing. */
    if (seg != SEG_FS && seg != SEG_GS && out->base != 0) {
        if (cpu->mode == GUEST_I386) {
            return -TRAP_GP;
        }
        out->base = 0;
    }
    return 0;
}

uint64_t cpu_wide_register(const struct cpu *cpu, unsigned number) {
    uint64_t value = cpu->regs[number], wide = cpu->before32[number];
    bool kept = cpu->mode == GUEST_I386 && number != REG_SP && number != REG_AX &&
                (uint32_t)value == (uint32_t)wide;
    return kept ? wide : value;
}

void cpu_set_wide_register(struct cpu *cpu, unsigned number, uint64_t value) {
    cpu->before32[number] = value;
    cpu->regs[number] = cpu->mode == GUEST_I386 ? (uint32_t)value : value;
}

int cpu_load_segment(struct cpu *cpu, int seg, uint16_t selector) {
    struct cpu_segment loaded;
    int trap = cpu_check_segment(cpu, seg, selector, &loaded);
    if (trap) {
        return trap;
    }
    cpu->seg[seg] = loaded;
    if (seg == SEG_CS && segment_mode(&loaded) != cpu->mode) {
        uint64_t value[8];
        for (unsigned i = 0; i < 8; i++) {
            value[i] = cpu_wide_register(cpu, i);
        }
        cpu->mode = segment_mode(&loaded);
        for (unsigned i = 0; i < 8; i++) {
            cpu_set_wide_register(cpu, i, value[i]);
        }
    }
    return 0;
}
