/* One guest CPU (one per guest task): its registers while it is not running, and the few words that
 * gadgets reach through the CPU register while it is (poll word, jump cache, segment bases).
 *
 * While gadgets run, the general registers, flags, XMM and x87 state live in host registers (see
 * templates/<host>/registers.md) and the copies here are stale; every exit to C writes them back,
 * but for x87, which stays in the host's unit until cpu_fpu_save(). The owner thread alone touches
 * a running cpu, except `poll`, which anyone may set through cpu_kick(). */
#ifndef FG_CORE_CPU_STATE_H
#define FG_CORE_CPU_STATE_H

#include "core/base/types.h"
#include <stdatomic.h>

struct space;
struct chunk;

enum { REG_AX, REG_CX, REG_DX, REG_BX, REG_SP, REG_BP, REG_SI, REG_DI };
enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT };

/* EFLAGS bits, SDM Vol. 1 3.4.3 */
#define FLAG_CF      0x0001u
#define FLAG_PF      0x0004u
#define FLAG_AF      0x0010u
#define FLAG_ZF      0x0040u
#define FLAG_SF      0x0080u
#define FLAG_TF      0x0100u
#define FLAG_IF      0x0200u
#define FLAG_DF      0x0400u
#define FLAG_OF      0x0800u
#define FLAG_NT      0x4000u
#define FLAG_RF      0x10000u
#define FLAG_AC      0x40000u
#define FLAG_ID      0x200000u
#define FLAGS_STATUS (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)
/* What lives in the host's EFLAGS while gadgets run; the other guest flags live in flags_hidden. */
#define FLAGS_HOST (FLAGS_STATUS | FLAG_DF)
/* What POPF may change in user mode (IOPL 0): the hidden part of it. */
#define FLAGS_HIDDEN (FLAG_TF | FLAG_NT | FLAG_AC | FLAG_ID)

/* Exception vectors, SDM Vol. 3 6.3.1 */
enum {
    TRAP_DE = 0,
    TRAP_DB = 1,
    TRAP_BP = 3,
    TRAP_OF = 4,
    TRAP_BR = 5,
    TRAP_UD = 6,
    TRAP_NP = 11,
    TRAP_SS = 12,
    TRAP_GP = 13,
    TRAP_PF = 14,
    TRAP_MF = 16,
    TRAP_AC = 17,
    TRAP_XM = 19,
};

/* trap_error of TRAP_PF: the architecture's bit for a fetch. */
#define FAULT_FETCH 0x10
/* ... and beside the architecture's bits: the host said SIGBUS (the page lies past the end of its
 * file). */
#define FAULT_BUS 0x100
/* ... and of a fetch: there is no memory for the code, even after all that could go was given back.
 * The program cannot go on. */
#define FAULT_NO_MEMORY 0x200
/* trap_error of TRAP_DB: a single step (DR6's BS); 0: INT1. */
#define DEBUG_STEP 0x4000

/* Why cpu_run() returned (gadgets leave through the same numbers; those below EXIT_PUBLIC are the
 * run loop's own business and never reach its caller). */
enum exit_reason {
    EXIT_LINK = 1, /* an unlinked direct branch: exit_stub says which */
    EXIT_LOOKUP,   /* an indirect branch missed the jump cache; pc is the target */
    EXIT_POLL,     /* poll was set: stop at pc */
    EXIT_STEP,     /* a one-instruction fiber is over */
    EXIT_FAULT,    /* the host fault handler filled trap, trap_addr, trap_error */
    EXIT_PUBLIC,   /* --- */
    EXIT_SYSCALL,  /* int 0x80, sysenter or (later) syscall; pc is after it */
    EXIT_TRAP,     /* an exception: trap, trap_addr, trap_error; pc as the SDM says for it */
    EXIT_KICKED,   /* cpu_kick(): look at pending signals, then run again */
};

/* What brought a system call in. */
enum syscall_gate { GATE_INT80, GATE_SYSENTER, GATE_SYSCALL };

/* Values of cpu.poll: an offset from a fiber's entry to the slot that is dispatched on a back edge.
 */
#define POLL_RUN  0
#define POLL_STOP (-8)
/* In front of a fiber's entry (core/code/fiber.h), from its slot 0: where native code goes that
 * knows the stack pointer (core/native/known.h), by an offset as cpu.poll has it, too. */
#define ENTRY_NATIVE (-24)
struct native_entry {
    void *poll_stop;
    uint64_t native;
};
/* Value of cpu.poll_at beside POLL_STOP: no address, so that a load from there faults. */
#define POLL_NOWHERE ((uint64_t)1 << 62)
/* Value of cpu.trap at EXIT_FAULT when that load did. */
#define TRAP_POLL 256
/* The same of native code that was entered with a stack pointer out of the window (known.h). */
#define TRAP_STACK 257

/* What faults wherever it is used as an address, or as what is added to one below 2^47: it is not
 * canonical. */
#define WIDE_NONE ((uint64_t)1 << 62)

/* Buffers of one system call that are told apart; more count as one that reaches over them all. */
#define HOST_WRITES 8

struct cpu_segment {
    uint64_t base;
    uint32_t limit;
    uint16_t selector;
    uint16_t attr; /* descriptor bits 40..55, for LAR and for ucontext */
};
#define ATTR_CODE    8 /* type bits, SDM Vol. 3A table 3-1 */
#define ATTR_RW      2 /* code: readable; data: writable */
#define ATTR_PRESENT 0x80
#define ATTR_LONG    0x2000 /* 64-bit code */

struct cpu {
    /* --- reached by gadgets; offsets are exported by core/host/<arch>/offsets.c --- */
    /* AX CX DX BX SP BP SI DI (R8..R15 for x86-64 guests): where a displacement has one byte. */
    uint64_t regs[16];
    _Atomic int64_t poll; /* POLL_RUN or POLL_STOP */
    uint64_t
        *jump_cache; /* 64 Ki entries: (entry address - cpu->anchor), by the pc's low 16 bits */
    uint64_t anchor; /* address of the entry that matches no pc, and modulo 64 the number of
                        address bits of the window (a count for shifts); kept in a register */
    uint64_t window; /* host address of guest address 0; 4 GiB aligned */
    /* Native code reads the byte there on a branch back: one of the cpu, or POLL_NOWHERE. Goes with
     * poll (cpu_poll_set()). */
    _Atomic uint64_t poll_at;
    const void *exit_lookup;    /* the way out of an indirect branch that missed, for native code */
    uint64_t host_sp;           /* host stack pointer to return to when leaving the gadgets */
    uint64_t host_ip;           /* scratch of the entry code */
    uint64_t pc;                /* EIP/RIP */
    uint64_t flags;             /* the FLAGS_HOST bits */
    uint64_t flags_hidden;      /* FLAGS_HIDDEN bits and IF */
    uint64_t ea;                /* effective address handed to a helper */
    uint64_t fiber;             /* fiber register at exit */
    uint64_t scratch[4];        /* spill space of bodies; dead between gadgets */
    uint32_t exit_reason;       /* enum exit_reason */
    uint32_t gate;              /* enum syscall_gate, at EXIT_SYSCALL */
    uint32_t mxcsr, host_mxcsr; /* the guest's and the host C code's MXCSR */
    enum guest_mode mode;       /* the entry code asks how wide registers are */
    uint32_t upper;             /* not 0: some upper half of ymm[0..7] may be not 0 */
    struct cpu_segment seg[SEG_COUNT];
    /* Vector registers: XMM in the lower halves. The first eight are in the host's own in gadgets.
     */
    uint8_t ymm[16][32] __attribute__((aligned(32)));
    uint8_t fx[512]
        __attribute__((aligned(16))); /* FXSAVE image: valid when fx_valid, see cpu_fpu_* */
    uint64_t wide; /* host address of the table of chunks (core/memory/chunks.h), or WIDE_NONE */

    /* --- C only --- */
    bool fx_valid;          /* fx holds the x87 state; false: it is in the host's unit */
    struct space *space;    /* not owned; changes only between two cpu_run() */
    uint32_t trap;          /* TRAP_*, at EXIT_TRAP */
    uint32_t trap_error;    /* page fault: bit 0 present, 1 write, 4 fetch, FAULT_BUS; debug trap:
                               DEBUG_STEP; else the selector or 0 */
    gaddr_t trap_addr;      /* CR2 of a page fault */
    const void *fault_at;   /* EXIT_FAULT: host instruction, in the gadget at `fiber` */
    bool fault_probe;       /* ... that looked whether trap_addr is in the window (window.h) */
    bool fault_beyond;      /* ... of an instruction that looks beyond the window: trap_addr is a
                               host address, or (fault_probe) one that no chunk was made for */
    bool cross;             /* the next single step reaches over the end of a piece of the space */
    uint64_t thread;        /* pthread_t of the running thread, for kicks */
    _Atomic uint64_t epoch; /* epoch seen at the last entry to gadgets; 0 while outside */
    struct cpu *next_cpu;   /* list of all cpus, for epochs */
    _Atomic bool kicked;    /* somebody set poll; step mode sets poll without it */
    bool step_once;         /* run one instruction alone, then go on (self-modifying code) */
    uint64_t
        insn_budget; /* 0: none; else step, and return EXIT_KICKED after as many instructions */
    struct chunk *step_chunks; /* memory of one-instruction fibers */
    void *owner;               /* the kernel layer's struct task, or whatever the embedder wants */
    /* Guest memory that the system call under way lets the host write to. */
    _Atomic unsigned host_writes;
    struct {
        _Atomic gaddr_t start, end;
    } host_write[HOST_WRITES];
    uint64_t before32[8]; /* in 32-bit code that 64-bit code led to: regs on the way into it */
    uint64_t tls_desc[3]; /* GDT entries 12..14 as set_thread_area writes them, raw descriptors */
};

/* Let gadgets and native code stop at their next branch back (POLL_STOP), or not. Any thread. Both
 * words are set in this order: who sets POLL_RUN looks at `kicked` afterwards, which who sets
 * POLL_STOP for others has set before. */
static inline void cpu_poll_set(struct cpu *cpu, int64_t poll) {
    atomic_store(&cpu->poll, poll);
    atomic_store(&cpu->poll_at, poll == POLL_RUN ? (uint64_t)(uintptr_t)cpu : POLL_NOWHERE);
}

#endif
