/* Registers of i386 tasks: system calls (syscall(2), "Architecture calling conventions": number in
 * eax, arguments in ebx ecx edx esi edi ebp), and the whole set as struct user_regs_struct. */
#include "syscalls/abi/i386/registers.h"

#include "syscalls/abi/i386/fpu.h"
#include "syscalls/abi/i386/i386.h"
#include "syscalls/abi/registers.h"
#include "syscalls/process/signal_frame.h"

#include <errno.h>
#include <string.h>

#define SYSCALL_BYTES   2 /* int $0x80, sysenter */
#define RESTART_SYSCALL 0

/* EFLAGS that a program gets: status, TF, DF, OF, RF, AC; the rest stays. */
#define FLAGS_TAKEN (FLAGS_HOST | FLAG_TF | FLAG_RF | FLAG_AC)

/* --- system calls ---------------------------------------------------------------------- */

static void arguments(const struct task *task, uint64_t argument[SYSCALL_ARGUMENTS]) {
    static const uint8_t order[SYSCALL_ARGUMENTS] = {REG_BX, REG_CX, REG_DX,
                                                     REG_SI, REG_DI, REG_BP};
    for (unsigned i = 0; i < SYSCALL_ARGUMENTS; i++) {
        argument[i] = (uint32_t)task->cpu->regs[order[i]];
    }
}

/* By sysenter, ebp is the stack pointer and the sixth argument lies on top of the stack. */
static int fetch_call(struct task *task, int64_t *number, uint64_t argument[SYSCALL_ARGUMENTS]) {
    struct cpu *cpu = task->cpu;
    *number = (int32_t)cpu->regs[REG_AX];
    arguments(task, argument);
    if (cpu->gate == GATE_SYSENTER) {
        uint32_t sixth;
        cpu->regs[REG_SP] = argument[5];
        if (guest_read(cpu->space, &sixth, argument[5], sizeof sixth)) {
            return -EFAULT;
        }
        argument[5] = sixth;
    }
    return 0;
}

static void set_result(struct task *task, int64_t result) {
    task->cpu->regs[REG_AX] = (uint32_t)result;
}

static void call_again(struct task *task, int64_t number) {
    task->cpu->regs[REG_AX] = (uint32_t)number;
    task->cpu->pc -= SYSCALL_BYTES;
}

/* All zero but for the stack pointer (System V ABI i386 supplement). */
static void begin(struct cpu *cpu, gaddr_t pc, gaddr_t sp) {
    memset(cpu->regs, 0, sizeof cpu->regs);
    cpu->regs[REG_SP] = sp;
    cpu->pc = pc;
    cpu_set_eflags(cpu, FLAG_IF);
    cpu_load_segment(cpu, SEG_CS, I386_USER_CS);
    cpu_load_segment(cpu, SEG_SS, I386_USER_DS);
    cpu_load_segment(cpu, SEG_DS, I386_USER_DS);
    cpu_load_segment(cpu, SEG_ES, I386_USER_DS);
    cpu_load_segment(cpu, SEG_FS, 0);
    cpu_load_segment(cpu, SEG_GS, 0);
    cpu_fpu_reset(cpu);
}

/* --- the whole set --------------------------------------------------------------------- */

void i386_registers_get(struct task *task, struct i386_registers *out) {
    const struct cpu *cpu = task->cpu;
    *out = (struct i386_registers){
        .bx = (uint32_t)cpu->regs[REG_BX],
        .cx = (uint32_t)cpu->regs[REG_CX],
        .dx = (uint32_t)cpu->regs[REG_DX],
        .si = (uint32_t)cpu->regs[REG_SI],
        .di = (uint32_t)cpu->regs[REG_DI],
        .bp = (uint32_t)cpu->regs[REG_BP],
        .ax = (uint32_t)cpu->regs[REG_AX],
        .ds = cpu->seg[SEG_DS].selector,
        .es = cpu->seg[SEG_ES].selector,
        .fs = cpu->seg[SEG_FS].selector,
        .gs = cpu->seg[SEG_GS].selector,
        .original_ax = (uint32_t)task->syscall_number,
        .ip = (uint32_t)cpu->pc,
        .cs = cpu->seg[SEG_CS].selector,
        .flags = cpu_eflags(cpu),
        .sp = (uint32_t)cpu->regs[REG_SP],
        .ss = cpu->seg[SEG_SS].selector,
    };
}

/* A data segment, as Linux loads it: RPL 3, but for null selectors. One that is there stays, with
 * the base that a 64-bit program may have given it. */
static void load_data_segment(struct cpu *cpu, int segment, uint32_t selector) {
    uint16_t wanted = (uint16_t)selector < 4 ? (uint16_t)selector : (uint16_t)selector | 3;
    if (wanted == cpu->seg[segment].selector) {
        return;
    }
    if (cpu_load_segment(cpu, segment, wanted)) {
        cpu_load_segment(cpu, segment, 0);
    }
}

int i386_registers_set(struct task *task, const struct i386_registers *in, uint16_t *bad) {
    struct cpu *cpu = task->cpu;
    load_data_segment(cpu, SEG_GS, in->gs);
    load_data_segment(cpu, SEG_FS, in->fs);
    load_data_segment(cpu, SEG_ES, in->es);
    load_data_segment(cpu, SEG_DS, in->ds);
    cpu_set_wide_register(cpu, REG_BX, in->bx);
    cpu_set_wide_register(cpu, REG_CX, in->cx);
    cpu_set_wide_register(cpu, REG_DX, in->dx);
    cpu_set_wide_register(cpu, REG_SI, in->si);
    cpu_set_wide_register(cpu, REG_DI, in->di);
    cpu_set_wide_register(cpu, REG_BP, in->bp);
    cpu_set_wide_register(cpu, REG_AX, in->ax);
    cpu_set_wide_register(cpu, REG_SP, in->sp);
    cpu->pc = in->ip;
    cpu_set_eflags(cpu, (cpu_eflags(cpu) & ~FLAGS_TAKEN) | (in->flags & FLAGS_TAKEN));

    uint16_t cs = (uint16_t)in->cs | 3, ss = (uint16_t)in->ss | 3;
    int trap = -cpu_load_segment(cpu, SEG_CS, cs);
    *bad = cs;
    if (!trap) {
        trap = -cpu_load_segment(cpu, SEG_SS, ss);
        *bad = ss;
    }
    if (trap) {
        cpu->seg[SEG_CS].selector = cs;
        cpu->seg[SEG_SS].selector = ss;
    }
    return trap;
}

static void get(struct task *task, void *image) {
    i386_registers_get(task, image);
}

static void set(struct task *task, const void *image) {
    uint16_t bad;
    int trap = i386_registers_set(task, image, &bad);
    if (trap) {
        frame_return_fault(task, trap, bad);
    }
}

static void get_float(struct task *task, void *image) {
    i386_fpstate_save(task->cpu, image);
}

static bool set_float(struct task *task, const void *image) {
    return i386_fpstate_restore(task->cpu, image);
}

const struct abi_registers abi_i386_registers = {
    .fetch_call = fetch_call,
    .arguments = arguments,
    .set_result = set_result,
    .call_again = call_again,
    .restart_number = RESTART_SYSCALL,
    .begin = begin,
    .bytes = sizeof(struct i386_registers),
    .get = get,
    .set = set,
    .float_bytes = sizeof(struct i386_fpstate),
    .get_float = get_float,
    .set_float = set_float,
};
