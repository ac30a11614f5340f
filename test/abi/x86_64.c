/* The x86-64 ABI's registers, signal frames and calls at fixed addresses, on a task that runs no
 * code: what is put in comes out where a program may choose it, and frames are the host's own
 * structures. */
#include "core/cpu/cpu.h"
#include "syscalls/abi/frame_xstate.h"
#include "syscalls/abi/registers.h"
#include "syscalls/abi/x86_64/fpu.h"
#include "syscalls/abi/x86_64/registers.h"
#include "syscalls/abi/x86_64/x86_64.h"
#include "syscalls/signal/signal.h"
#include "test/abi/abi_test.h"

#include <asm/prctl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/user.h>
#include <time.h>
#include <ucontext.h>

static const struct abi_registers *const registers = &abi_x86_64_registers;
static const struct abi *before_abi;

/* The cases run on the cpu of an i386 task. */
static void begin_64(void) {
    before_abi = task->abi;
    task->abi = &abi_x86_64;
    task->cpu->space->both = false; /* as where the host has room for small windows alone */
    task->cpu->mode = GUEST_X86_64;
    task->syscall_number = -1;
    registers->begin(task->cpu, 0x401000, piece(8));
}

static void end_64(void) {
    task->cpu->mode = GUEST_I386;
    task->abi = before_abi;
}

/* The signals that the task got, which are taken away. */
static sigset64 pending(struct sigqueue_info *info) {
    sigset64 set = 0;
    pthread_mutex_lock(&process_lock);
    for (int signo; (signo = signal_dequeue_locked(task, ~(sigset64)0, info));) {
        set |= signal_bit(signo);
    }
    pthread_mutex_unlock(&process_lock);
    return set;
}

static bool got(int signo) {
    struct sigqueue_info info;
    return pending(&info) == (signo ? signal_bit(signo) : 0);
}

/* --- registers ------------------------------------------------------------------------- */

static void check_begin(void) {
    struct user_regs_struct now;
    begin_64();
    CHECK(registers->bytes == sizeof now, "%zu bytes", registers->bytes);
    registers->get(task, &now);
    CHECK(now.rip == 0x401000 && now.rsp == piece(8) && now.cs == 0x33 && now.ss == 0x2b &&
              now.eflags == 0x202 && now.orig_rax == (unsigned long long)-1,
          "rip %llx, cs %llx, ss %llx, flags %llx", now.rip, now.cs, now.ss, now.eflags);
    now.rip = now.rsp = now.cs = now.ss = now.eflags = now.orig_rax = 0;
    for (size_t i = 0; i < sizeof now / 8; i++) {
        CHECK(!((uint64_t *)&now)[i], "register %zu is not 0", i);
    }
    end_64();
}

static void check_whole_set(void) {
    struct user_regs_struct in, now;
    begin_64();
    for (size_t i = 0; i < sizeof in / 8; i++) {
        ((uint64_t *)&in)[i] = 0x8000000000000000 + i;
    }
    in.ds = in.es = in.ss = 0xffff0028; /* privilege 3 and the upper half are not the program's */
    in.fs = 3;
    in.gs = 0x1234; /* no such segment */
    in.cs = 0x30;
    in.fs_base = 0x7fffffffe000;
    in.gs_base = 0x7ffffffff000; /* not below the end of addresses */
    in.eflags = 0xffffffff;
    registers->set(task, &in);
    registers->get(task, &now);
    for (size_t i = 0; i < 15; i++) {
        CHECK(((uint64_t *)&now)[i] == 0x8000000000000000 + i, "register %zu", i);
    }
    CHECK(now.rip == in.rip && now.rsp == in.rsp, "rip %llx, rsp %llx", now.rip, now.rsp);
    CHECK(now.ds == 0x2b && now.es == 0x2b && now.ss == 0x2b && now.cs == 0x33 && now.fs == 3 &&
              now.gs == 0,
          "ds %llx es %llx ss %llx cs %llx fs %llx gs %llx", now.ds, now.es, now.ss, now.cs, now.fs,
          now.gs);
    CHECK(now.fs_base == in.fs_base && now.gs_base == 0, "bases %llx, %llx", now.fs_base,
          now.gs_base);
    CHECK((now.eflags & ~FLAG_RF) == (0x202 | FLAGS_STATUS | FLAG_DF | FLAG_TF | FLAG_AC),
          "flags %llx", now.eflags);
    CHECK(got(0), "a signal");
    in.cs = 0x23; /* 32-bit code */
    registers->set(task, &in);
    CHECK(got(SIGSEGV) && task->last_trap == TRAP_GP && task->last_trap_error == 0x20,
          "trap %u, error %x", task->last_trap, task->last_trap_error);
    end_64();
}

static void check_float(void) {
    struct user_fpregs_struct in, now;
    begin_64();
    CHECK(registers->float_bytes == sizeof in, "%zu", registers->float_bytes);
    registers->get_float(task, &in);
    CHECK(in.cwd == 0x37f && in.mxcsr == 0x1f80, "%x, %x", in.cwd, in.mxcsr);
    for (size_t i = 0; i < sizeof in.xmm_space / 4; i++) {
        in.xmm_space[i] = 0x1000u + (unsigned)i;
    }
    CHECK(registers->set_float(task, &in), "a good image is refused");
    registers->get_float(task, &now);
    CHECK(!memcmp(in.xmm_space, now.xmm_space, sizeof in.xmm_space), "xmm15 ends with %x",
          now.xmm_space[63]);
    CHECK(!memcmp(task->cpu->ymm[15], &in.xmm_space[60], 16), "xmm15 of the cpu");
    in.mxcsr = 0x10000;
    in.cwd = 0;
    CHECK(!registers->set_float(task, &in), "a bad MXCSR is taken");
    registers->get_float(task, &in);
    CHECK(!memcmp(&in, &now, sizeof in), "a bad image changed something");
    end_64();
}

static void check_call(void) {
    struct user_regs_struct in = {.rax = 0xffffffff00000000 + 231,
                                  .rdi = 0xffffffff00000001,
                                  .rsi = 2,
                                  .rdx = 3,
                                  .r10 = 4,
                                  .r8 = 5,
                                  .r9 = 6,
                                  .rip = 0x401002,
                                  .cs = 0x33,
                                  .ss = 0x2b,
                                  .eflags = FLAG_CF};
    uint64_t argument[SYSCALL_ARGUMENTS];
    int64_t number;
    begin_64();
    registers->set(task, &in);
    task->cpu->gate = GATE_SYSCALL;
    RETURNS(0, registers->fetch_call(task, &number, argument));
    CHECK(number == 231 && argument[0] == in.rdi, "call %ld", (long)number);
    for (unsigned i = 1; i < SYSCALL_ARGUMENTS; i++) {
        CHECK(argument[i] == i + 1, "argument %u is %lu", i, (unsigned long)argument[i]);
    }
    registers->set_result(task, -EINVAL);
    registers->get(task, &in);
    CHECK(in.rcx == 0x401002 && in.r11 == 0x203 && in.rax == (uint64_t)-EINVAL,
          "rcx %llx, r11 %llx, rax %llx", in.rcx, in.r11, in.rax);
    registers->call_again(task, registers->restart_number);
    CHECK(task->cpu->regs[REG_AX] == 219 && task->cpu->pc == 0x401000, "pc %lx",
          (long)task->cpu->pc);
    task->cpu->gate = GATE_INT80;
    registers->call_again(task, registers->restart_number);
    CHECK(task->cpu->regs[REG_AX] == 0, "restart_syscall of i386 is %lu",
          (unsigned long)task->cpu->regs[REG_AX]);
    end_64();
}

static void check_bases(void) {
    uint64_t base;
    begin_64();
    task->cpu->seg[SEG_FS].selector = 0x2b;
    RETURNS(0, sys_arch_prctl_x86_64(task, ARCH_SET_FS, 0x7fffffffefff));
    CHECK(task->cpu->seg[SEG_FS].selector == 0, "the selector stays");
    RETURNS(-EPERM, sys_arch_prctl_x86_64(task, ARCH_SET_FS, 0x7ffffffff000));
    RETURNS(-EPERM, sys_arch_prctl_x86_64(task, ARCH_SET_GS, 0xffff800000000000));
    RETURNS(0, sys_arch_prctl_x86_64(task, ARCH_SET_GS, 0x1234));
    RETURNS(0, sys_arch_prctl_x86_64(task, ARCH_GET_FS, piece_clear(0)));
    memcpy(&base, piece_ptr(0), sizeof base);
    CHECK(piece_holds(0, 8) && base == 0x7fffffffefff, "fs %lx", (unsigned long)base);
    RETURNS(0, sys_arch_prctl_x86_64(task, ARCH_GET_GS, piece_clear(0)));
    memcpy(&base, piece_ptr(0), sizeof base);
    CHECK(base == 0x1234, "gs %lx", (unsigned long)base);
    RETURNS(-EFAULT, sys_arch_prctl_x86_64(task, ARCH_GET_GS, (gaddr_t)1 << 50));
    RETURNS(-EINVAL, sys_arch_prctl_x86_64(task, 0x1234, 0));
    end_64();
}

/* --- frames ---------------------------------------------------------------------------- */

struct frame {
    uint64_t back;
    ucontext_t uc; /* the kernel's ends with its 8 bytes of mask */
};
#define INFO_AT    (8 + 304)
#define FRAME_SIZE 440

static const struct sigaction_guest action = {
    .handler = 0x402000, .flags = SA_SIGINFO | 0x04000000, .restorer = 0x403000};
static const struct sigqueue_info queued = {
    .signo = 34, .code = SI_QUEUE, .pid = 7, .uid = 8, .value = 0x123456789abc};

/* A task with a value of its own in each register, on piece 8. */
static void fill_registers(void) {
    begin_64();
    for (unsigned i = 0; i < 16; i++) {
        task->cpu->regs[i] = 0x1111111111111111u * i;
    }
    task->cpu->regs[REG_SP] = piece(8) - 24;
    cpu_set_eflags(task->cpu, FLAG_CF | FLAG_DF);
    task->last_trap = 14;
    task->last_trap_error = 6;
    task->last_trap_addr = 0xabcdef012345;
    cpu_fpu_save(task->cpu);
    memset(task->cpu->fx + 160, 0x5a, 256);
    cpu_fpu_dirty(task->cpu);
}

/* The frame that the task's stack pointer shows, in host memory. */
static struct frame *frame(void) {
    return space_ptr(task->cpu->space, task->cpu->regs[REG_SP]);
}

static void check_frame(void) {
    struct user_regs_struct before, now, after;
    fill_registers();
    registers->get(task, &before);
    piece_clear(7);
    RETURNS(0, abi_x86_64_signal_frame(task, &action, &queued, 0xf0f0f0f0f0));
    registers->get(task, &now);
    gaddr_t at = task->cpu->regs[REG_SP];
    CHECK(now.rip == action.handler && now.rdi == 34 && now.rsi == at + INFO_AT &&
              now.rdx == at + 8 && now.rax == 0 && now.eflags == 0x203,
          "rip %llx rdi %llx rsi %llx rdx %llx rax %llx flags %llx", now.rip, now.rdi, now.rsi,
          now.rdx, now.rax, now.eflags);
    CHECK((at & 15) == 8 && at + FRAME_SIZE <= piece(8) - 128 - 512 && at > piece(7), "at %lx",
          (unsigned long)at);
    const struct frame *made = frame();
    const greg_t *gregs = made->uc.uc_mcontext.gregs;
    CHECK(made->back == action.restorer && made->uc.uc_flags == (frame_xstate_bytes() ? 7 : 6) &&
              !made->uc.uc_link,
          "returns to %lx, flags %lx", (unsigned long)made->back, made->uc.uc_flags);
    static const struct {
        int in_frame;
        size_t in_set;
    } map[] = {
        {REG_R8, offsetof(struct user_regs_struct, r8)},
        {REG_R9, offsetof(struct user_regs_struct, r9)},
        {REG_R10, offsetof(struct user_regs_struct, r10)},
        {REG_R11, offsetof(struct user_regs_struct, r11)},
        {REG_R12, offsetof(struct user_regs_struct, r12)},
        {REG_R13, offsetof(struct user_regs_struct, r13)},
        {REG_R14, offsetof(struct user_regs_struct, r14)},
        {REG_R15, offsetof(struct user_regs_struct, r15)},
        {REG_RDI, offsetof(struct user_regs_struct, rdi)},
        {REG_RSI, offsetof(struct user_regs_struct, rsi)},
        {REG_RBP, offsetof(struct user_regs_struct, rbp)},
        {REG_RBX, offsetof(struct user_regs_struct, rbx)},
        {REG_RDX, offsetof(struct user_regs_struct, rdx)},
        {REG_RAX, offsetof(struct user_regs_struct, rax)},
        {REG_RCX, offsetof(struct user_regs_struct, rcx)},
        {REG_RSP, offsetof(struct user_regs_struct, rsp)},
        {REG_RIP, offsetof(struct user_regs_struct, rip)},
        {REG_EFL, offsetof(struct user_regs_struct, eflags)},
    };
    for (size_t i = 0; i < ARRAY_LEN(map); i++) {
        CHECK(!memcmp(&gregs[map[i].in_frame], (char *)&before + map[i].in_set, 8),
              "register %d is %llx", map[i].in_frame, gregs[map[i].in_frame]);
    }
    CHECK(gregs[REG_CSGSFS] == 0x002b000000000033 && gregs[REG_ERR] == 6 &&
              gregs[REG_TRAPNO] == 14 && gregs[REG_CR2] == 0xabcdef012345 &&
              gregs[REG_OLDMASK] == 0xf0f0f0f0f0,
          "segments %llx, error %llx", gregs[REG_CSGSFS], gregs[REG_ERR]);
    CHECK(!memcmp(&made->uc.uc_sigmask, &(sigset64){0xf0f0f0f0f0}, 8), "the mask");
    siginfo_t info;
    memcpy(&info, (const char *)made + INFO_AT, sizeof info);
    CHECK(info.si_signo == 34 && info.si_code == SI_QUEUE && info.si_pid == 7 && info.si_uid == 8 &&
              (uint64_t)info.si_value.sival_ptr == 0x123456789abc,
          "siginfo: %d, %d", info.si_signo, info.si_code);
    gaddr_t fpstate = (gaddr_t)made->uc.uc_mcontext.fpregs;
    struct user_fpregs_struct image;
    memcpy(&image, space_ptr(task->cpu->space, fpstate), sizeof image);
    CHECK(!(fpstate & 63) && image.cwd == 0x37f && image.xmm_space[63] == 0x5a5a5a5a &&
              !image.padding[23],
          "fpstate at %lx, xmm15 %x", (unsigned long)fpstate, image.xmm_space[63]);
    CHECK(task->cpu->ymm[15][0] == 0, "the handler does not begin with a fresh FPU");

    task->cpu->regs[REG_SP] += 8; /* ret */
    memset(task->cpu->regs, 0xee, 4 * 8);
    abi_x86_64_signal_return(task);
    registers->get(task, &after);
    CHECK(!memcmp(&before, &after, sizeof after), "rax %llx, rip %llx", after.rax, after.rip);
    CHECK(task->cpu->ymm[15][0] == 0x5a && got(0), "xmm15 is %x", task->cpu->ymm[15][0]);
    CHECK(task->signals.blocked == (0xf0f0f0f0f0 & ~signal_bit(SIGKILL) & ~signal_bit(SIGSTOP)),
          "blocked %lx", (unsigned long)task->signals.blocked);
    signal_set_blocked(task, 0);
    end_64();
}

/* A frame that the handler edits; what comes of it. */
static void returns_with(void (*edit)(struct frame *made), int signo, uint32_t trap, uint32_t error,
                         const char *what) {
    fill_registers();
    RETURNS(0, abi_x86_64_signal_frame(task, &action, &queued, 0));
    edit(frame());
    task->cpu->regs[REG_SP] += 8;
    task->last_trap = task->last_trap_error = 99;
    abi_x86_64_signal_return(task);
    CHECK(got(signo), "%s: another signal", what);
    CHECK(task->last_trap == trap && task->last_trap_error == error, "%s: trap %u, error %x", what,
          task->last_trap, task->last_trap_error);
}

static void set_segments(struct frame *made, uint64_t cs, uint64_t ss) {
    made->uc.uc_mcontext.gregs[REG_CSGSFS] = (greg_t)(cs | ss << 48);
}

static void narrow_code(struct frame *made) {
    set_segments(made, 0x23, 0x2b);
}

static void null_code(struct frame *made) {
    set_segments(made, 0, 0x2b);
}

static void code_as_stack(struct frame *made) {
    set_segments(made, 0x33, 0x33);
}

static void old_stack(struct frame *made) {
    set_segments(made, 0x33, 0);
    made->uc.uc_flags = 0;
}

static void privileged(struct frame *made) {
    set_segments(made, 0x30, 0x28);
    made->uc.uc_mcontext.gregs[REG_EFL] = -1;
}

static void far_pc(struct frame *made) {
    made->uc.uc_mcontext.gregs[REG_RIP] = 0x0123456789abcdef;
}

static void no_fpu(struct frame *made) {
    made->uc.uc_mcontext.fpregs = NULL;
}

static void bad_mxcsr(struct frame *made) {
    struct user_fpregs_struct *image =
        space_ptr(task->cpu->space, (gaddr_t)made->uc.uc_mcontext.fpregs);
    image->mxcsr = 1u << 16;
}

static void odd_fpu(struct frame *made) {
    made->uc.uc_mcontext.fpregs = (void *)((char *)made->uc.uc_mcontext.fpregs + 8);
}

static void far_fpu(struct frame *made) {
    made->uc.uc_mcontext.fpregs = (void *)0xffffffffffffff00;
}

static void check_hostile(void) {
    returns_with(narrow_code, SIGSEGV, TRAP_GP, 0x20, "32-bit code");
    returns_with(null_code, SIGSEGV, TRAP_GP, 0, "null cs");
    returns_with(code_as_stack, SIGSEGV, TRAP_GP, 0x30, "code as a stack");
    returns_with(old_stack, 0, 99, 99, "null ss of an old program");
    CHECK(task->cpu->seg[SEG_SS].selector == 0x2b, "ss %x", task->cpu->seg[SEG_SS].selector);
    returns_with(privileged, 0, 99, 99, "privileged values");
    CHECK(task->cpu->seg[SEG_CS].selector == 0x33 &&
              (cpu_eflags(task->cpu) & ~FLAG_RF) ==
                  (0x202 | FLAGS_STATUS | FLAG_DF | FLAG_TF | FLAG_AC),
          "flags %x", cpu_eflags(task->cpu));
    returns_with(far_pc, 0, 99, 99, "a pc that cannot be");
    CHECK(task->cpu->pc == 0x0123456789abcdef, "pc %lx", (long)task->cpu->pc);
    returns_with(no_fpu, 0, 99, 99, "no fpstate");
    CHECK(task->cpu->mxcsr == 0x1f80 && !task->cpu->ymm[15][0], "mxcsr %x", task->cpu->mxcsr);
    returns_with(bad_mxcsr, SIGSEGV, 99, 99, "reserved bits of MXCSR");
    CHECK(task->cpu->regs[REG_AX] == 0 && task->cpu->pc == 0x401000, "pc %lx", (long)task->cpu->pc);
    returns_with(odd_fpu, SIGSEGV, 99, 99, "fpstate not aligned");
    returns_with(far_fpu, SIGSEGV, 99, 99, "fpstate nowhere");
    static const uint64_t stacks[] = {0, 8, 0x8000000000000000, 0xfffffffffffffff8, 1ull << 45};
    for (size_t i = 0; i < ARRAY_LEN(stacks); i++) {
        task->cpu->regs[REG_SP] = stacks[i];
        abi_x86_64_signal_return(task);
        CHECK(got(SIGSEGV), "a return with the stack at %lx", (unsigned long)stacks[i]);
        task->cpu->regs[REG_SP] = stacks[i];
        RETURNS(-EFAULT, abi_x86_64_signal_frame(task, &action, &queued, 0));
    }
    end_64();
}

static void check_alternate(void) {
    struct task_signals *signals = &task->signals;
    struct sigaction_guest on = action, none = action;
    fill_registers();
    on.flags |= SA_ONSTACK;
    none.flags = 0;
    RETURNS(-EFAULT, abi_x86_64_signal_frame(task, &none, &queued, 0));
    signals->altstack_base = piece(4);
    signals->altstack_size = ROOM;
    signals->altstack_flags = 0;
    RETURNS(0, abi_x86_64_signal_frame(task, &on, &queued, 0));
    gaddr_t first = task->cpu->regs[REG_SP];
    const struct frame *made = frame();
    CHECK(first > piece(4) && first < piece(5) - FRAME_SIZE - 512 &&
              made->uc.uc_stack.ss_sp == (void *)piece(4) && made->uc.uc_stack.ss_size == ROOM,
          "at %lx", (unsigned long)first);
    RETURNS(0, abi_x86_64_signal_frame(task, &on, &queued, 0)); /* below the first */
    CHECK(task->cpu->regs[REG_SP] < first - FRAME_SIZE, "nested at %lx",
          (unsigned long)task->cpu->regs[REG_SP]);
    int error = 0;
    for (int i = 0; i < 8 && !error; i++) {
        error = abi_x86_64_signal_frame(task, &on, &queued, 0);
    }
    CHECK(error == -EFAULT && task->cpu->regs[REG_SP] > piece(4), "it goes on at %lx",
          (unsigned long)task->cpu->regs[REG_SP]);
    task->cpu->regs[REG_SP] = piece(8);
    signals->altstack_size = 512; /* nothing fits */
    RETURNS(-EFAULT, abi_x86_64_signal_frame(task, &on, &queued, 0));
    signals->altstack_size = ROOM;
    signals->altstack_flags = 1u << 31; /* SS_AUTODISARM */
    RETURNS(0, abi_x86_64_signal_frame(task, &on, &queued, 0));
    CHECK(signals->altstack_flags == SS_DISABLE && !signals->altstack_size, "it stays armed");
    task->cpu->regs[REG_SP] += 8;
    abi_x86_64_signal_return(task);
    CHECK(signals->altstack_flags == 1u << 31 && signals->altstack_base == piece(4) &&
              signals->altstack_size == ROOM,
          "it does not come back: flags %x", signals->altstack_flags);
    signals->altstack_flags = SS_DISABLE;
    signals->altstack_base = signals->altstack_size = 0;
    end_64();
}

/* Each form of siginfo, as the host's structure shows it. */
static void check_siginfo(void) {
    siginfo_t out;
    struct sigqueue_info in = {.signo = SIGSEGV, .code = SEGV_MAPERR, .addr = 0x123456789abc}, back;
    begin_64();
    RETURNS(0, abi_x86_64_write_siginfo(task, piece_clear(0), &in));
    memcpy(&out, piece_ptr(0), sizeof out);
    CHECK(piece_holds(0, sizeof out) && out.si_addr == (void *)0x123456789abc, "si_addr %p",
          out.si_addr);
    in = (struct sigqueue_info){.signo = SIGCHLD,
                                .code = CLD_EXITED,
                                .pid = 5,
                                .uid = 6,
                                .status = 7,
                                .utime = 0x100000008,
                                .stime = 0x100000009};
    RETURNS(0, abi_x86_64_write_siginfo(task, piece(0), &in));
    memcpy(&out, piece_ptr(0), sizeof out);
    CHECK(out.si_pid == 5 && out.si_uid == 6 && out.si_status == 7 && out.si_utime == 0x100000008 &&
              out.si_stime == 0x100000009,
          "status %d, utime %ld", out.si_status, out.si_utime);
    RETURNS(0, abi_x86_64_read_siginfo(task, piece(0), &back));
    CHECK(back.status == 7 && back.utime == in.utime && back.stime == in.stime, "status %d",
          back.status);
    in = (struct sigqueue_info){.signo = SIGIO, .code = POLL_IN, .value = 0x100000003, .fd = 4};
    RETURNS(0, abi_x86_64_write_siginfo(task, piece(0), &in));
    memcpy(&out, piece_ptr(0), sizeof out);
    CHECK(out.si_band == 0x100000003 && out.si_fd == 4, "band %lx, fd %d", out.si_band, out.si_fd);
    in =
        (struct sigqueue_info){.signo = SIGALRM, .code = SI_TIMER, .pid = 3, .uid = 4, .value = -5};
    RETURNS(0, abi_x86_64_write_siginfo(task, piece(0), &in));
    memcpy(&out, piece_ptr(0), sizeof out);
    CHECK(out.si_timerid == 3 && out.si_overrun == 4 && out.si_value.sival_ptr == (void *)-5l,
          "timer %d, overrun %d", out.si_timerid, out.si_overrun);
    end_64();
}

/* --- calls at fixed addresses ---------------------------------------------------------- */

static bool jump(gaddr_t pc, uint64_t di, uint64_t si) {
    begin_64();
    task->cpu->pc = pc;
    task->cpu->regs[REG_SP] = piece_put(1, &(uint64_t){0x405000}, 8);
    task->cpu->regs[REG_DI] = di;
    task->cpu->regs[REG_SI] = si;
    task->cpu->regs[REG_AX] = 1;
    return abi_x86_64_vsyscall(task);
}

static void check_vsyscall(void) {
    const gaddr_t page = 0xffffffffff600000;
    struct timeval now;
    struct cpu *cpu = task->cpu;
    CHECK(jump(page, piece_clear(0), 0) && cpu->pc == 0x405000 && cpu->regs[REG_AX] == 0 &&
              cpu->regs[REG_SP] == piece(1) + 8,
          "pc %lx", (unsigned long)cpu->pc);
    memcpy(&now, piece_ptr(0), sizeof now);
    CHECK(piece_holds(0, sizeof now) && labs(now.tv_sec - time(NULL)) < 3, "time %ld", now.tv_sec);
    CHECK(jump(page + 1024, 0, 5) && (int64_t)cpu->regs[REG_AX] >= now.tv_sec, "time");
    CHECK(jump(page + 2048, piece_clear(0), 0) && piece_holds(0, 4), "getcpu");
    CHECK(got(0), "a signal");
    CHECK(jump(page + 1, 0, 0) && got(SIGSEGV) && cpu->pc == page + 1, "not an entry");
    CHECK(jump(page + 3072, 0, 0) && got(SIGSEGV), "no fourth call");
    CHECK(jump(page, piece(0), 16) && got(SIGSEGV), "an argument that cannot be written");
    struct sigqueue_info info;
    CHECK(jump(page, 0x7ffffffff000, 0) && pending(&info) == signal_bit(SIGSEGV) &&
              info.code == SEGV_MAPERR && info.addr == 0x7ffffffff000 && task->last_trap_error == 6,
          "an argument beyond all memory");
    cpu->regs[REG_SP] = (gaddr_t)1 << 60;
    cpu->pc = page;
    CHECK(abi_x86_64_vsyscall(task) && got(SIGSEGV), "no stack to return by");
    CHECK(!jump(page - 1, 0, 0) && !jump(page + 4096, 0, 0) && !jump(0x1000, 0, 0) && got(0),
          "another page");
    end_64();
}

void test_x86_64(void) {
    check_begin();
    check_whole_set();
    check_float();
    check_call();
    check_bases();
    check_frame();
    check_hostile();
    check_alternate();
    check_siginfo();
    check_vsyscall();
}
