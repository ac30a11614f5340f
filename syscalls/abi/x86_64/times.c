/* Time structures of the x86-64 ABI: all have 64-bit seconds. */
#include "syscalls/abi/times.h"
#include "syscalls/abi/x86_64/x86_64.h"

const struct abi_times abi_x86_64_times = {
    .pair_bytes = TIMES64_PAIR_BYTES,
    .pack = times64_pack,
    .get_timespec = times64_get_timespec,
    .put_timespec = times64_put_timespec,
    .get_timeval = times64_get_timeval,
    .put_timeval = times64_put_timeval,
    .put_timex = times64_put_timex,
};
