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

enum cl_status image_blobs_blob(void *source, const struct cl_oci_desc *d, int *ret_fd,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct stat st;
    CL_TRY(find_blob(source, d->digest, &fd, &st, err));
    if ((uint64_t)st.st_size != d->size) {
        char digest[CL_OCI_DIGEST_SIZE];
        cl_oci_digest_format(digest, d->digest);
        return cl_err_set(err, CL_ERR_REJECTED, "blob %s: size: expected %llu, got %llu", digest,
                          (unsigned long long)d->size, (unsigned long long)st.st_size);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

/* --- a folder and a digest
 * ------------------------------------------------------------------------------ */

struct store {
    struct image_blobs blobs; /* first */
    uint8_t target[CL_SHA256_SIZE];
};

static enum cl_status store_document(void *source, const struct cl_oci_desc *d, bool manifest,
                                     size_t max, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct stat st;
    (void)manifest; /* both are in one place */
    CL_TRY(find_blob(source, d->digest, &fd, &st, err));
    return cl_buf_read_fd(out, fd, max, err);
}

static enum cl_status store_root(void *source, struct cl_buf *out, bool *ret_has_digest,
                                 uint8_t ret_digest[CL_SHA256_SIZE], struct cl_err *err)
{
    struct store *s = source;
    struct cl_oci_desc d = {0};
    memcpy(d.digest, s->target, CL_SHA256_SIZE);
    CL_TRY(store_document(&s->blobs, &d, true, CL_OCI_MAX_MANIFEST, out, err));
    *ret_has_digest = true;
    memcpy(ret_digest, s->target, CL_SHA256_SIZE);
    return CL_OK;
}

enum cl_status image_store_open(const char *dir, const uint8_t target[static CL_SHA256_SIZE],
                                void **ret_source, const struct image_source_ops **ret_ops,
                                struct cl_err *err)
{
    static const struct image_source_ops ops = {
        .root = store_root, .document = store_document, .blob = image_blobs_blob, .free = free};
    struct store *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return cl_err_nomem(err, "content store");
    }
    if (snprintf(s->blobs.dir, sizeof(s->blobs.dir), "%s", dir) >= (int)sizeof(s->blobs.dir)) {
        free(s);
        return cl_err_set(err, CL_ERR_MALFORMED, "content store '%.100s': path too long", dir);
    }
    memcpy(s->target, target, CL_SHA256_SIZE);
    *ret_source = s;
    *ret_ops = &ops;
    return CL_OK;
}
