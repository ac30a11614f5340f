/* Unwinding through signal frames by the vDSO's CFI: from a handler (both kinds of frame) to main,
 * with the registers of the interrupted code. test: -fasynchronous-unwind-tables
 * -fno-omit-frame-pointer */
#include "test/syscalls/mm/mm_test.h"
#include <unwind.h>

static volatile int sink;
static int seen_signal, seen_fault, seen_main, frames, by_function;

extern int main(void);

__attribute__((noinline, noclone)) static void fault_here(int n) {
    volatile char room[64];
    room[0] = (char)n;
    sink = *(volatile int *)(8 + room[0] * 0);
}
static void after_fault_here(void) {
}

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *arg) {
    int before = 0;
    (void)arg;
    uintptr_t ip = _Unwind_GetIPInfo(context, &before);
    const void *function = _Unwind_FindEnclosingFunction((void *)(before ? ip : ip - 1));
    frames++;
    seen_signal += before;
    if (function == (void *)fault_here) {
        seen_fault++;
        by_function += before;
    }
    if (function == (void *)main) {
        seen_main++;
    }
    return frames > 30 ? _URC_END_OF_STACK : _URC_NO_REASON;
}

static void look(int signo) {
    frames = seen_signal = seen_fault = seen_main = by_function = 0;
    _Unwind_Backtrace(step, NULL);
    printf("signal %d: signal frames %d, faulting function %d (interrupted %d), main %d\n", signo,
           seen_signal, seen_fault, by_function, seen_main);
    siglongjmp(fault_jump, 1);
}
static void look_info(int signo, siginfo_t *info, void *context) {
    (void)info, (void)context;
    look(signo);
}

__attribute__((noinline, noclone)) int main(void) {
    struct sigaction plain = {.sa_handler = look},
                     info = {.sa_sigaction = look_info, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &plain, NULL);
    if (!sigsetjmp(fault_jump, 1)) {
        fault_here(1);
    }
    sigaction(SIGSEGV, &info, NULL);
    if (!sigsetjmp(fault_jump, 1)) {
        fault_here(2);
    }
    after_fault_here();
    return 0;
}
