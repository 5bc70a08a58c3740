/* SPDX-License-Identifier: Apache-2.0
 * blob.h - one blob, or one document, from the first host that gives it right.
 * Trust, threads, memory: fetch.h.
 */
#ifndef FETCH_BLOB_H
#define FETCH_BLOB_H

#include "fetch.h"

/* A blob into the cache; *ret_fd as fetch_cache_find()'s. */
CL_NODISCARD enum cl_status fetch_blob(const struct fetch_cache *cache, struct fetch_client *client,
                                       const struct cl_oci_desc *d, struct fetch_totals *totals,
                                       int *ret_fd, struct cl_err *err);
/* A manifest or index, appended, and its digest verified. */
CL_NODISCARD enum cl_status fetch_document(struct fetch_client *client,
                                           const uint8_t digest[static CL_SHA256_SIZE],
                                           struct fetch_totals *totals, struct cl_buf *out,
                                           struct cl_err *err);

#endif
