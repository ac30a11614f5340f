/* CPU time of a process, from what the host says of its threads. */
#include "syscalls/task/process.h"

static uint64_t timeval_ns(const struct timeval *tv) {
    return (uint64_t)tv->tv_sec * 1000000000u + (uint64_t)tv->tv_usec * 1000u;
}

void process_times_locked(struct process *process, uint64_t *user_ns, uint64_t *system_ns) {
    *user_ns = process->user_ns;
    *system_ns = process->system_ns;
    for (struct task *task = process->tasks; task; task = task->next) {
        struct rusage usage;
        struct timespec now;
        clockid_t clock;
        if (task == current && getrusage(RUSAGE_THREAD, &usage) == 0) {
            *user_ns += timeval_ns(&usage.ru_utime);
            *system_ns += timeval_ns(&usage.ru_stime);
        } else if (task_cpu_clock(task, &clock) && clock_gettime(clock, &now) == 0) {
            /* The host tells other threads' total alone. */
            *user_ns += (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
        }
    }
}

void usage_add_counts(struct rusage *to, const struct rusage *from) {
    to->ru_minflt += from->ru_minflt;
    to->ru_majflt += from->ru_majflt;
    to->ru_nvcsw += from->ru_nvcsw;
    to->ru_nivcsw += from->ru_nivcsw;
}
