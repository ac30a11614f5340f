/* Shares of what all guests have together: the host's mappings (vm.max_map_count) and descriptors
 * (RLIMIT_NOFILE), which one guest user could otherwise take from all others, the engine included.
 *
 * A user (the real id under which an address space or an open file was made) may have three
 * quarters of what there is for guests; the superuser all of it. An eighth of the mappings is the
 * engine's: stacks of threads, memory for translated code, and pages that are protected one by one
 * because they hold code. Beyond a share calls fail as beyond the kernel's own limits: ENOMEM,
 * ENOLCK.
 * Not counted: what memory files hold, as under Linux; RLIMIT_AS bounds what is mapped of them.
 * Sources: mmap(2) (ENOMEM), proc(5) (max_map_count), getrlimit(2). */
#include "syscalls/task/account.h"
#include "core/base/debug.h"
#include "syscalls/task/process.h"
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Each change of a file's locks looks at all of them, the host's kernel does too, and the others
 * wait. */
#define MOST_LOCKS 8192

struct account {
    struct account *next; /* never freed: there are as many as users were seen */
    uint32_t uid;
    _Atomic long used[SHARE_COUNT];
};

static _Atomic(struct account *) accounts;
static _Atomic long used[SHARE_COUNT], most[SHARE_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT, once_maps = PTHREAD_ONCE_INIT;

/* Every limit that read_maps() takes leaves an ordinary user that many: most runs never need to
 * read it. */
#define FEW_MAPS 512

static void read_maps(void) {
    long maps = 65530;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    if (file) {
        if (fscanf(file, "%ld", &maps) != 1 || maps < 1024) {
            maps = 65530;
        }
        (void)fclose(file);
    }
    if (fg_debug.most_maps) {
        maps = fg_debug.most_maps;
    }
    most[SHARE_MAPS] = maps / 8 * 7;
}

static void read_limits(void) {
    struct rlimit limit;
    most[SHARE_LOCKS] = MOST_LOCKS;
    most[SHARE_FILES] = LONG_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < LONG_MAX) {
        most[SHARE_FILES] = (long)limit.rlim_max - 64; /* ours: roots, mounts, terminal, /proc */
    }
}

struct account *account_current(void) {
    uint32_t uid = current ? current->process->uid : 0;
    struct account *first = atomic_load(&accounts), *made = NULL;
    for (;;) {
        for (struct account *at = first; at; at = at->next) {
            if (at->uid == uid) {
                free(made);
                return at;
            }
        }
        if (!made && !(made = calloc(1, sizeof *made))) {
            return NULL;
        }
        made->uid = uid;
        made->next = first;
        if (atomic_compare_exchange_strong(&accounts, &first, made)) {
            return made;
        }
    }
}

void account_add(struct account *account, enum share share, long count) {
    atomic_fetch_add_explicit(&used[share], count, memory_order_relaxed);
    if (account) {
        atomic_fetch_add_explicit(&account->used[share], count, memory_order_relaxed);
    }
}

bool account_allows(const struct account *account, enum share share, long count) {
    if (share != SHARE_MAPS) {
        pthread_once(&once, read_limits);
    } else if (!fg_debug.most_maps && atomic_load(&used[share]) <= FEW_MAPS - count) {
        return true;
    } else {
        pthread_once(&once_maps, read_maps);
    }
    long all = most[share];
    if (count > all || atomic_load(&used[share]) > all - count) {
        return false;
    }
    return !account || account->uid == 0 || account->used[share] <= all / 4 * 3 - count;
}
