/* The symbols of ELF files that guests have mapped, for tools of the host that show guest code by
 * name. */
#ifndef FG_SYSCALLS_ELF_SYMBOLS_H
#define FG_SYSCALLS_ELF_SYMBOLS_H

#include "syscalls/file/file.h"

struct elf_symbols;

/* Functions of a file, out of its .symtab, or else its .dynsym. NULL: it has none, is no program of
 * a guest, says what cannot be, or there is no memory. Reads the file, at its places. */
struct elf_symbols *elf_symbols_read(struct task *task, struct file *file);
void elf_symbols_free(struct elf_symbols *symbols);
/* The memory that they take. */
size_t elf_symbols_bytes(const struct elf_symbols *symbols);
/* The symbol of the code at an offset of the file, and how far from its beginning that is. NULL:
 * none. Any thread. */
const char *elf_symbols_find(const struct elf_symbols *symbols, uint64_t offset,
                             uint64_t *distance);

#endif
