/* SPDX-License-Identifier: Apache-2.0
 * image.h - where images come from on the host: `oci:DIR[:TAG]` layouts, `docker://` registries and
 * content stores.
 * Trust: all of these are hostile. Manifest and configuration are verified against their
 *        digests before they are parsed; a blob's digest is verified while it streams, by us for a
 *        registry, and by whoever reads it in any case (the guest, or cl_image_blob_copy()).
 * Threads: an image belongs to one thread; registry downloads run in threads of their own, which
 *        cl_image_free() ends. Memory: manifest, configuration, and 16 KiB per running download.
 */
#ifndef CL_IMAGE_H
#define CL_IMAGE_H

#include "oci/image.h"

struct cl_image; /* opaque */

struct cl_image_options {
    const char *registry_ca; /* PEM file of the only CA to believe; NULL: the system's */
};

/* Opens a reference and resolves it to one platform manifest (linux/amd64), fetched and verified,
 * with its configuration.
 * Returns CL_OK; CL_ERR_MALFORMED for a bad reference or bad documents; CL_ERR_REJECTED when there
 *         is no such image, or a digest differs; CL_ERR_UNAVAILABLE when a registry cannot be
 *         reached; CL_ERR_SYS for files. Messages begin "image '<ref>': ". */
CL_NODISCARD enum cl_status cl_image_open(const char *ref, const struct cl_image_options *opt,
                                          struct cl_image **ret_i, struct cl_err *err);
/* Opens the image whose manifest or index has the digest `target`, out of a folder that holds blobs
 * by the hex of their SHA-256: containerd's `<root>/io.containerd.content.v1.content/blobs/sha256`.
 * That each layer is there with its size is checked at once. cache: another such folder, the node's
 * (docs/interfaces.md I-12), for what the first lacks; the image holds a shared lock on each layer
 * that is there, so that it stays; NULL: none.
 * Returns as above; CL_ERR_UNAVAILABLE "... blob <digest>: folder '<dir>': expected a blob, got
 * none" for one that is not there. Messages begin "image '<target>': ". */
CL_NODISCARD enum cl_status cl_image_open_store(const char *dir, const char *cache,
                                                const uint8_t target[static CL_SHA256_SIZE],
                                                struct cl_image **ret_i, struct cl_err *err);
void cl_image_free(struct cl_image *i); /* NULL is fine; ends downloads */
void cl_image_freep(struct cl_image **i);

/* All borrowed. */
const uint8_t *cl_image_manifest_digest(const struct cl_image *i);   /* 32 bytes */
const struct cl_buf *cl_image_index_bytes(const struct cl_image *i); /* empty: there was none */
const struct cl_buf *cl_image_manifest_bytes(const struct cl_image *i);
const struct cl_oci_manifest *cl_image_manifest(const struct cl_image *i);
const struct cl_buf *cl_image_config_bytes(const struct cl_image *i);
const struct cl_oci_config *cl_image_config(const struct cl_image *i);

/* A stream of one blob: a descriptor (file or socket, the caller closes it) that gives exactly
 * *ret_size bytes, or ends short when something went wrong. Only the manifest itself and what it
 * names: any other digest is CL_ERR_REJECTED. A blob that is not there is CL_ERR_UNAVAILABLE. */
CL_NODISCARD enum cl_status cl_image_blob_open(struct cl_image *i,
                                               const uint8_t digest[static CL_SHA256_SIZE],
                                               int *ret_fd, uint64_t *ret_size, struct cl_err *err);

/* Reads a whole blob through `sink` (called with up to 64 KiB at a time) and verifies size and
 * digest at the end: what the sink took is not to be believed before this returned CL_OK. */
typedef enum cl_status (*cl_image_sink)(void *ctx, uint8_t *data, size_t len, struct cl_err *err);
CL_NODISCARD enum cl_status cl_image_blob_copy(struct cl_image *i, const struct cl_oci_desc *blob,
                                               cl_image_sink sink, void *ctx, struct cl_err *err);

/* --- references --------------------------------------------------------------------------------
 */

struct cl_image_ref {
    bool registry;  /* docker:// */
    char dir[4096]; /* oci: */
    char host[256]; /* docker: host, without brackets */
    uint16_t port;  /* 0: the scheme's */
    char name[256]; /* docker: repository */
    char tag[129];  /* empty: none given */
    bool has_digest;
    uint8_t digest[CL_SHA256_SIZE];
};

CL_NODISCARD enum cl_status cl_image_ref_parse(const char *ref, struct cl_image_ref *ret,
                                               struct cl_err *err);

/* --- encryption --------------------------------------------------------------------------------
 */

struct cl_image_encrypt {
    const char *key_id;          /* "kbs:///repository/type/tag" */
    const struct cl_secret *kek; /* 32 bytes: what the broker will keep under that id */
};

/* Encrypts every layer of `src` into a new layout `dst` ("oci:DIR[:TAG]"; DIR must not exist, and
 * appears whole or not at all). An image that is encrypted already, wholly or partly, is refused.
 * ret_digest: of the new manifest. */
CL_NODISCARD enum cl_status cl_image_encrypt(struct cl_image *src, const char *dst,
                                             const struct cl_image_encrypt *how,
                                             uint8_t ret_digest[static CL_SHA256_SIZE],
                                             struct cl_err *err);

/* `cloister image ...` */
int cl_cmd_image(int argc, char **argv);

#endif
