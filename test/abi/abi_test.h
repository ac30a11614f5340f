/* What the cases of this folder share: a task of the x86-64 ABI, guest memory to give to system
 * calls, and checks. A case is a function; a check that fails says so and counts. */
#ifndef FG_TEST_ABI_TEST_H
#define FG_TEST_ABI_TEST_H

#include "core/space/space.h"
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/task/process.h"

#include <stdio.h>
#include <string.h>

extern struct task *task;    /* the calling one */
extern const char *root_dir; /* the host's path of the guest's root */
extern unsigned failures;
extern _Atomic uint64_t thread_pointer; /* of the last thread that a case made */

#define ROOM   4096u /* bytes of each piece of guest memory */
#define PIECES 16u
#define FILLED 0xa5 /* what a piece is filled with before it is given to a call */

/* Guest address of piece `n`, and the same memory as the host sees it. */
gaddr_t piece(unsigned n);
void *piece_ptr(unsigned n);
/* Fills a piece, perhaps with a structure at its start; returns its guest address. */
gaddr_t piece_clear(unsigned n);
gaddr_t piece_put(unsigned n, const void *from, size_t size);
/* Were exactly `size` bytes of the piece written? */
bool piece_holds(unsigned n, size_t size);

#define CHECK(that, ...)                                                                           \
    do {                                                                                           \
        if (!(that)) {                                                                             \
            failures++;                                                                            \
            printf("# %s:%d: " #that ": ", __FILE__, __LINE__);                                    \
            printf(__VA_ARGS__);                                                                   \
            printf("\n");                                                                          \
        }                                                                                          \
    } while (0)

/* Host path of a name in the guest's root, in a static buffer; and its guest path in piece 15. */
const char *host_path(const char *name);
gaddr_t guest_path_of(const char *name);

/* A call that has to return a value. */
#define RETURNS(value, call)                                                                       \
    do {                                                                                           \
        long got_ = (call), wanted_ = (value);                                                     \
        CHECK(got_ == wanted_, "%s is %ld, not %ld", #call, got_, wanted_);                        \
    } while (0)

/* The cases, each in the file of its subject. */
void test_registers(void);
void test_times(void);
void test_files(void);
void test_locks(void);
void test_messages(void);
void test_sockets(void);
void test_ipc(void);
void test_queues(void);
void test_signals(void);
void test_words(void);
void test_process(void);
void test_x86_64(void);
void test_vectors(void);
void test_table(void);
void test_layouts(void);

#endif
