/* Where mmap places things: the highest gap that is large enough, whatever came and went. */
#include "mm_test.h"

#define SLOTS 300

int main(void) {
    static char *at[SLOTS];
    static size_t len[SLOTS];
    char *base = map_anon(PAGE, PROT_NONE);
    unsigned seed = 5, hash = 0;
    for (int round = 0; round < 20000; round++) {
        int slot = rand_r(&seed) % SLOTS;
        if (at[slot]) {
            if (rand_r(&seed) % 8 == 0 && len[slot] > 2 * PAGE) { /* a part */
                munmap(at[slot] + PAGE, len[slot] - 2 * PAGE);
                munmap(at[slot], PAGE);
                munmap(at[slot] + len[slot] - PAGE, PAGE);
            } else {
                munmap(at[slot], len[slot]);
            }
            at[slot] = NULL;
            continue;
        }
        len[slot] = (1 + (size_t)rand_r(&seed) % (rand_r(&seed) % 4 ? 8 : 200)) * PAGE;
        int grows = rand_r(&seed) % 16 == 0;
        at[slot] =
            mmap(NULL, len[slot], rand_r(&seed) % 2 ? PROT_READ : PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (grows ? MAP_GROWSDOWN : 0), -1, 0);
        hash = hash * 31 + (unsigned)((base - at[slot]) / PAGE);
        if (round % 1000 < 2) {
            printf("%d: %ld pages below\n", round, (long)(base - at[slot]) / PAGE);
        }
    }
    printf("hash %x\n", hash);

    /* Many mappings, none like its neighbour. */
    for (int i = 0; i < 20000; i++) {
        if (mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
            MAP_FAILED) {
            printf("%d: %s\n", i, strerrorname_np(errno));
            break;
        }
    }
    return 0;
}
