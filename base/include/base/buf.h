/* SPDX-License-Identifier: Apache-2.0
 * buf.h - a growable byte buffer that always keeps one NUL behind its contents.
 */
#ifndef CL_BASE_BUF_H
#define CL_BASE_BUF_H

#include "base/err.h"

struct cl_buf {
    uint8_t *data; /* owned; NULL while empty */
    size_t len;    /* valid bytes; data[len] == 0 when data != NULL */
    size_t size;   /* allocated */
};

void cl_buf_done(struct cl_buf *b);  /* wipes and frees; zeroed buffers are fine */
void cl_buf_reset(struct cl_buf *b); /* len = 0, keeps the memory (wiped) */
CL_NODISCARD enum cl_status cl_buf_reserve(struct cl_buf *b, size_t more, struct cl_err *err);
CL_NODISCARD enum cl_status cl_buf_append(struct cl_buf *b, const void *data, size_t n,
                                          struct cl_err *err);
CL_NODISCARD enum cl_status cl_buf_append_str(struct cl_buf *b, const char *s, struct cl_err *err);
CL_PRINTF(3, 4)
CL_NODISCARD enum cl_status cl_buf_printf(struct cl_buf *b, struct cl_err *err, const char *fmt,
                                          ...);
/* Reads fd to its end. CL_ERR_MALFORMED when there are more than max bytes. */
CL_NODISCARD enum cl_status cl_buf_read_fd(struct cl_buf *b, int fd, size_t max,
                                           struct cl_err *err);
/* The same for a file by name; the message names the file. An absent file is CL_ERR_SYS with
 * ENOENT. */
CL_NODISCARD enum cl_status cl_buf_read_file(struct cl_buf *b, const char *path, size_t max,
                                             struct cl_err *err);
/* The contents as a C string: NUL-terminated, CL_ERR_MALFORMED when a NUL stands inside. Borrowed.
 */
CL_NODISCARD enum cl_status cl_buf_cstr(const struct cl_buf *b, const char *what,
                                        const char **ret_s, struct cl_err *err);

#endif
