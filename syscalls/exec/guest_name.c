/* Names of guest code: address -> mapping -> file -> symbol. Symbols are kept by file, as
 * many as fit into some memory: a guest can map any number of files. */
#include "syscalls/exec/guest_name.h"
#include "syscalls/exec/elf_symbols.h"
#include "syscalls/mm/mm.h"
#include "syscalls/task/process.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FILES 1024
#define MOST_BYTES ((size_t)256 << 20) /* of symbols of all files */
#define MOST_NAME  "200"               /* characters of a symbol */

/* A file that was asked about, as it was then. */
struct known {
    struct known *next;
    struct stat st;
    struct elf_symbols *symbols; /* NULL: none */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct known *known;
static size_t files, bytes;

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) == 0 &&
           memcmp(&a->st_ctim, &b->st_ctim, sizeof a->st_ctim) == 0;
}

/* Symbols of a file; NULL: none. They are there for good. The lock is held. */
static const struct elf_symbols *symbols_of(struct file *file) {
    struct stat st;
    if (file->host_fd < 0 || fstat(file->host_fd, &st) < 0) {
        return NULL;
    }
    for (struct known *at = known; at; at = at->next) {
        if (same_file(&at->st, &st)) {
            return at->symbols;
        }
    }
    struct known *new = files < MOST_FILES ? calloc(1, sizeof *new) : NULL;
    if (!new) {
        return NULL;
    }
    new->st = st;
    new->symbols = elf_symbols_read(current, file);
    if (new->symbols && elf_symbols_bytes(new->symbols) > MOST_BYTES - bytes) {
        elf_symbols_free(new->symbols);
        new->symbols = NULL;
    }
    bytes += new->symbols ? elf_symbols_bytes(new->symbols) : 0;
    files++;
    new->next = known;
    known = new;
    return new->symbols;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* `place`: what the file is called, in brackets. */
static void name_in_file(struct file *file, uint64_t offset, gaddr_t pc, const char *place,
                         char *text, size_t size) {
    uint64_t distance = 0;
    pthread_mutex_lock(&lock);
    const struct elf_symbols *symbols = symbols_of(file);
    pthread_mutex_unlock(&lock);
    const char *symbol = symbols ? elf_symbols_find(symbols, offset, &distance) : NULL;
    if (!symbol) {
        snprintf(text, size, "0x%" PRIx64 " %s", pc, place);
    } else if (distance) {
        snprintf(text, size, "%." MOST_NAME "s+0x%" PRIx64 " %s", symbol, distance, place);
    } else {
        snprintf(text, size, "%." MOST_NAME "s %s", symbol, place);
    }
}

void guest_name(gaddr_t pc, char *text, size_t size) {
    struct mm *mm = current ? current->process->mm : NULL;
    struct file *file = NULL;
    uint64_t offset = 0;
    char place[64] = "";
    if (mm) {
        pthread_mutex_lock(&mm->lock);
        const struct vma *vma = mm_find(mm, pc);
        if (vma && vma->start <= pc) {
            file = vma->file ? file_ref(vma->file) : NULL;
            offset = vma->offset + (pc - vma->start);
            snprintf(place, sizeof place, "%s", vma->name ? vma->name : ""); /* "[vdso]" */
        }
        pthread_mutex_unlock(&mm->lock);
    }
    if (file) {
        if (file->path) {
            snprintf(place, sizeof place, "[%.60s]", last_part(file->path));
        }
        name_in_file(file, offset, pc, place, text, size);
        file_unref(file);
    } else {
        snprintf(text, size, "0x%" PRIx64 "%s%s", pc, *place ? " " : "", place);
    }
}
