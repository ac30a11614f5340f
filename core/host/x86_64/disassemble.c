/* x86-64 host: its instructions as text, by Zydis, for --dump=native. The library is opened when
 * something is to be shown, so that nobody else needs it: what --dump shows is for those who work
 * on the engine, and they have it for the tests. It must be of the version of the header that this
 * file was built with, since structures change between versions. */
#include "core/host/host.h"

#if __has_include(<Zydis/Zydis.h>)
#include <Zydis/Zydis.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static ZyanStatus (*disassemble)(ZydisMachineMode mode, ZyanU64 address, const void *buffer,
                                 ZyanUSize length, ZydisDisassembledInstruction *insn);
static char why[160];

static void load(void) {
    char name[32];
    snprintf(name, sizeof name, "libZydis.so.%u.%u", (unsigned)ZYDIS_VERSION_MAJOR(ZYDIS_VERSION),
             (unsigned)ZYDIS_VERSION_MINOR(ZYDIS_VERSION));
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    void *function = library ? dlsym(library, "ZydisDisassembleIntel") : NULL;
    if (!function) {
        snprintf(why, sizeof why, "%s cannot be loaded", name);
        return;
    }
    disassemble = (__typeof__(disassemble))function;
}

const char *host_no_disassembler(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return disassemble ? NULL : why;
}

unsigned host_disassemble(const uint8_t *code, size_t size, char text[HOST_INSN_TEXT]) {
    ZydisDisassembledInstruction insn;
    if (host_no_disassembler() ||
        ZYAN_FAILED(
            disassemble(ZYDIS_MACHINE_MODE_LONG_64, (ZyanU64)(uintptr_t)code, code, size, &insn))) {
        return 0;
    }
    snprintf(text, HOST_INSN_TEXT, "%s", insn.text);
    return insn.info.length;
}

#else

const char *host_no_disassembler(void) {
    return "it was built without Zydis' headers";
}

unsigned host_disassemble(const uint8_t *code, size_t size, char text[HOST_INSN_TEXT]) {
    (void)code;
    (void)size;
    (void)text;
    return 0;
}
#endif
