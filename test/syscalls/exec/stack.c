/* A program that asks for an executable stack gets one; its heap and data stay as they are.
 * test: -Wl,-z,execstack */
#include "test/syscalls/mm/mm_test.h"
#include <sys/personality.h>

static unsigned char code_in_data[] = {0xb8, 5, 0, 0, 0, 0xc3};

static void run(const char *what, void *code) {
    int signo = sigsetjmp(fault_jump, 1);
    if (signo) {
        printf("%s: signal %d code %d error %lu\n", what, signo, fault_info.si_code, fault_error);
    } else {
        printf("%s: %d\n", what, ((int (*)(void))code)());
    }
}

int main(void) {
    unsigned char code[sizeof code_in_data];
    catch_faults();
    memcpy(code, code_in_data, sizeof code);
    run("stack", code);
    run("data", code_in_data);
    char *heap = malloc(100), *page = map_anon(PAGE, PROT_READ | PROT_WRITE);
    memcpy(heap, code, sizeof code);
    memcpy(page, code, sizeof code);
    run("heap", heap);
    run("page", page);
    printf("personality %x\n", personality(0xffffffff));
    personality(READ_IMPLIES_EXEC);
    char *readable = map_anon(PAGE, PROT_READ | PROT_WRITE);
    memcpy(readable, code, sizeof code);
    run("read implies exec", readable);
    return 0;
}
