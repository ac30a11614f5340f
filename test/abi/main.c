/* System calls of the x86-64 ABI, whose structures are those of the host (layouts.c): what the
 * kernel layer writes is compared with what the host itself writes.
 *
 *     abi --list
 *     abi ROOT PROGRAM CASE...     prints "ok CASE" or "not ok CASE", and why
 *
 * A run begins as any other, with an i386 PROGRAM in a ROOT of its own. Where its first task would
 * enter the run loop (the linker's --wrap leads task_run here) it gets the x86-64 ABI, but for the
 * registers, which are an i386 program's, makes the calls of the cases instead, by the functions
 * that the table of calls leads to, and ends. */
#include "test/abi/abi_test.h"
#include "core/fiberglass.h"
#include "syscalls/abi/i386/i386.h"
#include "syscalls/abi/x86_64/x86_64.h"
#include "syscalls/mm/mm.h"
#include "syscalls/run/loop.h"

#include <limits.h>
#include <sys/mman.h>

struct task *task;
const char *root_dir;
unsigned failures;
_Atomic uint64_t thread_pointer;

static char *const *chosen; /* names of cases, ended by NULL */
static gaddr_t memory;

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"registers", test_registers},
    {"times", test_times},
    {"files", test_files},
    {"locks", test_locks},
    {"messages", test_messages},
    {"sockets", test_sockets},
    {"ipc", test_ipc},
    {"queues", test_queues},
    {"signals", test_signals},
    {"words", test_words},
    {"process", test_process},
    {"x86_64", test_x86_64},
    {"vectors", test_vectors},
    {"table", test_table},
    {"layouts", test_layouts},
};

gaddr_t piece(unsigned n) {
    return memory + n * ROOM;
}

void *piece_ptr(unsigned n) {
    return space_ptr(task->cpu->space, piece(n));
}

gaddr_t piece_clear(unsigned n) {
    memset(piece_ptr(n), FILLED, ROOM);
    return piece(n);
}

gaddr_t piece_put(unsigned n, const void *from, size_t size) {
    gaddr_t at = piece_clear(n);
    memcpy(piece_ptr(n), from, size);
    return at;
}

bool piece_holds(unsigned n, size_t size) {
    static const unsigned char filled = FILLED;
    const unsigned char *at = piece_ptr(n);
    bool last = false; /* any of the last eight: what is written may hold a byte of this value */
    for (size_t i = size < 8 ? 0 : size - 8; i < size; i++) {
        last |= at[i] != filled;
    }
    for (size_t i = size; i < ROOM; i++) {
        if (at[i] != filled) {
            return false;
        }
    }
    return last || size == 0;
}

const char *host_path(const char *name) {
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", root_dir, name);
    return path;
}

gaddr_t guest_path_of(const char *name) {
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "/%s", name);
    return piece_put(PIECES - 1, path, (size_t)len + 1);
}

static bool run_case(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!strcmp(cases[i].name, name)) {
            unsigned before = failures;
            cases[i].run();
            printf("%sok %s\n", failures == before ? "" : "not ", name);
            return true;
        }
    }
    printf("# there is no case %s; --list names them\n", name);
    return false;
}

_Noreturn void __wrap_task_run(struct task *self);
_Noreturn void __wrap_task_run(struct task *self) {
    if (task) { /* a thread that a case made */
        thread_pointer = self->cpu->seg[SEG_FS].base;
        sys_exit(self, 0);
    }
    int64_t at = mm_map(self->process->mm, 0, PIECES * ROOM, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0, NULL);
    static struct abi abi;
    abi = abi_x86_64;
    abi.registers = abi_i386.registers;
    task = self;
    task->abi = &abi;
    memory = (gaddr_t)at;
    bool known = at > 0;
    for (char *const *name = chosen; *name && known; name++) {
        known = run_case(*name);
    }
    fflush(stdout);
    sys_exit_group(self, failures || !known);
    __builtin_unreachable();
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "--list")) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            puts(cases[i].name);
        }
        return 0;
    }
    if (argc < 4) {
        fputs("usage: abi --list | abi ROOT PROGRAM CASE...\n", stderr);
        return 2;
    }
    root_dir = argv[1];
    chosen = argv + 3;
    char *const guest_argv[] = {argv[2], NULL};
    const struct fg_options options = {.root = root_dir, .program = argv[2], .argv = guest_argv};
    return fg_run(&options);
}
