/* Random instruction streams: how one is made, taken apart and laid out as a case. */
#ifndef FG_TEST_STREAM_STREAM_H
#define FG_TEST_STREAM_STREAM_H

#include "test/insn/forms.h"

#define STREAM_ITEMS  80
#define STREAM_STRIDE (CODE_MAX + 80)

/* One instruction with what makes its operands valid in front of it and, where it leaves flags
 * undefined, what defines them after it. The unit in which a stream is shortened. */
struct item {
    uint8_t bytes[64];
    uint8_t len;
    bool dropped;
    bool branches;
    uint8_t target;    /* item that a branch leads to (or the next one that is still there) */
    uint8_t branch_at; /* where the offset is, in bytes */
    uint8_t branch_size;
#if CASE_BITS == 64
    uint8_t rip_at,
        rip_end; /* a RIP-relative displacement, and the end of its instruction; 0: none */
    greg rip_target;
#endif
};

struct stream {
    uint64_t seed;
    unsigned items;
    struct item item[STREAM_ITEMS];
};

/* Forms that streams may use, by kind. */
struct pool {
    const struct forms *forms;
    uint32_t *rows[3]; /* integer, MMX and SSE, x87: rows with at least one usable form */
    uint32_t count[3];
    bool *usable; /* by form */
};

void pool_make(struct pool *pool, const struct forms *forms);
void stream_make(struct stream *stream, const struct pool *pool, uint64_t seed);
/* Lays the stream out as case `slot`; false when it is too long. */
bool stream_layout(struct tcase *test, const struct stream *stream, uint32_t slot);

#endif
