/* Tokens: what travels with a message to tell whose it is (socket_creds.c), a memory file.
 *
 * A socket's other end may be handed to a host process, which then sees tokens. So one is worth
 * nothing where it was not sent: it holds for one direction of one connection, or for the socket of
 * one name, and a code over that and its inode, with a key that never leaves this process, says
 * that it was made here (SipHash-2-4, Aumasson and Bernstein 2012). */
#include "syscalls/net/socket.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct token {
    struct unix_sender sender;
    uint64_t bytes; /* of the message, or of the piece of a stream */
    uint64_t code;  /* over the above and the inode */
};

/* What the code is over, without padding. */
struct covered {
    uint64_t target, bytes, dev, ino;
    uint32_t pid, uid, gid, zero;
};

static const uint64_t *secret(void) {
    static uint64_t key[2];
    static bool there;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!there) {
        there = getrandom(key, sizeof key, 0) == (ssize_t)sizeof key;
    }
    bool made = there;
    pthread_mutex_unlock(&lock);
    return made ? key : NULL;
}

static uint64_t rotate(uint64_t value, unsigned by) {
    return value << by | value >> (64 - by);
}

static void rounds(uint64_t v[4], int count) {
    while (count--) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static uint64_t code_of(const struct token *token, const struct stat *st, const uint64_t key[2]) {
    struct covered covered = {.target = token->sender.target,
                              .bytes = token->bytes,
                              .dev = st->st_dev,
                              .ino = st->st_ino,
                              .pid = (uint32_t)token->sender.creds.pid,
                              .uid = token->sender.creds.uid,
                              .gid = token->sender.creds.gid};
    uint64_t word[sizeof covered / sizeof(uint64_t)];
    memcpy(word, &covered, sizeof word);
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    for (size_t i = 0; i <= ARRAY_LEN(word); i++) {
        uint64_t next = i < ARRAY_LEN(word) ? word[i] : (uint64_t)sizeof word << 56;
        v[3] ^= next;
        rounds(v, 2);
        v[0] ^= next;
    }
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

int unix_token(const struct unix_sender *sender, size_t bytes) {
    const uint64_t *key = secret();
    int fd = key ? memfd_create("sender", MFD_CLOEXEC) : -1;
    struct stat st;
    if (fd < 0) {
        return -ENOBUFS;
    }
    struct token token = {.sender = *sender, .bytes = bytes};
    if (!fstat(fd, &st)) {
        token.code = code_of(&token, &st, key);
        if (write(fd, &token, sizeof token) == (ssize_t)sizeof token) {
            return fd;
        }
    }
    close(fd);
    return -ENOBUFS;
}

bool unix_token_read(int fd, struct unix_sender *sender, uint64_t *bytes) {
    struct token token;
    struct stat st;
    const uint64_t *key = secret();
    if (!key || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size != sizeof token ||
        pread(fd, &token, sizeof token, 0) != (ssize_t)sizeof token ||
        token.code != code_of(&token, &st, key)) {
        return false;
    }
    *sender = token.sender;
    *bytes = token.bytes;
    return true;
}
