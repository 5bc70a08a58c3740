/* SPDX-License-Identifier: Apache-2.0
 * inflate.h - none, gzip or zstd behind one pull function.
 */
#ifndef AGENT_INFLATE_H
#define AGENT_INFLATE_H

#include "oci/image.h"

struct agent_inflate; /* opaque */

CL_NODISCARD enum cl_status agent_inflate_new(enum cl_oci_compression how,
                                              struct agent_inflate **ret_i, struct cl_err *err);
void agent_inflate_free(struct agent_inflate *i);

/* Consumes from *in (moves *in and *in_len on) and fills `out`. Returns with *ret_len > 0, or with
 * the input used up. */
CL_NODISCARD enum cl_status agent_inflate_run(struct agent_inflate *i, const uint8_t **in,
                                              size_t *in_len, uint8_t *out, size_t out_size,
                                              size_t *ret_len, struct cl_err *err);
/* CL_ERR_TRUNCATED when the input ended inside a member or frame. */
CL_NODISCARD enum cl_status agent_inflate_end(const struct agent_inflate *i, struct cl_err *err);

#endif
