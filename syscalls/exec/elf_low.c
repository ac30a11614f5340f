/* Programs that want to be in the lowest 2 GiB of their memory (syscalls/mm/mm_layout.c): those
 * with AddressSanitizer. The compiler has such a program start it from DT_PREINIT_ARRAY, which
 * little else uses (and which loses nothing there), or as __asan_init of a shared library, a name
 * among its dynamic symbols. Nothing of the file is trusted; what cannot be read, or is longer than
 * any such table needs to be, is no such program. Source: elf(5). */
#include "syscalls/exec/elf.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DYNAMIC 128 /* entries that are looked at */
#define MOST_STRINGS ((size_t)1 << 20)

/* The place in the file of an address; 0: in no segment. */
static uint64_t place_of(const struct elf_file *elf, uint64_t vaddr) {
    for (unsigned i = 0; i < elf->phnum; i++) {
        const struct elf_segment *at = &elf->segment[i];
        if (at->type == PT_LOAD && vaddr >= at->vaddr && vaddr - at->vaddr < at->filesz) {
            return at->offset + (vaddr - at->vaddr);
        }
    }
    return 0;
}

static const struct elf_segment *dynamic_of(const struct elf_file *elf) {
    for (unsigned i = 0; i < elf->phnum; i++) {
        if (elf->segment[i].type == PT_DYNAMIC) {
            return &elf->segment[i];
        }
    }
    return NULL;
}

/* Where the names of dynamic symbols are in the file, and how many bytes of them; 0: none. *early:
 * there is something to be done before all else. */
static size_t find_strings(struct task *task, const struct elf_file *elf, uint64_t *place,
                           bool *early) {
    const struct elf_segment *dynamic = dynamic_of(elf);
    Elf64_Dyn entry[MOST_DYNAMIC];
    uint64_t size = 0, wanted = dynamic ? dynamic->filesz : 0;
    wanted = wanted < sizeof entry ? wanted : sizeof entry;
    ssize_t got = wanted ? file_read_at(elf->file, task, entry, wanted, dynamic->offset) : 0;
    *place = 0;
    *early = false;
    for (size_t i = 0; got > 0 && i < (size_t)got / sizeof *entry; i++) {
        if (entry[i].d_tag == DT_STRTAB) {
            *place = place_of(elf, entry[i].d_un.d_ptr);
        } else if (entry[i].d_tag == DT_STRSZ) {
            size = entry[i].d_un.d_val;
        } else if (entry[i].d_tag == DT_PREINIT_ARRAY) {
            *early = true;
        } else if (entry[i].d_tag == DT_NULL) {
            break;
        }
    }
    return *place && size <= MOST_STRINGS ? size : 0;
}

bool elf_wants_low(struct task *task, const struct elf_file *elf) {
    static const char name[] = "\0__asan_init"; /* with the NUL after it */
    uint64_t place;
    bool early;
    if (elf->mode != GUEST_X86_64) {
        return false;
    }
    size_t size = find_strings(task, elf, &place, &early);
    char *strings = size && !early ? malloc(size) : NULL;
    ssize_t got = strings ? file_read_at(elf->file, task, strings, size, place) : 0;
    bool found = got > 0 && memmem(strings, (size_t)got, name, sizeof name);
    free(strings);
    return found || early;
}
