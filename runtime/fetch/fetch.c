/* SPDX-License-Identifier: Apache-2.0
 * fetch.c - the blobs of one image. Trust, threads, memory: fetch.h.
 */
#include "fetch.h"

#include "blob.h"

#include "base/encode.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct work {
    const struct fetch_cache *cache;
    const struct fetch_image_request *image;
    struct fetch_client *client;
    struct fetch_held *held;
    struct fetch_totals *totals;
};

void fetch_held_done(struct fetch_held *h)
{
    for (size_t i = 0; i < h->count; i++) {
        cl_close_fdp(&h->fd[i]);
    }
    h->count = 0;
}

static void hold(struct work *w, int fd)
{
    if (w->held->count < CL_ARRAY_LEN(w->held->fd)) {
        w->held->fd[w->held->count++] = fd;
    } else {
        cl_close_fdp(&fd);
    }
}

/* In containerd's store, as a plain file of that size (UINT64_MAX: any); -1: not there. */
static int open_in_store(const struct work *w, const uint8_t *digest, uint64_t size)
{
    char path[4300];
    char hex[2 * CL_SHA256_SIZE + 1];
    struct stat st;
    if (w->image->store == NULL) {
        return -1;
    }
    cl_hex(hex, digest, CL_SHA256_SIZE);
    if (snprintf(path, sizeof(path), "%s/%s", w->image->store, hex) >= (int)sizeof(path)) {
        return -1;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
                    (size != UINT64_MAX && (uint64_t)st.st_size != size))) {
        cl_close_fdp(&fd);
    }
    return fd;
}

/* A manifest or index: the store's, the cache's, a registry's. */
static enum cl_status document(struct work *w, const uint8_t *digest, struct cl_buf *out,
                               struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open_in_store(w, digest, UINT64_MAX);
    if (fd >= 0 && cl_buf_read_fd(out, fd, CL_OCI_MAX_MANIFEST, NULL) == CL_OK &&
        cl_oci_verify(out->data, out->len, digest, "manifest", NULL) == CL_OK) {
        return CL_OK;
    }
    int cached = -1;
    cl_buf_reset(out);
    w->totals->blobs++;
    CL_TRY(fetch_cache_find(w->cache, digest, UINT64_MAX, &cached, err));
    if (cached >= 0) {
        hold(w, cached);
        CL_TRY(cl_buf_read_fd(out, cached, CL_OCI_MAX_MANIFEST, err));
        w->totals->cached += out->len;
        return cl_oci_verify(out->data, out->len, digest, "manifest", err);
    }
    CL_TRY(fetch_document(w->client, digest, w->totals, out, err));
    CL_TRY(fetch_cache_put(w->cache, digest, out->data, out->len, &cached, err));
    hold(w, cached);
    return CL_OK;
}

static enum cl_status manifest(struct work *w, struct cl_oci_manifest *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    enum cl_oci_kind kind = CL_OCI_KIND_MANIFEST;
    CL_TRY(document(w, w->image->target, &text, err));
    CL_TRY(cl_oci_kind(text.data, text.len, &kind, err));
    if (kind == CL_OCI_KIND_INDEX) {
        struct cl_oci_desc d = {0};
        CL_TRY(cl_oci_index_select(text.data, text.len, &d, err));
        cl_buf_reset(&text);
        CL_TRY(document(w, d.digest, &text, err));
    }
    return cl_oci_manifest_parse(text.data, text.len, ret, err);
}

static enum cl_status blob(struct work *w, const struct cl_oci_desc *d, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int stored = open_in_store(w, d->digest, d->size);
    int fd = -1;
    if (stored >= 0) {
        return CL_OK;
    }
    w->totals->blobs++;
    CL_TRY(fetch_blob(w->cache, w->client, d, w->totals, &fd, err));
    hold(w, fd);
    return CL_OK;
}

static enum cl_status all(struct work *w, struct cl_err *err)
{
    struct cl_oci_manifest m = {0};
    enum cl_status st = manifest(w, &m, err);
    if (st != CL_OK) {
        return st; /* nothing was parsed */
    }
    st = m.config.size > CL_OCI_MAX_CONFIG
             ? cl_err_set(err, CL_ERR_MALFORMED, "configuration: expected at most %u bytes",
                          CL_OCI_MAX_CONFIG)
             : blob(w, &m.config, err);
    for (size_t i = 0; st == CL_OK && i < m.layer_count; i++) {
        st = blob(w, &m.layers[i].desc, err);
    }
    cl_oci_manifest_done(&m);
    return st;
}

enum cl_status fetch_image(const struct fetch_cache *cache, const struct fetch_options *options,
                           const struct fetch_image_request *image, struct fetch_held *held,
                           struct fetch_totals *ret, struct cl_err *err)
{
    struct fetch_client client;
    struct cl_err inner = {0}; /* wanted even when the caller wants none */
    struct work w = {
        .cache = cache, .image = image, .client = &client, .held = held, .totals = ret};
    *ret = (struct fetch_totals){0};
    enum cl_status st = fetch_client_init(&client, image->name, options, &inner);
    st = st == CL_OK ? all(&w, &inner) : st;
    fetch_client_done(&client);
    if (st != CL_OK && err != NULL) {
        *err = inner;
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "image '%.150s'", image->name);
}
