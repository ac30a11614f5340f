/* Structures of signal calls, and what is made of longs and addresses elsewhere. */
#include "test/abi/abi_test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

static const uint64_t far = 0x123456789000; /* an address that 32 bits do not hold */

/* As the kernel has it: <signal.h> shows another order. */
struct kernel_sigaction {
    uint64_t handler;
    unsigned long flags;
    uint64_t restorer;
    sigset64 mask;
};

static void check_action(void) {
    struct kernel_sigaction set = {far + 1, SA_RESTART | 0x04000000, far + 2, 0xf0f0f0f000000000};
    struct kernel_sigaction got, none = {0};
    gaddr_t at = piece_put(0, &set, sizeof set);
    RETURNS(0, sys_rt_sigaction(task, SIGUSR2, at, 0, sizeof(sigset64)));
    at = piece_put(0, &none, sizeof none);
    RETURNS(0, sys_rt_sigaction(task, SIGUSR2, at, piece_clear(1), sizeof(sigset64)));
    memcpy(&got, piece_ptr(1), sizeof got);
    CHECK(piece_holds(1, sizeof got) && !memcmp(&got, &set, sizeof got), "handler %lx, flags %lx",
          (unsigned long)got.handler, got.flags);
}

static void check_stack(void) {
    stack_t set = {.ss_sp = (void *)far, .ss_size = 1 << 20}, off = {.ss_flags = SS_DISABLE}, got;
    memset((char *)&set.ss_flags + sizeof set.ss_flags, 0xee, 4); /* padding */
    RETURNS(0, sys_sigaltstack(task, piece_put(0, &set, sizeof set), 0));
    RETURNS(0, sys_sigaltstack(task, piece_put(0, &off, sizeof off), piece_clear(1)));
    memcpy(&got, piece_ptr(1), sizeof got);
    CHECK(piece_holds(1, sizeof got) && got.ss_sp == set.ss_sp && got.ss_size == set.ss_size &&
              got.ss_flags == 0,
          "%p, %zu bytes, flags %x", got.ss_sp, got.ss_size, got.ss_flags);
}

/* A timer that sends nothing, with the whole structure read. */
static void check_event(void) {
    struct sigevent event = {.sigev_notify = SIGEV_NONE, .sigev_value.sival_ptr = (void *)far};
    int id;
    RETURNS(0, sys_timer_create(task, CLOCK_MONOTONIC, piece_put(0, &event, sizeof event),
                                piece_clear(1)));
    memcpy(&id, piece_ptr(1), sizeof id);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = 99;
    RETURNS(-EINVAL,
            sys_timer_create(task, CLOCK_MONOTONIC, piece_put(0, &event, sizeof event), piece(1)));
    RETURNS(0, sys_timer_delete(task, id));
}

void test_signals(void) {
    check_action();
    check_stack();
    check_event();
}

static void check_select(void) {
    fd_set set;
    struct {
        uint64_t mask;
        size_t size;
    } pair = {piece(3), sizeof(sigset64)};
    struct timespec none = {0, 0};
    sigset64 mask = 0;
    struct timeval endless = {INT64_MAX, 1000000};
    RETURNS(-EINVAL, sys_select(task, 1, 0, 0, 0, piece_put(1, &endless, sizeof endless)));
    FD_ZERO(&set);
    piece_put(0, &set, sizeof set);
    piece_put(1, &none, sizeof none);
    piece_put(3, &mask, sizeof mask);
    RETURNS(0, sys_pselect6(task, 1, piece(0), 0, 0, piece(1), piece_put(2, &pair, sizeof pair)));
    pair.size = 4;
    RETURNS(-EINVAL,
            sys_pselect6(task, 1, piece(0), 0, 0, piece(1), piece_put(2, &pair, sizeof pair)));
    RETURNS(0, sys_pselect6(task, 1, piece_put(0, &set, 8), 0, 0, piece(1), 0));
    CHECK(piece_holds(0, 8), "a set of one descriptor is not one long");
}

static void check_robust_list(void) {
    uint64_t head, size;
    RETURNS(-EINVAL, sys_set_robust_list(task, piece(0), 12));
    RETURNS(0, sys_set_robust_list(task, far, 24));
    RETURNS(0, sys_get_robust_list(task, 0, piece_clear(0), piece_clear(1)));
    memcpy(&head, piece_ptr(0), sizeof head);
    memcpy(&size, piece_ptr(1), sizeof size);
    CHECK(head == far && size == 24 && piece_holds(0, 8), "%lx, %lu", (unsigned long)head,
          (unsigned long)size);
    RETURNS(0, sys_set_robust_list(task, 0, 24));
}

static void check_usage(void) {
    struct rusage usage;
    struct tms tms;
    RETURNS(0, sys_getrusage(task, RUSAGE_SELF, piece_clear(0)));
    CHECK(piece_holds(0, sizeof usage), "struct rusage has another size");
    CHECK(sys_times(task, piece_clear(0)) > 0 && piece_holds(0, sizeof tms),
          "struct tms has another size");
    uint64_t address = far;
    sys_set_tid_address(task, far);
    RETURNS(0, sys_prctl(task, PR_GET_TID_ADDRESS, piece_clear(0), 0, 0, 0));
    CHECK(!memcmp(piece_ptr(0), &address, 8), "the address of the thread's number is cut");
    sys_set_tid_address(task, 0);
}

void test_words(void) {
    check_select();
    check_robust_list();
    check_usage();
}
