/* SPDX-License-Identifier: Apache-2.0
 * evict.c - room in the cache: what was used longest ago goes first, and nothing that is in use.
 * Trust, threads: cache.h; one process at a time makes room (`DIR/lock`).
 */
#include "cache.h"

#include "base/io.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX (2u * CL_SHA256_SIZE)

struct entry {
    bool partial;
    char name[HEX + 24];
    uint64_t size; /* what it takes, or will */
    uint64_t disk; /* what it takes now */
    struct timespec used;
};

struct list {
    struct entry *entries;
    size_t count, size;
    uint64_t total;
};

static bool add(struct list *l, const struct entry *e)
{
    if (l->count == FETCH_CACHE_MAX_ENTRIES) {
        return false;
    }
    if (l->count == l->size) {
        size_t size = l->size == 0 ? 64 : l->size * 2;
        struct entry *more = reallocarray(l->entries, size, sizeof(*more));
        if (more == NULL) {
            return false;
        }
        l->entries = more;
        l->size = size;
    }
    l->entries[l->count++] = *e;
    l->total += e->size;
    return true;
}

/* Names that are none of ours are left alone. */
static bool entry_of(int dir, const char *name, bool partial, struct entry *ret)
{
    struct stat st;
    uint64_t size = 0;
    size_t hex = strspn(name, "0123456789abcdef");
    if (hex != HEX || strlen(name) >= sizeof(ret->name) ||
        (partial ? name[HEX] != '-' : name[HEX] != '\0') ||
        (partial && cl_uint_parse(name + HEX + 1, "size", 0, INT64_MAX, &size, NULL) != CL_OK) ||
        fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) {
        return false;
    }
    *ret = (struct entry){.partial = partial,
                          .size = partial ? size : (uint64_t)st.st_size,
                          .disk = (uint64_t)st.st_blocks * 512,
                          .used = st.st_mtim};
    memcpy(ret->name, name, strlen(name) + 1);
    return true;
}

static void scan(const struct fetch_cache *c, bool partial, const char *keep, struct list *l)
{
    char path[4096];
    struct entry e;
    (void)snprintf(path, sizeof(path), "%s/%s", c->dir, partial ? "partial" : "sha256");
    DIR *d = opendir(path);
    const struct dirent *de = NULL;
    while (d != NULL && (de = readdir(d)) != NULL) {
        if (entry_of(dirfd(d), de->d_name, partial, &e) &&
            (keep == NULL || strcmp(keep, e.name) != 0) && !add(l, &e)) {
            break;
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
}

static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const struct entry *)a)->used;
    const struct timespec *y = &((const struct entry *)b)->used;
    if (x->tv_sec != y->tv_sec) {
        return x->tv_sec < y->tv_sec ? -1 : 1;
    }
    return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

/* Whoever uses a file has a lock on it. */
static bool remove_unused(const struct fetch_cache *c, const struct entry *e)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s/%s", c->dir, e->partial ? "partial" : "sha256",
                   e->name);
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || unlink(path) != 0) {
        return false;
    }
    cl_log(CL_LOG_INFO, "fetch.cache", "evicted %s, %llu bytes", e->name,
           (unsigned long long)e->size);
    return true;
}

static int lock(const struct fetch_cache *c)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/lock", c->dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    while (fd >= 0 && flock(fd, LOCK_EX) != 0) {
        if (errno != EINTR) {
            cl_close_fdp(&fd);
        }
    }
    return fd;
}

static void scan_all(const struct fetch_cache *c, const char *keep, struct list *ret)
{
    scan(c, /* partial= */ false, keep, ret);
    scan(c, /* partial= */ true, keep, ret);
    if (ret->count > 0) {
        qsort(ret->entries, ret->count, sizeof(ret->entries[0]), by_use);
    }
}

enum cl_status fetch_cache_make_room(const struct fetch_cache *c, uint64_t need, const char *keep,
                                     struct cl_err *err)
{
    struct list l = {0};
    if (need > c->limit) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "cache '%.100s': expected a blob of at most %llu bytes (image.cache-mib),"
                          " got one of %llu",
                          c->dir, (unsigned long long)c->limit, (unsigned long long)need);
    }
    CL_CLEANUP(cl_close_fdp) int fd = lock(c);
    if (fd < 0) {
        return cl_err_sys(err, errno, "cache '%.100s': lock", c->dir);
    }
    scan_all(c, keep, &l);
    for (size_t i = 0; i < l.count && l.total > c->limit - need; i++) {
        if (remove_unused(c, &l.entries[i])) {
            l.total -= l.entries[i].size;
        }
    }
    free(l.entries);
    if (l.total > c->limit - need) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "cache '%.100s': full: %llu of %llu bytes are in use, a blob of %llu "
                          "does not fit",
                          c->dir, (unsigned long long)l.total, (unsigned long long)c->limit,
                          (unsigned long long)need);
    }
    return CL_OK;
}

uint64_t fetch_cache_evict(const struct fetch_cache *c, uint64_t bytes, const char *keep)
{
    struct list l = {0};
    uint64_t freed = 0;
    CL_CLEANUP(cl_close_fdp) int fd = lock(c);
    if (fd < 0) {
        return 0;
    }
    scan_all(c, keep, &l);
    for (size_t i = 0; i < l.count && freed < bytes; i++) {
        if (remove_unused(c, &l.entries[i])) {
            freed += l.entries[i].disk;
        }
    }
    free(l.entries);
    return freed;
}
