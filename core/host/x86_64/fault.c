/* x86-64 host: fault and kick signal handlers, window register, CPUID. With host_x86_64.S the only
 * place in core that knows the host.
 *
 * A fault inside a gadget becomes an exit to C: the handler applies the fixup table, notes what
 * happened in the cpu and continues the thread at fg_exit_fault with the guest's registers in
 * place. A fault inside a guest-memory copy continues at the copy's end. Any other fault is ours:
 * it dies. */
#include "core/host/x86_64/fixup.h"
#include "core/host/host.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <errno.h>
#include <immintrin.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

struct fixup {
    uint64_t address, kind;
};

/* Bounds of the gadgets' code and of the fixup table, made by the linker from the section names. */
extern const char __start_fg_gadgets[], __stop_fg_gadgets[];
extern const struct fixup __start_fg_fixup[] __attribute__((weak));
extern const struct fixup __stop_fg_fixup[] __attribute__((weak));

extern const char fg_exit_fault[];
extern const char host_call_check[], host_call_insn[], host_call_interrupted[];
extern const char host_copy_insn[], host_copy_done[], host_fill_insn[], host_fill_done[];
extern const char host_load32_insn[], host_cmpxchg32_insn[], host_access_failed[];

#define HWCAP2_FSGSBASE 2

static bool have_fsgsbase;

/* Take the window's base out of a pointer of a string instruction. */
static void out_of_window(const struct cpu *cpu, greg_t *reg) {
    uint64_t address = (uint64_t)*reg - cpu->window;
    *reg = (greg_t)(cpu->mode == GUEST_I386 ? (uint32_t)address : address);
}

extern const char host_wide_bytes[];

uint64_t host_wide_base(void) {
    return (uint64_t)(uintptr_t)host_wide_bytes - (uint64_t)(int64_t)PROBE;
}

/* The guest address in the EA register was not found in the table of chunks: its chunk was not
 * made, or it has more than 47 bits. */
static void not_in_table(struct cpu *cpu, uint64_t address) {
    cpu->trap = TRAP_PF;
    cpu->trap_addr = address;
    cpu->fault_probe = cpu->fault_beyond = true;
}

/* #GP of an access with an entry of the table that names no chunk; an address that is not aligned
 * as it should be is one, too. True: it was the former. */
static bool no_chunk(const greg_t *regs, uint64_t *address) {
    *address = (uint64_t)regs[REG_R11] - WIDE_NONE;
    return (uint64_t)regs[REG_R15] == host_wide_base() && *address >> ADDRESS_BITS == 0;
}

/* The kind of fixup at a gadget's instruction; 0: none. */
static unsigned gadget_fixup(const char *rip) {
    for (const struct fixup *fix = __start_fg_fixup; fix != __stop_fg_fixup; fix++) {
        if (fix->address == (uint64_t)(uintptr_t)rip) {
            return (unsigned)fix->kind;
        }
    }
    return 0;
}

static void apply_fixup(struct cpu *cpu, greg_t *regs, unsigned kind) {
    switch (kind) {
    case FIXUP_CX_IN_TMP:
        regs[REG_RCX] = regs[REG_R10];
        break;
    case FIXUP_WINDOW_SI:
        out_of_window(cpu, &regs[REG_RSI]);
        break;
    case FIXUP_WINDOW_DI:
        out_of_window(cpu, &regs[REG_RDI]);
        break;
    case FIXUP_WINDOW_SI_DI:
        out_of_window(cpu, &regs[REG_RSI]);
        out_of_window(cpu, &regs[REG_RDI]);
        break;
    case FIXUP_WIDE:
        not_in_table(cpu, (uint64_t)regs[REG_R11]);
        break;
    case FIXUP_POLL:
        cpu->trap = TRAP_POLL;
        break;
    case FIXUP_STACK:
        cpu->trap = TRAP_STACK;
        break;
    case FIXUP_FLAGS_PUSHED: {
        uint64_t mask = FLAGS_HOST;
        uint64_t pushed = *(uint64_t *)(uintptr_t)regs[REG_RSP];
        regs[REG_EFL] = (greg_t)(((uint64_t)regs[REG_EFL] & ~mask) | (pushed & mask));
        break;
    }
    }
}

/* Did a gadget or native code fault? Fills the place; native code has no slot register. */
static bool guest_code(const char *rip, const greg_t *regs, struct host_native_place *place) {
    if (rip >= __start_fg_gadgets && rip < __stop_fg_gadgets) {
        place->slot = (const uint64_t *)(uintptr_t)regs[REG_R14];
        place->gadget = rip;
        place->fixup = gadget_fixup(rip);
        return true;
    }
    return host_native_place && host_native_place(rip, place);
}

/* Is the faulting host instruction the load of a probe (templates/x86_64/lib/memory.j2)?
 *
 *     c4 RXBm wvpp f7 /r                shrx anchor, A, tmp
 *     4x 0f b6 modrm sib 0x80000fff     movzbl -0x7ffff001(window,tmp), tmp
 *
 * Then A, the guest address that is not in the window, is still in its register: ModRM.rm of the
 * shrx. SDM Vol. 2A, 2.3.5 (B is inverted). */
#define PROBE_DISP 0x80000fffu
static bool probed_address(const greg_t *regs, uint64_t *address) {
    static const uint8_t number[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                       REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                       REG_R12, REG_R13, REG_R14, REG_R15};
    const uint8_t *load = (const uint8_t *)(uintptr_t)regs[REG_RIP], *shift = load - 5;
    uint32_t disp;
    memcpy(&disp, load + 5, sizeof disp);
    if (load[1] != 0x0f || load[2] != 0xb6 || disp != PROBE_DISP || shift[0] != 0xc4 ||
        shift[3] != 0xf7) {
        return false;
    }
    unsigned from = (shift[4] & 7u) | (shift[1] & 0x20 ? 0 : 8);
    *address = (uint64_t)regs[number[from]];
    return true;
}

/* Did an access of a 64-bit guest leave window and guards? No gadget does that: something of ours
 * is wrong, perhaps known to who wrote the guest. It is not the guest's fault to handle, or it
 * could go on until it finds what may be read. (What is beyond the window leads by a table.) */
static bool has_escaped(const greg_t *regs, const siginfo_t *info, unsigned fixup) {
    const struct cpu *cpu = (const struct cpu *)(uintptr_t)regs[REG_R13];
    const unsigned bits = (unsigned)regs[REG_R12] & 63;
    const bool looks = fixup == FIXUP_WIDE || fixup == FIXUP_POLL; /* at what is no guest's */
    const uint64_t guard = UINT64_C(1) << 31; /* WINDOW_PROBE (core/memory/window.h) */
    const uint64_t from = (uint64_t)(uintptr_t)info->si_addr - (cpu->window - guard);
    return regs[REG_TRAPNO] == TRAP_PF && cpu->mode == GUEST_X86_64 && !looks &&
           (uint64_t)regs[REG_R15] == cpu->window && from >= (UINT64_C(1) << bits) + 2 * guard;
}

/* Continue a faulted copy after its loop; false: the fault is not one of a copy. */
static bool leave_copy(greg_t *regs) {
    static const struct {
        const char *at, *to;
    } exits[] = {
        {host_copy_insn, host_copy_done},
        {host_fill_insn, host_fill_done},
        {host_load32_insn, host_access_failed},
        {host_cmpxchg32_insn, host_access_failed},
    };
    for (size_t i = 0; i < ARRAY_LEN(exits); i++) {
        if (regs[REG_RIP] == (greg_t)(uintptr_t)exits[i].at) {
            regs[REG_RIP] = (greg_t)(uintptr_t)exits[i].to;
            return true;
        }
    }
    return false;
}

static void on_fault(int sig, siginfo_t *info, void *context) {
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    const char *rip = (const char *)(uintptr_t)regs[REG_RIP];

    struct host_native_place place;
    if (guest_code(rip, regs, &place) && !has_escaped(regs, info, place.fixup)) {
        struct cpu *cpu = (struct cpu *)(uintptr_t)regs[REG_R13];
        uint64_t address;
        regs[REG_R14] = (greg_t)(uintptr_t)place.slot;
        cpu->trap = (uint32_t)regs[REG_TRAPNO];
        cpu->fault_at = place.gadget;
        cpu->trap_error = 0;
        cpu->trap_addr = 0;
        cpu->fault_beyond = (uint64_t)regs[REG_R15] == host_wide_base();
        apply_fixup(cpu, regs, place.fixup);
        if (!cpu->fault_probe && cpu->trap == TRAP_GP && no_chunk(regs, &address)) {
            not_in_table(cpu, address);
        } else if (!cpu->fault_probe && cpu->trap == TRAP_PF) {
            /* Bit 1: a write. Bits 0 and 4 are the guest's to say, from its page flags. */
            cpu->trap_error = (uint32_t)regs[REG_ERR] & 2;
            cpu->trap_addr = (uint64_t)(uintptr_t)info->si_addr;
            if (!cpu->fault_beyond) {
                cpu->trap_addr -= cpu->window;
                if (cpu->mode == GUEST_I386) {
                    cpu->trap_addr = (uint32_t)cpu->trap_addr;
                } else {
                    cpu->fault_probe = probed_address(regs, &cpu->trap_addr);
                }
            }
            if (sig == SIGBUS) {
                cpu->trap_error |= FAULT_BUS;
            }
        }
        regs[REG_RIP] = (greg_t)(uintptr_t)fg_exit_fault;
        return;
    }
    if ((sig == SIGSEGV || sig == SIGBUS) && leave_copy(regs)) {
        return;
    }
    /* Not the guest's doing. Die as the host would have it, with a line that helps. */
    char text[128];
    int len =
        snprintf(text, sizeof text, "fiberglass: internal fault: signal %d at %p, address %p\n",
                 sig, (const void *)rip, info->si_addr);
    if (write(STDERR_FILENO, text, (size_t)len) < 0) {
        _exit(125);
    }
    if (host_fatal_hook) {
        host_fatal_hook();
    }
    signal(sig, SIG_DFL);
}

/* A kick lands anywhere; only between host_call's check and its syscall does it need help. */
static void on_kick(int sig, siginfo_t *info, void *context) {
    (void)sig;
    (void)info;
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    const char *rip = (const char *)(uintptr_t)regs[REG_RIP];
    if (rip >= host_call_check && rip <= host_call_insn) {
        regs[REG_RIP] = (greg_t)(uintptr_t)host_call_interrupted;
    }
}

void (*host_fatal_hook)(void);
bool (*host_native_place)(const void *code, struct host_native_place *place);

int host_kick_signal(void) {
    return SIGRTMIN + 1;
}

static void handle(int sig, void (*handler)(int, siginfo_t *, void *)) {
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    action.sa_sigaction = handler;
    sigemptyset(&action.sa_mask);
    if (sigaction(sig, &action, NULL) != 0) {
        perror("fiberglass: sigaction");
        exit(125);
    }
}

void host_init(void) {
    have_fsgsbase = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
    handle(SIGSEGV, on_fault);
    handle(SIGBUS, on_fault);
    handle(SIGFPE, on_fault);
    handle(SIGILL, on_fault);
    handle(SIGTRAP, on_fault);
    handle(host_kick_signal(), on_kick);
}

__attribute__((target("fsgsbase"))) static void write_gs(uint64_t base) {
    _writegsbase_u64(base);
}

void host_use_window(uint64_t window) {
    static __thread uint64_t in_use;
    if (in_use == window) {
        return;
    }
    if (have_fsgsbase) {
        write_gs(window);
    } else {
        syscall(SYS_arch_prctl, ARCH_SET_GS, window);
    }
    in_use = window;
}

extern const char host_null_entries[];

const uint64_t *host_null_entry(unsigned bits) {
    return (const uint64_t *)(uintptr_t)(host_null_entries + (bits - 32) * 128 + 64 + bits);
}

const char *host_lacks(enum guest_mode mode) {
    return mode == GUEST_X86_64 && !host_has_feature(7, 0, 1, 8) ? "BMI2 instructions" : NULL;
}

/* Does the kernel keep XMM and YMM registers (XCR0, SDM Vol. 1, 14.3)? Only where OSXSAVE is set.
 */
__attribute__((target("xsave"))) static bool keeps_ymm(void) {
    return (_xgetbv(0) & 6) == 6;
}

/* CPUID's answer, all 0 for a leaf that there is not. Kept: under a hypervisor the instruction
 * takes as long as thousands of others, and each start asks for a hundred features. */
static void cpuid_kept(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    enum { FREE, BEING_WRITTEN }; /* else the leaf and subleaf, which are not both so small */
    static struct {
        _Atomic uint64_t what;
        uint32_t out[4];
    } kept[8];
    const uint64_t wanted = (uint64_t)leaf << 32 | subleaf;
    for (unsigned i = 0; i < ARRAY_LEN(kept); i++) {
        uint64_t what = atomic_load_explicit(&kept[i].what, memory_order_acquire);
        if (what == wanted) {
            memcpy(out, kept[i].out, sizeof kept[i].out);
            return;
        }
        if (what == FREE && atomic_compare_exchange_strong(&kept[i].what, &what, BEING_WRITTEN)) {
            __get_cpuid_count(leaf, subleaf, &out[0], &out[1], &out[2], &out[3]);
            memcpy(kept[i].out, out, sizeof kept[i].out);
            atomic_store_explicit(&kept[i].what, wanted, memory_order_release);
            return;
        }
    }
    __get_cpuid_count(leaf, subleaf, &out[0], &out[1], &out[2], &out[3]);
}

/* Gadgets run the guest's own instructions: the host must have the same bit. */
bool host_has_feature(uint32_t leaf, uint32_t subleaf, unsigned reg, unsigned bit) {
    uint32_t out[4] = {0};
    cpuid_kept(leaf, subleaf, out);
    if (!(out[reg] >> bit & 1)) {
        return false;
    }
    bool avx = leaf == 1 && reg == 2 && bit == 28;
    return !avx || (out[2] & bit_OSXSAVE && keeps_ymm());
}

extern uint8_t host_upper;
uint8_t host_upper; /* entry.S asks; once not 0 it stays so */

void host_use_upper(void) {
    const unsigned avx = 28; /* of leaf 1, ECX */
    if (!__atomic_load_n(&host_upper, __ATOMIC_RELAXED) && host_has_feature(1, 0, 2, avx)) {
        __atomic_store_n(&host_upper, 1, __ATOMIC_RELEASE);
    }
}
