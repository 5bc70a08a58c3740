/* SPDX-License-Identifier: Apache-2.0
 * cache.c - blobs of the node by their digest. Trust, threads, memory: cache.h.
 */
#include "cache.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP (1u << 16)
#define MAX_PATH 4096u

static void free_bytes(uint8_t **p)
{
    free(*p);
}

static enum cl_status make_dir(const char *path, struct cl_err *err)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST
               ? CL_OK
               : cl_err_sys(err, errno, "cache: directory '%.200s'", path);
}

enum cl_status fetch_cache_open(const char *dir, uint64_t limit, struct fetch_cache *ret,
                                struct cl_err *err)
{
    char path[MAX_PATH];
    *ret = (struct fetch_cache){.limit = limit};
    if (dir[0] != '/' || snprintf(ret->dir, sizeof(ret->dir), "%s", dir) >= (int)sizeof(ret->dir)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "cache: expected an absolute path, got '%.100s'",
                          dir);
    }
    (void)snprintf(path, sizeof(path), "%s", ret->dir);
    for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            return cl_err_sys(err, errno, "cache: directory '%.200s'", path);
        }
        *p = '/';
    }
    CL_TRY(make_dir(path, err));
    (void)snprintf(path, sizeof(path), "%s/sha256", ret->dir);
    CL_TRY(make_dir(path, err));
    (void)snprintf(path, sizeof(path), "%s/partial", ret->dir);
    return make_dir(path, err);
}

static void blob_path(const struct fetch_cache *c, const uint8_t *digest, char ret[static MAX_PATH])
{
    char hex[2 * CL_SHA256_SIZE + 1];
    cl_hex(hex, digest, CL_SHA256_SIZE);
    (void)snprintf(ret, MAX_PATH, "%s/sha256/%s", c->dir, hex);
}

static enum cl_status lock_file(const struct fetch_cache *c, int fd, int how, struct cl_err *err)
{
    while (flock(fd, how) != 0) {
        if (errno != EINTR) {
            return cl_err_sys(err, errno, "cache '%.100s': lock", c->dir);
        }
    }
    return CL_OK;
}

/* --- what is there
 * ----------------------------------------------------------------------------------- */

/* Adds a file's first bytes to the hash; fewer when the file ends before. */
static enum cl_status hash_file(int fd, uint64_t max, struct cl_sha256_ctx *sha, uint64_t *ret_len,
                                struct cl_err *err)
{
    CL_CLEANUP(free_bytes) uint8_t *buf = malloc(STEP);
    uint64_t at = 0;
    if (buf == NULL) {
        return cl_err_nomem(err, "cache");
    }
    while (at < max) {
        size_t want = max - at < STEP ? (size_t)(max - at) : STEP;
        ssize_t n = pread(fd, buf, want, (off_t)at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return cl_err_sys(err, errno, "cache: read");
        }
        if (n == 0) {
            break;
        }
        CL_TRY(cl_sha256_update(sha, buf, (size_t)n, err));
        at += (uint64_t)n;
    }
    *ret_len = at;
    return CL_OK;
}

static enum cl_status check(int fd, const struct stat *st, const uint8_t *digest, uint64_t size,
                            bool *ret_good, struct cl_err *err)
{
    CL_CLEANUP(cl_sha256_freep) struct cl_sha256_ctx *sha = NULL;
    uint8_t got[CL_SHA256_SIZE];
    uint64_t len = 0;
    *ret_good = false;
    if (size != UINT64_MAX && (uint64_t)st->st_size != size) {
        return CL_OK;
    }
    CL_TRY(cl_sha256_new(&sha, err));
    if (hash_file(fd, (uint64_t)st->st_size, sha, &len, err) != CL_OK) {
        return CL_OK; /* a disk that cannot be read: as good as wrong */
    }
    CL_TRY(cl_sha256_final(sha, got, err));
    *ret_good = len == (uint64_t)st->st_size && memcmp(got, digest, sizeof(got)) == 0;
    return CL_OK;
}

enum cl_status fetch_cache_find(const struct fetch_cache *c,
                                const uint8_t digest[static CL_SHA256_SIZE], uint64_t size,
                                int *ret_fd, struct cl_err *err)
{
    char path[MAX_PATH];
    struct stat st;
    bool good = false;
    blob_path(c, digest, path);
    *ret_fd = -1;
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? CL_OK : cl_err_sys(err, errno, "cache: '%.200s'", path);
    }
    CL_TRY(lock_file(c, fd, LOCK_SH, err));
    if (fstat(fd, &st) != 0) {
        return cl_err_sys(err, errno, "cache: '%.200s'", path);
    }
    if (st.st_nlink == 0) {
        return CL_OK; /* evicted meanwhile */
    }
    CL_TRY(check(fd, &st, digest, size, &good, err));
    if (!good) {
        cl_log(CL_LOG_WARN, "fetch.cache",
               "'%s': expected its digest and size, got others: removed", path);
        (void)unlink(path);
        return CL_OK;
    }
    (void)futimens(fd, NULL);
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

/* --- what comes
 * -------------------------------------------------------------------------------------- */

static const char *name_of(const struct fetch_partial *p)
{
    return strrchr(p->path, '/') + 1;
}

/* The file that has the name now, locked; -1 when it was renamed or removed while we waited. */
static enum cl_status open_partial(struct fetch_partial *p, struct cl_err *err)
{
    struct stat ours;
    struct stat named;
    p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (p->fd < 0) {
        return cl_err_sys(err, errno, "cache: '%.200s'", p->path);
    }
    if (flock(p->fd, LOCK_EX | LOCK_NB) != 0) {
        cl_log(CL_LOG_INFO, "fetch", "waiting for another process that brings %s", name_of(p));
        CL_TRY(lock_file(p->cache, p->fd, LOCK_EX, err));
    }
    if (fstat(p->fd, &ours) != 0 || stat(p->path, &named) != 0 || ours.st_ino != named.st_ino ||
        ours.st_dev != named.st_dev) {
        cl_close_fdp(&p->fd);
    }
    return CL_OK;
}

/* What an earlier process has left counts; what is longer than the blob is none of it. */
static enum cl_status resume(struct fetch_partial *p, struct cl_err *err)
{
    struct stat st;
    if (fstat(p->fd, &st) != 0) {
        return cl_err_sys(err, errno, "cache: '%.200s'", p->path);
    }
    if ((uint64_t)st.st_size > p->size) {
        return fetch_partial_restart(p, err);
    }
    CL_TRY(cl_sha256_new(&p->sha, err));
    CL_TRY(hash_file(p->fd, (uint64_t)st.st_size, p->sha, &p->have, err));
    return lseek(p->fd, (off_t)p->have, SEEK_SET) >= 0
               ? CL_OK
               : cl_err_sys(err, errno, "cache: '%.200s'", p->path);
}

static enum cl_status begin(struct fetch_partial *p, int *ret_fd, struct cl_err *err)
{
    char hex[2 * CL_SHA256_SIZE + 1];
    cl_hex(hex, p->digest, CL_SHA256_SIZE);
    (void)snprintf(p->path, sizeof(p->path), "%s/partial/%s-%llu", p->cache->dir, hex,
                   (unsigned long long)p->size);
    while (p->fd < 0) {
        CL_TRY(open_partial(p, err));
        /* with the lock, for whoever had it may have ended it */
        CL_TRY(fetch_cache_find(p->cache, p->digest, p->size, ret_fd, err));
        if (*ret_fd >= 0) {
            return CL_OK;
        }
    }
    CL_TRY(fetch_cache_make_room(p->cache, p->size, name_of(p), err));
    return resume(p, err);
}

enum cl_status fetch_cache_begin(const struct fetch_cache *c,
                                 const uint8_t digest[static CL_SHA256_SIZE], uint64_t size,
                                 struct fetch_partial *ret, int *ret_fd, struct cl_err *err)
{
    *ret = (struct fetch_partial){.cache = c, .size = size, .fd = -1};
    memcpy(ret->digest, digest, CL_SHA256_SIZE);
    *ret_fd = -1;
    enum cl_status st = begin(ret, ret_fd, err);
    if (st != CL_OK || *ret_fd >= 0) {
        /* an empty file of ours goes */
        fetch_partial_done(ret, /* drop= */ ret->have == 0);
    }
    return st;
}

enum cl_status fetch_partial_restart(struct fetch_partial *p, struct cl_err *err)
{
    cl_sha256_free(p->sha);
    p->sha = NULL;
    p->have = 0;
    CL_TRY(cl_sha256_new(&p->sha, err));
    return ftruncate(p->fd, 0) == 0 && lseek(p->fd, 0, SEEK_SET) == 0
               ? CL_OK
               : cl_err_sys(err, errno, "cache: '%.200s'", p->path);
}

/* Retried once where the disk was full and something could go. */
static enum cl_status write_bytes(struct fetch_partial *p, const uint8_t *data, size_t len,
                                  struct cl_err *err)
{
    bool evicted = false;
    while (len > 0) {
        ssize_t n = write(p->fd, data, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == ENOSPC || errno == EDQUOT) && !evicted) {
            evicted = fetch_cache_evict(p->cache, p->size - p->have, name_of(p)) > 0;
            if (evicted) {
                continue;
            }
            errno = ENOSPC;
        }
        if (n < 0) {
            return cl_err_sys(err, errno, "cache '%.100s': blob of %llu bytes", p->cache->dir,
                              (unsigned long long)p->size);
        }
        data += n;
        len -= (size_t)n;
    }
    return CL_OK;
}

enum cl_status fetch_partial_write(struct fetch_partial *p, const uint8_t *data, size_t len,
                                   struct cl_err *err)
{
    if (len > p->size - p->have) {
        return cl_err_set(err, CL_ERR_REJECTED, "length: expected %llu bytes, got more",
                          (unsigned long long)p->size);
    }
    CL_TRY(write_bytes(p, data, len, err));
    p->have += len;
    return cl_sha256_update(p->sha, data, len, err);
}

enum cl_status fetch_partial_commit(struct fetch_partial *p, int *ret_fd, struct cl_err *err)
{
    uint8_t got[CL_SHA256_SIZE];
    char path[MAX_PATH];
    CL_TRY(cl_sha256_final(p->sha, got, err));
    if (p->have != p->size || memcmp(got, p->digest, sizeof(got)) != 0) {
        char want_text[CL_OCI_DIGEST_SIZE];
        char got_text[CL_OCI_DIGEST_SIZE];
        cl_oci_digest_format(want_text, p->digest);
        cl_oci_digest_format(got_text, got);
        CL_TRY(fetch_partial_restart(p, err));
        return cl_err_set(err, CL_ERR_REJECTED, "digest: expected %s, got %s", want_text, got_text);
    }
    blob_path(p->cache, p->digest, path);
    if (rename(p->path, path) != 0) {
        return cl_err_sys(err, errno, "cache: rename '%.200s'", p->path);
    }
    CL_TRY(lock_file(p->cache, p->fd, LOCK_SH, err));
    if (lseek(p->fd, 0, SEEK_SET) != 0) {
        return cl_err_sys(err, errno, "cache: '%.200s'", path);
    }
    *ret_fd = p->fd;
    p->fd = -1;
    return CL_OK;
}

void fetch_partial_done(struct fetch_partial *p, bool drop)
{
    if (p->fd >= 0 && drop) {
        (void)unlink(p->path); /* we have its lock */
    }
    cl_sha256_free(p->sha);
    p->sha = NULL;
    cl_close_fdp(&p->fd);
}

enum cl_status fetch_cache_put(const struct fetch_cache *c,
                               const uint8_t digest[static CL_SHA256_SIZE], const void *data,
                               size_t len, int *ret_fd, struct cl_err *err)
{
    struct fetch_partial p;
    CL_TRY(fetch_cache_begin(c, digest, len, &p, ret_fd, err));
    if (*ret_fd >= 0) {
        return CL_OK;
    }
    enum cl_status st = fetch_partial_restart(&p, err);
    st = st == CL_OK ? fetch_partial_write(&p, data, len, err) : st;
    st = st == CL_OK ? fetch_partial_commit(&p, ret_fd, err) : st;
    fetch_partial_done(&p, /* drop= */ st != CL_OK);
    return st;
}
