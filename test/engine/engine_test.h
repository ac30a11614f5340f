/* Shared by the engine's C programs (run natively and in the guest, output compared): a tiny
 * assembler into memory and a few checks. A program prints what it sees; it does not judge. */
#ifndef ENGINE_TEST_H
#define ENGINE_TEST_H

#define _GNU_SOURCE
#include "test/syscalls/registers.h"
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

/* Code names addresses by 32 bits. */
#ifdef __x86_64__
#define LOW MAP_32BIT
#else
#define LOW 0
#endif

/* Fresh pages that may be read, written and executed. */
static inline uint8_t *code_pages(unsigned pages) {
    void *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS | LOW, -1, 0);
    if (at == MAP_FAILED) {
        die("mmap");
    }
    return at;
}

/* Where the next byte of code goes, and how far from there it will run. */
struct assembler {
    uint8_t *at;
    intptr_t moved;
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

/* The address of a memory operand whose ModRM has mod 0, rm 5: itself on i386, relative to the end
 * of the instruction on x86-64, which is `after` bytes on. */
static inline void emit_addr(struct assembler *a, const void *addr, int after) {
#ifdef __x86_64__
    emit32(a, (uint32_t)((uintptr_t)addr - (uintptr_t)(a->at + a->moved + 4 + after)));
#else
    (void)after;
    emit32(a, (uint32_t)(uintptr_t)addr);
#endif
}

/* mov byte [addr], value */
static inline void emit_store8(struct assembler *a, const void *addr, uint32_t value) {
    emit8(a, 0xc6);
    emit8(a, 0x05);
    emit_addr(a, addr, 1);
    emit8(a, value);
}

static inline void emit_store32(struct assembler *a, const void *addr, uint32_t value) {
    emit8(a, 0xc7);
    emit8(a, 0x05);
    emit_addr(a, addr, 4);
    emit32(a, value);
}

/* Makes an instruction that has a register for an address as wide as one. */
#ifdef __x86_64__
#define WIDE "\x48"
#else
#define WIDE
#endif

typedef uint32_t (*function)(void);

/* Calls generated code that may use every register but ESP (on x86-64 not r12 to r15 either). */
static inline uint32_t run(const void *code) {
    uintptr_t result;
#ifdef __x86_64__ /* below the stack pointer may be what the compiler put there */
    __asm__ volatile("lea -128(%%rsp), %%rsp\n push %%rbp\n push %%rbx\n call *%%rax\n"
                     "pop %%rbx\n pop %%rbp\n lea 128(%%rsp), %%rsp"
                     : "=a"(result)
                     : "0"(code)
                     : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
#else
    __asm__ volatile("push %%ebp\n push %%ebx\n call *%%eax\n pop %%ebx\n pop %%ebp"
                     : "=a"(result)
                     : "0"(code)
                     : "ecx", "edx", "esi", "edi", "memory", "cc");
#endif
    return (uint32_t)result;
}

#endif
