/* Fuzzer of the ELF loader: damages programs of the corpus and loads what comes out into fresh
 * address spaces, without running it; their symbols are read, too. Deterministic by seed, bounded
 * by --count or --seconds.
 *
 *     fuzz_elf [--seed N] [--count N] [--seconds N] [--keep DIR] FILE...
 *
 * A crash, a hang or a broken mapping list is a failure; the input that is being tried is in
 * DIR/current meanwhile (default build/test/fuzz_elf.input), so that it is there after a crash. Run
 * it on that file with --count 0 to see it again. */
#include "core/run/run.h"
#include "core/host/host.h"
#include "syscalls/abi/i386/i386.h"
#include "syscalls/abi/x86_64/x86_64.h"
#include "syscalls/exec/elf.h"
#include "syscalls/exec/elf_symbols.h"
#include "syscalls/exec/exec.h"
#include "syscalls/file/file.h"
#include "syscalls/task/process.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INPUT_BYTES 8192

struct input {
    uint8_t data[INPUT_BYTES];
    size_t size;
};

static struct process process;
static struct task task;
static const char *keep = "build/test/fuzz_elf.input";
static uint64_t state = 1;
static unsigned long outcomes[4]; /* refused, mapped not, no stack, loaded */
static unsigned long names;       /* of symbols */

/* xorshift64*: the same everywhere. */
static uint32_t rnd(void) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)(state * 0x2545f4914f6cdd1dULL >> 32);
}

/* Numbers that loaders stumble over. */
static uint32_t nasty(void) {
    static const uint32_t values[] = {
        0,          1,          2,          0xfff,      0x1000,     0x1001,
        0xffff,     0x10000,    0x7fffffff, 0x80000000, 0xffffe000, 0xffffdfff,
        0xfffff000, 0xffffffff, 0xfffff001, 0x56555000, 0x8048000,  0xf7ffe000,
        0x55555000, 52,         32,         84,
    };
    switch (rnd() % 4) {
    case 0:
        return rnd();
    case 1:
        return 1u << rnd() % 32;
    case 2:
        return values[rnd() % ARRAY_LEN(values)] + rnd() % 5 - 2;
    default:
        return values[rnd() % ARRAY_LEN(values)];
    }
}

/* The same for fields of 64 bits. */
static uint64_t nasty_wide(void) {
    static const uint64_t values[] = {
        1ull << 36,  1ull << 47,  0x7ffffffff000,   1ull << 63,
        ~0ull,       ~0ull << 12, 0xfffffffff000,   0xffffff000,
        0xaaaaaa000, 1ull << 32,  (1ull << 63) - 1,
    };
    switch (rnd() % 4) {
    case 0:
        return nasty();
    case 1:
        return 1ull << rnd() % 64;
    case 2:
        return values[rnd() % ARRAY_LEN(values)] + rnd() % 5 - 2;
    default:
        return values[rnd() % ARRAY_LEN(values)] - (nasty() & ~0xfffu);
    }
}

/* Where things are in the headers of a class. */
struct places {
    size_t head, segment, section, sections, phnum, word;
    size_t address[8]; /* words of a program header; the others are 4 bytes */
    size_t addresses;
};
static const struct places places_32 = {sizeof(Elf32_Ehdr),
                                        sizeof(Elf32_Phdr),
                                        sizeof(Elf32_Shdr),
                                        32,
                                        44,
                                        4,
                                        {4, 8, 12, 16, 20, 28},
                                        6};
static const struct places places_64 = {sizeof(Elf64_Ehdr),
                                        sizeof(Elf64_Phdr),
                                        sizeof(Elf64_Shdr),
                                        40,
                                        56,
                                        8,
                                        {8, 16, 24, 32, 40, 48},
                                        6};

static const struct places *places_of(const struct input *input) {
    return input->size > EI_CLASS && input->data[EI_CLASS] == ELFCLASS64 ? &places_64 : &places_32;
}

static void poke(struct input *input, size_t at, uint64_t value, size_t bytes) {
    if (at + bytes <= input->size) {
        memcpy(input->data + at, &value, bytes);
    }
}

static void poke_word(struct input *input, size_t at) {
    bool wide = places_of(input)->word == 8;
    poke(input, at, wide ? nasty_wide() : nasty(), wide ? 8 : 4);
}

/* One of the section headers; where there are none, some other place. */
static size_t section_at(const struct input *input) {
    const struct places *places = places_of(input);
    uint64_t at = 0;
    if (input->size < places->head) {
        return 0;
    }
    memcpy(&at, input->data + places->sections, places->word);
    at += (uint64_t)(rnd() % 8) * places->section;
    return at < input->size ? (size_t)at : 0;
}

static void mutate(struct input *input) {
    const struct places *places = places_of(input);
    for (unsigned n = 1 + rnd() % 4; n-- > 0;) {
        uint32_t phnum = input->size >= places->head ? input->data[places->phnum] : 0;
        size_t header = places->head + (phnum ? rnd() % phnum : 0) * places->segment;
        switch (rnd() % 12) {
        case 0: /* any byte */
            if (input->size) {
                input->data[rnd() % input->size] = (uint8_t)rnd();
            }
            break;
        case 1: /* a word of the file header */
            poke(input, 16 + rnd() % ((places->head - 16) / 2) * 2, nasty(), 2);
            break;
        case 2: /* entry, places of headers */
            poke_word(input, 24 + rnd() % 3 * places->word);
            break;
        case 3: /* shorter */
            if (rnd() % 4 == 0 && input->size) {
                input->size = rnd() % input->size;
            }
            break;
        case 4: /* one program header over another */
            if (phnum && header + places->segment <= input->size) {
                memmove(input->data + places->head, input->data + header, places->segment);
            }
            break;
        case 5: /* more headers than there are */
            poke(input, places->phnum, rnd() % 2 ? nasty() : rnd() % 64, 2);
            break;
        case 6: /* type or flags */
            poke(input, header + (rnd() % 2 ? 0 : places->word == 8 ? 4 : 24), nasty(), 4);
            break;
        case 7: /* a word of a section header */
            poke_word(input, section_at(input) + rnd() % (places->section / 4) * 4);
            break;
        default: /* an address or a size of a program header */
            poke_word(input, header + places->address[rnd() % places->addresses]);
        }
    }
}

static void save(const struct input *input) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/current", keep);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, input->data, input->size) != (ssize_t)input->size) {
        perror(path);
        exit(125);
    }
    close(fd);
}

static struct file *open_input(const struct input *input) {
    static const struct file_ops ops = {.kind = "fuzz"};
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, input->data, input->size) != (ssize_t)input->size) {
        perror("memfd");
        exit(125);
    }
    return file_create(&ops, fd, O_RDONLY);
}

static void check(struct mm *mm) {
    gaddr_t end = 0;
    uint64_t pages = 0;
    for (size_t i = 0; i < mm->vma_count; i++) {
        struct vma *vma = &mm->vma[i];
        if (vma->start < end || vma->end <= vma->start || vma->end > mm->space->end ||
            (vma->start | vma->end) & (PAGE_BYTES - 1) || vma->start < MM_MIN_ADDR) {
            fprintf(stderr, "fuzz_elf: mapping %zu is [%llx, %llx)\n", i,
                    (unsigned long long)vma->start, (unsigned long long)vma->end);
            abort();
        }
        end = vma->end;
        pages += (vma->end - vma->start) >> PAGE_BITS;
    }
    if (pages != mm->total_pages) {
        abort();
    }
}

/* What is said of symbols is in the tables, wherever it is asked. */
static void read_symbols(struct file *file) {
    struct elf_symbols *symbols = elf_symbols_read(&task, file);
    for (unsigned i = 0; symbols && i < 64; i++) {
        uint64_t distance, offset = i < 32 ? i * 4 : nasty_wide();
        const char *name = elf_symbols_find(symbols, offset, &distance);
        names += name && strlen(name) < INPUT_BYTES;
    }
    elf_symbols_free(symbols);
}

static void try_input(const struct input *input, struct file *interpreter_file) {
    char path[PATH_MAX];
    const char *why = NULL;
    struct elf_file elf, interpreter = {0};
    struct elf_image image;
    struct exec_args args;
    gaddr_t sp = 0;
    struct file *file = open_input(input);
    int outcome = 0;
    int err = elf_open(&task, file, &elf, &why);
    if (!err) {
        int found = elf_interpreter(&task, &elf, path, &why);
        if (found > 0) {
            err = elf_open(&task, interpreter_file, &interpreter, &why);
        } else {
            err = found;
        }
        if (!err && found > 0 && interpreter.mode != elf.mode) {
            err = -ELIBBAD; /* as execve says */
        }
        if (!err) {
            struct mm *mm = mm_create(elf.mode, 0);
            if (!mm) {
                perror("mm_create");
                exit(125);
            }
            outcome = 1;
            mm_set_layout(mm, 8 << 20, elf_wants_low(&task, &elf));
            err = elf_load(&task, mm, &elf, found > 0 ? &interpreter : NULL, &image);
            if (!err) {
                outcome = 2;
                exec_args_init(&args, 8 << 20);
                exec_args_add(&args, "program", false);
                exec_args_add(&args, "A=1", true);
                err = elf_build_stack(&task, mm, &image, &args, "/program", &sp);
                exec_args_free(&args);
                if (!err && (sp & 15)) {
                    abort();
                }
            }
            if (!err) {
                outcome = 3;
            }
            check(mm);
            mm_unref(mm);
        }
    }
    if (err && err > -4096 && err < 0) {
        outcomes[outcome]++;
    } else if (!err) {
        outcomes[3]++;
    } else {
        abort();
    }
    elf_close(&elf);
    elf_close(&interpreter);
    read_symbols(file);
    file_unref(file);
}

static void read_input(const char *path, struct input *input) {
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        exit(125);
    }
    input->size = fread(input->data, 1, INPUT_BYTES, in);
    fclose(in);
}

int main(int argc, char **argv) {
    unsigned long count = 2000, seconds = 0, done = 0;
    int i = 1;
    for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
        if (!strcmp(argv[i], "--seed")) {
            state = strtoull(argv[i + 1], NULL, 0) * 2 + 1;
        } else if (!strcmp(argv[i], "--count")) {
            count = strtoul(argv[i + 1], NULL, 0);
        } else if (!strcmp(argv[i], "--seconds")) {
            seconds = strtoul(argv[i + 1], NULL, 0);
        } else if (!strcmp(argv[i], "--keep")) {
            keep = argv[i + 1];
        }
    }
    if (i == argc) {
        fputs("usage: fuzz_elf [--seed N] [--count N] [--seconds N] [--keep DIR] FILE...\n",
              stderr);
        return 125;
    }
    (void)mkdir("build", 0755);
    (void)mkdir("build/test", 0755);
    (void)mkdir(keep, 0755);
    engine_init();
    task.process = &process;
    abi_add(&abi_i386);
    abi_add(&abi_x86_64);
    task.abi = &abi_i386;
    process.uid = process.euid = 1000; /* root may map below MM_MIN_ADDR */
    for (size_t n = 0; n < ARRAY_LEN(process.limits); n++) {
        process.limits[n] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    }
    process.limits[RLIMIT_STACK].rlim_cur = 8 << 20;
    current = &task;

    int files = argc - i;
    struct input *corpus = calloc((size_t)files, sizeof *corpus), input;
    for (int n = 0; n < files; n++) {
        read_input(argv[i + n], &corpus[n]);
        save(&corpus[n]);
        struct file *self = open_input(&corpus[n]);
        try_input(&corpus[n], self);
        file_unref(self);
    }
    time_t end = time(NULL) + (time_t)seconds;
    for (; seconds ? time(NULL) < end : done < count; done++) {
        input = corpus[rnd() % (unsigned)files];
        mutate(&input);
        save(&input);
        struct file *interpreter = open_input(&corpus[rnd() % (unsigned)files]);
        try_input(&input, interpreter);
        file_unref(interpreter);
    }
    printf("%lu inputs: %lu refused, %lu not mapped, %lu without stack, %lu loaded; %lu names\n",
           done, outcomes[0], outcomes[1], outcomes[2], outcomes[3], names);
    free(corpus);
    return 0;
}
