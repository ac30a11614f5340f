/* ELF programs: reading their headers, mapping them, the stack a program starts with. The way of an
 * execve is exec.c -> elf.c -> elf_stack.c. Sources: elf(5), the System V ABI with its i386 and
 * x86-64 supplements, getauxval(3). */
#ifndef FG_SYSCALLS_ELF_H
#define FG_SYSCALLS_ELF_H

#include "syscalls/file/file.h"
#include "syscalls/mm/mm.h"

struct task;

/* A program header in host form, of either class. */
struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, filesz, memsz, align;
};

/* The headers of one file, checked as far as Linux checks them before it maps anything. */
struct elf_file {
    struct file *file; /* not owned */
    enum guest_mode mode;
    bool foreign; /* elf_open refused it for its class or machine */
    uint8_t bits;
    uint16_t machine, type, phentsize, phnum;
    uint64_t entry, phoff;
    struct elf_segment *segment; /* phnum of them, owned */
};

/* Where a program ended up, for its stack and registers. */
struct elf_image {
    gaddr_t entry; /* of the program (AT_ENTRY) */
    gaddr_t start; /* where it begins: the interpreter's entry, or its own */
    gaddr_t base;  /* AT_BASE: load bias of the interpreter, 0 without */
    gaddr_t phdr;  /* AT_PHDR */
    uint16_t phentsize, phnum;
    bool exec_stack, read_implies_exec;
    gaddr_t sysinfo; /* __kernel_vsyscall, 0: the ABI has none */
};

/* Argument strings of an execve, each with its NUL, argv then envp. */
struct exec_args {
    char *data;
    size_t used, room;
    uint32_t argc, envc;
    size_t limit; /* of used, with 8 bytes for each pointer */
};

/* Reads and checks the headers of `file`; elf_close() in any case. 0 or -ENOEXEC, -ENOMEM; *why
 * then points to half a sentence ("is truncated"). A foreign class or machine is -ENOEXEC. */
int elf_open(struct task *task, struct file *file, struct elf_file *elf, const char **why);
void elf_close(struct elf_file *elf);
/* PT_INTERP: 1 and the path (PATH_MAX bytes) when there is one, 0 when not, or -errno. */
int elf_interpreter(struct task *task, const struct elf_file *elf, char *path, const char **why);
/* Is it an x86-64 program with AddressSanitizer, which wants low addresses (elf_low.c)? */
bool elf_wants_low(struct task *task, const struct elf_file *elf);
/* Maps a program and its interpreter (NULL: none) and the vDSO into a fresh mm and sets its break.
 * 0 or -errno. Only this thread knows mm. */
int elf_load(struct task *task, struct mm *mm, const struct elf_file *program,
             const struct elf_file *interpreter, struct elf_image *image);
/* Maps the stack and fills it: strings, auxiliary vector, pointers. *sp is the stack pointer to
 * start with. 0 or -errno. `name` is AT_EXECFN. */
int elf_build_stack(struct task *task, struct mm *mm, const struct elf_image *image,
                    const struct exec_args *args, const char *name, gaddr_t *sp);
/* Name of an e_machine, for messages. */
const char *elf_machine_name(uint16_t machine);
/* Read at a position without moving the file's own; short at the end of the file. Bytes or -errno.
 */
ssize_t file_read_at(struct file *file, struct task *task, void *buf, size_t len, uint64_t offset);

#endif
