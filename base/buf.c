/* SPDX-License-Identifier: Apache-2.0
 * buf.c - growable buffer. Contents are wiped whenever memory is given back, since secrets' texts
 * pass through.
 */
#include "base/buf.h"

#include "base/bytes.h"
#include "base/io.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cl_buf_done(struct cl_buf *b)
{
    if (b->data != NULL) {
        cl_wipe(b->data, b->size);
        free(b->data);
    }
    *b = (struct cl_buf){0};
}

void cl_buf_reset(struct cl_buf *b)
{
    if (b->data != NULL) {
        cl_wipe(b->data, b->size);
    }
    b->len = 0;
}

enum cl_status cl_buf_reserve(struct cl_buf *b, size_t more, struct cl_err *err)
{
    size_t need = 0;
    if (!cl_add_size(b->len, more, &need) || !cl_add_size(need, 1, &need)) {
        return cl_err_nomem(err, "buffer");
    }
    if (need <= b->size) {
        return CL_OK;
    }
    size_t size = b->size > 0 ? b->size : 64;
    while (size < need) {
        if (!cl_mul_size(size, 2, &size)) {
            return cl_err_nomem(err, "buffer");
        }
    }
    uint8_t *data = calloc(1, size); /* not realloc: the old copy must be wiped */
    if (data == NULL) {
        return cl_err_nomem(err, "buffer");
    }
    if (b->data != NULL) {
        memcpy(data, b->data, b->len);
        cl_wipe(b->data, b->size);
        free(b->data);
    }
    b->data = data;
    b->size = size;
    return CL_OK;
}

enum cl_status cl_buf_append(struct cl_buf *b, const void *data, size_t n, struct cl_err *err)
{
    CL_TRY(cl_buf_reserve(b, n, err));
    if (n > 0) {
        memcpy(b->data + b->len, data, n);
    }
    b->len += n;
    b->data[b->len] = 0;
    return CL_OK;
}

enum cl_status cl_buf_append_str(struct cl_buf *b, const char *s, struct cl_err *err)
{
    return cl_buf_append(b, s, strlen(s), err);
}

enum cl_status cl_buf_printf(struct cl_buf *b, struct cl_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "buffer: bad format");
    }
    CL_TRY(cl_buf_reserve(b, (size_t)n, err));
    va_start(ap, fmt);
    (void)vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return CL_OK;
}

enum cl_status cl_buf_read_fd(struct cl_buf *b, int fd, size_t max, struct cl_err *err)
{
    size_t start = b->len;
    for (;;) {
        CL_TRY(cl_buf_reserve(b, 65536, err));
        ssize_t n = read(fd, b->data + b->len, 65536);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return cl_err_sys(err, errno, "read");
        }
        b->len += (size_t)n;
        b->data[b->len] = 0;
        if (b->len - start > max) {
            return cl_err_set(err, CL_ERR_MALFORMED, "size: expected at most %zu bytes, got more",
                              max);
        }
        if (n == 0) {
            return CL_OK;
        }
    }
}

enum cl_status cl_buf_read_file(struct cl_buf *b, const char *path, size_t max, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    enum cl_status st = cl_buf_read_fd(b, fd, max, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "file '%s'", path);
}

enum cl_status cl_buf_cstr(const struct cl_buf *b, const char *what, const char **ret_s,
                           struct cl_err *err)
{
    if (b->data == NULL) {
        *ret_s = "";
        return CL_OK;
    }
    if (memchr(b->data, 0, b->len) != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected text, got a NUL byte", what);
    }
    *ret_s = (const char *)b->data;
    return CL_OK;
}
