/* Who is told of native code, and by which name. See report.h. */
#include "core/native/report.h"

#include <inttypes.h>
#include <stdio.h>

#define NAME_BYTES 512

bool native_reports;
void (*native_namer)(gaddr_t pc, char *text, size_t size);

/* Names are the guest's: of its files, and in them. Maps have one on a line, and terminals show
 * them. */
static void make_printable(char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~') {
            *text = '?';
        }
    }
}

void native_report(gaddr_t pc, const struct native_block *block) {
    char name[NAME_BYTES];
    if (native_namer) {
        native_namer(pc, name, sizeof name);
        make_printable(name);
    } else {
        snprintf(name, sizeof name, "0x%" PRIx64, pc);
    }
    struct native_report report = {.name = name};
    report.code = native_code(block, &report.bytes);
    report.chunk = code_memory_chunk(report.code);
    perf_report(&report);
    gdb_report(&report);
}

void native_report_gone(struct native_chunk *chunk) {
    gdb_report_gone(chunk);
}
