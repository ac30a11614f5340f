/* The i386 ABI's registers as structures: what is put in comes out, where a program may choose it.
 */
#include "syscalls/abi/registers.h"
#include "syscalls/abi/i386/fpu.h"
#include "syscalls/abi/i386/i386.h"
#include "syscalls/abi/i386/registers.h"
#include "syscalls/signal/signal.h"
#include "test/abi/abi_test.h"

#include <errno.h>
#include <signal.h>

static const struct abi_registers *const registers = &abi_i386_registers;

static void check_whole_set(void) {
    struct i386_registers before, now, in;
    registers->get(task, &before);
    CHECK(registers->bytes == 68 && before.cs == 0x23 && before.original_ax == UINT32_MAX,
          "bytes %zu, cs %x, original ax %x", registers->bytes, before.cs, before.original_ax);
    for (size_t i = 0; i < sizeof in / 4; i++) {
        ((uint32_t *)&in)[i] = 0x80000000u + (uint32_t)i;
    }
    in.ds = in.es = in.ss = 0xffff0028; /* privilege 3 and the upper half are not the program's */
    in.fs = 3;
    in.gs = 0x1234; /* no such segment */
    in.cs = 0x20;
    in.flags = 0xffffffff;
    registers->set(task, &in);
    registers->get(task, &now);
    for (size_t i = 0; i < 7; i++) {
        CHECK(((uint32_t *)&now)[i] == 0x80000000u + i, "register %zu is %x", i,
              ((uint32_t *)&now)[i]);
    }
    CHECK(now.ip == in.ip && now.sp == in.sp, "ip %x, sp %x", now.ip, now.sp);
    CHECK(now.ds == 0x2b && now.es == 0x2b && now.ss == 0x2b && now.cs == 0x23 && now.fs == 3 &&
              now.gs == 0,
          "ds %x es %x ss %x cs %x fs %x gs %x", now.ds, now.es, now.ss, now.cs, now.fs, now.gs);
    uint32_t taken = FLAGS_STATUS | FLAG_DF | FLAG_TF | FLAG_RF | FLAG_AC;
    CHECK((now.flags & ~FLAG_RF) == ((before.flags | taken) & ~FLAG_RF), "flags %x", now.flags);
    CHECK(now.original_ax == UINT32_MAX, "original ax %x", now.original_ax);
    CHECK(!task->signals.pending.set, "signals %lx", (unsigned long)task->signals.pending.set);

    in.ss = 0x23; /* code, which no stack may be */
    registers->set(task, &in);
    registers->get(task, &now);
    CHECK(now.ss == 0x23, "ss %x", now.ss);
    CHECK(task->signals.pending.set == signal_bit(SIGSEGV) && task->last_trap_error == 0x20,
          "signals %lx, error %x", (unsigned long)task->signals.pending.set, task->last_trap_error);
    struct sigqueue_info info;
    pthread_mutex_lock(&process_lock);
    signal_dequeue_locked(task, ~(sigset64)0, &info);
    pthread_mutex_unlock(&process_lock);
    registers->set(task, &before);
    registers->get(task, &now);
    CHECK(!memcmp(&before, &now, sizeof now), "flags %x, then %x", before.flags, now.flags);
}

static void check_float(void) {
    struct i386_fpstate before, in, now;
    CHECK(registers->float_bytes == sizeof in, "%zu", registers->float_bytes);
    registers->get_float(task, &before);
    in = before;
    for (unsigned i = 0; i < sizeof in.st; i++) {
        ((uint8_t *)in.st)[i] = (uint8_t)(i + 1);
    }
    in.cw = 0xffff0f7f;
    memset(in.fx + 160, 0x5a, 128);
    CHECK(registers->set_float(task, &in), "a good image is refused");
    registers->get_float(task, &now);
    CHECK(!memcmp(now.st, in.st, sizeof in.st) && now.cw == in.cw, "cw %x", now.cw);
    CHECK(!memcmp(now.fx + 160, in.fx + 160, 128), "xmm0 begins with %x", now.fx[160]);
    in.fx[27] = 0xff; /* MXCSR */
    in.cw = 0;
    CHECK(!registers->set_float(task, &in), "a bad MXCSR is taken");
    registers->get_float(task, &in);
    CHECK(!memcmp(&in, &now, sizeof in), "a bad image changed something");
    registers->set_float(task, &before);
}

static void check_call(void) {
    struct cpu *cpu = task->cpu;
    struct i386_registers before, now;
    uint64_t argument[SYSCALL_ARGUMENTS];
    int64_t number;
    uint32_t sixth = 0xfffffff6;
    registers->get(task, &before);
    now = before;
    now.ax = (uint32_t)-2;
    now.bx = 0xfffffff1;
    now.cx = 2;
    now.dx = 3;
    now.si = 4;
    now.di = 5;
    now.bp = (uint32_t)piece_put(0, &sixth, sizeof sixth);
    registers->set(task, &now);
    cpu->gate = GATE_INT80;
    RETURNS(0, registers->fetch_call(task, &number, argument));
    CHECK(number == -2 && argument[0] == 0xfffffff1 && argument[1] == 2 && argument[2] == 3 &&
              argument[3] == 4 && argument[4] == 5 && argument[5] == now.bp,
          "call %ld", (long)number);
    cpu->gate = GATE_SYSENTER;
    RETURNS(0, registers->fetch_call(task, &number, argument));
    CHECK(argument[5] == sixth && cpu->regs[REG_SP] == now.bp, "sixth %lx", (long)argument[5]);
    now.bp = 16;
    registers->set(task, &now);
    RETURNS(-EFAULT, registers->fetch_call(task, &number, argument));
    registers->arguments(task, argument);
    CHECK(argument[5] == 16, "sixth %lx", (long)argument[5]);
    cpu->gate = GATE_INT80;
    registers->set_result(task, -EINVAL);
    CHECK(cpu->regs[REG_AX] == 0xffffffea, "ax %lx", (long)cpu->regs[REG_AX]);
    registers->call_again(task, 240);
    CHECK(cpu->regs[REG_AX] == 240 && cpu->pc == before.ip - 2u, "pc %lx", (long)cpu->pc);
    registers->set(task, &before);
}

void test_registers(void) {
    check_whole_set();
    check_float();
    check_call();
}
