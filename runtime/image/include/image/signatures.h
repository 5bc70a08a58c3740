/* SPDX-License-Identifier: Apache-2.0
 * signatures.h - signatures of images on the host: fetched from where the image is into a folder of
 * the node, and handed to guests out of it (docs/interfaces.md I-4.6).
 * A folder has, for a manifest sha256:H: `sha256-H.sig` (cosign's signature manifest),
 * `sha256-H/signature-N` (simple signing), and `blobs/HEX`, what those name by digest: payloads,
 * and the index that was signed. Trust: registries and folders are hostile; nothing is verified
 * here but digests. The guest verifies. Threads: no shared state. Memory: one document of
 * CL_OCI_MAX_MANIFEST.
 */
#ifndef CL_IMAGE_SIGNATURES_H
#define CL_IMAGE_SIGNATURES_H

#include "image/image.h"

/* What a guest asks for besides blobs. */
struct cl_signature_ask {
    bool simple;                    /* simple signing; else cosign's manifest */
    uint8_t digest[CL_SHA256_SIZE]; /* of the manifest of the image */
    unsigned number;                /* simple: 1.. */
};

/* "signatures:sha256:<hex>" or "simple-signature:sha256:<hex>/<n>"; false: neither. */
bool cl_signature_ask_parse(const char *text, struct cl_signature_ask *ret);

/* A descriptor (the caller closes it) that gives exactly *ret_size bytes. dir: a folder as above;
 * NULL: there is none. CL_ERR_UNAVAILABLE when it has not got it; CL_ERR_REJECTED when it is too
 * large to be one; CL_ERR_SYS, CL_ERR_MALFORMED. */
CL_NODISCARD enum cl_status cl_signature_open(const char *dir, const struct cl_signature_ask *ask,
                                              int *ret_fd, uint64_t *ret_size, struct cl_err *err);
/* The same for what signatures name by digest. */
CL_NODISCARD enum cl_status cl_signature_blob_open(const char *dir,
                                                   const uint8_t digest[static CL_SHA256_SIZE],
                                                   int *ret_fd, uint64_t *ret_size,
                                                   struct cl_err *err);

struct cl_signature_count {
    size_t cosign;
    size_t simple;
};
/* Fetches the signatures of an image, of its manifest or else of the index that it came from, into
 * a folder, which is made when it is not there. Blocks. ref        as of cl_image_open(); cosign's
 * are looked for beside the image, as tag sha256-<hex>.sig lookaside  folder with simple
 * signatures: NAME@sha256=HEX/signature-N; NULL: none Returns    CL_OK, with none too; the errors
 * of cl_image_open(); CL_ERR_SYS. */
CL_NODISCARD enum cl_status cl_signatures_fetch(const char *ref, const struct cl_image_options *opt,
                                                const char *lookaside, const char *dir,
                                                struct cl_signature_count *ret, struct cl_err *err);

/* `cloister image signatures` */
int cl_cmd_image_signatures(int argc, char **argv);

#endif
