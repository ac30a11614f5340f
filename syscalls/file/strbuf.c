/* A text that grows, for what /proc shows. */
#include "syscalls/file/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strbuf_add(struct strbuf *buf, const void *data, size_t len) {
    if (buf->failed) {
        return;
    }
    if (buf->len + len + 1 > buf->room) {
        size_t room = buf->room ? buf->room : 512;
        while (room < buf->len + len + 1) {
            room *= 2;
        }
        char *grown = realloc(buf->data, room);
        if (!grown) {
            buf->failed = true;
            return;
        }
        buf->data = grown;
        buf->room = room;
    }
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = 0;
}

void strbuf_printf(struct strbuf *buf, const char *format, ...) {
    char small[512], *text = small;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n >= (int)sizeof small) {
        text = malloc((size_t)n + 1);
        if (!text) {
            buf->failed = true;
            return;
        }
        va_start(args, format);
        vsnprintf(text, (size_t)n + 1, format, args);
        va_end(args);
    }
    if (n > 0) {
        strbuf_add(buf, text, (size_t)n);
    }
    if (text != small) {
        free(text);
    }
}
