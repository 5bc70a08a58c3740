/* SPDX-License-Identifier: Apache-2.0
 * image.c - see image.h.
 */
#include "launch/image.h"

#include "base/digest.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum cl_status launch_open(const char *path, int *ret_fd, uint64_t *ret_size, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "file '%s': expected a regular file, got something else", path);
    }
    *ret_size = (uint64_t)st.st_size;
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status file_read_at(void *ctx, uint64_t offset, void *dst, size_t n,
                                   struct cl_err *err)
{
    const int *fd = ctx;
    uint8_t *p = dst;
    while (n > 0) {
        ssize_t got = pread(*fd, p, n, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return cl_err_sys(err, errno, "read");
        }
        if (got == 0) {
            return cl_err_at(err, CL_ERR_TRUNCATED, (size_t)offset,
                             "expected more bytes, got the end of the file");
        }
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return CL_OK;
}

enum cl_status launch_image_open(const char *path, int *fd, struct launch_image *ret_image,
                                 struct cl_err *err)
{
    uint64_t size = 0;
    CL_TRY(launch_open(path, fd, &size, err));
    *ret_image = (struct launch_image){.read_at = file_read_at, .ctx = fd, .size = size};
    return CL_OK;
}

enum cl_status launch_image_check_size(const struct launch_image *im, struct cl_err *err)
{
    if (im->size == 0 || im->size % LAUNCH_PAGE_SIZE != 0 || im->size > LAUNCH_IMAGE_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: size: expected whole pages up to %u bytes, got %llu",
                          LAUNCH_IMAGE_MAX_SIZE, (unsigned long long)im->size);
    }
    return CL_OK;
}

/* Gives a file to one of the two hashes, whichever is there. */
static enum cl_status hash_fd(int fd, struct cl_sha256_ctx *c256, struct cl_sha384_ctx *c384,
                              struct cl_err *err)
{
    uint8_t chunk[LAUNCH_CHUNK_SIZE];
    for (uint64_t total = 0;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return cl_err_sys(err, errno, "read");
        }
        if (n == 0) {
            return total > 0 ? CL_OK
                             : cl_err_at(err, CL_ERR_TRUNCATED, 0, "expected contents, got none");
        }
        total += (uint64_t)n;
        CL_TRY(c256 != NULL ? cl_sha256_update(c256, chunk, (size_t)n, err)
                            : cl_sha384_update(c384, chunk, (size_t)n, err));
    }
}

static enum cl_status hash_file(const char *path, struct cl_sha256_ctx *c256,
                                struct cl_sha384_ctx *c384, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    uint64_t size = 0;
    CL_TRY(launch_open(path, &fd, &size, err));
    enum cl_status st = hash_fd(fd, c256, c384, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "file '%s'", path);
}

enum cl_status launch_file_sha256(const char *path, uint8_t ret[static 32], struct cl_err *err)
{
    CL_CLEANUP(cl_sha256_freep) struct cl_sha256_ctx *ctx = NULL;
    CL_TRY(cl_sha256_new(&ctx, err));
    CL_TRY(hash_file(path, ctx, NULL, err));
    return cl_sha256_final(ctx, ret, err);
}

enum cl_status launch_file_sha384(const char *path, uint8_t ret[static 48], struct cl_err *err)
{
    CL_CLEANUP(cl_sha384_freep) struct cl_sha384_ctx *ctx = NULL;
    CL_TRY(cl_sha384_new(&ctx, err));
    CL_TRY(hash_file(path, NULL, ctx, err));
    return cl_sha384_final(ctx, ret, err);
}
