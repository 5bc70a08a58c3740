/* SPDX-License-Identifier: Apache-2.0
 * blobs.c - a folder of blobs, each named by the hex of its SHA-256: part of an OCI image layout,
 * and with a digest to begin from an image of its own (containerd's content store). Trust: the
 * folder is hostile in content; that its files are plain files is checked, so that no FIFO makes us
 * wait. Threads: one. Memory: one small object.
 */
#include "image_internal.h"

#include "base/encode.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum cl_status open_plain(const char *path, int *ret_fd, struct stat *ret_st,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    if (fstat(fd, ret_st) != 0) {
        return cl_err_sys(err, errno, "stat '%s'", path);
    }
    if (!S_ISREG(ret_st->st_mode)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "'%s': type: expected a plain file, got another",
                          path);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

enum cl_status image_read_plain(const char *path, size_t max, struct cl_buf *out,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct stat st;
    CL_TRY(open_plain(path, &fd, &st, err));
    enum cl_status status = cl_buf_read_fd(out, fd, max, err);
    return status == CL_OK ? CL_OK : cl_err_wrap(err, status, "'%s'", path);
}

/* --- one blob of the folder
 * ----------------------------------------------------------------------------- */

static enum cl_status open_blob(const struct image_blobs *b,
                                const uint8_t digest[static CL_SHA256_SIZE], int *ret_fd,
                                struct stat *ret_st, struct cl_err *err)
{
    char path[sizeof(b->dir) + 2 * CL_SHA256_SIZE + 2];
    char hex[2 * CL_SHA256_SIZE + 1];
    cl_hex(hex, digest, CL_SHA256_SIZE);
    (void)snprintf(path, sizeof(path), "%s/%s", b->dir, hex);
    return open_plain(path, ret_fd, ret_st, err);
}

/* The same where blobs may come and go: one that is not there is no trouble of the system. */
static enum cl_status find_blob(const struct image_blobs *b,
                                const uint8_t digest[static CL_SHA256_SIZE], int *ret_fd,
                                struct stat *ret_st, struct cl_err *err)
{
    struct cl_err inner = {0};
    enum cl_status st = open_blob(b, digest, ret_fd, ret_st, &inner);
    if (st == CL_ERR_SYS && inner.sys_errno == ENOENT) {
        char text[CL_OCI_DIGEST_SIZE];
        cl_oci_digest_format(text, digest);
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "blob %s: folder '%.200s': expected a blob, got none", text, b->dir);
    }
    if (st != CL_OK && err != NULL) {
        *err = inner;
    }
    return st;
}

enum cl_status image_blobs_document(void *source, const struct cl_oci_desc *d, bool manifest,
                                    size_t max, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct stat st;
    (void)manifest; /* both are in one place */
    CL_TRY(open_blob(source, d->digest, &fd, &st, err));
    return cl_buf_read_fd(out, fd, max, err);
}

static enum cl_status size_good(const struct cl_oci_desc *d, const struct stat *st,
                                struct cl_err *err)
{
    if ((uint64_t)st->st_size == d->size) {
        return CL_OK;
    }
    char digest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, d->digest);
    return cl_err_set(err, CL_ERR_REJECTED, "blob %s: size: expected %llu, got %llu", digest,
                      (unsigned long long)d->size, (unsigned long long)st->st_size);
}

enum cl_status image_blobs_blob(void *source, const struct cl_oci_desc *d, int *ret_fd,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct stat st;
    CL_TRY(find_blob(source, d->digest, &fd, &st, err));
    CL_TRY(size_good(d, &st, err));
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

/* --- a folder and a digest, and perhaps the node's cache of blobs
 * ------------------------------------------------------------------------------ */

struct store {
    struct image_blobs blobs; /* first */
    struct image_blobs cache;
    bool has_cache;
    uint8_t target[CL_SHA256_SIZE];
    /* What was found in the cache: a shared lock on each keeps it there (fetch/cache.h). */
    struct held {
        uint8_t digest[CL_SHA256_SIZE];
        int fd;
    } held[CL_OCI_MAX_LAYERS];
    size_t held_count;
};

static void hold(struct store *s, const uint8_t digest[static CL_SHA256_SIZE], int fd)
{
    for (size_t i = 0; i < s->held_count; i++) {
        if (memcmp(s->held[i].digest, digest, CL_SHA256_SIZE) == 0) {
            return;
        }
    }
    int copy = s->held_count < CL_ARRAY_LEN(s->held) ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (copy >= 0) {
        struct held *h = &s->held[s->held_count++];
        memcpy(h->digest, digest, CL_SHA256_SIZE);
        h->fd = copy;
    }
}

/* One that is being replaced or evicted is as good as none. */
static enum cl_status find_cached(struct store *s, const uint8_t digest[static CL_SHA256_SIZE],
                                  int *ret_fd, struct stat *ret_st, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_TRY(find_blob(&s->cache, digest, &fd, ret_st, err));
    if (flock(fd, LOCK_SH | LOCK_NB) != 0 || fstat(fd, ret_st) != 0 || ret_st->st_nlink == 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "cache '%.200s': expected a blob, got one that "
                          "goes",
                          s->cache.dir);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status store_find(struct store *s, const uint8_t digest[static CL_SHA256_SIZE],
                                 int *ret_fd, struct stat *ret_st, struct cl_err *err)
{
    enum cl_status st = find_blob(&s->blobs, digest, ret_fd, ret_st, err);
    return st == CL_ERR_UNAVAILABLE && s->has_cache ? find_cached(s, digest, ret_fd, ret_st, err)
                                                    : st;
}

static enum cl_status store_document(void *source, const struct cl_oci_desc *d, bool manifest,
                                     size_t max, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct stat st;
    (void)manifest; /* both are in one place */
    CL_TRY(store_find(source, d->digest, &fd, &st, err));
    return cl_buf_read_fd(out, fd, max, err);
}

static enum cl_status store_blob(void *source, const struct cl_oci_desc *d, int *ret_fd,
                                 struct cl_err *err)
{
    struct store *s = source;
    struct stat st;
    enum cl_status status = image_blobs_blob(&s->blobs, d, ret_fd, err);
    if (status != CL_ERR_UNAVAILABLE || !s->has_cache) {
        return status;
    }
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_TRY(find_cached(s, d->digest, &fd, &st, err));
    CL_TRY(size_good(d, &st, err));
    hold(s, d->digest, fd);
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status store_root(void *source, struct cl_buf *out, bool *ret_has_digest,
                                 uint8_t ret_digest[CL_SHA256_SIZE], struct cl_err *err)
{
    struct store *s = source;
    struct cl_oci_desc d = {0};
    memcpy(d.digest, s->target, CL_SHA256_SIZE);
    CL_TRY(store_document(s, &d, true, CL_OCI_MAX_MANIFEST, out, err));
    *ret_has_digest = true;
    memcpy(ret_digest, s->target, CL_SHA256_SIZE);
    return CL_OK;
}

static void store_free(void *source)
{
    struct store *s = source;
    for (size_t i = 0; i < s->held_count; i++) {
        cl_close_fdp(&s->held[i].fd);
    }
    free(s);
}

static enum cl_status keep_dir(const char *dir, struct image_blobs *ret, struct cl_err *err)
{
    return snprintf(ret->dir, sizeof(ret->dir), "%s", dir) < (int)sizeof(ret->dir)
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "folder of blobs '%.100s': path too long", dir);
}

enum cl_status image_store_open(const char *dir, const char *cache,
                                const uint8_t target[static CL_SHA256_SIZE], void **ret_source,
                                const struct image_source_ops **ret_ops, struct cl_err *err)
{
    static const struct image_source_ops ops = {
        .root = store_root, .document = store_document, .blob = store_blob, .free = store_free};
    struct store *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return cl_err_nomem(err, "content store");
    }
    s->has_cache = cache != NULL;
    enum cl_status st = keep_dir(dir, &s->blobs, err);
    st = st == CL_OK && cache != NULL ? keep_dir(cache, &s->cache, err) : st;
    if (st != CL_OK) {
        free(s);
        return st;
    }
    memcpy(s->target, target, CL_SHA256_SIZE);
    *ret_source = s;
    *ret_ops = &ops;
    return CL_OK;
}
