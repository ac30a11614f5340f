/* POSIX message queues: order, attributes, time-outs, poll, notification. */
#include "test/syscalls/io_test.h"
#include <mqueue.h>

int main(void) {
    char name[32], text[64] = "";
    unsigned priority;
    snprintf(name, sizeof name, "/fgtest%d", (int)getpid());
    SHOW(mq_open(name, O_RDWR));
    struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 64}, got;
    mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    printf("made %d\n", q >= 0);
    SHOW(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr));
    struct pollfd p = {q, POLLIN | POLLOUT, 0};
    SHOW(poll(&p, 1, 0));
    printf("empty %#x\n", p.revents);
    SHOW(mq_send(q, "low", 4, 1));
    SHOW(mq_send(q, "high", 5, 9));
    SHOW(poll(&p, 1, 0));
    printf("some %#x\n", p.revents);
    SHOW(mq_send(q, "low again", 10, 1));
    SHOW(poll(&p, 1, 0));
    printf("full %#x\n", p.revents);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 100000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    long start = now_ms();
    SHOW(mq_timedsend(q, "x", 1, 0, &until));
    took("mq_timedsend", start, 99);
    SHOW(mq_getattr(q, &got));
    printf("max %ld size %ld now %ld flags %ld\n", got.mq_maxmsg, got.mq_msgsize, got.mq_curmsgs,
           got.mq_flags);
    SHOW(mq_receive(q, text, 10, &priority));
    for (int i = 0; i < 3; i++) {
        SHOW(mq_receive(q, text, 64, &priority));
        printf("%s %u\n", text, priority);
    }
    attr.mq_flags = O_NONBLOCK;
    SHOW(mq_setattr(q, &attr, &got));
    SHOW(mq_receive(q, text, 64, &priority));
    SHOW(mq_send(q, text, 65, 0));
    SHOW(mq_send(q, text, 1, 40000));
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 5};
    catch (SIGUSR1, 0);
    SHOW(mq_notify(q, &event));
    SHOW(mq_notify(q, &event));
    SHOW(mq_send(q, "n", 1, 0));
    sleep_ms(20);
    printf("told %d\n", (int)signals_seen);
    SHOW(mq_receive(q, text, 64, NULL));
    attr.mq_flags = 0;
    mq_setattr(q, &attr, NULL);
    if (fork() == 0) {
        sleep_ms(100);
        _exit(mq_send(q, "from the child", 15, 3) ? 1 : 0);
    }
    SHOW(mq_receive(q, text, 64, &priority));
    printf("%s\n", text);
    wait(NULL);
    SHOW(mq_unlink(name));
    SHOW(mq_unlink(name));
    SHOW(mq_close(q));
    SHOW(mq_send(q, "x", 1, 0));
    return 0;
}
