/* Descriptors passed over unix sockets (SCM_RIGHTS). The host passes its descriptors; a receiver in
 * this run shall get the sender's struct file, as a shared open file description is one thing.
 *
 * A sent file is noted here. A received host descriptor is compared with the noted ones (same
 * inode, and kcmp(2) says same description). What can be told from a host descriptor alone (pipes,
 * sockets, eventfds, ...) is noted without a reference: when the sender closes it first, the
 * receiver gets a new struct file, and no end of a pipe is held open by a message that nobody
 * reads. The other kinds (regular files with their mount, terminals, ...) are referenced until they
 * arrive. */
#include "syscalls/fs/fs_place.h"
#include "syscalls/task/process.h"
#include "syscalls/net/socket.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUCKETS 256
/* Files that may be referenced by messages at a time; older ones are let go (their message was
 * likely dropped with its socket). */
#define MOST_HELD 1024

struct sent_file {
    struct file *file;
    dev_t dev;
    ino_t ino;
    unsigned held; /* references, one for each message in flight */
    uint64_t when;
    struct sent_file *next;
};

static pthread_mutex_t sent_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sent_file *bucket[BUCKETS];
static unsigned held_files;
static uint64_t send_count;

static struct sent_file *entry_of(struct file *file) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct sent_file *sent = bucket[i]; sent; sent = sent->next) {
            if (sent->file == file) {
                return sent;
            }
        }
    }
    return NULL;
}

/* The reference held longest is given up; returns it to be dropped without the lock. */
static struct file *evict(void) {
    struct sent_file *oldest = NULL;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct sent_file *sent = bucket[i]; sent; sent = sent->next) {
            if (sent->held && (!oldest || sent->when < oldest->when)) {
                oldest = sent;
            }
        }
    }
    if (!oldest) {
        return NULL;
    }
    oldest->held--;
    held_files--;
    return oldest->file;
}

void rights_sent(struct file *file) {
    struct stat st;
    struct file *dropped = NULL;
    if (fstat(file->host_fd, &st)) {
        return;
    }
    pthread_mutex_lock(&sent_lock);
    struct sent_file *sent = file->sent ? entry_of(file) : NULL;
    if (!sent && (sent = calloc(1, sizeof *sent))) {
        *sent = (struct sent_file){.file = file, .dev = st.st_dev, .ino = st.st_ino};
        sent->next = bucket[st.st_ino % BUCKETS];
        bucket[st.st_ino % BUCKETS] = sent;
        file->sent = file->observed = true;
    }
    if (sent && file->ops->nowhere == FILE_SOMEWHERE) {
        sent->held++;
        sent->when = ++send_count;
        file_ref(file);
        if (++held_files > MOST_HELD) {
            dropped = evict();
        }
    }
    pthread_mutex_unlock(&sent_lock);
    file_unref(dropped);
}

void rights_withdraw(struct file *file) {
    pthread_mutex_lock(&sent_lock);
    struct sent_file *sent = file->sent ? entry_of(file) : NULL;
    bool held = sent && sent->held;
    if (held) {
        sent->held--;
        held_files--;
    }
    pthread_mutex_unlock(&sent_lock);
    if (held) {
        file_unref(file);
    }
}

static void file_gone(struct file *file) {
    if (!file->sent) {
        return;
    }
    pthread_mutex_lock(&sent_lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct sent_file **at = &bucket[i]; *at; at = &(*at)->next) {
            if ((*at)->file == file) {
                struct sent_file *sent = *at;
                *at = sent->next;
                free(sent);
                pthread_mutex_unlock(&sent_lock);
                return;
            }
        }
    }
    pthread_mutex_unlock(&sent_lock);
}

void rights_init(void) {
    static struct file_observer observer = {.gone = file_gone};
    file_observer_add(&observer);
}

/* A reference, unless the last one is just being dropped. */
static bool file_ref_live(struct file *file) {
    int refs = file->refs;
    while (refs > 0) {
        if (atomic_compare_exchange_weak(&file->refs, &refs, refs + 1)) {
            return true;
        }
    }
    return false;
}

static bool same_description(int a, int b) {
    pid_t self = getpid();
    return syscall(SYS_kcmp, self, self, KCMP_FILE, (unsigned long)a, (unsigned long)b) == 0;
}

struct file *rights_received(struct task *task, int host_fd, bool peek) {
    struct stat st;
    struct file *found = NULL;
    if (fstat(host_fd, &st) == 0) {
        pthread_mutex_lock(&sent_lock);
        for (struct sent_file *sent = bucket[st.st_ino % BUCKETS]; sent; sent = sent->next) {
            if (sent->ino != st.st_ino || sent->dev != st.st_dev ||
                !same_description(host_fd, sent->file->host_fd)) {
                continue;
            }
            if (sent->held && !peek) { /* the message's reference becomes the receiver's */
                sent->held--;
                held_files--;
                found = sent->file;
            } else if (file_ref_live(sent->file)) {
                found = sent->file;
            }
            break;
        }
        pthread_mutex_unlock(&sent_lock);
    }
    if (!found) {
        found = file_from_host(task, host_fd);
        if (found) {
            found->given = fs_private_root;
        }
        return found;
    }
    close(host_fd);
    return found;
}
