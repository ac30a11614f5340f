/* Starts the two sides of a test, hands them batches and survives their deaths (see runner.h). */
#include "test/insn/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void die(const char *what) {
    perror(what);
    exit(99);
}

/* Starts one side with its two pipes. The child dies with its parent. */
static void start_side(struct runner *runner, int number) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC)) {
        die("pipe");
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        die("fork");
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(to[1]);
        close(from[0]);
        for (int i = 0; i < SIDES; i++) /* else the other side never sees its pipe's end */
        {
            if (i != number && runner->side[i].pid) {
                close(runner->side[i].to);
                close(runner->side[i].from);
            }
        }
        if (number == SIDE_ENGINE) {
            engine_side(runner->batch, to[0], from[1]);
        }
        dup2(to[0], 0);
        dup2(from[1], 1);
        dup2(runner->memory, 3);
        execl(runner->oracle, runner->oracle, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    runner->side[number] = (struct side){pid, to[1], from[0]};
}

static void reap_side(struct runner *runner, int number, int *status) {
    close(runner->side[number].to);
    close(runner->side[number].from);
    waitpid(runner->side[number].pid, status, 0);
    runner->side[number].pid = 0;
}

static void say_go(struct runner *runner, int number) {
    if (write(runner->side[number].to, "g", 1) != 1 && errno != EPIPE) {
        die("write to a side");
    }
}

static bool wait_done(struct runner *runner, int number) {
    char byte;
    ssize_t got;
    do {
        got = read(runner->side[number].from, &byte, 1);
    } while (got < 0 && errno == EINTR);
    return got == 1;
}

bool runner_start(struct runner *runner, const char *oracle, bool engine) {
    *runner = (struct runner){.oracle = oracle};
    signal(SIGPIPE, SIG_IGN);
    size_t size = (sizeof(struct batch) + 0xfff) & ~(size_t)0xfff;
    runner->memory = memfd_create("batch", 0);
    if (runner->memory < 0 || ftruncate(runner->memory, (off_t)size)) {
        die("memfd_create");
    }
    runner->batch = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, runner->memory, 0);
    if (runner->batch == MAP_FAILED) {
        die("mmap");
    }
    if (engine) {
        start_side(runner, SIDE_ENGINE);
    }
    if (!oracle) {
        return false;
    }
    start_side(runner, SIDE_ORACLE);
    say_go(runner, SIDE_ORACLE); /* an empty batch: is there anybody? */
    if (wait_done(runner, SIDE_ORACLE)) {
        return true;
    }
    int status = 0;
    reap_side(runner, SIDE_ORACLE, &status);
    fprintf(stderr, "%s does not run on this host (status %#x): no programs of %d bits here?\n",
            oracle, (unsigned)status, CASE_BITS);
    runner->oracle = NULL;
    return false;
}

void runner_run(struct runner *runner) {
    struct batch *batch = runner->batch;
    batch->next[SIDE_ORACLE] = batch->next[SIDE_ENGINE] = 0;
    for (int i = 0; i < SIDES; i++) {
        if (runner->side[i].pid) {
            say_go(runner, i);
        }
    }
    for (int i = 0; i < SIDES; i++) {
        while (runner->side[i].pid && !wait_done(runner, i)) {
            int status = 0;
            reap_side(runner, i, &status);
            if (i == SIDE_ORACLE || batch->next[i] >= batch->count) {
                fprintf(stderr, "%s died with status %#x in case %u\n",
                        i == SIDE_ORACLE ? "oracle" : "engine", (unsigned)status, batch->next[i]);
                exit(99);
            }
            runner->crashes++;
            batch->results[i][batch->next[i]].status = RESULT_CRASHED;
            batch->results[i][batch->next[i]].error = (uint32_t)status;
            batch->next[i]++;
            start_side(runner, i);
            say_go(runner, i);
        }
    }
}

void runner_judge(struct runner *runner, bool (*differs)(const struct batch *batch, uint32_t i)) {
    runner_run(runner);
    runner_ask_again(runner, differs);
}

void runner_ask_again(struct runner *runner,
                      bool (*differs)(const struct batch *batch, uint32_t i)) {
    static struct tresult first[BATCH_CASES];
    struct batch *batch = runner->batch;
    struct tresult *oracle = batch->results[SIDE_ORACLE];
    for (int again = 0; again < 2 && runner->side[SIDE_ENGINE].pid; again++) {
        bool doubts[BATCH_CASES], any = false;
        for (uint32_t i = 0; i < batch->count; i++) {
            doubts[i] = differs(batch, i);
            any |= doubts[i];
        }
        if (!any) {
            return;
        }
        memcpy(first, oracle, batch->count * sizeof *first);
        batch->next[SIDE_ORACLE] = 0;
        say_go(runner, SIDE_ORACLE);
        if (!wait_done(runner, SIDE_ORACLE)) {
            fprintf(stderr, "the oracle died in a batch that it had done\n");
            exit(99);
        }
        for (uint32_t i = 0; i < batch->count; i++) {
            if (doubts[i] && !differs(batch, i)) {
                runner->unsteady++;
            } else {
                oracle[i] = first[i];
            }
        }
    }
}

void runner_stop(struct runner *runner) {
    int status;
    for (int i = 0; i < SIDES; i++) {
        if (runner->side[i].pid) {
            reap_side(runner, i, &status);
        }
    }
    munmap(runner->batch, sizeof(struct batch));
    close(runner->memory);
}
