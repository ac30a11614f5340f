/* socketcall(2): the socket calls of i386 as one. */
#include "gen/syscall_protos.h"
#include "core/space/space.h"
#include "syscalls/abi/i386/i386.h"

#include <errno.h>
#include <string.h>

long sys_socketcall(struct task *task, int32_t call, gaddr_t args) {
    static const uint8_t count[] = {0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4};
    uint32_t a[6] = {0};
    if (call < 1 || call >= (int)ARRAY_LEN(count)) {
        return -EINVAL;
    }
    if (guest_read(task->cpu->space, a, args, count[call] * sizeof a[0])) {
        return -EFAULT;
    }
    int fd = (int32_t)a[0];
    switch (call) {
    case 1:
        return sys_socket(task, (int32_t)a[0], (int32_t)a[1], (int32_t)a[2]);
    case 2:
        return sys_bind(task, fd, a[1], a[2]);
    case 3:
        return sys_connect(task, fd, a[1], a[2]);
    case 4:
        return sys_listen(task, fd, (int32_t)a[1]);
    case 5:
        return sys_accept(task, fd, a[1], a[2]);
    case 6:
        return sys_getsockname(task, fd, a[1], a[2]);
    case 7:
        return sys_getpeername(task, fd, a[1], a[2]);
    case 8:
        return sys_socketpair(task, (int32_t)a[0], (int32_t)a[1], (int32_t)a[2], a[3]);
    case 9:
        return sys_sendto(task, fd, a[1], a[2], a[3], 0, 0);
    case 10:
        return sys_recvfrom(task, fd, a[1], a[2], a[3], 0, 0);
    case 11:
        return sys_sendto(task, fd, a[1], a[2], a[3], a[4], a[5]);
    case 12:
        return sys_recvfrom(task, fd, a[1], a[2], a[3], a[4], a[5]);
    case 13:
        return sys_shutdown(task, fd, (int32_t)a[1]);
    case 14:
        return sys_setsockopt(task, fd, (int32_t)a[1], (int32_t)a[2], a[3], a[4]);
    case 15:
        return sys_getsockopt(task, fd, (int32_t)a[1], (int32_t)a[2], a[3], a[4]);
    case 16:
        return sys_sendmsg(task, fd, a[1], a[2]);
    case 17:
        return sys_recvmsg(task, fd, a[1], a[2]);
    case 18:
        return sys_accept4(task, fd, a[1], a[2], a[3]);
    case 19:
        return sys_recvmmsg(task, fd, a[1], a[2], a[3], a[4]);
    default:
        return sys_sendmmsg(task, fd, a[1], a[2], a[3]);
    }
}

const struct syscall_row *abi_i386_unfold(struct task *task, const struct syscall_row *row,
                                          uint64_t args[6]) {
    static const struct syscall_row calls[] = {
        [1] = {"socket", "iii"},        [2] = {"bind", "dau"},
        [3] = {"connect", "dau"},       [4] = {"listen", "di"},
        [5] = {"accept", "dpp"},        [6] = {"getsockname", "dpp"},
        [7] = {"getpeername", "dpp"},   [8] = {"socketpair", "iiip"},
        [9] = {"send", "dpzf"},         [10] = {"recv", "dpzf"},
        [11] = {"sendto", "dpzfau"},    [12] = {"recvfrom", "dpzfpp"},
        [13] = {"shutdown", "di"},      [14] = {"setsockopt", "diipu"},
        [15] = {"getsockopt", "diipp"}, [16] = {"sendmsg", "dpf"},
        [17] = {"recvmsg", "dpf"},      [18] = {"accept4", "dppf"},
        [19] = {"recvmmsg", "dpufp"},   [20] = {"sendmmsg", "dpuf"},
    };
    uint64_t call = args[0];
    uint32_t word[6];
    if (strcmp(row->name, "socketcall") != 0 || call >= ARRAY_LEN(calls) || !calls[call].name ||
        guest_read(task->cpu->space, word, args[1], strlen(calls[call].args) * sizeof word[0])) {
        return row;
    }
    for (unsigned i = 0; calls[call].args[i]; i++) {
        args[i] = word[i];
    }
    return &calls[call];
}
