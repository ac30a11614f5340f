/* Names of what i386 and x86-64 have under different ones: registers in a signal's context, and in
 * assembly; the call that an assembly text makes. */
#ifndef REGISTERS_H
#define REGISTERS_H
#include <ucontext.h>

#ifdef __x86_64__
#define REG_AX    REG_RAX
#define REG_BX    REG_RBX
#define REG_CX    REG_RCX
#define REG_DX    REG_RDX
#define REG_SI    REG_RSI
#define REG_DI    REG_RDI
#define REG_BP    REG_RBP
#define REG_SP    REG_RSP
#define REG_IP    REG_RIP
#define FAULT_CR2 gregs[REG_CR2]
#define SP        "%%rsp"
#define KERNEL    "syscall" /* changes rcx and r11 */
#else
#define REG_AX    REG_EAX
#define REG_BX    REG_EBX
#define REG_CX    REG_ECX
#define REG_DX    REG_EDX
#define REG_SI    REG_ESI
#define REG_DI    REG_EDI
#define REG_BP    REG_EBP
#define REG_SP    REG_ESP
#define REG_IP    REG_EIP
#define FAULT_CR2 cr2
#define SP        "%%esp"
#define KERNEL    "int $0x80"
#endif

#endif
