/* The engine part of the public interface (fiberglass.h): spaces, cpus and the decoder for
 * embedders, tests and fuzzers, as thin wrappers. The kernel layer uses the inner functions
 * instead. */
#include "core/fiberglass.h"

#include "core/base/debug.h"
#include "core/cpu/cpu.h"
#include "core/host/host.h"
#include "core/decode/insn.h"
#include "core/native/native.h"
#include "core/run/run.h"
#include "core/space/space.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct fg_cpu {
    struct cpu *cpu;
    struct space *space;
    _Atomic(bool) stop; /* fg_cpu_stop() was called, and no run has said so yet */
};

void engine_init(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, host_init);
}

int fg_set_tier(const char *tier, unsigned code_size) {
    const size_t mib = 1 << 20, default_size = 64;
    bool native = !strcmp(tier, "native"), automatic = !strcmp(tier, "auto");
    if (!native && !automatic) {
        return strcmp(tier, "threaded") ? -EINVAL : 0;
    }
    if (!native_init((code_size ? code_size : default_size) * mib)) {
        return automatic ? 0 : -errno;
    }
    fg_debug.native = true;
    return 0;
}

struct fg_space *fg_space_new(enum fg_mode mode) {
    if (mode != FG_MODE_I386 && mode != FG_MODE_X86_64) {
        errno = EINVAL;
        return NULL;
    }
    engine_init();
    return (struct fg_space *)space_create(mode == FG_MODE_I386 ? GUEST_I386 : GUEST_X86_64, 0);
}

uint64_t fg_space_end(const struct fg_space *space) {
    return ((const struct space *)space)->end;
}

void fg_space_free(struct fg_space *space) {
    space_unref((struct space *)space);
}

int fg_space_map(struct fg_space *space, uint64_t addr, uint64_t len, int prot) {
    return space_map((struct space *)space, addr, len, prot, false, -1, 0, NULL);
}

int fg_space_unmap(struct fg_space *space, uint64_t addr, uint64_t len) {
    return space_unmap((struct space *)space, addr, len);
}

int fg_space_read(struct fg_space *space, void *to, uint64_t from, size_t len) {
    return guest_read((struct space *)space, to, from, len);
}

int fg_space_write(struct fg_space *space, uint64_t to, const void *from, size_t len) {
    return guest_write((struct space *)space, to, from, len);
}

struct fg_cpu *fg_cpu_new(struct fg_space *space) {
    struct fg_cpu *handle = calloc(1, sizeof *handle);
    if (!handle) {
        return NULL;
    }
    handle->space = space_ref((struct space *)space);
    handle->cpu = cpu_create(handle->space->mode);
    if (!handle->cpu) {
        space_unref(handle->space);
        free(handle);
        return NULL;
    }
    handle->cpu->space = handle->space;
    return handle;
}

void fg_cpu_free(struct fg_cpu *cpu) {
    if (cpu) {
        cpu_destroy(cpu->cpu);
        space_unref(cpu->space);
        free(cpu);
    }
}

void fg_cpu_get(const struct fg_cpu *cpu, struct fg_registers *out) {
    *out = (struct fg_registers){.pc = cpu->cpu->pc, .flags = cpu_eflags(cpu->cpu)};
    memcpy(out->general, cpu->cpu->regs, sizeof out->general);
    if (cpu->cpu->mode == GUEST_X86_64) {
        out->fs_base = cpu->cpu->seg[SEG_FS].base;
        out->gs_base = cpu->cpu->seg[SEG_GS].base;
    }
}

void fg_cpu_set(struct fg_cpu *cpu, const struct fg_registers *in) {
    struct cpu *to = cpu->cpu;
    cpu_set_eflags(to, in->flags);
    if (to->mode == GUEST_X86_64) {
        memcpy(to->regs, in->general, sizeof to->regs);
        to->pc = in->pc;
        to->seg[SEG_FS].base = in->fs_base;
        to->seg[SEG_GS].base = in->gs_base;
        return;
    }
    for (size_t i = 0; i < 8; i++) {
        to->regs[i] = (uint32_t)in->general[i]; /* the contract: zero-extended */
    }
    to->pc = (uint32_t)in->pc;
}

struct fg_exit fg_cpu_run(struct fg_cpu *cpu, uint64_t max_insns) {
    cpu->cpu->insn_budget = max_insns;
    enum exit_reason reason;
    for (;;) {
        reason = cpu_run(cpu->cpu);
        if (reason != EXIT_KICKED) {
            break; /* a stop that came meanwhile is for the next run */
        }
        cpu_kick_clear(cpu->cpu); /* before the look: a stop after it kicks again */
        if (atomic_exchange(&cpu->stop, false) || (max_insns && !cpu->cpu->insn_budget)) {
            break; /* else the engine kicked it: code was dropped */
        }
    }
    cpu->cpu->insn_budget = 0;
    __atomic_store_n(&cpu->cpu->thread, 0, __ATOMIC_RELEASE); /* it may end now; stop asks */
    cpu_fpu_save(cpu->cpu); /* another cpu may use this host thread next */
    cpu_fpu_dirty(cpu->cpu);
    struct fg_exit out = {.kind = FG_EXIT_STOPPED};
    if (reason == EXIT_SYSCALL) {
        out.kind = FG_EXIT_SYSCALL;
    } else if (reason == EXIT_TRAP) {
        out.kind = FG_EXIT_TRAP;
        out.vector = cpu->cpu->trap;
        out.error = cpu->cpu->trap_error;
        if (out.vector == TRAP_PF) {
            out.error &= 0x13 | FAULT_NO_MEMORY;
        }
        out.address = cpu->cpu->trap_addr;
    }
    return out;
}

void fg_cpu_stop(struct fg_cpu *cpu) {
    atomic_store(&cpu->stop, true);
    cpu_kick(cpu->cpu);
}

int fg_decode(enum fg_mode mode, const uint8_t *bytes, size_t size, const char **mnemonic) {
    struct insn insn;
    enum guest_mode guest = mode == FG_MODE_X86_64 ? GUEST_X86_64 : GUEST_I386;
    enum decode_status status = decode(&insn, guest, 0, bytes, size);
    if (status != DECODE_OK) {
        return status == DECODE_MORE ? -EAGAIN : -EINVAL;
    }
    if (mnemonic) {
        *mnemonic = rows[insn.row].mnemonic;
    }
    return insn.len;
}
