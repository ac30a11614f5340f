/* test: -pthread */
/* While one thread changes ids and groups, another one sees those of one moment: never half a list,
 * never one id of a change and not the other. By the system calls themselves: the C library's
 * functions change all threads, and wait for them. Also, without an answer: threads that move and
 * write at one position of a file (for a run under ThreadSanitizer). */
#include "test/syscalls/io_test.h"
#include <stdbool.h>

#define ROUNDS 4000

#ifdef __x86_64__ /* ids have 32 bits in all calls */
#define SYS_getgroups32 SYS_getgroups
#define SYS_setgroups32 SYS_setgroups
#define SYS_getresuid32 SYS_getresuid
#define SYS_setresuid32 SYS_setresuid
#define SYS_getresgid32 SYS_getresgid
#define SYS_setresgid32 SYS_setresgid
typedef unsigned narrow_id;
#else
typedef uint16_t narrow_id;
#endif

static volatile bool over;
static int torn_list, torn_ids, torn_narrow, looks;

static void *look(void *arg) {
    unsigned list[32];
    narrow_id narrow[32];
    while (!over) {
        unsigned real, effective, saved;
        int count = (int)syscall(SYS_getgroups32, 32, list);
        for (int i = 1; i < count; i++) {
            torn_list += list[i] != list[0] + (unsigned)i;
        }
        torn_list += count != 20 && count != 5;
        torn_list += count > 0 && (list[0] == 100) != (count == 20);
        count = (int)syscall(SYS_getgroups, 32, narrow);
        for (int i = 1; i < count; i++) {
            torn_narrow += narrow[i] != narrow[0] + i;
        }
        torn_narrow += count > 0 && (narrow[0] == 100) != (count == 20);
        syscall(SYS_getresuid32, &real, &effective, &saved);
        torn_ids += saved != real + 1 || effective != 0;
        syscall(SYS_getresgid32, &real, &effective, &saved);
        torn_ids += saved != real + 1 || effective != 0;
        looks++;
    }
    return arg;
}

static void change(void) {
    unsigned many[20], few[5];
    for (unsigned i = 0; i < 20; i++) {
        many[i] = 100 + i;
        few[i % 5] = 200 + i % 5;
    }
    for (int i = 0; i < ROUNDS; i++) {
        unsigned id = i % 2 ? 1 : 5;
        syscall(SYS_setgroups32, i % 2 ? 5 : 20, i % 2 ? few : many);
        syscall(SYS_setresgid32, id, 0, id + 1);
        syscall(SYS_setresuid32, id, 0, id + 1);
        if (i == 0) { /* from now on there is something to see */
            static pthread_t thread;
            pthread_create(&thread, NULL, look, NULL);
        }
    }
}

static int fd;

static void *move(void *arg) {
    char text[8];
    for (int i = 0; i < 300; i++) {
        lseek(fd, i % 7, SEEK_SET);
        (void)!write(fd, "text", 4);
        (void)!read(fd, text, 4);
    }
    return arg;
}

int main(void) {
    pthread_t thread[3];
    if (geteuid() == 0) {
        change();
        for (int i = 0; i < 1000 && looks < 100; i++) {
            sleep_ms(5);
        }
        over = true;
        sleep_ms(10);
    }
    printf("torn: lists %d, 16-bit lists %d, ids %d\n", torn_list, torn_narrow, torn_ids);
    fd = (int)syscall(SYS_open, "shared", O_RDWR | O_CREAT, 0600); /* without O_LARGEFILE */
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread[i], NULL, move, NULL);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
    }
    printf("moved\n");
    return 0;
}
