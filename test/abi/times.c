/* Times in the ABI's own layout and in that of the *_time64 calls. */
#include "test/abi/abi_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

static const int64_t late = 5000000000; /* a second that 32 bits do not hold */

static int64_t ns_of(const struct timespec *ts) {
    return ts->tv_sec * 1000000000LL + ts->tv_nsec;
}

/* A call that puts a time between two readings of the host's clock. */
static void check_clock(long (*call)(struct task *, int32_t, gaddr_t)) {
    struct timespec before, between, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    RETURNS(0, call(task, CLOCK_MONOTONIC, piece_clear(0)));
    clock_gettime(CLOCK_MONOTONIC, &after);
    memcpy(&between, piece_ptr(0), sizeof between);
    CHECK(piece_holds(0, sizeof between), "more or less than a struct timespec was written");
    CHECK(ns_of(&before) <= ns_of(&between) && ns_of(&between) <= ns_of(&after), "%lld",
          (long long)ns_of(&between));
}

static void check_sleep(void) {
    struct timespec span = {0, 20000000}, before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    RETURNS(0, sys_nanosleep(task, piece_put(0, &span, sizeof span), 0));
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK(ns_of(&after) - ns_of(&before) >= span.tv_nsec, "it slept for %lld ns",
          (long long)(ns_of(&after) - ns_of(&before)));
    span.tv_nsec = 1LL << 32; /* not one of a 32-bit ABI, where the upper half is padding */
    RETURNS(-EINVAL, sys_nanosleep(task, piece_put(0, &span, sizeof span), 0));
    RETURNS(-EINVAL, sys_clock_nanosleep_time64(task, CLOCK_MONOTONIC, 0, piece(0), 0));
    RETURNS(-EINVAL, sys_ppoll(task, 0, 0, piece(0), 0, 0));
}

static void check_wall_clock(void) {
    struct timeval tv;
    time_t now = time(NULL), then;
    RETURNS(0, sys_gettimeofday(task, piece_clear(0), 0));
    memcpy(&tv, piece_ptr(0), sizeof tv);
    CHECK(piece_holds(0, sizeof tv) && tv.tv_sec - now <= 1 && tv.tv_usec < 1000000, "%ld.%ld",
          (long)tv.tv_sec, (long)tv.tv_usec);
    then = sys_time(task, piece_clear(0));
    CHECK(then - now <= 1 && piece_holds(0, sizeof then) && !memcmp(&then, piece_ptr(0), 8), "%ld",
          (long)then);
    struct timex timex;
    memset(&timex, 0, sizeof timex);
    piece_clear(0);
    RETURNS(adjtimex(&timex), sys_adjtimex(task, piece_put(0, &(int){0}, sizeof(int))));
    memcpy(&timex, piece_ptr(0), sizeof timex);
    CHECK(piece_holds(0, offsetof(struct timex, tai) + 4) && timex.time.tv_sec - now <= 1 &&
              timex.tick > 0,
          "%ld, a tick of %ld", (long)timex.time.tv_sec, timex.tick);
}

static void check_timers(void) {
    struct itimerval set = {{0, 250000}, {late, 750000}}, got;
    RETURNS(0, sys_setitimer(task, ITIMER_REAL, piece_put(0, &set, sizeof set), 0));
    RETURNS(0, sys_getitimer(task, ITIMER_REAL, piece_clear(1)));
    memcpy(&got, piece_ptr(1), sizeof got);
    CHECK(piece_holds(1, sizeof got) && got.it_interval.tv_usec == 250000 &&
              got.it_value.tv_sec >= late - 1 && got.it_value.tv_sec <= late,
          "%ld s are left", (long)got.it_value.tv_sec);
    memset(&set, 0, sizeof set);
    RETURNS(0, sys_setitimer(task, ITIMER_REAL, piece_put(0, &set, sizeof set), 0));

    struct itimerspec spec = {{1, 5}, {late, 7}}, left;
    int fd = (int)sys_timerfd_create(task, CLOCK_MONOTONIC, 0);
    RETURNS(0, sys_timerfd_settime(task, fd, 0, piece_put(0, &spec, sizeof spec), 0));
    RETURNS(0, sys_timerfd_gettime(task, fd, piece_clear(1)));
    memcpy(&left, piece_ptr(1), sizeof left);
    CHECK(piece_holds(1, sizeof left) && left.it_interval.tv_sec == 1 &&
              left.it_interval.tv_nsec == 5 && left.it_value.tv_sec >= late - 1,
          "%ld s are left", (long)left.it_value.tv_sec);
    RETURNS(0, sys_close(task, fd));
}

static void check_file_times(void) {
    const char *host = host_path("times");
    struct stat st;
    close(open(host, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    gaddr_t path = guest_path_of("times");

    struct timespec exact[2] = {{1234567890, 123456789}, {late, 987654321}};
    RETURNS(0, sys_utimensat(task, AT_FDCWD, path, piece_put(0, exact, sizeof exact), 0));
    CHECK(!stat(host, &st) && ns_of(&st.st_atim) == ns_of(&exact[0]) &&
              ns_of(&st.st_mtim) == ns_of(&exact[1]),
          "%ld, %ld", (long)st.st_atime, (long)st.st_mtime);
    struct timeval coarse[2] = {{late, 5}, {987654321, 6}};
    RETURNS(0, sys_utimes(task, path, piece_put(0, coarse, sizeof coarse)));
    CHECK(!stat(host, &st) && st.st_atime == late && st.st_mtime == 987654321 &&
              st.st_mtim.tv_nsec == 6000,
          "%ld, %ld", (long)st.st_atime, (long)st.st_mtime);
    struct utimbuf buf = {17, late};
    RETURNS(0, sys_utime(task, path, piece_put(0, &buf, sizeof buf)));
    CHECK(!stat(host, &st) && st.st_atime == 17 && st.st_mtime == late, "%ld, %ld",
          (long)st.st_atime, (long)st.st_mtime);
    unlink(host);
}

void test_times(void) {
    check_clock(sys_clock_gettime);
    check_clock(sys_clock_gettime64);
    check_sleep();
    check_wall_clock();
    check_timers();
    check_file_times();
}
