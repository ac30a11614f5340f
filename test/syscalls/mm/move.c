/* mremap with all its flags. */
#include "mm_test.h"

static int mapped(char *at) {
    unsigned char vec;
    return mincore(at, PAGE, &vec) == 0;
}

int main(void) {
    int rw = PROT_READ | PROT_WRITE;
    char *area = map_anon(32 * PAGE, PROT_NONE);
    char *a = mmap(area, 4 * PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (int i = 0; i < 4; i++) {
        a[i * PAGE] = (char)('a' + i);
    }
    munmap(area + 4 * PAGE, 28 * PAGE);
    SHOW_AT(area, mremap(a + 1, PAGE, PAGE, 0));
    SHOW_AT(area, mremap(a, PAGE, 0, 0));
    SHOW_AT(area, mremap(a, PAGE, PAGE, 0x80));
    SHOW_AT(area, mremap(a, PAGE, PAGE, MREMAP_FIXED, area + 8 * PAGE));
    SHOW_AT(area, mremap(a, 5 * PAGE, 8 * PAGE, MREMAP_MAYMOVE));
    SHOW_AT(area, mremap(area + 20 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    SHOW_AT(area, mremap(a, 4 * PAGE, 6 * PAGE, 0)); /* in place */
    SHOW(a[3 * PAGE]);
    SHOW(a[5 * PAGE]);
    SHOW_AT(area, mremap(a, 6 * PAGE, 3 * PAGE, 0)); /* shrinks */
    SHOW(mapped(a + 3 * PAGE));
    char *wall = mmap(area + 3 * PAGE, PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    wall[0] = 'W';
    SHOW_AT(area, mremap(a, PAGE, 2 * PAGE, 0)); /* no room */
    SHOW_AT(area, mremap(a, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area + 8 * PAGE));
    SHOW(mapped(a));
    SHOW(mapped(area + 8 * PAGE));
    SHOW(area[9 * PAGE]);
    SHOW_AT(area, mremap(area + 8 * PAGE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                         area + 9 * PAGE)); /* overlaps */
    SHOW_AT(area, mremap(area + 8 * PAGE, 2 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                         area + 16 * PAGE)); /* part of it, grown */
    SHOW(area[16 * PAGE]);
    SHOW(area[17 * PAGE]);
    SHOW(area[20 * PAGE]);
    SHOW(area[10 * PAGE]);
    SHOW(mapped(area + 9 * PAGE));
    char *moved = mremap(wall, PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area + 24 * PAGE);
    SHOW(moved[0]);
    /* DONTUNMAP: the old place stays, empty. */
    SHOW(mremap(area + 16 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | 4, 0) != MAP_FAILED);
    SHOW(mapped(area + 16 * PAGE));
    SHOW(area[16 * PAGE]);
    SHOW_AT(area, mremap(area + 16 * PAGE, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | 4, 0));
    /* Length 0 duplicates shared memory. */
    char *shared = mmap(NULL, 2 * PAGE, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared[0] = 's';
    char *twin = mremap(shared, 0, 2 * PAGE, MREMAP_MAYMOVE);
    SHOW(twin[0]);
    twin[1] = 't';
    SHOW(shared[1]);
    SHOW(mremap(area + 10 * PAGE, 0, PAGE, MREMAP_MAYMOVE));
    /* Files keep their place. */
    int fd = letters(6 * PAGE);
    char *file = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
    file[0] = 'p';
    file = mremap(file, 2 * PAGE, 5 * PAGE, MREMAP_MAYMOVE);
    printf("%c %c %c %c %c\n", file[0], file[1], file[PAGE], file[2 * PAGE], file[4 * PAGE]);
    /* Code moves along. */
    char *code = map_anon(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    memcpy(code, "\xb8\x07\0\0\0\xc3", 6);
    SHOW(((int (*)(void))code)());
    char *there = mremap(code, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area + 28 * PAGE);
    SHOW(((int (*)(void))there)());
    memcpy(there, "\xb8\x08\0\0\0\xc3", 6);
    SHOW(((int (*)(void))there)());
    return 0;
}
