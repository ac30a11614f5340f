/* A text that grows: strbuf.c. */
#ifndef FG_SYSCALLS_STRBUF_H
#define FG_SYSCALLS_STRBUF_H

#include "core/base/types.h"

/* A growing text; `failed` is set when memory ran out (then the open says ENOMEM). */
struct strbuf {
    char *data;
    size_t len, room;
    bool failed;
};
void strbuf_add(struct strbuf *buf, const void *data, size_t len);
void strbuf_printf(struct strbuf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
