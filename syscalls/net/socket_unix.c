/* Names of unix sockets (unix(7)); credentials are socket_creds.c.
 *
 * Path names: the host socket is bound under a temporary name in the guest's directory, which tells
 * whose it is, and then renamed to what the guest asked for (a socket stays bound through a rename,
 * and the length of the guest's path does not matter). The host shows peers the temporary name,
 * which leads back to the guest's address here. Abstract names get a prefix of this run, so that
 * two runs, and the host, do not meet. A connecting socket without a name gets an abstract one of
 * ours, under which the accepting side finds it. */
#include "core/space/space.h"
#include "syscalls/fs/fs.h"
#include "syscalls/task/process.h"
#include "syscalls/net/socket.h"
#include "syscalls/net/fs_socket.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FAMILY_BYTES sizeof(sa_family_t)
#define PATH_BYTES   sizeof(((struct sockaddr_un *)0)->sun_path)
/* Names whose socket is gone that are still remembered, and among them those of connections that
 * nobody has accepted yet. */
#define DEAD_NAMES    4096
#define DEAD_CONNECTS 65536
#define BUCKETS       1024

pthread_mutex_t unix_names_lock = PTHREAD_MUTEX_INITIALIZER;
static struct unix_name *bucket[BUCKETS];
static uint32_t dead[DEAD_NAMES], dead_count; /* ids, a ring */
static uint32_t dead_connect[DEAD_CONNECTS], dead_connect_count;
static uint32_t last_id;
static char prefix[16]; /* "fg-xxxxxxxx-" */

static void init_prefix(void) {
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, 0) < 0) {
        random = (uint32_t)getpid();
    }
    snprintf(prefix, sizeof prefix, "fg-%08x-", random);
}

static const char *run_prefix(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_prefix);
    return prefix;
}

/* --- the table of names; unix_names_lock held ------------------------------------------ */

struct unix_name *unix_name_find(uint32_t id) {
    struct unix_name *name = bucket[id % BUCKETS];
    while (name && name->id != id) {
        name = name->next;
    }
    return name;
}

static void name_free(uint32_t id) {
    for (struct unix_name **at = &bucket[id % BUCKETS]; *at; at = &(*at)->next) {
        if ((*at)->id == id) {
            struct unix_name *name = *at;
            *at = name->next;
            unix_pair_unref(name->pair);
            free(name);
            return;
        }
    }
}

static struct unix_name *name_new(const struct sockaddr_un *guest, socklen_t len) {
    struct unix_name *name = calloc(1, sizeof *name);
    if (!name) {
        return NULL;
    }
    pthread_mutex_lock(&unix_names_lock);
    name->id = ++last_id;
    name->internal = !guest;
    if (guest) {
        name->guest = *guest;
        name->len = len;
    }
    name->next = bucket[name->id % BUCKETS];
    bucket[name->id % BUCKETS] = name;
    pthread_mutex_unlock(&unix_names_lock);
    return name;
}

/* Its socket is gone (or never came to be): forgotten when DEAD_NAMES more are; who waits to be
 * accepted stays known for longer. */
void unix_name_retire(struct unix_name *name) {
    pthread_mutex_lock(&unix_names_lock);
    name->dev = 0;
    name->ino = 0;
    name->gone = true;
    uint32_t *slot = &dead[dead_count++ % DEAD_NAMES];
    struct unix_name *oldest = *slot ? unix_name_find(*slot) : NULL;
    if (oldest && unix_pair_waits(oldest->pair)) {
        uint32_t *wait = &dead_connect[dead_connect_count++ % DEAD_CONNECTS];
        if (*wait) {
            name_free(*wait);
        }
        *wait = oldest->id;
    } else if (oldest) {
        name_free(oldest->id);
    }
    *slot = name->id;
    pthread_mutex_unlock(&unix_names_lock);
}

/* The name behind a host address of this run, or NULL. unix_names_lock held. */
struct unix_name *unix_name_of_host(const struct sockaddr_un *host, socklen_t len) {
    size_t bytes = len > FAMILY_BYTES ? len - FAMILY_BYTES : 0;
    char text[PATH_BYTES + 1] = {0};
    unsigned id;
    memcpy(text, host->sun_path, bytes < PATH_BYTES ? bytes : PATH_BYTES);
    const char *run = run_prefix();
    if (bytes && text[0]) { /* .../.fg-RUN-ID */
        const char *last = strrchr(text, '/');
        if (!last || last[1] != '.' || strncmp(last + 2, run, strlen(run)) ||
            sscanf(last + 2 + strlen(run), "%x", &id) != 1) {
            return NULL;
        }
        return unix_name_find(id);
    }
    if (bytes < 2 || strncmp(text + 1, run, strlen(run))) {
        return NULL;
    }
    struct unix_name *gone = NULL; /* the last one that had it */
    const char *kind = text + 1 + strlen(run);
    if (*kind == 'c') {
        return sscanf(kind + 1, "%x", &id) == 1 ? unix_name_find(id) : NULL;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct unix_name *name = bucket[i]; name; name = name->next) {
            if (name->host_bytes == bytes - 1 && !memcmp(name->host, text + 1, bytes - 1)) {
                if (!name->gone) {
                    return name;
                }
                if (!gone || gone->id < name->id) {
                    gone = name;
                }
            }
        }
    }
    return gone;
}

/* The name that a message goes to; NULL: not of this run. */
struct unix_name *unix_name_at(const struct socket_address *to) {
    struct stat st;
    if (to->hold_fd < 0) {
        struct unix_name *name = unix_name_of_host(&to->un, to->len);
        return name && !name->gone ? name : NULL;
    }
    if (fstat(to->hold_fd, &st)) {
        return NULL;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct unix_name *name = bucket[i]; name; name = name->next) {
            if (name->ino == st.st_ino && name->dev == st.st_dev && name->dev) {
                return name;
            }
        }
    }
    return NULL;
}

/* --- abstract names -------------------------------------------------------------------- */

static uint64_t hash(const char *text, size_t len, uint64_t seed) {
    for (size_t i = 0; i < len; i++) {
        seed = (seed ^ (uint8_t)text[i]) * 0x100000001b3ull;
    }
    return seed;
}

/* Host form of an abstract name: 'a' and the name, or 'l' and two hashes where that is too long. */
static void abstract_to_host(const struct sockaddr_un *guest, socklen_t len,
                             struct socket_address *out) {
    const char *name = guest->sun_path + 1;
    size_t bytes = len - FAMILY_BYTES - 1;
    char *to = out->un.sun_path;
    memset(&out->un, 0, sizeof out->un);
    out->un.sun_family = AF_UNIX;
    size_t used = 1 + (size_t)sprintf(to + 1, "%s", run_prefix());
    if (used + 1 + bytes <= PATH_BYTES) {
        to[used++] = 'a';
        memcpy(to + used, name, bytes);
        used += bytes;
    } else {
        used += (size_t)sprintf(to + used, "l%016lx%016lx",
                                (unsigned long)hash(name, bytes, 0xcbf29ce484222325ull),
                                (unsigned long)hash(name, bytes, 0x9e3779b97f4a7c15ull));
    }
    out->len = (socklen_t)(FAMILY_BYTES + used);
}

void unix_address_to_guest(struct socket_address *address, bool sender) {
    size_t start = FAMILY_BYTES + 1 + strlen(run_prefix());
    struct sockaddr_un *un = &address->un;
    pthread_mutex_lock(&unix_names_lock);
    struct unix_name *name = unix_name_of_host(un, address->len);
    if (name && name->internal) {
        address->len = sender ? 0 : FAMILY_BYTES;
    } else if (name) {
        memset(&address->storage, 0, sizeof address->storage); /* a NUL after a full path */
        *un = name->guest;
        address->len = name->len;
    } else if (address->len > start && !un->sun_path[0] &&
               !strncmp(un->sun_path + 1, run_prefix(), strlen(run_prefix()))) {
        size_t bytes = address->len - start;
        bool mine = un->sun_path[start - FAMILY_BYTES] == 'a';
        if (mine) {
            memmove(un->sun_path + 1, un->sun_path + start - FAMILY_BYTES + 1, bytes - 1);
        }
        address->len = mine ? (socklen_t)(FAMILY_BYTES + bytes) : FAMILY_BYTES;
    }
    pthread_mutex_unlock(&unix_names_lock);
}

/* --- paths ----------------------------------------------------------------------------- */

/* The path of an address as a string, at most PATH_BYTES long: `len` may count a NUL after that. */
static void path_of(const struct sockaddr_un *guest, socklen_t len, char path[PATH_BYTES + 1]) {
    size_t bytes = len - FAMILY_BYTES;
    if (bytes > PATH_BYTES) {
        bytes = PATH_BYTES;
    }
    memcpy(path, guest->sun_path, bytes);
    path[bytes] = 0;
}

/* A socket of this run, and living: else its name, or its inode, could be another's by now. The
 * prefix of abstract names is no secret: the host shows all names to everybody (/proc/net/unix). */
static int check_address(const struct socket_address *to) {
    pthread_mutex_lock(&unix_names_lock);
    const struct unix_name *name = unix_name_at(to);
    pthread_mutex_unlock(&unix_names_lock);
    return name ? 0 : -ECONNREFUSED;
}

int unix_address_to_host(struct task *task, const struct sockaddr_un *guest, socklen_t len,
                         struct socket_address *out) {
    if (!guest->sun_path[0]) {
        abstract_to_host(guest, len, out);
        return check_address(out);
    }
    char path[PATH_BYTES + 1];
    path_of(guest, len, path);
    /* The thing itself, since its name may be too long for sun_path. */
    int fd = fs_socket_find(task, path, &out->mount);
    if (fd < 0) {
        return fd;
    }
    memset(&out->un, 0, sizeof out->un);
    out->un.sun_family = AF_UNIX;
    int used = snprintf(out->un.sun_path, PATH_BYTES, "/proc/self/fd/%d", fd);
    out->len = (socklen_t)(FAMILY_BYTES + (size_t)used + 1);
    out->hold_fd = fd;
    return socket_network ? 0 : check_address(out);
}

static bool path_exists(struct task *task, const struct sockaddr_un *guest, socklen_t len) {
    char path[PATH_BYTES + 1];
    path_of(guest, len, path);
    return fs_socket_name_taken(task, path);
}

/* What is made for a name, before anybody can send to it (fs_socket_bind). */
static void note_inode(void *arg, const struct stat *st) {
    struct unix_name *name = arg;
    pthread_mutex_lock(&unix_names_lock);
    name->dev = st->st_dev;
    name->ino = st->st_ino;
    pthread_mutex_unlock(&unix_names_lock);
}

static int bind_path(struct task *task, struct file *file, struct unix_name *name) {
    struct unix_socket *socket = file->data;
    char path[PATH_BYTES + 1], temporary[40];
    path_of(&name->guest, name->len, path);
    snprintf(temporary, sizeof temporary, ".%s%x", run_prefix(), name->id);
    return fs_socket_bind(task, path, file->host_fd, temporary, &socket->mount, note_inode, name);
}

/* Binds an abstract name and notes its host form. */
static int bind_abstract(struct file *file, struct unix_name *name) {
    struct socket_address host;
    abstract_to_host(&name->guest, name->len, &host);
    if (bind(file->host_fd, &host.any, host.len)) {
        return -errno;
    }
    pthread_mutex_lock(&unix_names_lock);
    name->host_bytes = host.len - FAMILY_BYTES - 1;
    memcpy(name->host, host.un.sun_path + 1, name->host_bytes);
    pthread_mutex_unlock(&unix_names_lock);
    return 0;
}

/* Autobind: five hexadecimal digits, as the host would choose, in our part of the name space. */
static int bind_any(struct file *file, struct unix_name *name) {
    for (int tries = 0; tries < 64; tries++) {
        uint32_t random = 0;
        if (getrandom(&random, sizeof random, 0) < 0) {
            return -EADDRINUSE;
        }
        name->guest = (struct sockaddr_un){.sun_family = AF_UNIX};
        snprintf(name->guest.sun_path + 1, 6, "%05x", random & 0xfffff);
        name->len = FAMILY_BYTES + 6;
        int error = bind_abstract(file, name);
        if (error != -EADDRINUSE) {
            return error;
        }
    }
    return -EADDRINUSE;
}

/* Gives the socket its name, unless another thread was faster. */
static bool take_name(struct unix_socket *socket, struct unix_name *name) {
    pthread_mutex_lock(&unix_names_lock);
    bool taken = !socket->name;
    if (taken) {
        name->asks = socket->asks;
        socket->name = name;
    }
    pthread_mutex_unlock(&unix_names_lock);
    return taken;
}

void unix_autobind(struct task *task, struct file *file) {
    struct unix_socket *socket = file->data;
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    if (socket->asks && !socket->name && !socket->pair) {
        unix_bind(task, file, &any, FAMILY_BYTES);
    }
}

int unix_bind(struct task *task, struct file *file, const struct sockaddr_un *guest,
              socklen_t len) {
    struct unix_socket *socket = file->data;
    if (len < FAMILY_BYTES || len > sizeof *guest || guest->sun_family != AF_UNIX) {
        return -EINVAL;
    }
    if (socket->name) /* a path that exists is looked at before the socket */
    {
        if (len == FAMILY_BYTES && !socket->name->internal) {
            return 0; /* has what is asked for */
        }
        return len > FAMILY_BYTES && guest->sun_path[0] && path_exists(task, guest, len)
                   ? -EADDRINUSE
                   : -EINVAL;
    }
    struct unix_name *name = name_new(guest, len);
    if (!name) {
        return -ENOMEM;
    }
    int error;
    if (len == FAMILY_BYTES) {
        error = bind_any(file, name);
    } else if (guest->sun_path[0]) {
        /* getsockname shows the path with its NUL, which may lie past the structure. */
        name->guest.sun_path[PATH_BYTES - 1] =
            len == sizeof *guest ? guest->sun_path[PATH_BYTES - 1] : 0;
        size_t used = strnlen(guest->sun_path, len - FAMILY_BYTES);
        name->len = (socklen_t)(FAMILY_BYTES + used + 1);
        if (used < PATH_BYTES) {
            name->guest.sun_path[used] = 0;
        }
        error = bind_path(task, file, name);
    } else {
        error = bind_abstract(file, name);
    }
    bool taken = !error && take_name(socket, name);
    if (!taken) {
        unix_name_retire(name);
    }
    return error;
}

void unix_autoname(struct task *task, struct file *file) {
    struct unix_socket *socket = file->data;
    if (socket->name || socket->pair) {
        return;
    }
    struct unix_name *name = name_new(NULL, 0);
    if (!name) {
        return;
    }
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int used = 1 + snprintf(un.sun_path + 1, PATH_BYTES - 1, "%sc%x", run_prefix(), name->id);
    int failed =
        bind(file->host_fd, (struct sockaddr *)&un, (socklen_t)(FAMILY_BYTES + (size_t)used));
    bool taken = !failed && take_name(socket, name);
    if (!taken) {
        unix_name_retire(name);
    }
}
