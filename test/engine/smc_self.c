/* Code that jumps to itself and never leaves its block, while another thread writes over it, takes
 * the right to execute it or takes it away: the thread that loops notices. test: -pthread */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint8_t *code;
static volatile int inside;
static __thread sigjmp_buf back;

static void on_fault(int signo) {
    (void)signo;
    siglongjmp(back, 1);
}

static void *loop(void *arg) {
    (void)arg;
    if (sigsetjmp(back, 1)) {
        return (void *)1;
    }
    inside = 1;
    ((void (*)(void))code)();
    return NULL;
}

/* jmp to itself; the same with a nop in front, which is another block; dec %ebx; jmp, without end.
 */
static const struct {
    const char *name;
    uint8_t bytes[6];
} loops[] = {{"jump", {0xeb, 0xfe}}, {"two", {0x90, 0xeb, 0xfd}}, {"cx", {0x40, 0x90, 0xeb, 0xfc}}};

int main(void) {
    static const char *const ways[] = {"written", "protected", "unmapped", "mapped over"};
    signal(SIGSEGV, on_fault);
    for (unsigned i = 0; i < sizeof loops / sizeof *loops; i++) {
        for (int way = 0; way < 4; way++) {
            pthread_t thread;
            void *result;
            code = mmap(NULL, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            memset(code, 0xc3, 64); /* ret */
            memcpy(code, loops[i].bytes, sizeof loops[i].bytes);
            inside = 0;
            pthread_create(&thread, NULL, loop, NULL);
            while (!inside) {
                usleep(100);
            }
            usleep(20000); /* it loops by now, or soon */
            switch (way) {
            case 0: /* each byte is a ret from here on, the jump's two at once */
                for (int n = 0; n < 6; n += 2) {
                    *(volatile uint16_t *)(code + n) = 0xc3c3;
                }
                break;
            case 1:
                mprotect(code, 4096, PROT_READ);
                break;
            case 2:
                munmap(code, 4096);
                break;
            default:
                mmap(code, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            }
            pthread_join(thread, &result);
            printf("%s, %s: %s\n", loops[i].name, ways[way], result ? "a fault" : "back");
        }
    }
    return 0;
}
