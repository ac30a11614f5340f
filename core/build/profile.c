/* Execution counts of fibers, for --profile. See profile.h. */
#include "core/build/profile.h"
#include "core/build/gadget_name.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record {
    uint64_t runs; /* first: its address is the counter's */
    struct record *next;
    unsigned count;
    const void *gadget[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct record *records;

uint64_t *profile_record(const void *const *gadgets, unsigned count) {
    struct record *record = malloc(sizeof *record + count * sizeof *gadgets);
    if (!record) {
        return NULL;
    }
    record->runs = 0;
    record->count = count;
    memcpy(record->gadget, gadgets, count * sizeof *gadgets);
    pthread_mutex_lock(&lock);
    record->next = records;
    records = record;
    pthread_mutex_unlock(&lock);
    return &record->runs;
}

int profile_write(const char *path) {
    FILE *out = fopen(path, "ae");
    if (!out) {
        return -errno;
    }
    pthread_mutex_lock(&lock);
    for (const struct record *record = records; record; record = record->next) {
        if (!record->runs) {
            continue;
        }
        fprintf(out, "%" PRIu64, record->runs);
        for (unsigned i = 0; i < record->count; i++) {
            const struct gadget_table *table;
            unsigned entry;
            if (gadget_find(record->gadget[i], &table, &entry)) {
                fprintf(out, " %s:%u", table->name, entry);
            }
        }
        fputc('\n', out);
    }
    pthread_mutex_unlock(&lock);
    return fclose(out) ? -errno : 0;
}
