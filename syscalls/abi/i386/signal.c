/* Signal frames of the i386 ABI: what a handler finds on its stack, and the way back
 * (sigreturn(2), sigaction(2), System V ABI i386; struct layouts as <asm/sigcontext.h>,
 * <asm/ucontext.h> and <asm/siginfo.h> give them for 32-bit programs).
 *
 * The FP state is what FXSAVE hardware without XSAVE gets: the old FNSAVE image (112 bytes, magic
 * 0) with the 512-byte FXSAVE image after it. On return the x87 part is taken from the first,
 * MXCSR and XMM registers from the second, as a program that edits them expects. */
#include "gen/syscall_protos.h"
#include "syscalls/abi/i386/i386.h"

#include "syscalls/abi/frame_xstate.h"
#include "syscalls/abi/i386/fpu.h"
#include "syscalls/abi/i386/registers.h"
#include "syscalls/mm/mm.h"
#include "syscalls/process/signal_frame.h"
#include "syscalls/task/process.h"
#include "syscalls/signal/signal.h"
#include "syscalls/exec/vdso.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

struct i386_sigcontext {
    uint32_t gs, fs, es, ds; /* selectors; the upper halves are padding */
    uint32_t di, si, bp, sp, bx, dx, cx, ax;
    uint32_t trapno, err, ip, cs, flags, sp_at_signal, ss;
    uint32_t fpstate, oldmask, cr2;
};

struct i386_stack {
    uint32_t sp, flags, size;
};

struct i386_siginfo {
    int32_t signo, err, code;
    union {
        uint32_t word[29];
    } u;
};

struct i386_sigframe {
    uint32_t return_address, signo;
    struct i386_sigcontext context;
    uint8_t unused_fpstate[624]; /* where old kernels had it; programs compute offsets after it */
    uint32_t extra_mask;
    uint8_t code[8];
};

struct i386_rt_sigframe {
    uint32_t return_address, signo, info_address, context_address;
    struct i386_siginfo info;
    uint32_t uc_flags, uc_link;
    struct i386_stack uc_stack;
    struct i386_sigcontext context;
    sigset64 uc_mask __attribute__((packed, aligned(4)));
    uint8_t code[8];
};

_Static_assert(sizeof(struct i386_sigcontext) == 88, "struct sigcontext");
_Static_assert(sizeof(struct i386_siginfo) == 128, "siginfo_t");
_Static_assert(offsetof(struct i386_sigframe, code) == 8 + 88 + 624 + 4, "struct sigframe");
_Static_assert(offsetof(struct i386_rt_sigframe, code) == 16 + 128 + 20 + 88 + 8, "rt_sigframe");

/* What debuggers look for at a handler's return address: pop %eax; mov $119,%eax; int $0x80, and
 * mov $173,%eax; int $0x80. It is not run unless the program has neither vDSO nor restorer. */
static const uint8_t sigreturn_code[8] = {0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80};
static const uint8_t rt_sigreturn_code[8] = {0xb8, 173, 0, 0, 0, 0xcd, 0x80, 0};

/* --- siginfo --------------------------------------------------------------------------- */

static void siginfo_out(struct i386_siginfo *out, const struct sigqueue_info *info) {
    memset(out, 0, sizeof *out);
    out->signo = info->signo;
    out->err = info->err;
    out->code = info->code;
    uint32_t *word = out->u.word;
    switch (siginfo_form(info->signo, info->code)) {
    case INFO_QUEUE:
    case INFO_TIMER: /* pid and uid are the timer's number and its overruns */
        word[2] = (uint32_t)info->value;
        /* fall through */
    case INFO_KILL:
        word[0] = (uint32_t)info->pid;
        word[1] = info->uid;
        break;
    case INFO_CHILD:
        word[0] = (uint32_t)info->pid;
        word[1] = info->uid;
        word[2] = (uint32_t)info->status;
        word[3] = (uint32_t)info->utime;
        word[4] = (uint32_t)info->stime;
        break;
    case INFO_FAULT:
        word[0] = (uint32_t)info->addr;
        break;
    case INFO_POLL:
        word[0] = (uint32_t)info->value;
        word[1] = (uint32_t)info->fd;
        break;
    case INFO_SYS:
        word[0] = (uint32_t)info->addr;
        word[1] = (uint32_t)info->syscall;
        word[2] = 0x40000003; /* AUDIT_ARCH_I386 */
        break;
    }
}

int abi_i386_write_siginfo(struct task *task, gaddr_t to, const struct sigqueue_info *info) {
    struct i386_siginfo out;
    siginfo_out(&out, info);
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

int abi_i386_read_siginfo(struct task *task, gaddr_t from, struct sigqueue_info *info) {
    struct i386_siginfo in;
    if (guest_read(task->cpu->space, &in, from, sizeof in)) {
        return -EFAULT;
    }
    memset(info, 0, sizeof *info);
    info->signo = in.signo;
    info->err = in.err;
    info->code = in.code;
    info->pid = (int32_t)in.u.word[0];
    info->uid = in.u.word[1];
    info->value = (int32_t)in.u.word[2];
    info->status = (int32_t)in.u.word[2];
    info->utime = (int32_t)in.u.word[3];
    info->stime = (int32_t)in.u.word[4];
    info->addr = in.u.word[0];
    return 0;
}

/* --- the frame ------------------------------------------------------------------------- */

/* Top of the stack that the handler shall run on; *overflow: the alternate stack is used up. */
static uint32_t choose_stack(struct task *task, const struct sigaction_guest *action) {
    struct task_signals *signals = &task->signals;
    uint32_t sp = (uint32_t)task->cpu->regs[REG_SP];
    if ((action->flags & SA_ONSTACK) && !(signals->altstack_flags & SS_DISABLE) &&
        !altstack_in_use(signals, sp)) {
        return (uint32_t)(signals->altstack_base + signals->altstack_size);
    }
    return sp;
}

static void context_out(struct task *task, struct i386_sigcontext *context, uint32_t fpstate,
                        sigset64 blocked) {
    struct i386_registers now;
    i386_registers_get(task, &now);
    memset(context, 0, sizeof *context);
    context->gs = now.gs;
    context->fs = now.fs;
    context->es = now.es;
    context->ds = now.ds;
    context->di = now.di;
    context->si = now.si;
    context->bp = now.bp;
    context->sp = context->sp_at_signal = now.sp;
    context->bx = now.bx;
    context->dx = now.dx;
    context->cx = now.cx;
    context->ax = now.ax;
    context->ip = now.ip;
    context->cs = now.cs;
    context->flags = now.flags;
    context->ss = now.ss;
    context->trapno = task->last_trap;
    context->err = task->last_trap_error;
    context->cr2 = (uint32_t)task->last_trap_addr;
    context->fpstate = fpstate;
    context->oldmask = (uint32_t)blocked;
}

static uint32_t return_address(struct task *task, const struct sigaction_guest *action, bool rt,
                               uint32_t code) {
    if (action->flags & SA_RESTORER) {
        return (uint32_t)action->restorer;
    }
    const struct vdso *vdso = abi_i386_vdso();
    if (!vdso || !task->process->mm->vdso || task->cpu->space->mode != GUEST_I386) {
        return code;
    }
    return (uint32_t)task->process->mm->vdso + (rt ? vdso->rt_sigreturn : vdso->sigreturn);
}

static int write_rt_frame(struct task *task, const struct sigaction_guest *action,
                          const struct sigqueue_info *info, sigset64 blocked, uint32_t fpstate,
                          uint32_t at) {
    struct i386_rt_sigframe frame;
    memset(&frame, 0, sizeof frame);
    frame.return_address =
        return_address(task, action, true, at + offsetof(struct i386_rt_sigframe, code));
    frame.signo = (uint32_t)info->signo;
    frame.info_address = at + offsetof(struct i386_rt_sigframe, info);
    frame.context_address = at + offsetof(struct i386_rt_sigframe, uc_flags);
    siginfo_out(&frame.info, info);
    frame.uc_stack.sp = (uint32_t)task->signals.altstack_base;
    frame.uc_stack.size = (uint32_t)task->signals.altstack_size;
    frame.uc_stack.flags = task->signals.altstack_flags;
    context_out(task, &frame.context, fpstate, blocked);
    frame.uc_mask = blocked;
    memcpy(frame.code, rt_sigreturn_code, sizeof frame.code);
    return frame_write(task, at, &frame, sizeof frame);
}

static int write_frame(struct task *task, const struct sigaction_guest *action,
                       const struct sigqueue_info *info, sigset64 blocked, uint32_t fpstate,
                       uint32_t at) {
    struct i386_sigframe frame;
    memset(&frame, 0, sizeof frame);
    frame.return_address =
        return_address(task, action, false, at + offsetof(struct i386_sigframe, code));
    frame.signo = (uint32_t)info->signo;
    context_out(task, &frame.context, fpstate, blocked);
    frame.extra_mask = (uint32_t)(blocked >> 32);
    memcpy(frame.code, sigreturn_code, sizeof frame.code);
    return frame_write(task, at, &frame, sizeof frame);
}

int abi_i386_signal_frame(struct task *task, const struct sigaction_guest *action,
                          const struct sigqueue_info *info, sigset64 blocked) {
    struct cpu *cpu = task->cpu;
    struct task_signals *signals = &task->signals;
    bool rt = action->flags & SA_SIGINFO;
    bool was_on_altstack = altstack_in_use(signals, (uint32_t)cpu->regs[REG_SP]);
    uint32_t top = choose_stack(task, action);

    /* The FXSAVE image wants 16 bytes of alignment; 64 is what programs see elsewhere. */
    uint32_t bytes = (uint32_t)sizeof(struct i386_fpstate) + frame_xstate_bytes();
    uint32_t fx = (top - bytes + I386_FX_OFFSET) & ~63u;
    uint32_t fpstate = fx - I386_FX_OFFSET;
    uint32_t size = rt ? sizeof(struct i386_rt_sigframe) : sizeof(struct i386_sigframe);
    /* At the handler's first instruction the stack looks as after a call: 4 below a multiple of
     * 16. */
    uint32_t at = ((fpstate - size + 4) & ~15u) - 4;
    if (was_on_altstack && !altstack_in_use(signals, at)) {
        return -EFAULT; /* signals nested beyond the alternate stack must not write below it */
    }

    struct i386_fpstate image;
    i386_fpstate_save(cpu, &image);
    frame_xstate_note(image.fx, I386_FX_OFFSET);
    if (frame_write(task, fpstate, &image, sizeof image) ||
        frame_xstate_write(task, fpstate + sizeof image)) {
        return -EFAULT;
    }
    int error = rt ? write_rt_frame(task, action, info, blocked, fpstate, at)
                   : write_frame(task, action, info, blocked, fpstate, at);
    if (error) {
        return error;
    }
    altstack_entered(signals);

    cpu_load_segment(cpu, SEG_CS, I386_USER_CS);
    cpu->regs[REG_SP] = at;
    cpu->regs[REG_AX] = (uint32_t)info->signo;
    cpu->regs[REG_DX] = rt ? at + offsetof(struct i386_rt_sigframe, info) : 0;
    cpu->regs[REG_CX] = rt ? at + offsetof(struct i386_rt_sigframe, uc_flags) : 0;
    cpu->pc = (uint32_t)action->handler;
    cpu_load_segment(cpu, SEG_DS, I386_USER_DS);
    cpu_load_segment(cpu, SEG_ES, I386_USER_DS);
    cpu_load_segment(cpu, SEG_SS, I386_USER_DS);
    cpu_set_eflags(cpu, cpu_eflags(cpu) & ~(FLAG_DF | FLAG_RF | FLAG_TF));
    cpu_fpu_reset(cpu);
    return 0;
}

/* --- the way back ---------------------------------------------------------------------- */

/* The FPU state of a context; without one, that of a new program. */
static bool fpu_in(struct task *task, uint32_t from) {
    struct i386_fpstate image;
    bool good = from && guest_read(task->cpu->space, &image, from, sizeof image) == 0 &&
                i386_fpstate_restore(task->cpu, &image) &&
                frame_xstate_take(task, image.fx, from + sizeof image, false);
    if (!good) {
        cpu_fpu_reset(task->cpu);
    }
    return good || !from;
}

/* Loads everything from a context that the handler may have edited: nothing of it is trusted, but a
 * user program may choose any register values it could also load itself. What cannot be is a signal
 * to the task, with what could be in place, as on Linux. */
static void context_in(struct task *task, const struct i386_sigcontext *context) {
    const struct i386_registers then = {
        .bx = context->bx,
        .cx = context->cx,
        .dx = context->dx,
        .si = context->si,
        .di = context->di,
        .bp = context->bp,
        .ax = context->ax,
        .ds = context->ds,
        .es = context->es,
        .fs = context->fs,
        .gs = context->gs,
        .ip = context->ip,
        .cs = context->cs,
        .flags = context->flags,
        .sp = context->sp,
        .ss = context->ss,
    };
    bool good_frame = fpu_in(task, context->fpstate);
    uint16_t bad;
    int trap = i386_registers_set(task, &then, &bad);
    if (!good_frame) {
        task->cpu->regs[REG_AX] = 0; /* what the call returns */
        frame_bad(task);
    } else if (trap) {
        frame_return_fault(task, trap, bad);
    }
}

/* sigreturn(2): the handler's `ret` and the `pop %eax` of the return stub are done. */
long sys_sigreturn(struct task *task) {
    struct i386_sigframe frame;
    gaddr_t at = (uint32_t)(task->cpu->regs[REG_SP] - 8);
    task->no_restart = true;
    task->restart = NULL;
    if (guest_read(task->cpu->space, &frame, at, sizeof frame)) {
        frame_bad(task);
        return 0;
    }
    signal_set_blocked(task, frame.context.oldmask | (sigset64)frame.extra_mask << 32);
    context_in(task, &frame.context);
    return 0;
}

/* rt_sigreturn(2): the handler's `ret` is done. */
void abi_i386_signal_return(struct task *task) {
    struct i386_rt_sigframe frame;
    gaddr_t at = (uint32_t)(task->cpu->regs[REG_SP] - 4);
    if (guest_read(task->cpu->space, &frame, at, sizeof frame)) {
        frame_bad(task);
        return;
    }
    signal_set_blocked(task, frame.uc_mask);
    context_in(task, &frame.context);
    altstack_restore(&task->signals, frame.uc_stack.sp, frame.uc_stack.flags, frame.uc_stack.size);
}
