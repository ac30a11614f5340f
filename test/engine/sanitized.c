/* A program with AddressSanitizer: memory in shadow, heap 64 TiB up, and what the sanitizer finds.
 * test: only x86-64
 * test: limit 60
 * Build: cc -O1 -g -fsanitize=address -static-libasan -pthread dynamic sanitized.c */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0:symbolize=0:log_path=/dev/null:exitcode=23";
}

static char *volatile block;
static volatile size_t at;

static int overflow(void) {
    block = malloc(10);
    at = 10;
    return block[at];
}

static int after_free(void) {
    block = malloc(100000);
    free(block);
    at = 5000;
    block[at] = 1;
    return 0;
}

static int on_stack(void) {
    char local[20];
    at = 20;
    memset(local, 1, sizeof local);
    block = local;
    return block[at];
}

static int by_function(void) {
    block = calloc(1, 16);
    at = 17;
    memset(block, 1, at);
    return 0;
}

static int correct(void) {
    size_t sum = 0;
    for (size_t i = 1; i < 300; i++) {
        char *more = strdup("some text");
        more = realloc(more, 10 + i * i);
        memmove(more + i * i, more, 10);
        sum += strlen(more + i * i);
        if (i % 3) {
            free(more);
        }
    }
    return (int)(sum & 0x7f);
}

static void *thread(void *unused) {
    (void)unused;
    return (void *)(size_t)correct();
}

static int threads(void) {
    pthread_t made[4];
    size_t sum = 0;
    for (int i = 0; i < 4; i++) {
        pthread_create(&made[i], NULL, thread, NULL);
    }
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(made[i], &result);
        sum += (size_t)result;
    }
    return (int)(sum & 0x7f);
}

static void child(const char *what, int (*function)(void)) {
    int status = 0;
    fflush(stdout);
    pid_t made = fork();
    if (!made) {
        exit(function());
    }
    waitpid(made, &status, 0);
    printf("%s: %x\n", what, (unsigned)status);
}

int main(void) {
    child("correct", correct);
    child("threads", threads);
    child("overflow", overflow);
    child("after free", after_free);
    child("on the stack", on_stack);
    child("by a function", by_function);
    return 0;
}
