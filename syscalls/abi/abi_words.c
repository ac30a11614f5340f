/* Arrays of the ABI's long, iovecs, signal sets and events, between guest memory and C. */
#include "syscalls/abi/abi.h"

#include <errno.h>
#include <string.h>

#define MAX_LONGS 32

int abi_read_longs(struct task *task, gaddr_t from, int64_t *value, unsigned count) {
    if (task->abi->pointer_bytes == 8) {
        return guest_read(task->cpu->space, value, from, count * sizeof *value);
    }
    int32_t word[MAX_LONGS];
    if (count > MAX_LONGS || guest_read(task->cpu->space, word, from, count * sizeof *word)) {
        return -EFAULT;
    }
    for (unsigned i = 0; i < count; i++) {
        value[i] = word[i];
    }
    return 0;
}

int abi_read_iovec(struct task *task, gaddr_t vec, uint64_t index, struct guest_span *out) {
    unsigned bytes = task->abi->pointer_bytes;
    uint8_t entry[16];
    if (guest_read(task->cpu->space, entry, vec + index * 2 * bytes, 2 * bytes)) {
        return -EFAULT;
    }
    *out = (struct guest_span){0};
    memcpy(&out->at, entry, bytes);
    memcpy(&out->len, entry + bytes, bytes);
    return out->len >> (8 * bytes - 1) ? -EINVAL : 0;
}

int abi_write_longs(struct task *task, gaddr_t to, const int64_t *value, unsigned count) {
    if (task->abi->pointer_bytes == 8) {
        return guest_write(task->cpu->space, to, value, count * sizeof *value);
    }
    int32_t word[MAX_LONGS];
    if (count > MAX_LONGS) {
        return -EFAULT;
    }
    for (unsigned i = 0; i < count; i++) {
        word[i] = (int32_t)value[i];
    }
    return guest_write(task->cpu->space, to, word, count * sizeof *word);
}

int abi_read_pointers(struct task *task, gaddr_t from, uint64_t *value, unsigned count) {
    if (abi_read_longs(task, from, (int64_t *)value, count)) {
        return -EFAULT;
    }
    for (unsigned i = 0; task->abi->pointer_bytes == 4 && i < count; i++) {
        value[i] = (uint32_t)value[i];
    }
    return 0;
}

int abi_write_pointers(struct task *task, gaddr_t to, const uint64_t *value, unsigned count) {
    return abi_write_longs(task, to, (const int64_t *)value, count);
}

int abi_read_sigset(struct task *task, gaddr_t from, sigset64 *set) {
    return guest_read(task->cpu->space, set, from, sizeof *set);
}

int abi_read_sigevent(struct task *task, gaddr_t from, struct guest_sigevent *event) {
    uint64_t value;
    int32_t number[3];
    if (abi_read_pointers(task, from, &value, 1) ||
        guest_read(task->cpu->space, number, from + abi_long_bytes(task), sizeof number)) {
        return -EFAULT;
    }
    *event = (struct guest_sigevent){(int64_t)value, number[0], number[1], number[2]};
    return 0;
}
