/* SPDX-License-Identifier: Apache-2.0
 * image.c - an image on the host: resolved, verified, its blobs handed out as streams.
 * Trust: sources are hostile; see image.h. Threads, memory: see image.h.
 */
#include "image_internal.h"

#include "base/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STEP (1u << 16)

struct cl_image {
    void *source;
    const struct image_source_ops *ops;
    uint8_t digest[CL_SHA256_SIZE];
    struct cl_buf index_bytes; /* empty: the reference named the manifest itself */
    struct cl_buf manifest_bytes;
    struct cl_oci_manifest manifest;
    struct cl_buf config_bytes;
    struct cl_oci_config config;
};

void cl_image_free(struct cl_image *i)
{
    if (i == NULL) {
        return;
    }
    if (i->ops != NULL) {
        i->ops->free(i->source);
    }
    cl_buf_done(&i->index_bytes);
    cl_buf_done(&i->manifest_bytes);
    cl_oci_manifest_done(&i->manifest);
    cl_buf_done(&i->config_bytes);
    cl_oci_config_done(&i->config);
    free(i);
}

void cl_image_freep(struct cl_image **i)
{
    cl_image_free(*i);
}

const uint8_t *cl_image_manifest_digest(const struct cl_image *i)
{
    return i->digest;
}

const struct cl_buf *cl_image_index_bytes(const struct cl_image *i)
{
    return &i->index_bytes;
}

const struct cl_buf *cl_image_manifest_bytes(const struct cl_image *i)
{
    return &i->manifest_bytes;
}

const struct cl_oci_manifest *cl_image_manifest(const struct cl_image *i)
{
    return &i->manifest;
}

const struct cl_buf *cl_image_config_bytes(const struct cl_image *i)
{
    return &i->config_bytes;
}

const struct cl_oci_config *cl_image_config(const struct cl_image *i)
{
    return &i->config;
}

/* --- resolving ---------------------------------------------------------------------------------
 */

static enum cl_status fetch_document(struct cl_image *i, const struct cl_oci_desc *d, bool manifest,
                                     size_t max, const char *what, struct cl_buf *out,
                                     struct cl_err *err)
{
    CL_TRY(i->ops->document(i->source, d, manifest, max, out, err));
    if (out->len != d->size) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: size: expected %llu, got %zu", what,
                          (unsigned long long)d->size, out->len);
    }
    return cl_oci_verify(out->data, out->len, d->digest, what, err);
}

/* The document that the reference names; when it is an index, the one manifest in it. */
static enum cl_status resolve_manifest(struct cl_image *i, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf root = {0};
    enum cl_oci_kind kind = CL_OCI_KIND_MANIFEST;
    bool has_digest = false;
    uint8_t want[CL_SHA256_SIZE];
    CL_TRY(i->ops->root(i->source, &root, &has_digest, want, err));
    if (has_digest) {
        CL_TRY(cl_oci_verify(root.data, root.len, want, "manifest", err));
    }
    CL_TRY(cl_oci_kind(root.data, root.len, &kind, err));
    if (kind == CL_OCI_KIND_MANIFEST) {
        i->manifest_bytes = root;
        root = (struct cl_buf){0};
    } else {
        struct cl_oci_desc d = {0};
        CL_TRY(cl_oci_index_select(root.data, root.len, &d, err));
        CL_TRY(
            fetch_document(i, &d, true, CL_OCI_MAX_MANIFEST, "manifest", &i->manifest_bytes, err));
        i->index_bytes = root;
        root = (struct cl_buf){0};
    }
    CL_TRY(cl_sha256(i->digest, i->manifest_bytes.data, i->manifest_bytes.len, err));
    return cl_oci_manifest_parse(i->manifest_bytes.data, i->manifest_bytes.len, &i->manifest, err);
}

/* What the source has: manifest and configuration, both verified. */
static enum cl_status resolve(struct cl_image *i, struct cl_err *err)
{
    CL_TRY(resolve_manifest(i, err));
    CL_TRY(fetch_document(i, &i->manifest.config, false, CL_OCI_MAX_CONFIG, "configuration",
                          &i->config_bytes, err));
    CL_TRY(cl_oci_config_parse(i->config_bytes.data, i->config_bytes.len, &i->config, err));
    return cl_oci_config_fits(&i->config, &i->manifest, err);
}

static enum cl_status open_ref(struct cl_image *i, const struct cl_image_ref *ref,
                               const struct cl_image_options *opt, struct cl_err *err)
{
    CL_TRY(ref->registry ? image_registry_open(ref, opt, &i->source, &i->ops, err)
                         : image_layout_open(ref, &i->source, &i->ops, err));
    return resolve(i, err);
}

enum cl_status cl_image_open(const char *ref, const struct cl_image_options *opt,
                             struct cl_image **ret_i, struct cl_err *err)
{
    struct cl_image_ref r;
    struct cl_err inner = {0}; /* wanted even when the caller wants none */
    enum cl_status st = cl_image_ref_parse(ref, &r, &inner);
    if (st != CL_OK) {
        return cl_err_set(err, st, "%s", inner.msg);
    }
    CL_CLEANUP(cl_image_freep) struct cl_image *i = calloc(1, sizeof(*i));
    if (i == NULL) {
        return cl_err_nomem(err, "image");
    }
    st = open_ref(i, &r, opt, &inner);
    if (st != CL_OK) {
        if (err != NULL) {
            *err = inner;
        }
        return cl_err_wrap(err, st, "image '%.200s'", ref);
    }
    *ret_i = CL_TAKE(i);
    return CL_OK;
}

/* A store may have lost layers that were unpacked (containerd's discard_unpacked_layers). */
static enum cl_status layers_there(struct cl_image *i, struct cl_err *err)
{
    for (size_t n = 0; n < i->manifest.layer_count; n++) {
        CL_CLEANUP(cl_close_fdp) int fd = -1;
        CL_TRY(i->ops->blob(i->source, &i->manifest.layers[n].desc, &fd, err));
    }
    return CL_OK;
}

enum cl_status cl_image_open_store(const char *dir, const char *cache,
                                   const uint8_t target[static CL_SHA256_SIZE],
                                   struct cl_image **ret_i, struct cl_err *err)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *i = calloc(1, sizeof(*i));
    if (i == NULL) {
        return cl_err_nomem(err, "image");
    }
    enum cl_status st = image_store_open(dir, cache, target, &i->source, &i->ops, err);
    st = st == CL_OK ? resolve(i, err) : st;
    st = st == CL_OK ? layers_there(i, err) : st;
    if (st != CL_OK) {
        char digest[CL_OCI_DIGEST_SIZE];
        cl_oci_digest_format(digest, target);
        return cl_err_wrap(err, st, "image '%s'", digest);
    }
    *ret_i = CL_TAKE(i);
    return CL_OK;
}

/* --- blobs -------------------------------------------------------------------------------------
 */

/* What the image is made of, and nothing else. */
static const struct cl_oci_desc *find_blob(const struct cl_image *i,
                                           const uint8_t digest[static CL_SHA256_SIZE])
{
    if (memcmp(i->manifest.config.digest, digest, CL_SHA256_SIZE) == 0) {
        return &i->manifest.config;
    }
    for (size_t n = 0; n < i->manifest.layer_count; n++) {
        if (memcmp(i->manifest.layers[n].desc.digest, digest, CL_SHA256_SIZE) == 0) {
            return &i->manifest.layers[n].desc;
        }
    }
    return NULL;
}

static enum cl_status memory_file(const struct cl_buf *b, int *ret_fd, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = memfd_create("blob", MFD_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "memory file");
    }
    CL_TRY(cl_write_all(fd, b->data, b->len, "memory file", err));
    if (lseek(fd, 0, SEEK_SET) != 0) {
        return cl_err_sys(err, errno, "memory file");
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

enum cl_status cl_image_blob_open(struct cl_image *i, const uint8_t digest[static CL_SHA256_SIZE],
                                  int *ret_fd, uint64_t *ret_size, struct cl_err *err)
{
    if (memcmp(i->digest, digest, CL_SHA256_SIZE) == 0) {
        CL_TRY(memory_file(&i->manifest_bytes, ret_fd, err));
        *ret_size = i->manifest_bytes.len;
        return CL_OK;
    }
    const struct cl_oci_desc *d = find_blob(i, digest);
    if (d == NULL) {
        char text[CL_OCI_DIGEST_SIZE];
        cl_oci_digest_format(text, digest);
        return cl_err_set(err, CL_ERR_REJECTED,
                          "blob %s: expected a digest that the manifest names, got another", text);
    }
    if (d == &i->manifest.config) { /* verified when the image was opened */
        CL_TRY(memory_file(&i->config_bytes, ret_fd, err));
    } else {
        CL_TRY(i->ops->blob(i->source, d, ret_fd, err));
    }
    *ret_size = d->size;
    return CL_OK;
}

static void free_bytes(uint8_t **p)
{
    free(*p);
}

static enum cl_status copy_stream(int fd, const struct cl_oci_desc *blob, cl_image_sink sink,
                                  void *ctx, uint8_t *buf, struct cl_err *err)
{
    CL_CLEANUP(cl_sha256_freep) struct cl_sha256_ctx *sha = NULL;
    CL_TRY(cl_sha256_new(&sha, err));
    uint64_t left = blob->size;
    while (left > 0) {
        size_t n = left < STEP ? (size_t)left : STEP;
        CL_TRY(cl_read_all(fd, buf, n, "blob", err));
        CL_TRY(cl_sha256_update(sha, buf, n, err));
        CL_TRY(sink(ctx, buf, n, err));
        left -= n;
    }
    uint8_t got[CL_SHA256_SIZE];
    CL_TRY(cl_sha256_final(sha, got, err));
    if (memcmp(got, blob->digest, sizeof(got)) != 0) {
        char want_text[CL_OCI_DIGEST_SIZE];
        char got_text[CL_OCI_DIGEST_SIZE];
        cl_oci_digest_format(want_text, blob->digest);
        cl_oci_digest_format(got_text, got);
        return cl_err_set(err, CL_ERR_REJECTED, "blob: digest: expected %s, got %s", want_text,
                          got_text);
    }
    return CL_OK;
}

enum cl_status cl_image_blob_copy(struct cl_image *i, const struct cl_oci_desc *blob,
                                  cl_image_sink sink, void *ctx, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_CLEANUP(free_bytes) uint8_t *buf = malloc(STEP);
    uint64_t size = 0;
    if (buf == NULL) {
        return cl_err_nomem(err, "blob");
    }
    CL_TRY(cl_image_blob_open(i, blob->digest, &fd, &size, err));
    return copy_stream(fd, blob, sink, ctx, buf, err);
}
