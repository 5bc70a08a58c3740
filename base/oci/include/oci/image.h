/* SPDX-License-Identifier: Apache-2.0
 * image.h - OCI image index, manifest and configuration, parsed from bytes. Docker's schema 2 types
 * are read too.
 * Trust: every byte is hostile. Parsing does not check digests: the caller hashes the bytes and
 *        compares them with the digest it was told *before* it parses (cl_oci_verify()).
 * Threads: no shared state; parsed objects are immutable. Memory: bounded by the limits below.
 * Spec: OCI image-spec 1.1; Docker image manifest version 2, schema 2.
 */
#ifndef CL_OCI_IMAGE_H
#define CL_OCI_IMAGE_H

#include "oci/ocicrypt.h"
#include "oci/strv.h"

#include "base/digest.h"

#define CL_OCI_MAX_LAYERS 127u
#define CL_OCI_MAX_MANIFEST (1u << 20) /* bytes of an index or manifest */
#define CL_OCI_MAX_CONFIG (1u << 20)   /* bytes of a configuration */
#define CL_OCI_MAX_INDEX_ENTRIES 256u
#define CL_OCI_MAX_LAYER_SIZE (UINT64_C(64) << 30)
#define CL_OCI_MAX_ARGS 1024u
#define CL_OCI_MAX_ARG 65536u

/* CL_OK when the SHA-256 of data is `digest`; CL_ERR_REJECTED "<what>: digest: expected sha256:..,
 * got sha256:.." otherwise. */
CL_NODISCARD enum cl_status cl_oci_verify(const void *data, size_t len,
                                          const uint8_t digest[static CL_SHA256_SIZE],
                                          const char *what, struct cl_err *err);

/* --- descriptors ----------------------------------------------------------------------------- */

enum cl_oci_compression { CL_OCI_PLAIN, CL_OCI_GZIP, CL_OCI_ZSTD };

struct cl_oci_desc {
    uint8_t digest[CL_SHA256_SIZE];
    uint64_t size; /* bytes, 1.. */
};

struct cl_oci_layer {
    struct cl_oci_desc desc; /* of the blob as stored: ciphertext when encrypted */
    enum cl_oci_compression compression;
    bool encrypted; /* the media type ends in "+encrypted" */
    bool docker;    /* Docker's media type, not OCI's */
    /* For encrypted layers; an encrypted layer without a packet we understand does not parse. */
    struct cl_ocicrypt_public pub;
    struct cl_ocicrypt_packet *packets; /* owned; CoCo's provider first, else any provider's */
    size_t packet_count;
};

/* The layer media types we know, and nothing else: CL_ERR_UNSUPPORTED. */
CL_NODISCARD enum cl_status cl_oci_layer_type_parse(const char *media_type,
                                                    struct cl_oci_layer *ret, struct cl_err *err);
/* "application/vnd.oci.image.layer.v1.tar+gzip+encrypted" for the layer's members. */
const char *cl_oci_layer_type(const struct cl_oci_layer *layer, bool encrypted);

/* --- manifest -------------------------------------------------------------------------------- */

struct cl_oci_manifest {
    struct cl_oci_desc config;
    struct cl_oci_layer *layers; /* owned; in order, lowest first */
    size_t layer_count;          /* 1..CL_OCI_MAX_LAYERS */
};

void cl_oci_manifest_done(struct cl_oci_manifest *m); /* zeroed is fine */
CL_NODISCARD enum cl_status cl_oci_manifest_parse(const uint8_t *data, size_t len,
                                                  struct cl_oci_manifest *ret, struct cl_err *err);
/* All layers encrypted / none of them. Both false: partly, which no rule accepts. */
bool cl_oci_manifest_all_encrypted(const struct cl_oci_manifest *m);
bool cl_oci_manifest_none_encrypted(const struct cl_oci_manifest *m);

/* --- index ----------------------------------------------------------------------------------- */

enum cl_oci_kind { CL_OCI_KIND_MANIFEST, CL_OCI_KIND_INDEX };

/* Tells by mediaType, and without one by shape (manifests or layers; both is malformed:
 * CVE-2021-41190). */
CL_NODISCARD enum cl_status cl_oci_kind(const uint8_t *data, size_t len, enum cl_oci_kind *ret,
                                        struct cl_err *err);
/* The one manifest for linux/amd64 of an index. None, or two, is CL_ERR_REJECTED. An entry that is
 * itself an index is not followed. */
CL_NODISCARD enum cl_status cl_oci_index_select(const uint8_t *data, size_t len,
                                                struct cl_oci_desc *ret, struct cl_err *err);
/* In a layout's index.json: the entry whose org.opencontainers.image.ref.name is `tag`; tag NULL:
 * the only entry. ret_kind from its media type. */
CL_NODISCARD enum cl_status cl_oci_layout_select(const uint8_t *data, size_t len, const char *tag,
                                                 struct cl_oci_desc *ret,
                                                 enum cl_oci_kind *ret_kind, struct cl_err *err);

/* --- configuration --------------------------------------------------------------------------- */

struct cl_oci_config {
    uint8_t (*diff_ids)[CL_SHA256_SIZE]; /* owned; SHA-256 of each layer's plain tar, in order */
    size_t diff_id_count;
    struct cl_strv entrypoint; /* empty: none */
    struct cl_strv cmd;
    struct cl_strv env;     /* "NAME=value", as the image has them */
    struct cl_strv volumes; /* mount points the image declares */
    char *working_dir;      /* owned; NULL: none */
    char *user;             /* owned; NULL: none. "user[:group]", names or numbers */
    char *stop_signal;      /* owned; NULL: none */
};

void cl_oci_config_done(struct cl_oci_config *c); /* zeroed is fine */
/* CL_ERR_REJECTED when it is not for linux/amd64. */
CL_NODISCARD enum cl_status cl_oci_config_parse(const uint8_t *data, size_t len,
                                                struct cl_oci_config *ret, struct cl_err *err);
/* CL_ERR_REJECTED when the configuration does not have one diffID for each layer. */
CL_NODISCARD enum cl_status cl_oci_config_fits(const struct cl_oci_config *c,
                                               const struct cl_oci_manifest *m, struct cl_err *err);

#endif
