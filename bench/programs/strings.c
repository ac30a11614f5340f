/* Strings: words are split, turned, compared, searched and joined again. */
#include "common.h"
#include <ctype.h>

static char text[65536], words[8192][16], joined[1 << 18];

int main(int argc, char **argv) {
    uint32_t state = 5, sum = 0;
    size_t at = 0;
    while (at < sizeof text - 20) {
        int length = 1 + (int)(next_random(&state) % 10);
        for (int i = 0; i < length; i++)
            text[at++] = (char)('a' + next_random(&state) % 26);
        text[at++] = ' ';
    }
    for (int r = rounds(argc, argv, 130); r > 0; r--) {
        int count = 0;
        for (char *p = text; *p && count < 8192;) {
            char *w = words[count++];
            while (*p && *p != ' ')
                *w++ = (char)toupper((unsigned char)*p++);
            *w = 0;
            while (*p == ' ')
                p++;
        }
        char *out = joined;
        for (int i = 0; i < count; i++) {
            char *w = words[i];
            for (int x = 0, y = (int)strlen(w) - 1; x < y; x++, y--) {
                char t = w[x];
                w[x] = w[y];
                w[y] = t;
            }
            if (i && strcmp(w, words[i - 1]) > 0)
                out = stpcpy(out, w);
            else
                *out++ = w[0];
        }
        *out = 0;
        for (char *p = joined; (p = strstr(p, "AB")); p++)
            sum += (uint32_t)(p - joined);
        text[r] ^= 1;
        sum = sum * 31 + (uint32_t)strlen(joined);
    }
    printf("%u\n", sum);
}
