/* The ELF loader: headers of hostile files, segments, interpreter, vDSO.
 *
 * Checks and errors are those of Linux's loader: what is wrong with the headers is ENOEXEC, an
 * interpreter's are ELIBBAD (exec.c), what goes wrong while mapping is the mapping's own error. All
 * offsets and sizes are 64 bits here whatever the file's class; each one is checked where it is
 * used. Not here: argument strings and scripts (exec.c), the stack (elf_stack.c). Sources: elf(5),
 * execve(2), System V ABI, i386 and x86-64 supplements. */
#include "syscalls/exec/elf.h"
#include "syscalls/mm/mm_internal.h"
#include "syscalls/task/process.h"
#include "syscalls/abi/abi.h"
#include "syscalls/exec/vdso.h"
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_PHDR_BYTES 65536

ssize_t file_read_at(struct file *file, struct task *task, void *buf, size_t len, uint64_t offset) {
    size_t done = 0;
    if (offset > INT64_MAX - len) {
        return -EINVAL;
    }
    while (done < len) {
        struct iovec iov = {(char *)buf + done, len - done};
        int64_t at = (int64_t)(offset + done);
        ssize_t n = file->ops->read ? file->ops->read(file, task, &iov, 1, at)
                                    : preadv(file->host_fd, &iov, 1, at);
        if (n < 0 && !file->ops->read) {
            n = errno == EINTR ? -EINTR : -errno;
        }
        if (n == -EINTR) {
            continue;
        }
        if (n < 0) {
            return n;
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    return (ssize_t)done;
}

const char *elf_machine_name(uint16_t machine) {
    static const struct {
        uint16_t machine;
        const char *name;
    } names[] = {
        {EM_386, "i386"},     {EM_X86_64, "x86-64"},   {EM_AARCH64, "AArch64"}, {EM_ARM, "ARM"},
        {EM_RISCV, "RISC-V"}, {EM_PPC64, "PowerPC64"}, {EM_PPC, "PowerPC"},     {EM_MIPS, "MIPS"},
        {EM_S390, "s390"},    {EM_SPARC, "SPARC"},     {EM_SPARCV9, "SPARC64"}, {EM_IA_64, "IA-64"},
        {EM_68K, "68000"},    {EM_ALPHA, "Alpha"},     {EM_PARISC, "PA-RISC"},  {EM_SH, "SuperH"},
        {258, "LoongArch"},   {EM_BPF, "BPF"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].machine == machine) {
            return names[i].name;
        }
    }
    return "an unknown machine";
}

/* --- the two classes ------------------------------------------------------------------- */

/* Headers of a class: how long they are, and what they say in host form. */
struct elf_class {
    size_t head_bytes, segment_bytes;
    void (*head)(struct elf_file *elf, const void *raw);
    void (*segment)(struct elf_segment *to, const void *raw);
};

static void head_32(struct elf_file *elf, const void *raw) {
    const Elf32_Ehdr *head = raw;
    elf->type = head->e_type;
    elf->entry = head->e_entry;
    elf->phoff = head->e_phoff;
    elf->phnum = head->e_phnum;
    elf->phentsize = head->e_phentsize;
}

static void head_64(struct elf_file *elf, const void *raw) {
    const Elf64_Ehdr *head = raw;
    elf->type = head->e_type;
    elf->entry = head->e_entry;
    elf->phoff = head->e_phoff;
    elf->phnum = head->e_phnum;
    elf->phentsize = head->e_phentsize;
}

static void segment_32(struct elf_segment *to, const void *raw) {
    const Elf32_Phdr *from = raw;
    *to = (struct elf_segment){from->p_type,   from->p_flags, from->p_offset, from->p_vaddr,
                               from->p_filesz, from->p_memsz, from->p_align};
}

static void segment_64(struct elf_segment *to, const void *raw) {
    const Elf64_Phdr *from = raw;
    *to = (struct elf_segment){from->p_type,   from->p_flags, from->p_offset, from->p_vaddr,
                               from->p_filesz, from->p_memsz, from->p_align};
}

static const struct elf_class class_32 = {sizeof(Elf32_Ehdr), sizeof(Elf32_Phdr), head_32,
                                          segment_32};
static const struct elf_class class_64 = {sizeof(Elf64_Ehdr), sizeof(Elf64_Phdr), head_64,
                                          segment_64};

/* The class of a file that is for a guest mode which programs can have, else NULL. EM_486 was used
 * by early compilers. */
static const struct elf_class *class_of(const unsigned char *ident, uint16_t machine,
                                        enum guest_mode *mode) {
    const struct elf_class *class = NULL;
    if (ident[EI_CLASS] == ELFCLASS32 && (machine == EM_386 || machine == 6 /* EM_486 */)) {
        *mode = GUEST_I386;
        class = &class_32;
    } else if (ident[EI_CLASS] == ELFCLASS64 && machine == EM_X86_64) {
        *mode = GUEST_X86_64;
        class = &class_64;
    }
    return class && abi_of_mode(*mode) ? class : NULL;
}

/* --- headers --------------------------------------------------------------------------- */

static int read_segments(struct task *task, struct elf_file *elf, const struct elf_class *class) {
    size_t bytes = elf->phnum * class->segment_bytes;
    uint8_t *raw = malloc(bytes);
    elf->segment = calloc(elf->phnum, sizeof *elf->segment);
    int err = 0;
    if (!raw || !elf->segment) {
        err = -ENOMEM;
    } else if (file_read_at(elf->file, task, raw, bytes, elf->phoff) != (ssize_t)bytes) {
        err = -ENOEXEC;
    }
    for (unsigned i = 0; !err && i < elf->phnum; i++) {
        class->segment(&elf->segment[i], raw + i * class->segment_bytes);
    }
    free(raw);
    return err;
}

int elf_open(struct task *task, struct file *file, struct elf_file *elf, const char **why) {
    union {
        unsigned char ident[EI_NIDENT];
        Elf32_Ehdr narrow; /* the machine is at the same place in both */
        Elf64_Ehdr wide;
    } head;
    *elf = (struct elf_file){.file = file};
    ssize_t n = file_read_at(file, task, &head, sizeof head, 0);
    if (n < 0) {
        *why = "cannot be read";
        return (int)n;
    }
    if (n < SELFMAG || memcmp(head.ident, ELFMAG, SELFMAG) != 0) {
        *why = n == 0 ? "is empty" : "is neither an ELF program nor a script";
        return -ENOEXEC;
    }
    if (n < (ssize_t)sizeof head.narrow) {
        *why = "is a truncated ELF file";
        return -ENOEXEC;
    }
    elf->bits = head.ident[EI_CLASS] == ELFCLASS64 ? 64 : 32;
    elf->machine = head.narrow.e_machine;
    if (head.ident[EI_DATA] == ELFDATA2MSB) {
        elf->machine = (uint16_t)(elf->machine >> 8 | elf->machine << 8);
    }
    const struct elf_class *class = class_of(head.ident, head.narrow.e_machine, &elf->mode);
    if (!class) {
        *why = "is for another machine";
        elf->foreign = true;
        return -ENOEXEC;
    }
    if (n < (ssize_t) class->head_bytes) {
        *why = "is a truncated ELF file";
        return -ENOEXEC;
    }
    class->head(elf, &head);
    if (elf->type != ET_EXEC && elf->type != ET_DYN) {
        *why = "is an ELF file but no program";
        return -ENOEXEC;
    }
    if (elf->phentsize != class->segment_bytes || elf->phnum == 0 ||
        elf->phnum * class->segment_bytes > MAX_PHDR_BYTES) {
        *why = "has a bad count or size of program headers";
        return -ENOEXEC;
    }
    int err = read_segments(task, elf, class);
    if (err) {
        *why = err == -ENOEXEC ? "is truncated: its program headers lie past its end"
                               : "needs more memory than there is";
    }
    return err;
}

void elf_close(struct elf_file *elf) {
    free(elf->segment);
    elf->segment = NULL;
}

int elf_interpreter(struct task *task, const struct elf_file *elf, char *path, const char **why) {
    for (unsigned i = 0; i < elf->phnum; i++) {
        const struct elf_segment *segment = &elf->segment[i];
        if (segment->type != PT_INTERP) {
            continue;
        }
        *why = "has a bad interpreter path (PT_INTERP)";
        if (segment->filesz < 2 || segment->filesz > PATH_MAX) {
            return -ENOEXEC;
        }
        ssize_t n = file_read_at(elf->file, task, path, segment->filesz, segment->offset);
        if (n != (ssize_t)segment->filesz) {
            return n < 0 ? (int)n : -EIO;
        }
        if (path[n - 1] != 0) {
            return -ENOEXEC;
        }
        *why = NULL;
        return 1;
    }
    return 0;
}

/* --- mapping --------------------------------------------------------------------------- */

/* Extent of all PT_LOAD segments, page-aligned. False: none, or absurd. */
static bool load_extent(const struct elf_file *elf, gaddr_t top, gaddr_t *low, gaddr_t *high,
                        gaddr_t *align) {
    *low = ~(gaddr_t)0;
    *high = 0;
    *align = PAGE_BYTES;
    for (unsigned i = 0; i < elf->phnum; i++) {
        const struct elf_segment *segment = &elf->segment[i];
        if (segment->type != PT_LOAD) {
            continue;
        }
        if (segment->filesz > segment->memsz || segment->memsz > top || segment->vaddr > top ||
            segment->vaddr > top - segment->memsz) {
            return false;
        }
        if (PAGE_BASE(segment->vaddr) < *low) {
            *low = PAGE_BASE(segment->vaddr);
        }
        if (PAGE_ALIGN(segment->vaddr + segment->memsz) > *high) {
            *high = PAGE_ALIGN(segment->vaddr + segment->memsz);
        }
        if ((segment->align & (segment->align - 1)) == 0 && segment->align > *align) {
            *align = segment->align;
        }
    }
    return *low < *high;
}

static int segment_prot(const struct elf_segment *segment, bool read_implies_exec) {
    int prot = 0;
    if (segment->flags & PF_R) {
        prot |= PROT_READ | (read_implies_exec ? PROT_EXEC : 0);
    }
    if (segment->flags & PF_W) {
        prot |= PROT_WRITE;
    }
    if (segment->flags & PF_X) {
        prot |= PROT_EXEC;
    }
    return prot;
}

/* Maps the part of a segment that is in the file, zeroes the rest of its last page, maps what lies
 * past it as anonymous memory. */
static int map_segment(struct mm *mm, const struct elf_file *elf, const struct elf_segment *segment,
                       gaddr_t bias, bool read_implies_exec) {
    gaddr_t in_page = segment->vaddr & (PAGE_BYTES - 1);
    gaddr_t start = segment->vaddr + bias, end = start + segment->memsz;
    gaddr_t file_end = start + segment->filesz;
    int prot = segment_prot(segment, read_implies_exec);
    int64_t at;
    if (segment->memsz == 0) {
        return 0;
    }
    if (segment->filesz) {
        if (segment->offset < in_page) {
            return -EINVAL;
        }
        at = mm_map(mm, start - in_page, in_page + segment->filesz, prot, MAP_PRIVATE | MAP_FIXED,
                    elf->file, segment->offset - in_page, NULL);
        if (at < 0) {
            return (int)at;
        }
        if (end > file_end && (file_end & (PAGE_BYTES - 1))) {
            gaddr_t page_end = PAGE_ALIGN(file_end);
            /* To the page's end, as Linux does: ld.so's first allocations lie past its .bss. */
            int err = guest_zero(mm->space, file_end, page_end - file_end);
            if (err && (prot & PROT_WRITE)) {
                return err; /* the file ends before the segment does */
            }
        }
        file_end = PAGE_ALIGN(file_end);
    } else {
        file_end = PAGE_BASE(start);
    }
    if (end <= file_end) {
        return 0;
    }
    prot = PROT_READ | PROT_WRITE | (segment->flags & PF_X || read_implies_exec ? PROT_EXEC : 0);
    at = mm_map(mm, file_end, end - file_end, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL,
                0, NULL);
    return at < 0 ? (int)at : 0;
}

/* Maps all of a file. `wanted` is the bias of position-independent ones, 0: below mmap_top. The
 * list of mappings is read without its lock: nobody else knows this mm. */
static int map_file(struct mm *mm, const struct elf_file *elf, gaddr_t wanted,
                    bool read_implies_exec, gaddr_t *bias) {
    gaddr_t low, high, align;
    if (!load_extent(elf, mm_end(mm), &low, &high, &align)) {
        return -EINVAL;
    }
    gaddr_t len = high - low, at = 0;
    if (elf->type == ET_EXEC) {
        at = low;
    } else if (wanted) {
        at = (wanted & ~(align - 1)) + low;
    }
    if (elf->type == ET_EXEC || wanted) {
        struct vma *next = mm_find(mm, at);
        if (mm_too_low(at)) {
            return -EPERM;
        }
        if (at > mm_end(mm) || len > mm_end(mm) - at) {
            return -ENOMEM;
        }
        if (next && next->start < at + len) {
            return -EEXIST;
        }
    } else {
        gaddr_t extra = align > PAGE_BYTES ? align : 0;
        int64_t place = extra > mm_end(mm) ? -ENOMEM : mm_place(mm, 0, len + extra, 0);
        if (place < 0) {
            return (int)place;
        }
        at = (gaddr_t)place;
        if (extra) {
            at = ((at - low + align - 1) & ~(align - 1)) + low;
        }
    }
    *bias = at - low;
    int err = 0;
    for (unsigned i = 0; !err && i < elf->phnum; i++) {
        if (elf->segment[i].type == PT_LOAD) {
            err = map_segment(mm, elf, &elf->segment[i], *bias, read_implies_exec);
        }
    }
    return err;
}

/* The address of the program headers in memory: in the segment whose file part holds them. */
static gaddr_t phdr_address(const struct elf_file *elf, gaddr_t bias) {
    for (unsigned i = 0; i < elf->phnum; i++) {
        const struct elf_segment *segment = &elf->segment[i];
        if (segment->type == PT_LOAD && segment->offset <= elf->phoff &&
            elf->phoff - segment->offset < segment->filesz) {
            return elf->phoff - segment->offset + segment->vaddr + bias;
        }
    }
    return 0;
}

static int map_vdso(struct mm *mm, struct elf_image *image) {
    const struct vdso *vdso = abi_of_mode(mm->space->mode)->vdso();
    if (!vdso) {
        return -ENOMEM;
    }
    int64_t at =
        mm_map(mm, 0, vdso->size, PROT_READ | PROT_EXEC, MAP_PRIVATE, vdso->file, 0, "[vdso]");
    if (at < 0) {
        return (int)at;
    }
    mm->vdso = (gaddr_t)at;
    image->sysinfo = vdso->vsyscall ? mm->vdso + vdso->vsyscall : 0;
    return 0;
}

/* Without PT_GNU_STACK everything readable is executable in i386 programs, nothing in x86-64 ones;
 * with it, its flags say what the stack is (Linux: the table at elf_read_implies_exec). */
static void stack_policy(const struct elf_file *elf, struct elf_image *image) {
    image->exec_stack = image->read_implies_exec = elf->mode == GUEST_I386;
    for (unsigned i = 0; i < elf->phnum; i++) {
        if (elf->segment[i].type == PT_GNU_STACK) {
            image->exec_stack = elf->segment[i].flags & PF_X;
            image->read_implies_exec = false;
        }
    }
}

int elf_load(struct task *task, struct mm *mm, const struct elf_file *program,
             const struct elf_file *interpreter, struct elf_image *image) {
    gaddr_t bias, low, high, align;
    *image = (struct elf_image){.phentsize = program->phentsize, .phnum = program->phnum};
    stack_policy(program, image);
    /* An x86-64 program does not inherit it. */
    if (program->mode == GUEST_I386 && task->process->personality & PERSONA_READ_IMPLIES_EXEC) {
        image->read_implies_exec = true;
    }

    /* A program that needs no interpreter but is position-independent (static PIE, or ld.so itself)
     * goes where libraries go, so that it does not stand in the way of the one it will load. */
    int err =
        map_file(mm, program, interpreter ? mm_pie_base(mm) : 0, image->read_implies_exec, &bias);
    if (err) {
        return err;
    }
    image->entry = image->start = program->entry + bias;
    image->phdr = phdr_address(program, bias);
    (void)load_extent(program, mm_end(mm), &low, &high, &align);
    mm->brk_start = high + bias;
    if (program->type == ET_DYN && !interpreter) {
        mm->brk_start = mm_pie_base(mm);
    }
    mm->brk = mm->brk_start;

    if (interpreter) {
        err = map_file(mm, interpreter, 0, image->read_implies_exec, &bias);
        if (err) {
            return err;
        }
        image->base = bias;
        image->start = interpreter->entry + bias;
    }
    if (image->start >= mm_end(mm)) {
        return -EINVAL;
    }
    if (task->process->personality & PERSONA_MMAP_PAGE_ZERO) /* for who may; else it is not there */
    {
        (void)mm_map(mm, 0, PAGE_BYTES, PROT_READ | PROT_EXEC,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, NULL);
    }
    return map_vdso(mm, image);
}
