/* Registers of x86-64 tasks: system calls (syscall(2), "Architecture calling conventions": number
 * in rax, arguments in rdi rsi rdx r10 r8 r9), and the whole set as struct user_regs_struct.
 *
 * A call by int $0x80 or SYSENTER has the i386 ABI's numbers and registers (run/loop.c sees to it);
 * it returns here as any other. */
#include "syscalls/abi/x86_64/registers.h"

#include "syscalls/abi/registers.h"
#include "syscalls/abi/x86_64/fpu.h"
#include "syscalls/abi/x86_64/x86_64.h"
#include "syscalls/process/signal_frame.h"

#include <errno.h>
#include <string.h>

#define SYSCALL_BYTES        2 /* syscall, int $0x80, sysenter */
#define RESTART_SYSCALL      219
#define RESTART_SYSCALL_I386 0

/* Of the sixteen in cpu.regs, those without a name there. */
enum { R8 = 8, R9, R10, R11, R12, R13, R14, R15 };

/* RFLAGS that a program gets: status, TF, DF, OF, RF, AC; the rest stays. */
#define FLAGS_TAKEN (FLAGS_HOST | FLAG_TF | FLAG_RF | FLAG_AC)

/* --- system calls ---------------------------------------------------------------------- */

static void arguments(const struct task *task, uint64_t argument[SYSCALL_ARGUMENTS]) {
    static const uint8_t order[SYSCALL_ARGUMENTS] = {REG_DI, REG_SI, REG_DX, R10, R8, R9};
    for (unsigned i = 0; i < SYSCALL_ARGUMENTS; i++) {
        argument[i] = task->cpu->regs[order[i]];
    }
}

/* SYSCALL leaves the next instruction's address and the flags in registers (SDM Vol. 2B). The
 * number is an int. */
static int fetch_call(struct task *task, int64_t *number, uint64_t argument[SYSCALL_ARGUMENTS]) {
    struct cpu *cpu = task->cpu;
    *number = (int32_t)cpu->regs[REG_AX];
    arguments(task, argument);
    cpu->regs[REG_CX] = cpu->pc;
    cpu->regs[R11] = cpu_eflags(cpu);
    return 0;
}

static void set_result(struct task *task, int64_t result) {
    task->cpu->regs[REG_AX] = (uint64_t)result;
}

static void call_again(struct task *task, int64_t number) {
    if (task->cpu->gate != GATE_SYSCALL && number == RESTART_SYSCALL) {
        number = RESTART_SYSCALL_I386;
    }
    task->cpu->regs[REG_AX] = (uint64_t)number;
    task->cpu->pc -= SYSCALL_BYTES;
}

/* All zero but for the stack pointer (System V ABI, x86-64 supplement). */
static void begin(struct cpu *cpu, gaddr_t pc, gaddr_t sp) {
    memset(cpu->regs, 0, sizeof cpu->regs);
    cpu->regs[REG_SP] = sp;
    cpu->pc = pc;
    cpu_set_eflags(cpu, FLAG_IF);
    cpu_load_segment(cpu, SEG_CS, X86_64_USER_CS);
    cpu_load_segment(cpu, SEG_SS, X86_64_USER_DS);
    cpu_load_segment(cpu, SEG_DS, 0);
    cpu_load_segment(cpu, SEG_ES, 0);
    cpu_load_segment(cpu, SEG_FS, 0);
    cpu_load_segment(cpu, SEG_GS, 0);
    cpu_fpu_reset(cpu);
}

/* --- the whole set --------------------------------------------------------------------- */

int x86_64_set_base(struct cpu *cpu, int segment, gaddr_t base) {
    if (base >= X86_64_ADDRESS_TOP) {
        return -EPERM;
    }
    cpu_load_segment(cpu, segment, 0);
    cpu->seg[segment].base = base;
    return 0;
}

void x86_64_registers_get(struct task *task, struct x86_64_registers *out) {
    const struct cpu *cpu = task->cpu;
    *out = (struct x86_64_registers){
        .r15 = cpu->regs[R15],
        .r14 = cpu->regs[R14],
        .r13 = cpu->regs[R13],
        .r12 = cpu->regs[R12],
        .bp = cpu_wide_register(cpu, REG_BP),
        .bx = cpu_wide_register(cpu, REG_BX),
        .r11 = cpu->regs[R11],
        .r10 = cpu->regs[R10],
        .r9 = cpu->regs[R9],
        .r8 = cpu->regs[R8],
        .ax = cpu_wide_register(cpu, REG_AX),
        .cx = cpu_wide_register(cpu, REG_CX),
        .dx = cpu_wide_register(cpu, REG_DX),
        .si = cpu_wide_register(cpu, REG_SI),
        .di = cpu_wide_register(cpu, REG_DI),
        .original_ax = (uint64_t)task->syscall_number,
        .ip = cpu->pc,
        .cs = cpu->seg[SEG_CS].selector,
        .flags = cpu_eflags(cpu),
        .sp = cpu_wide_register(cpu, REG_SP),
        .ss = cpu->seg[SEG_SS].selector,
        .fs_base = cpu->seg[SEG_FS].base,
        .gs_base = cpu->seg[SEG_GS].base,
        .ds = cpu->seg[SEG_DS].selector,
        .es = cpu->seg[SEG_ES].selector,
        .fs = cpu->seg[SEG_FS].selector,
        .gs = cpu->seg[SEG_GS].selector,
    };
}

/* A data segment, as Linux loads it: RPL 3, but for null selectors. */
static void load_data_segment(struct cpu *cpu, int segment, uint64_t selector) {
    uint16_t wanted = (uint16_t)selector < 4 ? (uint16_t)selector : (uint16_t)selector | 3;
    if (cpu_load_segment(cpu, segment, wanted)) {
        cpu_load_segment(cpu, segment, 0);
    }
}

int x86_64_registers_return(struct task *task, const struct x86_64_registers *in, uint16_t *bad) {
    struct cpu *cpu = task->cpu;
    uint16_t cs = (uint16_t)in->cs | 3, ss = (uint16_t)in->ss | 3;
    int trap = -cpu_load_segment(cpu, SEG_CS, cs); /* first: it says how wide registers are */
    *bad = cs;
    if (!trap && cpu->mode == GUEST_I386 && in->ip >> 32) {
        trap = TRAP_GP;
        *bad = 0;
    }
    if (!trap) {
        trap = -cpu_load_segment(cpu, SEG_SS, ss);
        *bad = ss;
    }
    if (trap) {
        cpu->seg[SEG_CS].selector = cs;
        cpu->seg[SEG_SS].selector = ss;
    }

    cpu->regs[R15] = in->r15;
    cpu->regs[R14] = in->r14;
    cpu->regs[R13] = in->r13;
    cpu->regs[R12] = in->r12;
    cpu->regs[R11] = in->r11;
    cpu->regs[R10] = in->r10;
    cpu->regs[R9] = in->r9;
    cpu->regs[R8] = in->r8;
    cpu_set_wide_register(cpu, REG_BP, in->bp);
    cpu_set_wide_register(cpu, REG_BX, in->bx);
    cpu_set_wide_register(cpu, REG_AX, in->ax);
    cpu_set_wide_register(cpu, REG_CX, in->cx);
    cpu_set_wide_register(cpu, REG_DX, in->dx);
    cpu_set_wide_register(cpu, REG_SI, in->si);
    cpu_set_wide_register(cpu, REG_DI, in->di);
    cpu_set_wide_register(cpu, REG_SP, in->sp);
    cpu->pc = in->ip;
    cpu_set_eflags(cpu, (cpu_eflags(cpu) & ~FLAGS_TAKEN) | ((uint32_t)in->flags & FLAGS_TAKEN));
    return trap;
}

int x86_64_registers_set(struct task *task, const struct x86_64_registers *in, uint16_t *bad) {
    struct cpu *cpu = task->cpu;
    load_data_segment(cpu, SEG_GS, in->gs);
    load_data_segment(cpu, SEG_FS, in->fs);
    load_data_segment(cpu, SEG_ES, in->es);
    load_data_segment(cpu, SEG_DS, in->ds);
    if (in->fs_base < X86_64_ADDRESS_TOP) {
        cpu->seg[SEG_FS].base = in->fs_base;
    }
    if (in->gs_base < X86_64_ADDRESS_TOP) {
        cpu->seg[SEG_GS].base = in->gs_base;
    }
    return x86_64_registers_return(task, in, bad);
}

static void get(struct task *task, void *image) {
    x86_64_registers_get(task, image);
}

static void set(struct task *task, const void *image) {
    uint16_t bad;
    int trap = x86_64_registers_set(task, image, &bad);
    if (trap) {
        frame_return_fault(task, trap, bad);
    }
}

static void get_float(struct task *task, void *image) {
    x86_64_fpstate_save(task->cpu, image);
}

static bool set_float(struct task *task, const void *image) {
    return x86_64_fpstate_restore(task->cpu, image);
}

const struct abi_registers abi_x86_64_registers = {
    .fetch_call = fetch_call,
    .arguments = arguments,
    .set_result = set_result,
    .call_again = call_again,
    .restart_number = RESTART_SYSCALL,
    .begin = begin,
    .bytes = sizeof(struct x86_64_registers),
    .get = get,
    .set = set,
    .float_bytes = sizeof(struct x86_64_fpstate),
    .get_float = get_float,
    .set_float = set_float,
};
