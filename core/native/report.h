/* Native code as tools of the host see it: perf(1) by a map or by a jitdump file, gdb by its
 * interface for compilers. Each block is told of when it has been made, by the name of the guest
 * code that it was made of. Nothing is told unless one of the functions below was called, before
 * the first block is made. */
#ifndef FG_CORE_REPORT_H
#define FG_CORE_REPORT_H

#include "core/native/native.h"

/* Blocks are named in /tmp/perf-PID.map, where perf looks. 0 or -errno; *path is the file's. */
int native_report_perf_map(const char **path);
/* Blocks are named, and their code is kept, in jit-PID.dump of the current directory, which "perf
 * inject --jit" reads. 0 or -errno; *path is the file's. */
int native_report_jitdump(const char **path);
/* A gdb that is there, or comes later, is told, of some dozens of blocks at a time. */
void native_report_gdb(void);
/* gdb is told of all that there is now: to be called by gdb, when the process has stopped. */
void native_report_flush(void);

/* Is there somebody to tell? */
extern bool native_reports;

/* Writes the name of the guest code at `pc`, which the calling thread is about to run. NULL: codes
 * are called by their addresses. No lock is held. */
extern void (*native_namer)(gaddr_t pc, char *text, size_t size);

/* A block of code of `pc` was made, which cannot be freed meanwhile: the caller's epoch is
 * published. No lock is held. */
void native_report(gaddr_t pc, const struct native_block *block);
/* All blocks of a chunk are gone, and its memory may be used again. */
void native_report_gone(struct native_chunk *chunk);

/* --- of the files behind this one ---------------------------------------------------------- */

struct native_report {
    const uint8_t *code;
    size_t bytes;
    const char *name; /* of printable characters */
    struct native_chunk *chunk;
};
void perf_report(const struct native_report *report);
void gdb_report(const struct native_report *report);
void gdb_report_gone(struct native_chunk *chunk);

#endif
