/* older_host COMMAND...: runs a command of the host without openat2, renameat2, getxattrat,
 * epoll_pwait2 and the ioctl PAGEMAP_SCAN, as on a kernel before them. Run by itself (COMMAND is
 * this program, with no more words) it says whether the filter holds. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGEMAP_SCAN 0xc0606610

enum {
    IOCTL = 16,
    RENAMEAT2 = 316,
    OPENAT2 = 437,
    EPOLL_PWAIT2 = 441,
    GETXATTRAT = 464
}; /* x86-64 */

int main(int argc, char **argv) {
    if (argc < 2) {
        long done = syscall(SYS_openat2, -1, "", NULL, 0);
        puts(done == -1 && errno == ENOSYS ? "refused" : "the filter does not hold");
        return 0;
    }
    /* i386 has the same numbers for all that came since 2019; renameat2 is 353 there. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OPENAT2, 8, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, EPOLL_PWAIT2, 7, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GETXATTRAT, 6, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RENAMEAT2, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IOCTL, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PAGEMAP_SCAN, 2, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("filter");
        return 1;
    }
    execv(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
