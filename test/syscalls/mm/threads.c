/* Memory calls from several threads at once, with forks in between; execve from a thread.
 * test: -pthread */
#include "mm_test.h"
#include <pthread.h>

#define THREADS 4
#define ROUNDS  300

static int bad;

static void *work(void *arg) {
    unsigned seed = (unsigned)(intptr_t)arg;
    for (int round = 0; round < ROUNDS; round++) {
        size_t pages = 1 + rand_r(&seed) % 16;
        unsigned char mark = (unsigned char)(round + 17 * (int)(intptr_t)arg);
        char *at = map_anon(pages * PAGE, PROT_READ | PROT_WRITE);
        for (size_t i = 0; i < pages; i++) {
            at[i * PAGE] = (char)mark;
        }
        if (round % 3 == 0) {
            mprotect(at, PAGE, PROT_READ);
            char *moved = mremap(at, pages * PAGE, pages * 2 * PAGE, MREMAP_MAYMOVE);
            if (moved == MAP_FAILED) /* two mappings now */
            {
                mprotect(at, PAGE, PROT_READ | PROT_WRITE);
            } else {
                at = moved;
            }
        }
        if (round % 5 == 0) {
            madvise(at + (pages - 1) * PAGE, PAGE, MADV_DONTNEED);
        }
        for (size_t i = 0; i < pages; i++) {
            unsigned char want = round % 5 == 0 && i == pages - 1 ? 0 : mark;
            if ((unsigned char)at[i * PAGE] != want) {
                __atomic_fetch_add(&bad, 1, __ATOMIC_SEQ_CST);
            }
        }
        munmap(at, pages * PAGE);
    }
    return NULL;
}

static void *spin(void *arg) {
    volatile int *word = arg;
    for (;;) {
        ++*word;
    }
    return NULL;
}

static void *replace(void *arg) {
    char **argv = arg;
    execl("/proc/self/exe", argv[0], "again", NULL);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc > 1) {
        char name[64];
        snprintf(name, sizeof name, "/proc/self/task/%d", getpid());
        printf("again: leader %d, task there %d\n", (int)syscall(SYS_gettid) == getpid(),
               access(name, F_OK));
        return 5;
    }
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&thread[i], NULL, work, (void *)(intptr_t)(i + 1));
    }
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(7);
        }
        int status;
        waitpid(pid, &status, 0);
        if (status != 7 << 8) {
            bad++;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    printf("bad %d\n", bad);
    fflush(stdout);

    static int word;
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&thread[i], NULL, spin, &word);
    }
    while (!*(volatile int *)&word) {
        usleep(100);
    }
    pthread_create(&thread[0], NULL, replace, argv);
    for (;;) {
        pause();
    }
}
