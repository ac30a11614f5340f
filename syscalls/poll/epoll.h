/* Polling: set-up. */
#ifndef FG_SYSCALLS_EPOLL_H
#define FG_SYSCALLS_EPOLL_H

/* Registers that files which go away leave their epolls; call once at start. */
void epoll_init(void);

#endif
