/* SPDX-License-Identifier: Apache-2.0
 * layer.h - one image layer as a stream: ciphertext from the host -> digest and HMAC -> decrypted
 * -> plain digest -> decompressed -> diffID -> tar bytes. Each ciphertext byte is fetched once and
 * nothing is kept. Trust: the bytes it gives are not to be believed before its end was reached:
 * agent_layer_next() gives length 0 only when digest, HMAC, plain digest and diffID all match. The
 * caller unpacks to a place it can throw away. Threads: the caller's one, and up to three of its
 * own between _new and _free, with all signals blocked. Memory: four buffers of 64 KiB for each,
 * and the decompressor's window (at most 8 MiB).
 */
#ifndef AGENT_LAYER_H
#define AGENT_LAYER_H

#include "agent/blob.h"
#include "agent/limits.h"
#include "oci/image.h"

struct agent_layer; /* opaque */

struct agent_layer_config {
    const struct cl_oci_layer *layer; /* borrowed until _new returns */
    const struct cl_ocicrypt_private
        *key;               /* the same; NULL exactly when the layer is not encrypted */
    const uint8_t *diff_id; /* CL_SHA256_SIZE bytes */
    const struct agent_limits *limits;
};

/* Takes the blob (freed by _free, and when this fails). */
CL_NODISCARD enum cl_status agent_layer_new(struct agent_blob *blob,
                                            const struct agent_layer_config *cfg,
                                            struct agent_layer **ret_l, struct cl_err *err);
void agent_layer_free(struct agent_layer *l);
void agent_layer_freep(struct agent_layer **l);

/* Fits struct agent_stream: the next tar bytes, borrowed until the next call; *ret_len 0 at the
 * verified end. */
CL_NODISCARD enum cl_status agent_layer_next(void *layer, const uint8_t **ret_data, size_t *ret_len,
                                             struct cl_err *err);
/* Reads to the end, discarding what stands behind the archive. CL_OK: everything matched.
 * `st`, `err`: how unpacking went so far. When it failed, the rest of the ciphertext is still read,
 * so that a blob with a wrong digest is reported as that, and not as the nonsense it decrypted to.
 */
CL_NODISCARD enum cl_status agent_layer_finish(struct agent_layer *l, enum cl_status st,
                                               struct cl_err *err);

#endif
