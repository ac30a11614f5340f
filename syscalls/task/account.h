/* What one guest user may have of the host's mappings and descriptors, and of record locks. See
 * account.c. */
#ifndef FG_SYSCALLS_ACCOUNT_H
#define FG_SYSCALLS_ACCOUNT_H

#include <stdbool.h>

enum share { SHARE_MAPS, SHARE_FILES, SHARE_LOCKS, SHARE_COUNT };
struct account;

/* The account of the running task's real user (of root, before there is one). NULL: out of memory,
 * which the functions below take. Lives for ever. Any thread, as all here. */
struct account *account_current(void);
/* Count `count` more (or, below 0, fewer). */
void account_add(struct account *account, enum share share, long count);
/* May the user have `count` more? */
bool account_allows(const struct account *account, enum share share, long count);

#endif
