/* Numbers of system calls that x86-64 has under another name, with the same arguments. */
#ifndef NUMBERS_H
#define NUMBERS_H
#include <sys/syscall.h>

#ifdef __x86_64__
#define SYS__llseek           SYS_lseek
#define SYS__newselect        SYS_select
#define SYS_fadvise64_64      SYS_fadvise64
#define SYS_fchown32          SYS_fchown
#define SYS_fcntl64           SYS_fcntl
#define SYS_fstat64           SYS_fstat
#define SYS_fstatat64         SYS_newfstatat
#define SYS_fstatfs64         SYS_fstatfs
#define SYS_ftruncate64       SYS_ftruncate
#define SYS_geteuid32         SYS_geteuid
#define SYS_getgroups32       SYS_getgroups
#define SYS_getresgid32       SYS_getresgid
#define SYS_getresuid32       SYS_getresuid
#define SYS_mmap2             SYS_mmap /* the offset is in bytes */
#define SYS_ppoll_time64      SYS_ppoll
#define SYS_pselect6_time64   SYS_pselect6
#define SYS_sendfile64        SYS_sendfile
#define SYS_setfsuid32        SYS_setfsuid
#define SYS_setresgid32       SYS_setresgid
#define SYS_setresuid32       SYS_setresuid
#define SYS_setgroups32       SYS_setgroups
#define SYS_setuid32          SYS_setuid
#define SYS_stat64            SYS_stat
#define SYS_timerfd_gettime64 SYS_timerfd_gettime
#define SYS_timerfd_settime64 SYS_timerfd_settime
#define SYS_truncate64        SYS_truncate
#endif

#endif
