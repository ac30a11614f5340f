/* Signal frames of the x86-64 ABI: what a handler finds on its stack, and the way back
 * (sigreturn(2), sigaction(2), System V ABI, x86-64 supplement; struct layouts as
 * <asm/sigcontext.h>, <asm/ucontext.h> and <asm/siginfo.h> give them).
 *
 * There is one kind of frame, with siginfo and ucontext, and no way back but the program's own
 * (SA_RESTORER). The FP state is what FXSAVE hardware without XSAVE gets: the 512-byte image. */
#include "syscalls/abi/x86_64/x86_64.h"

#include "syscalls/abi/frame_xstate.h"
#include "syscalls/abi/x86_64/fpu.h"
#include "syscalls/abi/x86_64/registers.h"
#include "syscalls/process/signal_frame.h"
#include "syscalls/signal/signal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define RED_ZONE 128 /* bytes below the stack pointer that are the interrupted function's */

/* uc_flags */
#define UC_SIGCONTEXT_SS     2u /* the context holds SS */
#define UC_STRICT_RESTORE_SS 4u /* and it is loaded as it is */

struct x86_64_sigcontext {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};

struct x86_64_stack {
    uint64_t sp;
    uint32_t flags, pad;
    uint64_t size;
};

struct x86_64_ucontext {
    uint64_t flags, link;
    struct x86_64_stack stack;
    struct x86_64_sigcontext context;
    sigset64 mask;
};

struct x86_64_siginfo {
    int32_t signo, err, code, pad;
    union {
        uint32_t word[28];
        uint64_t wide[14];
    } u;
};

struct x86_64_sigframe {
    uint64_t return_address;
    struct x86_64_ucontext uc;
    struct x86_64_siginfo info;
};

_Static_assert(sizeof(struct x86_64_sigcontext) == 256, "struct sigcontext");
_Static_assert(sizeof(struct x86_64_ucontext) == 304, "struct ucontext");
_Static_assert(sizeof(struct x86_64_siginfo) == 128, "siginfo_t");
_Static_assert(sizeof(struct x86_64_sigframe) == 440, "struct rt_sigframe");

/* --- siginfo --------------------------------------------------------------------------- */

static void siginfo_out(struct x86_64_siginfo *out, const struct sigqueue_info *info) {
    memset(out, 0, sizeof *out);
    out->signo = info->signo;
    out->err = info->err;
    out->code = info->code;
    uint32_t *word = out->u.word;
    uint64_t *wide = out->u.wide;
    switch (siginfo_form(info->signo, info->code)) {
    case INFO_QUEUE:
    case INFO_TIMER: /* pid and uid are the timer's number and its overruns */
        wide[1] = (uint64_t)info->value;
        /* fall through */
    case INFO_KILL:
        word[0] = (uint32_t)info->pid;
        word[1] = info->uid;
        break;
    case INFO_CHILD:
        word[0] = (uint32_t)info->pid;
        word[1] = info->uid;
        word[2] = (uint32_t)info->status;
        wide[2] = (uint64_t)info->utime;
        wide[3] = (uint64_t)info->stime;
        break;
    case INFO_FAULT:
        wide[0] = info->addr;
        break;
    case INFO_POLL:
        wide[0] = (uint64_t)info->value;
        word[2] = (uint32_t)info->fd;
        break;
    case INFO_SYS:
        wide[0] = info->addr;
        word[2] = (uint32_t)info->syscall;
        word[3] = 0xc000003e; /* AUDIT_ARCH_X86_64 */
        break;
    }
}

int abi_x86_64_write_siginfo(struct task *task, gaddr_t to, const struct sigqueue_info *info) {
    struct x86_64_siginfo out;
    siginfo_out(&out, info);
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

int abi_x86_64_read_siginfo(struct task *task, gaddr_t from, struct sigqueue_info *info) {
    struct x86_64_siginfo in;
    if (guest_read(task->cpu->space, &in, from, sizeof in)) {
        return -EFAULT;
    }
    *info = (struct sigqueue_info){
        .signo = in.signo,
        .err = in.err,
        .code = in.code,
        .pid = (int32_t)in.u.word[0],
        .uid = in.u.word[1],
        .value = (int64_t)in.u.wide[1],
        .status = (int32_t)in.u.word[2],
        .utime = (int64_t)in.u.wide[2],
        .stime = (int64_t)in.u.wide[3],
        .addr = in.u.wide[0],
    };
    return 0;
}

/* --- the frame ------------------------------------------------------------------------- */

/* Selectors of data segments are not in it: the members FS and GS are 0. */
static void context_out(struct task *task, struct x86_64_sigcontext *context, gaddr_t fpstate,
                        sigset64 blocked) {
    struct x86_64_registers now;
    x86_64_registers_get(task, &now);
    *context = (struct x86_64_sigcontext){
        .r8 = now.r8,
        .r9 = now.r9,
        .r10 = now.r10,
        .r11 = now.r11,
        .r12 = now.r12,
        .r13 = now.r13,
        .r14 = now.r14,
        .r15 = now.r15,
        .di = now.di,
        .si = now.si,
        .bp = now.bp,
        .bx = now.bx,
        .dx = now.dx,
        .ax = now.ax,
        .cx = now.cx,
        .sp = now.sp,
        .ip = now.ip,
        .flags = now.flags,
        .cs = (uint16_t)now.cs,
        .ss = (uint16_t)now.ss,
        .err = task->last_trap_error,
        .trapno = task->last_trap,
        .oldmask = blocked,
        .cr2 = task->last_trap_addr,
        .fpstate = fpstate,
    };
}

/* Top of the stack that the handler shall run on. *alternate: it is, or will be, the alternate
 * one. */
static gaddr_t choose_stack(struct task *task, const struct sigaction_guest *action,
                            bool *alternate) {
    struct task_signals *signals = &task->signals;
    gaddr_t sp = task->cpu->regs[REG_SP];
    *alternate = altstack_in_use(signals, sp);
    sp -= RED_ZONE;
    if (action->flags & SA_ONSTACK && signals->altstack_size &&
        !(signals->altstack_flags & SS_DISABLE) && !altstack_in_use(signals, sp)) {
        *alternate = true;
        return signals->altstack_base + signals->altstack_size;
    }
    return sp;
}

int abi_x86_64_signal_frame(struct task *task, const struct sigaction_guest *action,
                            const struct sigqueue_info *info, sigset64 blocked) {
    struct cpu *cpu = task->cpu;
    struct task_signals *signals = &task->signals;
    bool alternate;
    gaddr_t top = choose_stack(task, action, &alternate);
    gaddr_t fpstate = (top - sizeof(struct x86_64_fpstate) - frame_xstate_bytes()) & ~(gaddr_t)63;
    /* At the handler's first instruction the stack looks as after a call: 8 below a multiple of
     * 16. */
    gaddr_t at = ((fpstate - sizeof(struct x86_64_sigframe)) & ~(gaddr_t)15) - 8;
    if (alternate && !altstack_has(signals, at)) {
        return -EFAULT; /* no signal may write below the alternate stack */
    }
    if (!(action->flags & SA_RESTORER)) {
        return -EFAULT;
    }

    struct x86_64_fpstate image;
    x86_64_fpstate_save(cpu, &image);
    frame_xstate_note(image.fx, 0);
    struct x86_64_sigframe frame = {
        .return_address = action->restorer,
        .uc = {.flags = UC_SIGCONTEXT_SS |
                        (cpu->seg[SEG_CS].selector == X86_64_USER_CS ? UC_STRICT_RESTORE_SS : 0) |
                        (frame_xstate_bytes() ? UC_FP_XSTATE : 0),
               .stack = {.sp = signals->altstack_base,
                         .flags = signals->altstack_flags,
                         .size = signals->altstack_size},
               .mask = blocked},
    };
    siginfo_out(&frame.info, info);
    context_out(task, &frame.uc.context, fpstate, blocked);
    if (frame_write(task, fpstate, &image, sizeof image) ||
        frame_xstate_write(task, fpstate + sizeof image) ||
        frame_write(task, at, &frame, sizeof frame)) {
        return -EFAULT;
    }
    altstack_entered(signals);

    cpu_load_segment(cpu, SEG_CS, X86_64_USER_CS);
    cpu_load_segment(cpu, SEG_SS, X86_64_USER_DS);
    cpu->regs[REG_SP] = at;
    cpu->regs[REG_AX] = 0; /* as for a function without a prototype: no vector arguments */
    cpu->regs[REG_DI] = (uint64_t)info->signo;
    cpu->regs[REG_SI] = at + offsetof(struct x86_64_sigframe, info);
    cpu->regs[REG_DX] = at + offsetof(struct x86_64_sigframe, uc);
    cpu->pc = action->handler;
    cpu_set_eflags(cpu, cpu_eflags(cpu) & ~(FLAG_DF | FLAG_RF | FLAG_TF));
    cpu_fpu_reset(cpu);
    return 0;
}

/* --- the way back ---------------------------------------------------------------------- */

/* The FPU state of a context; without one, that of a new program. FXRSTOR wants 16 bytes of
 * alignment. */
static bool fpu_in(struct task *task, gaddr_t from) {
    struct x86_64_fpstate image;
    bool good = from && !(from & 15) &&
                guest_read(task->cpu->space, &image, from, sizeof image) == 0 &&
                x86_64_fpstate_restore(task->cpu, &image) &&
                frame_xstate_take(task, image.fx, from + sizeof image, true);
    if (!good) {
        cpu_fpu_reset(task->cpu);
    }
    return good || !from;
}

/* The stack segment that a frame of an old program asks for, where it does not insist: one that
 * cannot be is the usual one, for 64-bit code. */
static uint64_t stack_segment(const struct cpu *cpu, const struct x86_64_ucontext *uc) {
    struct cpu_segment segment;
    bool usable = cpu_find_segment(cpu, uc->context.ss | 3, &segment) &&
                  segment.attr & ATTR_PRESENT && segment.attr & ATTR_RW &&
                  !(segment.attr & ATTR_CODE);
    bool as_it_is = uc->flags & UC_STRICT_RESTORE_SS || (uc->context.cs | 3) != X86_64_USER_CS;
    return as_it_is || usable ? uc->context.ss : X86_64_USER_DS;
}

/* Loads everything from a context that the handler may have edited: nothing of it is trusted, but a
 * user program may choose any register values it could also load itself. What cannot be is a signal
 * to the task, with what could be in place, as on Linux; an instruction pointer that cannot be
 * faults where it is fetched from. */
static void context_in(struct task *task, const struct x86_64_ucontext *uc) {
    const struct x86_64_sigcontext *context = &uc->context;
    const struct x86_64_registers then = {
        .r8 = context->r8,
        .r9 = context->r9,
        .r10 = context->r10,
        .r11 = context->r11,
        .r12 = context->r12,
        .r13 = context->r13,
        .r14 = context->r14,
        .r15 = context->r15,
        .di = context->di,
        .si = context->si,
        .bp = context->bp,
        .bx = context->bx,
        .dx = context->dx,
        .ax = context->ax,
        .cx = context->cx,
        .sp = context->sp,
        .ip = context->ip,
        .flags = context->flags,
        .cs = context->cs,
        .ss = stack_segment(task->cpu, uc),
    };
    bool good_frame = fpu_in(task, context->fpstate);
    uint16_t bad;
    int trap = x86_64_registers_return(task, &then, &bad);
    if (!good_frame) {
        task->cpu->regs[REG_AX] = 0; /* what the call returns */
        frame_bad(task);
    } else if (trap) {
        frame_return_fault(task, trap, bad);
    }
}

/* rt_sigreturn(2): the handler's `ret` is done. */
void abi_x86_64_signal_return(struct task *task) {
    struct x86_64_sigframe frame;
    gaddr_t at = task->cpu->regs[REG_SP] - 8;
    if (guest_read(task->cpu->space, &frame, at, sizeof frame)) {
        task->cpu->regs[REG_AX] = 0;
        frame_bad(task);
        return;
    }
    signal_set_blocked(task, frame.uc.mask);
    context_in(task, &frame.uc);
    const struct x86_64_stack *stack = &frame.uc.stack;
    altstack_restore(&task->signals, stack->sp, stack->flags, stack->size);
}
