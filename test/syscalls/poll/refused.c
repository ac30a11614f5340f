/* What calls that wait refuse: addresses, times, masks; and a few that make descriptors.
 * test: own */
#include "test/syscalls/io_test.h"
#include "test/syscalls/numbers.h"
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/timex.h>

#define BAD   ((long)8)
#define AT(x) ((long)(intptr_t)(x))

static void waits(void) {
    long wrong[][2] = {{-1, 0}, {0, -1}, {0, 1000000000}}, zero[2] = {0, 0};
    int64_t wide_zero[2] = {0, 0}, wide_wrong[2] = {0, 1000000000};
    uint64_t mask = 0;
    long good_mask[2] = {AT(&mask), 8}, short_mask[2] = {AT(&mask), 4};
    long bad_mask[2] = {BAD, 8}, no_mask[2] = {0, 0};
    fd_set set;
    FD_ZERO(&set);
    SHOW(syscall(SYS__newselect, 0, 0, 0, 0, BAD));
    SHOW(syscall(SYS__newselect, 1, BAD, 0, 0, zero));
    SHOW(syscall(SYS__newselect, 1, 0, BAD, 0, zero));
    SHOW(syscall(SYS__newselect, 1, 0, 0, BAD, zero));
    SHOW(syscall(SYS__newselect, -1, 0, 0, 0, zero));
#ifdef __i386__
    SHOW(syscall(SYS_select, BAD)); /* the one of before there were five arguments */
#endif
    for (int i = 0; i < 3; i++) {
        if (i < 2)
            SHOW(syscall(SYS__newselect, 0, 0, 0, 0, wrong[i]));
        SHOW(syscall(SYS_pselect6, 0, 0, 0, 0, wrong[i], 0L));
        SHOW(syscall(SYS_ppoll, 0, 0, wrong[i], 0, 8));
    }
    SHOW(syscall(SYS_pselect6, 0, 0, 0, 0, BAD, 0L));
    SHOW(syscall(SYS_pselect6, 0, 0, 0, 0, zero, BAD));
    SHOW(syscall(SYS_pselect6, 0, 0, 0, 0, zero, good_mask));
    SHOW(syscall(SYS_pselect6, 0, 0, 0, 0, zero, short_mask));
    SHOW(syscall(SYS_pselect6, 0, 0, 0, 0, zero, bad_mask));
    SHOW(syscall(SYS_pselect6, 0, 0, 0, 0, zero, no_mask));
    SHOW(syscall(SYS_pselect6_time64, 0, 0, 0, 0, BAD, 0L));
    SHOW(syscall(SYS_pselect6_time64, 0, 0, 0, 0, wide_wrong, 0L));
    SHOW(syscall(SYS_pselect6_time64, 0, 0, 0, 0, wide_zero, bad_mask));
    SHOW(syscall(SYS_ppoll, 0, 0, BAD, 0, 8));
    SHOW(syscall(SYS_ppoll, 0, 0, zero, BAD, 8));
    SHOW(syscall(SYS_ppoll, 0, 0, zero, &mask, 4));
    SHOW(syscall(SYS_ppoll, 0, 0, zero, &mask, 8));
    SHOW(syscall(SYS_ppoll, BAD, 1, zero, 0, 8));
    SHOW(syscall(SYS_ppoll_time64, 0, 0, wide_wrong, 0, 8));
    SHOW(syscall(SYS_ppoll_time64, 0, 0, BAD, 0, 8));
    SHOW(syscall(SYS_poll, BAD, 1, 0));
    SHOW(syscall(SYS_nanosleep, BAD, 0));
    SHOW(syscall(SYS_nanosleep, wrong[2], 0));
    SHOW(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, BAD, 0));
    SHOW(syscall(SYS_clock_nanosleep, 77, 0, zero, 0));
    SHOW(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, wrong[0], 0));
    SHOW(syscall(SYS_rt_sigtimedwait, &mask, 0, BAD, 8));
    SHOW(syscall(SYS_rt_sigtimedwait, &mask, 0, wrong[2], 8));
    SHOW(syscall(SYS_rt_sigtimedwait, BAD, 0, zero, 8));
    SHOW(syscall(SYS_rt_sigtimedwait, &mask, 0, zero, 4));
    SHOW(syscall(SYS_rt_sigsuspend, &mask, 4));
    SHOW(syscall(SYS_rt_sigsuspend, BAD, 8));
}

static void memory_files(void) {
    char name[300];
    memset(name, 'n', sizeof(name));
    name[250] = 0;
    SHOW(syscall(SYS_memfd_create, name, 0));
    name[249] = 0;
    SHOW(syscall(SYS_memfd_create, name, 0) >= 0);
    SHOW(syscall(SYS_memfd_create, "", 0) >= 0);
    SHOW(syscall(SYS_memfd_create, BAD, 0));
    SHOW(syscall(SYS_memfd_create, "x", 0x400));
    SHOW(syscall(SYS_memfd_create, "x", 0x1000000));
}

/* Words of struct timex that nothing stands in are cleared. */
static void times(void) {
    uint32_t word[64];
    memset(word, 0x55, sizeof(word));
    word[0] = 0;
    SHOW(syscall(SYS_adjtimex, word) >= 0);
    int cleared = 0;
    size_t words = sizeof(struct timex) / sizeof(*word);
    for (size_t i = words - 11; i < words; i++)
        cleared += word[i] == 0;
    printf("%d words cleared, behind: %x\n", cleared, word[words]);
    SHOW(syscall(SYS_adjtimex, BAD));
    SHOW(syscall(SYS_clock_adjtime, 77, word));
    SHOW(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, word));
}

int main(void) {
    waits();
    memory_files();
    times();
    return 0;
}
