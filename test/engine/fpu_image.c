/* Nothing of the host in FPU images: bytes of signal frames and of FXSAVE that belong to no
 * register of the program are zero or untouched, whatever the calls before did. */
#include "engine_test.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

/* Where in a frame the FXSAVE image is, and where its registers end: on i386 it comes after the 112
 * bytes of the FNSAVE image, and has eight XMM registers less. */
#ifdef __x86_64__
enum { PLACE = 0, END = 416 };
#else
enum { PLACE = 112, END = 288 };
#endif

static unsigned frames, strange;
static uint8_t image[512] __attribute__((aligned(64)));

/* The last 48 bytes of the image are the kernel's own marks. */
static void handler(int signo, siginfo_t *info, void *context) {
    (void)signo;
    (void)info;
    const uint8_t *fx = (const uint8_t *)((ucontext_t *)context)->uc_mcontext.fpregs + PLACE;
    for (unsigned i = END; i < 464; i++) {
        strange += fx[i] != 0;
    }
    for (unsigned st = 0; st < 8; st++) {
        for (unsigned i = 10; i < 16; i++) {
            strange += fx[32 + 16 * st + i] != 0;
        }
    }
    frames++;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    char text[4096];
    struct stat st;
    sigaction(SIGUSR1, &action, NULL);
    for (int round = 0; round < 20; round++) {
        int fd = open(round & 1 ? "/etc/passwd" : "/proc/self/maps", O_RDONLY);
        if (fd < 0 || read(fd, text, sizeof text) < 0 || stat("/", &st) || !getcwd(text, 4096)) {
            die("calls");
        }
        close(fd);
        raise(SIGUSR1);
        memset(image, 0xa5, sizeof image);
        __asm__ volatile("fldpi; fxsave (%0); fstp %%st" ::"r"(image) : "memory");
        for (unsigned i = END; i < 512; i++) {
            strange += image[i] != 0xa5;
        }
        raise(SIGUSR1);
    }
    printf("%u frames, %u strange bytes\n", frames, strange);
    return 0;
}
