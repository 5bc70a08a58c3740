/* SPDX-License-Identifier: Apache-2.0
 * digest.h - SHA-2 over OpenSSL, in one call or streaming, and "sha256:<hex>" digests.
 */
#ifndef CL_BASE_DIGEST_H
#define CL_BASE_DIGEST_H

#include "base/err.h"

#define CL_SHA256_SIZE 32u
#define CL_SHA384_SIZE 48u
#define CL_OCI_DIGEST_SIZE 72u /* "sha256:" + 64 hex + NUL */

CL_NODISCARD enum cl_status cl_sha256(uint8_t ret[static CL_SHA256_SIZE], const void *data,
                                      size_t len, struct cl_err *err);
CL_NODISCARD enum cl_status cl_sha384(uint8_t ret[static CL_SHA384_SIZE], const void *data,
                                      size_t len, struct cl_err *err);

struct cl_sha256_ctx; /* opaque, streaming */
CL_NODISCARD enum cl_status cl_sha256_new(struct cl_sha256_ctx **ret_c, struct cl_err *err);
CL_NODISCARD enum cl_status cl_sha256_update(struct cl_sha256_ctx *c, const void *data, size_t len,
                                             struct cl_err *err);
CL_NODISCARD enum cl_status cl_sha256_final(struct cl_sha256_ctx *c,
                                            uint8_t ret[static CL_SHA256_SIZE], struct cl_err *err);
void cl_sha256_free(struct cl_sha256_ctx *c);
void cl_sha256_freep(struct cl_sha256_ctx **c);

/* The same with SHA-384; _final leaves the context ready for the next message, so that one serves
 * for many pages. */
struct cl_sha384_ctx;
CL_NODISCARD enum cl_status cl_sha384_new(struct cl_sha384_ctx **ret_c, struct cl_err *err);
CL_NODISCARD enum cl_status cl_sha384_update(struct cl_sha384_ctx *c, const void *data, size_t len,
                                             struct cl_err *err);
CL_NODISCARD enum cl_status cl_sha384_final(struct cl_sha384_ctx *c,
                                            uint8_t ret[static CL_SHA384_SIZE], struct cl_err *err);
void cl_sha384_free(struct cl_sha384_ctx *c);
void cl_sha384_freep(struct cl_sha384_ctx **c);

/* "sha256:<64 lower-case hex>" <-> 32 bytes. Other algorithms are CL_ERR_UNSUPPORTED. */
CL_NODISCARD enum cl_status
cl_oci_digest_parse(const char *text, uint8_t ret[static CL_SHA256_SIZE], struct cl_err *err);
void cl_oci_digest_format(char ret[static CL_OCI_DIGEST_SIZE],
                          const uint8_t digest[static CL_SHA256_SIZE]);

#endif
