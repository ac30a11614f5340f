/* The stack of a new program: strings, random bytes, auxiliary vector, envp, argv, argc.
 *
 * The layout is Linux's to the byte (without address randomisation), from the top downwards: a zero
 * word of 8 bytes, the file name, environment strings, argument strings, the machine's name, 16
 * random bytes, then 16-byte aligned upwards from the stack pointer: argc, argv, NULL, envp, NULL,
 * auxiliary vector. Words are the program's longs. Sources: System V ABI, i386 and x86-64
 * supplements ("Process Initialization"), getauxval(3). */
#include "core/decode/cpuid.h"
#include "syscalls/task/capability.h"
#include "syscalls/abi/abi.h"
#include "syscalls/process/abi_process.h"
#include "syscalls/exec/elf.h"
#include "syscalls/task/process.h"
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define HWCAP2_FSGSBASE 2u /* RDFSBASE and its like may be used, asm/hwcap2.h */

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

#define STACK_MAX_AT_START (8 << 20)   /* mapped at once; a larger limit is grown into by faults */
#define STACK_ROOM         (128 << 10) /* beside the arguments, whatever the limit */
#define GUEST_MINSIGSTKSZ  2048
#define GUEST_CLOCK_TICKS  100

struct words {
    uint8_t *data;
    size_t used;
    unsigned bytes; /* per word */
};

static void put(struct words *words, uint64_t value) {
    memcpy(words->data + words->used, &value,
           words->bytes); /* guests are little-endian, hosts too */
    words->used += words->bytes;
}

static void put_aux(struct words *words, uint64_t type, uint64_t value) {
    put(words, type);
    put(words, value);
}

static int map_stack(struct task *task, struct mm *mm, const struct elf_image *image,
                     const struct exec_args *args) {
    uint64_t limit = task->process->limits[RLIMIT_STACK].rlim_cur;
    uint64_t need = PAGE_ALIGN(args->used + 8 * ((uint64_t)args->argc + args->envc) + STACK_ROOM);
    uint64_t size = limit < STACK_MAX_AT_START ? PAGE_BASE(limit) : STACK_MAX_AT_START;
    if (size < need) {
        size = need;
    }
    int prot = PROT_READ | PROT_WRITE;
    if (image->exec_stack || image->read_implies_exec) {
        prot |= PROT_EXEC;
    }
    mm->stack_top = mm->task_top;
    mm->reserved_pages = (size - need) >> PAGE_BITS;
    int64_t at =
        mm_map(mm, mm->stack_top - size, size, prot,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN | MAP_NORESERVE,
               NULL, 0, "[stack]");
    return at < 0 ? (int)at : 0;
}

/* Pointers to `count` strings that come one after the other at *at, and a NULL. */
static void put_strings(struct words *words, const char *data, size_t *used, uint32_t count,
                        gaddr_t base) {
    for (uint32_t i = 0; i < count; i++) {
        put(words, base + *used);
        *used += strlen(data + *used) + 1;
    }
    put(words, 0);
}

static void put_auxv(struct words *words, struct task *task, struct mm *mm,
                     const struct elf_image *image, gaddr_t random, gaddr_t name,
                     gaddr_t platform) {
    struct process *process = task->process;
    uint32_t id[4];
    cpuid(mm->space->mode, 1, 0, id);
    if (image->sysinfo) {
        put_aux(words, AT_SYSINFO, image->sysinfo);
    }
    if (mm->vdso) {
        put_aux(words, AT_SYSINFO_EHDR, mm->vdso);
    }
    put_aux(words, AT_MINSIGSTKSZ, GUEST_MINSIGSTKSZ);
    put_aux(words, AT_HWCAP, id[3]);
    put_aux(words, AT_PAGESZ, PAGE_BYTES);
    put_aux(words, AT_CLKTCK, GUEST_CLOCK_TICKS);
    put_aux(words, AT_PHDR, image->phdr);
    put_aux(words, AT_PHENT, image->phentsize);
    put_aux(words, AT_PHNUM, image->phnum);
    put_aux(words, AT_BASE, image->base);
    put_aux(words, AT_FLAGS, 0);
    put_aux(words, AT_ENTRY, image->entry);
    put_aux(words, AT_UID, process->uid);
    put_aux(words, AT_EUID, process->euid);
    put_aux(words, AT_GID, process->gid);
    put_aux(words, AT_EGID, process->egid);
    put_aux(words, AT_SECURE, process->secure_exec);
    put_aux(words, AT_RANDOM, random);
    bool bases = mm->space->mode != GUEST_I386 && cpuid_has_named("fsgsbase");
    put_aux(words, AT_HWCAP2, bases ? HWCAP2_FSGSBASE : 0);
    put_aux(words, AT_EXECFN, name);
    put_aux(words, AT_PLATFORM, platform);
    put_aux(words, AT_NULL, 0);
}

int elf_build_stack(struct task *task, struct mm *mm, const struct elf_image *image,
                    const struct exec_args *args, const char *name, gaddr_t *sp) {
    const struct abi *abi = abi_of_mode(mm->space->mode); /* the caller's may be another */
    const char *platform_name = abi->process->machine;
    size_t platform_len = strlen(platform_name) + 1;
    uint8_t random_bytes[16];
    int err = map_stack(task, mm, image, args);
    if (err) {
        return err;
    }
    if (getrandom(random_bytes, sizeof random_bytes, 0) != sizeof random_bytes) {
        return -EIO;
    }

    size_t name_len = strlen(name) + 1, args_len = 0;
    for (uint32_t i = 0; i < args->argc; i++) {
        args_len += strlen(args->data + args_len) + 1;
    }
    gaddr_t name_at = mm->stack_top - 8 - name_len;
    gaddr_t strings = name_at - args->used;
    mm->arg_start = strings;
    mm->arg_end = mm->env_start = strings + args_len;
    mm->env_end = name_at;
    gaddr_t platform = (strings & ~(gaddr_t)15) - platform_len;
    gaddr_t random = platform - sizeof random_bytes;

    struct words words = {.bytes = abi_long_bytes_of(abi)};
    words.data = malloc((args->argc + args->envc + 3 + 2 * 24) * (size_t)words.bytes);
    if (!words.data) {
        return -ENOMEM;
    }
    size_t used = 0;
    put(&words, args->argc);
    put_strings(&words, args->data, &used, args->argc, strings);
    put_strings(&words, args->data, &used, args->envc, strings);
    size_t vector = words.used;
    put_auxv(&words, task, mm, image, random, name_at, platform);
    *sp = (random - words.used) & ~(gaddr_t)15;
    mm->auxv_start = *sp + vector;
    mm->auxv_len = (uint32_t)(words.used - vector);
    if (guest_write(mm->space, name_at, name, name_len) ||
        guest_write(mm->space, strings, args->data, args->used) ||
        guest_write(mm->space, platform, platform_name, platform_len) ||
        guest_write(mm->space, random, random_bytes, sizeof random_bytes) ||
        guest_write(mm->space, *sp, words.data, words.used)) {
        err = -EFAULT;
    }
    free(words.data);
    return err;
}
