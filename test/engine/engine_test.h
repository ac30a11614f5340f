/* Shared by the engine's C programs (run natively and in the guest, output compared): a tiny
 * assembler into memory and a few checks. A program prints what it sees; it does not judge. */
#ifndef ENGINE_TEST_H
#define ENGINE_TEST_H

#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096u

static inline _Noreturn void die(const char *what) {
    perror(what);
    exit(99);
}

/* Fresh pages that may be read, written and executed. */
static inline uint8_t *code_pages(unsigned pages) {
    void *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        die("mmap");
    }
    return at;
}

/* Where the next byte of code goes. */
struct assembler {
    uint8_t *at;
};

static inline void emit8(struct assembler *a, uint32_t byte) {
    *a->at++ = (uint8_t)byte;
}

static inline void emit32(struct assembler *a, uint32_t word) {
    memcpy(a->at, &word, 4);
    a->at += 4;
}

static inline void emit_bytes(struct assembler *a, const char *bytes, unsigned count) {
    memcpy(a->at, bytes, count);
    a->at += count;
}
#define EMIT(a, literal) emit_bytes(a, literal, sizeof(literal) - 1)

/* mov reg, imm32 */
static inline void emit_mov(struct assembler *a, unsigned reg, uint32_t value) {
    emit8(a, 0xb8 + reg);
    emit32(a, value);
}

/* mov byte [addr], value */
static inline void emit_store8(struct assembler *a, const void *addr, uint32_t value) {
    emit8(a, 0xc6);
    emit8(a, 0x05);
    emit32(a, (uint32_t)(uintptr_t)addr);
    emit8(a, value);
}

static inline void emit_store32(struct assembler *a, const void *addr, uint32_t value) {
    emit8(a, 0xc7);
    emit8(a, 0x05);
    emit32(a, (uint32_t)(uintptr_t)addr);
    emit32(a, value);
}

typedef uint32_t (*function)(void);

/* Calls generated code that may use every register but ESP. */
static inline uint32_t run(const void *code) {
    uint32_t result;
    __asm__ volatile("push %%ebp\n push %%ebx\n call *%%eax\n pop %%ebx\n pop %%ebp"
                     : "=a"(result)
                     : "0"(code)
                     : "ecx", "edx", "esi", "edi", "memory", "cc");
    return result;
}

#endif
