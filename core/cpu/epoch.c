/* Epochs: when nobody can still run a retired fiber. And the list of cpus that they are counted
 * over.
 *
 * A cpu publishes the global epoch before it looks fibers up and 0 when it holds none. Retiring a
 * fiber advances the epoch; the fiber may go once every published epoch is as new as that. */
#include "core/cpu/epoch.h"

#include <pthread.h>

static _Atomic uint64_t global_epoch = 1;
static pthread_mutex_t cpu_list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cpu *cpu_list;

void epoch_enter(struct cpu *cpu) {
    atomic_store(&cpu->epoch, atomic_load(&global_epoch));
}

void epoch_leave(struct cpu *cpu) {
    atomic_store(&cpu->epoch, 0);
}

uint64_t epoch_advance(void) {
    return atomic_fetch_add(&global_epoch, 1) + 1;
}

uint64_t epoch_oldest(void) {
    uint64_t oldest = atomic_load(&global_epoch);
    pthread_mutex_lock(&cpu_list_lock);
    for (struct cpu *cpu = cpu_list; cpu; cpu = cpu->next_cpu) {
        uint64_t epoch = atomic_load(&cpu->epoch);
        if (epoch && epoch < oldest) {
            oldest = epoch;
        }
    }
    pthread_mutex_unlock(&cpu_list_lock);
    return oldest;
}

void cpu_list_add(struct cpu *cpu) {
    pthread_mutex_lock(&cpu_list_lock);
    cpu->next_cpu = cpu_list;
    cpu_list = cpu;
    pthread_mutex_unlock(&cpu_list_lock);
}

void cpu_list_remove(struct cpu *cpu) {
    pthread_mutex_lock(&cpu_list_lock);
    struct cpu **link = &cpu_list;
    while (*link && *link != cpu) {
        link = &(*link)->next_cpu;
    }
    if (*link) {
        *link = cpu->next_cpu;
    }
    pthread_mutex_unlock(&cpu_list_lock);
}

bool host_write_under_way(const struct space *space, gaddr_t addr, gaddr_t len) {
    bool found = false;
    pthread_mutex_lock(&cpu_list_lock);
    for (struct cpu *cpu = cpu_list; cpu && !found; cpu = cpu->next_cpu) {
        if (__atomic_load_n(&cpu->space, __ATOMIC_RELAXED) != space) {
            continue;
        }
        unsigned count = atomic_load(&cpu->host_writes);
        for (unsigned i = 0; i < count && !found; i++) {
            found = atomic_load(&cpu->host_write[i].start) < addr + len &&
                    addr < atomic_load(&cpu->host_write[i].end);
        }
    }
    pthread_mutex_unlock(&cpu_list_lock);
    return found;
}

void space_kick(struct space *space, struct cpu *self) {
    pthread_mutex_lock(&cpu_list_lock);
    for (struct cpu *cpu = cpu_list; cpu; cpu = cpu->next_cpu) {
        /* Fork and exec change it meanwhile; such a cpu is outside and gets no kick. */
        const struct space *its = __atomic_load_n(&cpu->space, __ATOMIC_RELAXED);
        if (cpu != self && its == space && atomic_load(&cpu->epoch)) {
            atomic_store(&cpu->kicked, true);
            cpu_poll_set(cpu, POLL_STOP);
        }
    }
    pthread_mutex_unlock(&cpu_list_lock);
}
