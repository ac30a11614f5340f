/* Memory between processes: shared and private, after fork and vfork; process_vm_readv. */
#include "mm_test.h"
#include <sys/uio.h>

int main(void) {
    int rw = PROT_READ | PROT_WRITE;
    int fd = letters(4 * PAGE);
    char *shared = mmap(NULL, PAGE, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *private = map_anon(PAGE, rw), *untouched = map_anon(PAGE, rw);
    char *file = mmap(NULL, 4 * PAGE, rw, MAP_SHARED, fd, 0);
    char *copy = mmap(NULL, 4 * PAGE, rw, MAP_PRIVATE, fd, 0);
    char *readonly = map_anon(PAGE, rw), *hidden = map_anon(PAGE, rw);
    shared[0] = private[0] = 'p';
    copy[PAGE] = 'c';
    readonly[3] = 'r';
    hidden[3] = 'h';
    mprotect(readonly, PAGE, PROT_READ);
    mprotect(hidden, PAGE, PROT_NONE);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        mprotect(hidden, PAGE, PROT_READ);
        printf("child: %c %c %d %c %c %c %c\n", shared[0], private[0], untouched[0], copy[PAGE],
               copy[0], readonly[3], hidden[3]);
        shared[0] = private[0] = 'C';
        file[0] = 'F';
        copy[2 * PAGE] = 'x';
        untouched[0] = 1;
        fflush(stdout);
        _exit(shared[0]);
    }
    int status;
    waitpid(pid, &status, 0);
    SHOW(WEXITSTATUS(status));
    printf("parent: %c %c %d %c %c %c\n", shared[0], private[0], untouched[0], file[0],
           copy[2 * PAGE], copy[0]);

    /* The break and the stack, too. */
    int on_stack = 5;
    char *heap = sbrk(PAGE);
    heap[0] = 'h';
    pid = fork();
    if (pid == 0) {
        heap[0]++;
        on_stack++;
        sbrk(PAGE);
        _exit(heap[0] == 'i' && on_stack == 6);
    }
    waitpid(pid, &status, 0);
    SHOW(WEXITSTATUS(status));
    printf("%c %d\n", heap[0], on_stack);

    /* vfork shares everything. */
    static volatile int word = 1;
    pid = vfork();
    if (pid == 0) {
        word = 2;
        _exit(0);
    }
    waitpid(pid, &status, 0);
    SHOW(word);

    /* Another process's memory. */
    int go[2];
    SHOW(pipe(go));
    strcpy(private, "the parent's");
    pid = fork();
    if (pid == 0) {
        char c;
        strcpy(private, "the child's!");
        if (write(go[1], "x", 1) == 1) {
            pause();
        }
        _exit(read(go[0], &c, 1));
    }
    char c, buf[32] = "";
    SHOW(read(go[0], &c, 1));
    struct iovec local[2] = {{buf, 4}, {buf + 4, 20}}, remote[2] = {{private, 8}, {private + 8, 5}};
    SHOW(process_vm_readv(pid, local, 2, remote, 2, 0));
    SHOW(strcmp(buf, "the child's!"));
    remote[1].iov_base = (void *)16;
    SHOW(process_vm_readv(pid, local, 2, remote, 2, 0));
    SHOW(process_vm_readv(pid, local, 2, remote + 1, 1, 0));
    SHOW(process_vm_readv(pid, local, 2, remote, 2, 1));
    SHOW(process_vm_readv(999999, local, 2, remote, 2, 0));
    SHOW(process_vm_readv(999999, local, 0, remote, 2, 0));
    SHOW(process_vm_readv(999999, local, 2, remote, 0, 0));
    SHOW(process_vm_readv(pid, local, 0, (struct iovec *)16, 2, 0));
    SHOW(process_vm_readv(pid, (struct iovec *)16, 2, remote, 0, 0));
    strcpy(buf, "written");
    struct iovec one = {buf, 8};
    SHOW(process_vm_writev(pid, &one, 1, remote, 1, 0));
    SHOW(process_vm_readv(pid, local, 2, remote, 1, 0));
    puts(buf);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    SHOW(WTERMSIG(status));
    return 0;
}
