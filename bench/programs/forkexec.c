/* Forks and executes another program a number of times: forkexec N PROGRAM [ARG...]. */
#include "common.h"
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int failed = 0;
    for (int r = rounds(argc, argv, 200); r > 0; r--) {
        int status = 1;
        pid_t pid = fork();
        if (pid == 0) {
            execv(argv[2], argv + 2);
            _exit(127);
        }
        if (waitpid(pid, &status, 0) != pid || status)
            failed++;
    }
    printf("%d\n", failed);
    return failed != 0;
}
