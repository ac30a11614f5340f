/* A program with ThreadSanitizer, whose shadow of all memory is beyond any window: the race that it
 * finds, and the one that is not there.
 * test: only x86-64
 * test: limit 60
 * Build: cc -O1 -g -fsanitize=thread -static-libtsan -pthread dynamic raced.c */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
    return "symbolize=0:log_path=/dev/null:exitcode=66";
}

static int shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *with_lock(void *unused) {
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&lock);
        shared++;
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static void *without(void *unused) {
    for (int i = 0; i < 100; i++) {
        shared++;
    }
    return unused;
}

static void child(const char *what, void *(*function)(void *)) {
    int status = 0;
    fflush(stdout);
    pid_t made = fork();
    if (!made) {
        pthread_t threads[3];
        for (int i = 0; i < 3; i++) {
            pthread_create(&threads[i], NULL, function, NULL);
        }
        for (int i = 0; i < 3; i++) {
            pthread_join(threads[i], NULL);
        }
        exit(0);
    }
    waitpid(made, &status, 0);
    printf("%s: %x\n", what, (unsigned)status);
}

int main(void) {
    child("with a lock", with_lock);
    child("without", without);
    return 0;
}
