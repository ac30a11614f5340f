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
    bool dump_fibers, dump_blocks, dump_gadgets, dump_native, trace, stats;
    bool perf_map;   /* names of native code for perf of the host, in /tmp/perf-PID.map */
    bool jitdump;    /* these and the code, in jit-PID.dump of the current directory */
    bool gdb;        /* names of native code for gdb of the host */
    const char *cpu; /* the guests' processor: "v2", "haswell,-avx2", "-sse4_2"; NULL: "max" */
    const char *host_features; /* what the host may have at most, written as cpu; NULL: all */
    const char *tier;          /* "threaded", "native" or "auto"; NULL: "auto" */
    bool no_native_opt;        /* native code of each gadget without regard to its neighbours */
    unsigned code_size;        /* most memory for native code, in MiB; 0: 64 */
    unsigned map_limit;        /* the host's mappings to use at most; 0: all, vm.max_map_count */
    unsigned code_kib;         /* most memory for translated code, in KiB; 0: no bound */
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
 * A cpu on an address space of its own, without a kernel: for emulating code, tests, fuzzers.
 * docs/examples/run_code.c shows its use. Code runs at privilege 3 with flat segments.
 *
 * Functions that return int give 0 (or what they say) or a negative errno; none prints anything.
 * The first fg_space_new() takes SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP and SIGRTMIN+1 of the
 * process for the engine: faults of guest code become exits, any other such signal is told in a
 * line on stderr and then does what it does by default. Do not replace these handlers, and do not
 * call fg_run() in the same process.
 *
 * Threads: different spaces and cpus are independent. A cpu runs on one thread at a time, which may
 * be another one each time; several cpus may run on one space at once. Guest code, fg_space_read()
 * and fg_space_write() may use a space while others do; of fg_space_map() and fg_space_unmap() the
 * caller has one at a time for each space. */

struct fg_space;
struct fg_cpu;

/* Which engine runs guest code from now on, of every space: "threaded", the default here, needs no
 * executable memory; "native" makes native code, at most `code_size` MiB of it (0: 64), in
 * which old code gives way to new; "auto" is "native" where the host allows executable memory.
 * Before the first fg_space_new(), once. -EINVAL: no such name; else why the host allows none. */
int fg_set_tier(const char *tier, unsigned code_size);

/* What a processor understands: 32-bit code, or the code of 64-bit mode. */
enum fg_mode { FG_MODE_I386, FG_MODE_X86_64 };

/* An empty address space for code of a mode, of which nothing is mapped: 4 GiB for i386; for
 * x86-64 2^47 bytes, of which the first TiB (64 GiB when there are many spaces) are the fastest. It
 * takes address space of the host, and memory only as it is mapped and used. NULL with errno:
 * ENOMEM, or ENOTSUP: this host cannot run such code (x86-64 needs BMI2), EINVAL: no such mode. */
struct fg_space *fg_space_new(enum fg_mode mode);
/* The first address that a space does not have. */
uint64_t fg_space_end(const struct fg_space *space);
/* Drops the caller's reference; NULL does nothing. Cpus hold their own: the space is there until
 * the last of them is freed, too. */
void fg_space_free(struct fg_space *space);
/* Maps zeroed memory at [addr, addr + len), replacing what was there. addr and len are multiples of
 * 4096, len is not 0, and all of it lies below fg_space_end(): else -EINVAL. prot: PROT_READ,
 * PROT_WRITE and PROT_EXEC of mmap(2), as the guest has them (none: every access is a page fault);
 * the host never gets executable memory. -ENOMEM: out of memory or mappings; pages are as they
 * were, or those that were there are lost. */
int fg_space_map(struct fg_space *space, uint64_t addr, uint64_t len, int prot);
/* Unmaps [addr, addr + len); parts of it may be unmapped already. Errors as above. */
int fg_space_unmap(struct fg_space *space, uint64_t addr, uint64_t len);
/* Copies len bytes between the host and the guest's memory. -EFAULT: some of the range is not
 * mapped, or the guest itself could not read or write it; bytes before that place may have been
 * copied. Code that was written over is translated anew, also while it runs. */
int fg_space_read(struct fg_space *space, void *to, uint64_t from, size_t len);
int fg_space_write(struct fg_space *space, uint64_t to, const void *from, size_t len);

struct fg_registers {
    uint64_t general[16]; /* rax rcx rdx rbx rsp rbp rsi rdi, r8 to r15; of an i386 cpu the lower
                             32 bits of the first eight count, the others are 0 */
    uint64_t pc;          /* rip, eip */
    uint32_t flags;       /* RFLAGS; reserved bits have their fixed values whatever is set */
    uint64_t fs_base, gs_base; /* of an x86-64 cpu: added to addresses with such a prefix; of an
                                  i386 cpu 0, and not looked at */
};

/* A cpu on a space, of the space's mode: registers zero, flat segments, FPU as after FNINIT. NULL:
 * out of memory. A far transfer to code of the other mode is #GP. */
struct fg_cpu *fg_cpu_new(struct fg_space *space);
/* Frees a cpu that is not running; NULL does nothing. */
void fg_cpu_free(struct fg_cpu *cpu);
/* The general registers, pc and flags of a cpu that is not running. There is no access to
 * segment, x87 and SSE registers from outside; guest code has it. */
void fg_cpu_get(const struct fg_cpu *cpu, struct fg_registers *out);
void fg_cpu_set(struct fg_cpu *cpu, const struct fg_registers *in);

enum fg_exit_kind {
    FG_EXIT_SYSCALL, /* int 0x80, sysenter or syscall was run; pc is after it */
    FG_EXIT_TRAP,    /* an exception; pc as the SDM says for it: a fault's is the instruction */
    FG_EXIT_STOPPED, /* fg_cpu_stop(), or the limit was reached; pc is the next instruction */
};
struct fg_exit {
    enum fg_exit_kind kind;
    uint32_t vector;  /* of a trap: the exception's number, SDM Vol. 3 6.3.1: 6 is #UD, 14 #PF */
    uint32_t error;   /* page fault: bit 0 the page is mapped, 1 it was a write, 4 a fetch, 9 there
                         was no memory for translated code (run again when there is); debug trap:
                         0x4000 (DR6.BS) after a single step; else the selector or 0 */
    uint64_t address; /* page fault: the address */
};
/* Runs guest code from pc until something happens, or max_insns instructions are done (0: no limit;
 * with one, instructions run singly, some hundred times slower). Registers are exact at each exit;
 * a fault has no effect but what the SDM says. To go on, call it again. */
struct fg_exit fg_cpu_run(struct fg_cpu *cpu, uint64_t max_insns);
/* Has the running fg_cpu_run() return FG_EXIT_STOPPED soon, or else the next one at once; it is
 * kept until one does. From any thread or signal handler; the cpu, and a thread that runs it, must
 * not end meanwhile. */
void fg_cpu_stop(struct fg_cpu *cpu);

/* The length (1 to 15) of the instruction of a mode in the `size` bytes at `bytes`. `mnemonic`,
 * unless NULL, gets its name, a static string, as in the SDM ("ADD"; "JCC" for a conditional jump).
 * -EINVAL: no instruction that the engine knows, a #UD; -EAGAIN: it goes on after `size` bytes.
 * Needs no space, and any thread may call it. */
int fg_decode(enum fg_mode mode, const uint8_t *bytes, size_t size, const char **mnemonic);

#endif
