/* Symbols of ELF files. Nothing of the file is trusted: offsets and sizes are held against the
 * file's own size before anything is read, indices against the tables', and names end at the last
 * byte of theirs. What does not fit is left out. Source: elf(5). */
#include "syscalls/exec/elf_symbols.h"
#include "syscalls/exec/elf.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES ((uint64_t)64 << 20) /* of one section; a browser's are a third of that */
#define MOST_CODE  8                    /* segments that are looked at */

struct section {
    uint32_t type, link;
    uint64_t offset, size, entry_bytes;
};

struct symbol {
    uint64_t start, size; /* an address of the file, as segments and symbols have it */
    uint32_t name;        /* bytes from the names' beginning */
    uint8_t rank;         /* of those that begin at one place the lowest is shown */
};

struct elf_symbols {
    struct elf_segment code[MOST_CODE];
    unsigned segments;
    struct symbol *symbol;
    size_t count, name_bytes;
    char *names; /* and a NUL after them */
};

/* What is being read. */
struct reader {
    struct task *task;
    struct file *file;
    uint64_t file_bytes;
    bool wide; /* ELFCLASS64 */
};

/* Bytes of the file, and a NUL; NULL: they are not there, or too many. */
static void *read_bytes(const struct reader *r, uint64_t offset, uint64_t size) {
    if (size > MOST_BYTES || offset > r->file_bytes || size > r->file_bytes - offset) {
        return NULL;
    }
    char *bytes = malloc(size + 1);
    if (bytes && file_read_at(r->file, r->task, bytes, size, offset) != (ssize_t)size) {
        free(bytes);
        return NULL;
    }
    if (bytes) {
        bytes[size] = 0;
    }
    return bytes;
}

/* --- the two classes ------------------------------------------------------------------- */

/* Where the section headers are, and how many; 0: none, or more than a header can say. */
static unsigned find_sections(const struct reader *r, uint64_t *offset) {
    unsigned count = 0;
    uint8_t *raw = read_bytes(r, 0, r->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr));
    if (raw && r->wide) {
        const Elf64_Ehdr *head = (const void *)raw;
        *offset = head->e_shoff;
        count = head->e_shentsize == sizeof(Elf64_Shdr) ? head->e_shnum : 0;
    } else if (raw) {
        const Elf32_Ehdr *head = (const void *)raw;
        *offset = head->e_shoff;
        count = head->e_shentsize == sizeof(Elf32_Shdr) ? head->e_shnum : 0;
    }
    free(raw);
    return count;
}

static struct section section_at(const struct reader *r, const void *raw, unsigned i) {
    if (r->wide) {
        const Elf64_Shdr *at = (const Elf64_Shdr *)raw + i;
        return (struct section){at->sh_type, at->sh_link, at->sh_offset, at->sh_size,
                                at->sh_entsize};
    }
    const Elf32_Shdr *at = (const Elf32_Shdr *)raw + i;
    return (struct section){at->sh_type, at->sh_link, at->sh_offset, at->sh_size, at->sh_entsize};
}

static size_t symbol_bytes(const struct reader *r) {
    return r->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
}

static Elf64_Sym symbol_at(const struct reader *r, const void *raw, size_t i) {
    if (r->wide) {
        return ((const Elf64_Sym *)raw)[i];
    }
    const Elf32_Sym *at = (const Elf32_Sym *)raw + i;
    return (Elf64_Sym){.st_name = at->st_name,
                       .st_info = at->st_info,
                       .st_shndx = at->st_shndx,
                       .st_value = at->st_value,
                       .st_size = at->st_size};
}

/* --- reading --------------------------------------------------------------------------- */

/* The symbol table, and that of its names. */
static bool find_tables(const struct reader *r, struct section *symbols, struct section *names) {
    uint64_t offset = 0;
    unsigned count = find_sections(r, &offset);
    size_t each = r->wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
    void *raw = count ? read_bytes(r, offset, (uint64_t)count * each) : NULL;
    bool found = false;
    for (unsigned i = 0; raw && i < count; i++) {
        struct section at = section_at(r, raw, i);
        bool better = at.type == SHT_SYMTAB || (at.type == SHT_DYNSYM && !found);
        if (!better || at.entry_bytes != symbol_bytes(r) || at.link >= count) {
            continue;
        }
        struct section linked = section_at(r, raw, at.link);
        if (linked.type == SHT_STRTAB) {
            *symbols = at;
            *names = linked;
            found = true;
        }
    }
    free(raw);
    return found;
}

static void find_code(const struct elf_file *elf, struct elf_symbols *to) {
    for (unsigned i = 0; i < elf->phnum && to->segments < MOST_CODE; i++) {
        const struct elf_segment *at = &elf->segment[i];
        if (at->type == PT_LOAD && at->flags & PF_X) {
            to->code[to->segments++] = *at;
        }
    }
}

/* Does an address lie in code? */
static bool in_code(const struct elf_symbols *in, uint64_t address) {
    for (unsigned i = 0; i < in->segments; i++) {
        const struct elf_segment *at = &in->code[i];
        if (address >= at->vaddr && address - at->vaddr < at->memsz) {
            return true;
        }
    }
    return false;
}

/* Functions, and labels of assembly. Of several names people know those that others can see, and
 * malloc rather than __libc_malloc. */
static bool wanted(const struct elf_symbols *to, const Elf64_Sym *from, struct symbol *symbol) {
    unsigned type = ELF64_ST_TYPE(from->st_info);
    bool function = type == STT_FUNC || type == STT_GNU_IFUNC;
    if ((!function && type != STT_NOTYPE) || from->st_shndx == SHN_UNDEF ||
        from->st_shndx >= SHN_LORESERVE || from->st_name >= to->name_bytes ||
        !to->names[from->st_name] || !in_code(to, from->st_value)) {
        return false;
    }
    bool inner = to->names[from->st_name] == '_';
    bool global = ELF64_ST_BIND(from->st_info) == STB_GLOBAL;
    *symbol = (struct symbol){from->st_value, from->st_size, from->st_name,
                              (uint8_t)(4 * !function + 2 * inner + !global)};
    return true;
}

static int by_start(const void *a, const void *b) {
    const struct symbol *x = a, *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    return x->rank != y->rank ? x->rank - y->rank : (x->name > y->name) - (x->name < y->name);
}

static bool read_symbols(const struct reader *r, struct elf_symbols *to) {
    struct section table = {0}, names = {0};
    if (!find_tables(r, &table, &names)) {
        return false;
    }
    size_t count = table.size / symbol_bytes(r);
    void *raw = read_bytes(r, table.offset, table.size);
    to->names = read_bytes(r, names.offset, names.size);
    to->name_bytes = names.size;
    to->symbol = raw && to->names ? malloc((count + 1) * sizeof *to->symbol) : NULL;
    for (size_t i = 0; to->symbol && i < count; i++) {
        Elf64_Sym symbol = symbol_at(r, raw, i);
        to->count += wanted(to, &symbol, &to->symbol[to->count]);
    }
    free(raw);
    if (!to->count) {
        return false;
    }
    struct symbol *fitting = realloc(to->symbol, to->count * sizeof *to->symbol);
    to->symbol = fitting ? fitting : to->symbol;
    qsort(to->symbol, to->count, sizeof *to->symbol, by_start);
    return true;
}

struct elf_symbols *elf_symbols_read(struct task *task, struct file *file) {
    struct stat st;
    struct elf_file elf = {0};
    const char *why;
    struct elf_symbols *symbols = calloc(1, sizeof *symbols);
    bool good = symbols && fstat(file->host_fd, &st) == 0 && S_ISREG(st.st_mode) &&
                elf_open(task, file, &elf, &why) == 0;
    if (good) {
        struct reader r = {task, file, (uint64_t)st.st_size, elf.bits == 64};
        find_code(&elf, symbols);
        good = read_symbols(&r, symbols);
    }
    elf_close(&elf);
    if (!good) {
        elf_symbols_free(symbols);
        return NULL;
    }
    return symbols;
}

void elf_symbols_free(struct elf_symbols *symbols) {
    if (symbols) {
        free(symbols->symbol);
        free(symbols->names);
        free(symbols);
    }
}

size_t elf_symbols_bytes(const struct elf_symbols *symbols) {
    return sizeof *symbols + symbols->count * sizeof *symbols->symbol + symbols->name_bytes;
}

/* --- looking ---------------------------------------------------------------------------- */

/* The address at an offset of the file; false: it is mapped as no code. */
static bool address_of(const struct elf_symbols *in, uint64_t offset, uint64_t *address) {
    for (unsigned i = 0; i < in->segments; i++) {
        const struct elf_segment *at = &in->code[i];
        if (offset >= at->offset && offset - at->offset < at->filesz) {
            *address = at->vaddr + (offset - at->offset);
            return true;
        }
    }
    return false;
}

const char *elf_symbols_find(const struct elf_symbols *symbols, uint64_t offset,
                             uint64_t *distance) {
    uint64_t address;
    if (!address_of(symbols, offset, &address)) {
        return NULL;
    }
    size_t low = 0, high = symbols->count; /* the first that begins after it */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (symbols->symbol[mid].start <= address) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low == 0) {
        return NULL;
    }
    const struct symbol *found = &symbols->symbol[low - 1];
    while (found > symbols->symbol && found[-1].start == found->start) {
        found--;
    }
    *distance = address - found->start;
    /* One without a size reaches to the next. */
    return found->size == 0 || *distance < found->size ? &symbols->names[found->name] : NULL;
}
