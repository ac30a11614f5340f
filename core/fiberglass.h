/* Fiberglass as a library: the one public header of libfiberglass.a. */
#ifndef FIBERGLASS_H
#define FIBERGLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FG_VERSION "0.1"

/* --- a whole machine: run a program -------------------------------------------------------------
 * One run per host process: a guest is threads of the calling process, and its terminal, signal
 * handlers and file mode mask are set up for it. The process gives up, for good, capabilities that
 * no guest may need (syscalls/fs/privilege.c) and with them the gain of set-user-ID programs. */

struct fg_mount {
    const char *host;  /* a directory of the host */
    const char *guest; /* absolute path in the guest; need not exist there */
    bool read_only;
};

struct fg_options {
    const char *root;    /* host directory of the guest's "/"; NULL: the host's own */
    const char *workdir; /* guest path; NULL: "/", or with the host's root the current directory */
    char *const *env;    /* NAME=VALUE, ended by NULL; NULL: none */
    const struct fg_mount *mounts;
    size_t mount_count;
    bool set_user; /* run as uid:gid; else user 0, or with the host's root as the invoking user */
    uint32_t uid, gid;
    bool no_network; /* the guest has no network but unix sockets of its own */
    bool strace;
    const char *strace_file; /* NULL: stderr */
    bool dump_fibers, dump_blocks, dump_gadgets, trace, stats;
    unsigned map_limit; /* the host's mappings to use at most; 0: all, vm.max_map_count */
    unsigned code_kib;  /* most memory for translated code, in KiB; 0: no bound */
    bool check_memory; /* verify the memory window after each system call, end with 125 if broken */
    const char *profile_file; /* append counts of fiber runs to it at the end; NULL: do not count */
    const char *program;      /* guest path, or a name that is looked up in the guest's PATH */
    char *const *argv;        /* argv[0] included, ended by NULL */
};

/* Exit statuses of fg_run() beside the guest's own and 128 + signal number. */
enum {
    FG_STATUS_ERROR = 125,      /* Fiberglass itself could not do it */
    FG_STATUS_CANNOT_RUN = 126, /* not executable, or no x86 ELF program */
    FG_STATUS_NOT_FOUND = 127,
};

/* Runs a program to its end and returns the exit status; an error is told in one line on stderr.
 * Call once, from the main thread, before other threads exist. */
int fg_run(const struct fg_options *options);

/* --- the engine alone ---------------------------------------------------------------------------
 * An i386 cpu on an address space of its own, without a kernel: for emulating code, tests, fuzzers.
 * One cpu runs on one thread at a time; several may run on one space at once. Functions that return
 * int give 0 or -errno. */

struct fg_space;
struct fg_cpu;

/* An empty 4 GiB address space, or NULL with errno. */
struct fg_space *fg_space_new(void);
/* Drops the caller's reference; cpus hold their own. */
void fg_space_free(struct fg_space *space);
/* Anonymous zeroed memory, replacing what was there; addr and len in bytes, multiples of 4096;
 * prot: PROT_* of mmap(2), as the guest sees it. */
int fg_space_map(struct fg_space *space, uint64_t addr, uint64_t len, int prot);
int fg_space_unmap(struct fg_space *space, uint64_t addr, uint64_t len);
/* Copies; -EFAULT where the guest itself could not read or write. */
int fg_space_read(struct fg_space *space, void *to, uint64_t from, size_t len);
int fg_space_write(struct fg_space *space, uint64_t to, const void *from, size_t len);

struct fg_registers {
    uint64_t general[8]; /* eax ecx edx ebx esp ebp esi edi */
    uint64_t pc;
    uint32_t flags; /* EFLAGS */
};

/* Registers zero, flat segments, FPU as after FNINIT. NULL: out of memory. */
struct fg_cpu *fg_cpu_new(struct fg_space *space);
void fg_cpu_free(struct fg_cpu *cpu);
void fg_cpu_get(const struct fg_cpu *cpu, struct fg_registers *out);
void fg_cpu_set(struct fg_cpu *cpu, const struct fg_registers *in);

enum fg_exit_kind {
    FG_EXIT_SYSCALL, /* int 0x80 or sysenter; pc is behind it */
    FG_EXIT_TRAP,    /* an exception; pc as the SDM says for it */
    FG_EXIT_STOPPED, /* fg_cpu_stop(), or the limit was reached */
};
struct fg_exit {
    enum fg_exit_kind kind;
    uint32_t vector;  /* exception number, SDM Vol. 3 6.3.1 */
    uint32_t error;   /* page fault: bit 0 mapped, 1 write, 4 fetch */
    uint64_t address; /* page fault: the address */
};
/* Run until something happens, or (max_insns not 0: slow) so many instructions are done. */
struct fg_exit fg_cpu_run(struct fg_cpu *cpu, uint64_t max_insns);
/* Stop a running cpu soon; from any thread or signal handler. */
void fg_cpu_stop(struct fg_cpu *cpu);

/* Length of the i386 instruction at `bytes`, and its mnemonic (static string; may be NULL).
 * -EINVAL: no instruction; -EAGAIN: it goes on behind `size`. */
int fg_decode(const uint8_t *bytes, size_t size, const char **mnemonic);

#endif
