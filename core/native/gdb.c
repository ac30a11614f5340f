/* gdb and native code, by gdb's interface for compilers ("JIT Interface" in its manual): symbol
 * files in memory, in a list that gdb reads, and a function in which gdb has a breakpoint.
 *
 * A file has the names of up to BATCH blocks of one chunk, which lie side by side. It is given to
 * gdb when it is full, for that costs gdb milliseconds: a start of python3 under gdb takes six
 * seconds, with names eleven, with each block told of by itself three minutes. Those that are not
 * full are given by native_report_flush(), which the command fg-symbols (fiberglass.gdb) calls. */
#include "core/host/host.h"
#include "core/native/report.h"

#include <elf.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BATCH      32
#define NAME_BYTES 4096 /* of a batch */

/* --- what gdb knows by name --------------------------------------------------------------- */

enum { JIT_NOACTION, JIT_REGISTER, JIT_UNREGISTER };

struct jit_code_entry {
    struct jit_code_entry *next_entry, *prev_entry;
    const char *symfile_addr;
    uint64_t symfile_size;
};

struct jit_descriptor {
    uint32_t version, action_flag;
    struct jit_code_entry *relevant_entry, *first_entry;
};

struct jit_descriptor __jit_debug_descriptor = {.version = 1};

void __jit_debug_register_code(void);
void __attribute__((noinline)) __jit_debug_register_code(void) {
    __asm__ volatile("" ::: "memory");
}

/* --- symbol files ------------------------------------------------------------------------- */

enum { NO_SECTION, TEXT, UNWIND, SYMBOLS, NAMES, SECTION_NAMES, SECTIONS };

static const char section_names[] = "\0.text\0.eh_frame\0.symtab\0.strtab\0.shstrtab";

struct image {
    Elf64_Ehdr head;
    Elf64_Shdr section[SECTIONS];
    Elf64_Sym symbol[1 + BATCH]; /* the first is nobody's */
    uint8_t unwind[HOST_UNWIND_BYTES];
    char section_names[sizeof section_names];
    char names[NAME_BYTES];
};

struct native_symbols {
    struct native_symbols *next; /* of the chunk */
    struct jit_code_entry entry;
    bool given;
    unsigned count;
    size_t name_bytes;
    uint64_t start, end; /* of the code */
    struct image image;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool on;

void native_report_gdb(void) {
    on = true;
    native_reports = true;
}

static void describe(struct image *to) {
    to->head = (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = (Elf64_Half)host_elf_machine(),
        .e_version = EV_CURRENT,
        .e_shoff = offsetof(struct image, section),
        .e_ehsize = sizeof to->head,
        .e_shentsize = sizeof to->section[0],
        .e_shnum = SECTIONS,
        .e_shstrndx = SECTION_NAMES,
    };
    memcpy(to->section_names, section_names, sizeof section_names);
    to->section[TEXT] = (Elf64_Shdr){
        .sh_name = 1,
        .sh_type = SHT_NOBITS,
        .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
        .sh_addralign = 1,
    };
    to->section[UNWIND] = (Elf64_Shdr){
        .sh_name = sizeof "\0.text",
        .sh_type = SHT_PROGBITS,
        .sh_flags = SHF_ALLOC,
        .sh_addr = (uintptr_t)to->unwind,
        .sh_offset = offsetof(struct image, unwind),
        .sh_size = sizeof to->unwind,
        .sh_addralign = sizeof(uint64_t),
    };
    to->section[SYMBOLS] = (Elf64_Shdr){
        .sh_name = sizeof "\0.text\0.eh_frame",
        .sh_type = SHT_SYMTAB,
        .sh_offset = offsetof(struct image, symbol),
        .sh_link = NAMES,
        .sh_info = 1, /* the first global one */
        .sh_addralign = sizeof(uint64_t),
        .sh_entsize = sizeof to->symbol[0],
    };
    to->section[NAMES] = (Elf64_Shdr){
        .sh_name = sizeof "\0.text\0.eh_frame\0.symtab",
        .sh_type = SHT_STRTAB,
        .sh_offset = offsetof(struct image, names),
        .sh_addralign = 1,
    };
    to->section[SECTION_NAMES] = (Elf64_Shdr){
        .sh_name = sizeof "\0.text\0.eh_frame\0.symtab\0.strtab",
        .sh_type = SHT_STRTAB,
        .sh_offset = offsetof(struct image, section_names),
        .sh_size = sizeof section_names,
        .sh_addralign = 1,
    };
}

static struct native_symbols *symbols_new(struct native_chunk *chunk) {
    struct native_symbols *new = calloc(1, sizeof *new);
    if (new) {
        describe(&new->image);
        new->entry.symfile_addr = (const char *)&new->image;
        new->entry.symfile_size = sizeof new->image;
        new->name_bytes = 1; /* the empty name */
        new->start = UINT64_MAX;
        new->next = chunk->symbols;
        chunk->symbols = new;
    }
    return new;
}

static void add(struct native_symbols *to, const struct native_report *report, size_t name_bytes) {
    const uint64_t code = (uintptr_t)report->code;
    to->start = code < to->start ? code : to->start;
    to->end = code + report->bytes > to->end ? code + report->bytes : to->end;
    to->image.symbol[++to->count] = (Elf64_Sym){
        .st_name = (Elf64_Word)to->name_bytes,
        .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
        .st_shndx = TEXT,
        .st_value = code,
        .st_size = report->bytes,
    };
    memcpy(to->image.names + to->name_bytes, report->name, name_bytes);
    to->name_bytes += name_bytes;
    to->image.section[TEXT].sh_addr = to->start;
    to->image.section[TEXT].sh_size = to->end - to->start;
    host_unwind(to->image.unwind, to->start, to->end - to->start);
    to->image.section[SYMBOLS].sh_size = (to->count + 1) * sizeof to->image.symbol[0];
    to->image.section[NAMES].sh_size = to->name_bytes;
}

/* --- the list ----------------------------------------------------------------------------- */

static void tell(struct jit_code_entry *entry, uint32_t action) {
    __jit_debug_descriptor.relevant_entry = entry;
    __jit_debug_descriptor.action_flag = action;
    __jit_debug_register_code();
    __jit_debug_descriptor.action_flag = JIT_NOACTION;
}

static void give(struct jit_code_entry *entry) {
    struct jit_code_entry *first = __jit_debug_descriptor.first_entry;
    entry->prev_entry = NULL;
    entry->next_entry = first;
    if (first) {
        first->prev_entry = entry;
    }
    __jit_debug_descriptor.first_entry = entry;
    tell(entry, JIT_REGISTER);
}

static void take_back(struct jit_code_entry *entry) {
    if (entry->prev_entry) {
        entry->prev_entry->next_entry = entry->next_entry;
    } else {
        __jit_debug_descriptor.first_entry = entry->next_entry;
    }
    if (entry->next_entry) {
        entry->next_entry->prev_entry = entry->prev_entry;
    }
    tell(entry, JIT_UNREGISTER);
}

/* Files with names that gdb has not been told of. */
static struct native_symbols *waiting[8];

static void give_names(struct native_symbols *symbols) {
    if (symbols->given) {
        take_back(&symbols->entry);
    }
    give(&symbols->entry);
    symbols->given = true;
}

/* The place in `waiting` of a file, or a free one (NULL). */
static struct native_symbols **find_waiting(const struct native_symbols *symbols) {
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
        if (waiting[i] == symbols) {
            return &waiting[i];
        }
    }
    return NULL;
}

static void give_waiting(void) {
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
        if (waiting[i]) {
            give_names(waiting[i]);
            waiting[i] = NULL;
        }
    }
}

static void let_wait(struct native_symbols *symbols) {
    if (find_waiting(symbols)) {
        return;
    }
    if (!find_waiting(NULL)) {
        give_waiting();
    }
    *find_waiting(NULL) = symbols;
}

/* No longer wait, given or not. */
static bool end_waiting(const struct native_symbols *symbols) {
    struct native_symbols **at = find_waiting(symbols);
    if (at) {
        *at = NULL;
    }
    return at;
}

void gdb_report(const struct native_report *report) {
    size_t name_bytes = strlen(report->name) + 1;
    if (!on) {
        return;
    }
    pthread_mutex_lock(&lock);
    struct native_symbols *to = report->chunk->symbols;
    if (!to || to->count == BATCH || name_bytes > NAME_BYTES - to->name_bytes) {
        to = symbols_new(report->chunk);
    }
    if (to) { /* else there is no memory for it: a block without a name */
        add(to, report, name_bytes);
        let_wait(to);
        if (to->count == BATCH && end_waiting(to)) {
            give_names(to);
        }
    }
    pthread_mutex_unlock(&lock);
}

void native_report_flush(void) {
    /* gdb may have stopped a thread that has the lock. */
    if (pthread_mutex_trylock(&lock) == 0) {
        give_waiting();
        pthread_mutex_unlock(&lock);
    }
}

void gdb_report_gone(struct native_chunk *chunk) {
    if (!on) {
        return;
    }
    pthread_mutex_lock(&lock);
    while (chunk->symbols) {
        struct native_symbols *old = chunk->symbols;
        chunk->symbols = old->next;
        end_waiting(old);
        if (old->given) {
            take_back(&old->entry);
        }
        free(old);
    }
    pthread_mutex_unlock(&lock);
}
