/* Kinds of the fixup table that bodies fill for host instructions which may fault while a guest
 * register is not where the register contract says. One table entry: .quad address, kind. */
#ifndef FG_CORE_FIXUP_H
#define FG_CORE_FIXUP_H
#define FIXUP_CX_IN_R10    1 /* guest ecx is in r10d */
#define FIXUP_AX_IN_R10    2 /* guest eax is in r10d */
#define FIXUP_DX_IN_R10    3 /* guest edx is in r10d */
#define FIXUP_BX_IN_R10    4 /* guest ebx is in r10d */
#define FIXUP_FLAGS_PUSHED 5 /* guest flags were pushed: at (%rsp) */
#define FIXUP_FLAGS_CX_R10 6 /* both: flags at (%rsp), ecx in r10d */
#endif
