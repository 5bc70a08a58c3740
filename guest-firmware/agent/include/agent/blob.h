/* SPDX-License-Identifier: Apache-2.0
 * blob.h - one blob from the host (I-4.1), hashed while it is read.
 * Trust: the host is hostile. Nothing that was read may be believed before agent_blob_read() gave
 * the end (0 bytes), which it does only when size and digest are right. Threads: one,
 * but for _cancel. Memory: fixed.
 */
#ifndef AGENT_BLOB_H
#define AGENT_BLOB_H

#include "base/buf.h"
#include "base/digest.h"

#define AGENT_BLOB_MAX_NAME 128u /* bytes of what is asked for */

struct agent_blob; /* opaque */

/* Asks for `digest` on a connected descriptor (taken: closed by _free, and when this fails).
 * size: what the descriptor says, or 0 when only the digest is known; then max_size bounds it.
 * CL_ERR_UNAVAILABLE when the host has not got it; CL_ERR_REJECTED when the size is another. */
CL_NODISCARD enum cl_status agent_blob_open(int fd, const uint8_t digest[static CL_SHA256_SIZE],
                                            uint64_t size, uint64_t max_size,
                                            struct agent_blob **ret_b, struct cl_err *err);
void agent_blob_free(struct agent_blob *b);
void agent_blob_freep(struct agent_blob **b);
/* At most `size` bytes; *ret_len 0 once the end was reached and the digest is right.
 * CL_ERR_REJECTED "blob: digest: ..." when it is not. */
CL_NODISCARD enum cl_status agent_blob_read(struct agent_blob *b, uint8_t *data, size_t size,
                                            size_t *ret_len, struct cl_err *err);
/* The whole of a small blob, verified, appended to `out`. */
CL_NODISCARD enum cl_status agent_blob_read_all(struct agent_blob *b, struct cl_buf *out,
                                                struct cl_err *err);
/* A document that has a name and no digest (I-4.6), appended to `out` as the host gives it: not to
 * be believed. The descriptor is taken. Errors: those of _open. */
CL_NODISCARD enum cl_status agent_blob_document(int fd, const char *name, size_t max_size,
                                                struct cl_buf *out, struct cl_err *err);
/* From another thread than the one that reads: its reading ends now, with an error. */
void agent_blob_cancel(struct agent_blob *b);
/* Bytes of the blob that were not read yet. */
uint64_t agent_blob_left(const struct agent_blob *b);

#endif
