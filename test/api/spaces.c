/* The decoder and guest memory by the library's interface: what they take, give and refuse. No code
 * runs. */
#include "test/api/api_test.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { CODE = 0x10000, DATA = 0x20000, PAGE = 0x1000 };
#define ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

/* --- the decoder ------------------------------------------------------------------------------ */

void decode_lengths(void) {
    static const struct {
        uint8_t bytes[16];
        uint8_t size;
        int len;
        const char *name;
    } list[] = {
        {{0x90}, 1, 1, "NOP"},
        {{0x01, 0xd8}, 2, 2, "ADD"},
        {{0x01, 0xd8, 0xcc}, 3, 2, "ADD"},
        {{0x81, 0x84, 0x88, 1, 2, 3, 4, 5, 6, 7, 8}, 11, 11, "ADD"},
        {{0x66, 0xb8, 1, 2}, 4, 4, "MOV"},
        {{0x74, 0}, 2, 2, "JCC"},
        {{0x0f, 0xa2}, 2, 2, "CPUID"},
        {{0xf2, 0x0f, 0x58, 0xc1}, 4, 4, "ADDSD"},
        {{0x90}, 0, -EAGAIN, NULL},
        {{0x01}, 1, -EAGAIN, NULL},
        {{0xb8, 1, 2, 3}, 4, -EAGAIN, NULL},
        {{0x0f, 0x0b}, 2, 2, "UD2"},
        {{0x0f, 0x04}, 2, -EINVAL, NULL}, /* no row of the opcode map */
        {{0xff, 0xf8}, 2, -EINVAL, NULL}, /* FF /7 */
        {{0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
          0x90},
         16,
         -EINVAL,
         NULL},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        const char *name = NULL;
        int len = fg_decode(FG_MODE_I386, list[i].bytes, list[i].size, &name);
        CHECK("length", len, list[i].len);
        CHECK("length without a name", fg_decode(FG_MODE_I386, list[i].bytes, list[i].size, NULL),
              list[i].len);
        if (list[i].name && (!name || strcmp(name, list[i].name) != 0)) {
            printf("# entry %zu is called %s, not %s\n", i, name ? name : "NULL", list[i].name);
            failures++;
        }
    }
}

/* --- spaces ----------------------------------------------------------------------------------- */

void space_refuses(void) {
    struct fg_space *space = fg_space_new(FG_MODE_I386);
    const uint64_t top = 1ull << 32;
    CHECK("no length", fg_space_map(space, CODE, 0, ALL), -EINVAL);
    CHECK("address within a page", fg_space_map(space, CODE + 1, PAGE, ALL), -EINVAL);
    CHECK("length within a page", fg_space_map(space, CODE, PAGE + 1, ALL), -EINVAL);
    CHECK("over the top", fg_space_map(space, top - PAGE, 2 * PAGE, ALL), -EINVAL);
    CHECK("above the top", fg_space_map(space, top, PAGE, ALL), -EINVAL);
    CHECK("wrapping", fg_space_map(space, PAGE, -(uint64_t)PAGE, ALL), -EINVAL);
    CHECK("unmap no length", fg_space_unmap(space, CODE, 0), -EINVAL);
    CHECK("unmap within a page", fg_space_unmap(space, CODE + 8, PAGE), -EINVAL);
    CHECK("unmap above the top", fg_space_unmap(space, top, PAGE), -EINVAL);
    CHECK("unmap nothing", fg_space_unmap(space, CODE, PAGE), 0);
    CHECK("first page", fg_space_map(space, 0, PAGE, ALL), 0);
    CHECK("last page", fg_space_map(space, top - PAGE, PAGE, ALL), 0);
    char byte = 1;
    CHECK("last byte", fg_space_write(space, top - 1, &byte, 1), 0);
    CHECK("behind it", fg_space_write(space, top, &byte, 1), -EFAULT);
    CHECK("far behind it", fg_space_read(space, &byte, (uint64_t)-1, 1), -EFAULT);
    fg_space_free(space);
    fg_space_free(NULL);
}

void space_copies(void) {
    struct fg_space *space = fg_space_new(FG_MODE_I386);
    char in[6] = "abcdef", out[6] = {0};
    CHECK("unmapped", fg_space_read(space, out, DATA, 1), -EFAULT);
    CHECK("map", fg_space_map(space, DATA, PAGE, PROT_READ | PROT_WRITE), 0);
    CHECK("zeroed", fg_space_read(space, out, DATA, 6), 0);
    CHECK("zeroed", memcmp(out, "\0\0\0\0\0\0", 6), 0);
    CHECK("write", fg_space_write(space, DATA + PAGE - 6, in, 6), 0);
    CHECK("read", fg_space_read(space, out, DATA + PAGE - 6, 6), 0);
    CHECK("the same", memcmp(in, out, 6), 0);
    CHECK("over the end", fg_space_write(space, DATA + PAGE - 3, in, 6), -EFAULT);
    CHECK("second page", fg_space_map(space, DATA + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
    CHECK("over the border", fg_space_write(space, DATA + PAGE - 3, in, 6), 0);
    CHECK("over the border", fg_space_read(space, out, DATA + PAGE - 3, 6), 0);
    CHECK("the same", memcmp(in, out, 6), 0);
    CHECK("replaced", fg_space_map(space, DATA, PAGE, PROT_READ), 0);
    CHECK("zeroed again", fg_space_read(space, out, DATA + PAGE - 3, 6), 0);
    CHECK("zeroed again", memcmp(out, "\0\0\0def", 6), 0);
    CHECK("read-only", fg_space_write(space, DATA, in, 1), -EFAULT);
    CHECK("no access", fg_space_map(space, DATA, PAGE, PROT_NONE), 0);
    CHECK("no access", fg_space_read(space, out, DATA, 1), -EFAULT);
    CHECK("unmap", fg_space_unmap(space, DATA, 2 * PAGE), 0);
    CHECK("unmapped", fg_space_read(space, out, DATA + PAGE, 1), -EFAULT);
    fg_space_free(space);
}
