/* What a JIT does: functions that were just written, others that read(2) brought, data in the same
 * pages as the code, call sites that are patched while they are hot; each runs often. */
#define _GNU_SOURCE
#include "common.h"
#include <sys/mman.h>
#include <unistd.h>

/* Where in a function its constant is. */
#ifdef __x86_64__
enum { CONSTANT = 8 };
#else
enum { CONSTANT = 12 };
#endif

enum { PAGES = 16, PAGE = 4096, SLOT = 64, FUNCTIONS = PAGES * PAGE / SLOT };

typedef uint32_t function(uint32_t *);

/* Counts in a word, mixes the count with a constant and the word's address. */
static void put_function(uint8_t *at, uint32_t constant) {
#ifdef __x86_64__
    static const uint8_t code[] = {0x8b, 0x07,                    /* mov eax, [rdi] */
                                   0x83, 0xc0, 0x01,              /* add eax, 1 */
                                   0x89, 0x07,                    /* mov [rdi], eax */
                                   0x05, 0,    0,    0,    0,     /* add eax, constant */
                                   0xc1, 0xc0, 0x03,              /* rol eax, 3 */
                                   0x31, 0xf8, 0x29, 0xf8,        /* xor eax, edi; sub eax, edi */
                                   0x01, 0xf8, 0x31, 0xf8, 0xc3}; /* and back; ret */
#else
    static const uint8_t code[] = {0x8b, 0x4c, 0x24, 0x04,        /* mov ecx, [esp+4] */
                                   0x8b, 0x01,                    /* mov eax, [ecx] */
                                   0x83, 0xc0, 0x01,              /* add eax, 1 */
                                   0x89, 0x01,                    /* mov [ecx], eax */
                                   0x05, 0,    0,    0,    0,     /* add eax, constant */
                                   0xc1, 0xc0, 0x03,              /* rol eax, 3 */
                                   0x31, 0xc8, 0x29, 0xc8,        /* xor eax, ecx; sub eax, ecx */
                                   0x01, 0xc8, 0x31, 0xc8, 0xc3}; /* and back; ret */
#endif
    memcpy(at, code, sizeof code);
    memcpy(at + CONSTANT, &constant, 4);
}

static uint32_t run_all(uint8_t *pages, uint32_t *away, int times) {
    uint32_t sum = 0;
    for (int t = 0; t < times; t++)
        for (int i = 0; i < FUNCTIONS; i++) {
            uint8_t *at = pages + i * SLOT;
            /* now and then the first function's counter is one beside the code */
            uint32_t *counter = i || t % 16 ? &away[i] : (uint32_t *)(at + SLOT - 4);
            sum = sum * 5 + ((function *)(void *)at)(counter);
        }
    return sum;
}

static uint8_t *code_pages(void) {
    void *at = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        exit(1);
    return at;
}

int main(int argc, char **argv) {
    static uint32_t away[FUNCTIONS];
    static uint8_t image[PAGE];
    uint8_t *written = code_pages(), *arrived = code_pages();
    uint32_t sum = 0, state = 1;
    int pipes[2];
    if (pipe(pipes))
        return 1;
    for (int i = 0; i < FUNCTIONS; i++)
        put_function(written + i * SLOT, (uint32_t)i);
    for (int page = 0; page < PAGES; page++) {
        memcpy(image, written + page * PAGE, PAGE);
        if (write(pipes[1], image, PAGE) != PAGE ||
            read(pipes[0], arrived + page * PAGE, PAGE) != PAGE)
            return 1;
    }
    for (int r = rounds(argc, argv, 40); r > 0; r--) {
        sum += run_all(written, away, 100) + run_all(arrived, away, 100);
        for (int i = 0; i < 4; i++) { /* patch a few that are hot */
            uint32_t constant = next_random(&state);
            memcpy(written + constant % FUNCTIONS * SLOT + CONSTANT, &constant, 4);
        }
    }
    printf("%u\n", sum);
}
