/* SPDX-License-Identifier: Apache-2.0
 * image.c - manifest, configuration, keys and layers of the image, in that order, each verified by
 * what came before.
 */
#include "agent/image.h"

#include "agent/layer.h"
#include "agent/unpack.h"
#include "tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEYS 16u /* distinct key-encryption keys of one image */

struct key {
    char path[CL_OCICRYPT_MAX_PATH];
    struct cl_secret kek;
};

struct fetch {
    const struct agent_image_want *want;
    const struct agent_image_ops *ops;
    const struct agent_limits *limits;
    int root_fd;
    struct cl_oci_manifest manifest;
    struct cl_oci_config config;
    struct cl_ocicrypt_private *keys; /* one for each layer; owned */
    struct key kek[MAX_KEYS];
    size_t kek_count;
    const char *step;
};

static void fetch_done(struct fetch *f)
{
    for (size_t i = 0; f->keys != NULL && i < f->manifest.layer_count; i++) {
        cl_ocicrypt_private_done(&f->keys[i]);
    }
    free(f->keys);
    for (size_t i = 0; i < f->kek_count; i++) {
        cl_secret_done(&f->kek[i].kek);
    }
    cl_oci_manifest_done(&f->manifest);
    cl_oci_config_done(&f->config);
}

static enum cl_status open_blob(struct fetch *f, const uint8_t *digest, uint64_t size, uint64_t max,
                                struct agent_blob **ret_b, struct cl_err *err)
{
    int fd = -1;
    CL_TRY(f->ops->dial_blob(f->ops->ctx, &fd, err));
    return agent_blob_open(fd, digest, size, max, ret_b, err);
}

static enum cl_status small_blob(struct fetch *f, const uint8_t *digest, uint64_t size,
                                 uint64_t max, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(agent_blob_freep) struct agent_blob *b = NULL;
    CL_TRY(open_blob(f, digest, size, max, &b, err));
    return agent_blob_read_all(b, out, err);
}

static enum cl_status check_encryption(const struct fetch *f, struct cl_err *err)
{
    bool all = cl_oci_manifest_all_encrypted(&f->manifest);
    bool none = cl_oci_manifest_none_encrypted(&f->manifest);
    if (f->want->encryption_required && !all) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "image: encryption: expected every layer encrypted, got %s",
                          none ? "none encrypted" : "some not encrypted");
    }
    if (!all && !none) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "image: encryption: expected all layers alike, got some encrypted");
    }
    return CL_OK;
}

static enum cl_status get_manifest(struct fetch *f, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    f->step = "image.manifest";
    CL_TRY(small_blob(f, f->want->manifest, /* size= */ 0, CL_OCI_MAX_MANIFEST, &raw, err));
    CL_TRY(cl_oci_manifest_parse(raw.data, raw.len, &f->manifest, err));
    CL_TRY(check_encryption(f, err));
    f->ops->done(f->ops->ctx, f->step);
    return CL_OK;
}

static enum cl_status get_config(struct fetch *f, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    const struct cl_oci_desc *d = &f->manifest.config;
    f->step = "image.config";
    if (d->size > CL_OCI_MAX_CONFIG) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "image configuration: size: expected at most %u, got %" PRIu64,
                          CL_OCI_MAX_CONFIG, d->size);
    }
    CL_TRY(small_blob(f, d->digest, d->size, CL_OCI_MAX_CONFIG, &raw, err));
    CL_TRY(cl_oci_config_parse(raw.data, raw.len, &f->config, err));
    CL_TRY(cl_oci_config_fits(&f->config, &f->manifest, err));
    f->ops->done(f->ops->ctx, f->step);
    return CL_OK;
}

/* The broker is asked once for each key-encryption key. */
static enum cl_status get_kek(struct fetch *f, const char *kid, const struct cl_secret **ret_kek,
                              struct cl_err *err)
{
    char path[CL_OCICRYPT_MAX_PATH];
    CL_TRY(cl_ocicrypt_kid_path(kid, path, err));
    for (size_t i = 0; i < f->kek_count; i++) {
        if (strcmp(f->kek[i].path, path) == 0) {
            *ret_kek = &f->kek[i].kek;
            return CL_OK;
        }
    }
    if (f->kek_count == MAX_KEYS) {
        return cl_err_set(err, CL_ERR_REJECTED, "image: keys: expected at most %u, got more",
                          MAX_KEYS);
    }
    struct key *k = &f->kek[f->kek_count];
    CL_TRY(f->ops->get_key(f->ops->ctx, path, &k->kek, err));
    memcpy(k->path, path, sizeof(path));
    f->kek_count++;
    *ret_kek = &k->kek;
    return CL_OK;
}

static enum cl_status unwrap_one(struct fetch *f, const struct cl_ocicrypt_packet *p,
                                 struct cl_ocicrypt_private *ret, struct cl_err *err)
{
    const struct cl_secret *kek = NULL;
    struct cl_secret json = {0};
    CL_TRY(get_kek(f, p->kid, &kek, err));
    CL_TRY(cl_ocicrypt_packet_unwrap(p, kek, &json, err));
    enum cl_status st = cl_ocicrypt_private_parse(json.data, json.len, ret, err);
    cl_secret_done(&json);
    return st;
}

/* The first packet that opens counts; when none does, the first one's failure is told. */
static enum cl_status unwrap_layer(struct fetch *f, const struct cl_oci_layer *l,
                                   struct cl_ocicrypt_private *ret, struct cl_err *err)
{
    enum cl_status first = CL_ERR_REJECTED;
    for (size_t i = 0; i < l->packet_count; i++) {
        struct cl_err inner = {0};
        enum cl_status st = unwrap_one(f, &l->packets[i], ret, &inner);
        if (st == CL_OK) {
            return CL_OK;
        }
        if (i == 0) {
            first = cl_err_set(err, st, "key '%s': %s", l->packets[i].kid, inner.msg);
        }
    }
    return first;
}

static enum cl_status get_keys(struct fetch *f, struct cl_err *err)
{
    f->step = "image.key";
    f->keys = calloc(f->manifest.layer_count, sizeof(*f->keys));
    if (f->keys == NULL) {
        return cl_err_nomem(err, "layer keys");
    }
    if (cl_oci_manifest_none_encrypted(&f->manifest)) {
        return CL_OK;
    }
    for (size_t i = 0; i < f->manifest.layer_count; i++) {
        enum cl_status st = unwrap_layer(f, &f->manifest.layers[i], &f->keys[i], err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "layer %zu", i);
        }
    }
    f->ops->done(f->ops->ctx, f->step);
    return CL_OK;
}

static enum cl_status get_layer(struct fetch *f, size_t i, struct agent_unpack *u,
                                struct cl_err *err)
{
    const struct cl_oci_layer *layer = &f->manifest.layers[i];
    CL_CLEANUP(agent_layer_freep) struct agent_layer *l = NULL;
    struct agent_blob *b = NULL;
    struct agent_layer_config cfg = {
        .layer = layer,
        .key = layer->encrypted ? &f->keys[i] : NULL,
        .diff_id = f->config.diff_ids[i],
        .limits = f->limits,
    };
    CL_TRY(open_blob(f, layer->desc.digest, layer->desc.size, CL_OCI_MAX_LAYER_SIZE, &b, err));
    CL_TRY(agent_layer_new(b, &cfg, &l, err));
    struct agent_stream in = {l, agent_layer_next};
    enum cl_status st = agent_unpack_layer(u, &in, err);
    return agent_layer_finish(l, st, err);
}

static enum cl_status get_layers(struct fetch *f, struct cl_err *err)
{
    CL_CLEANUP(agent_unpack_freep) struct agent_unpack *u = NULL;
    f->step = "image.layer";
    CL_TRY(agent_unpack_new(f->root_fd, f->limits, &u, err));
    for (size_t i = 0; i < f->manifest.layer_count; i++) {
        char phase[40];
        enum cl_status st = get_layer(f, i, u, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "layer %zu", i);
        }
        (void)snprintf(phase, sizeof(phase), "image.layer.%zu", i);
        f->ops->done(f->ops->ctx, phase);
    }
    return CL_OK;
}

static enum cl_status fetch_all(struct fetch *f, struct cl_err *err)
{
    CL_TRY(get_manifest(f, err));
    CL_TRY(get_config(f, err));
    CL_TRY(get_keys(f, err));
    return get_layers(f, err);
}

/* What was unpacked of an image that is not the right one must not stay. */
static enum cl_status wipe(int root_fd, struct cl_err *err)
{
    struct agent_tree t;
    struct agent_path root;
    agent_tree_init(&t, root_fd);
    CL_TRY(agent_path_parse("", "root", AGENT_MAX_DEPTH, &root, err));
    return agent_tree_clear(&t, &root, /* keep= */ NULL, err);
}

enum cl_status agent_image_fetch(const struct agent_image_want *want,
                                 const struct agent_image_ops *ops, int root_fd,
                                 const struct agent_limits *limits,
                                 struct cl_oci_config *ret_config, const char **ret_step,
                                 struct cl_err *err)
{
    struct fetch f = {.want = want, .ops = ops, .limits = limits, .root_fd = root_fd};
    enum cl_status st = fetch_all(&f, err);
    *ret_step = f.step;
    if (st == CL_OK) {
        *ret_config = f.config;
        f.config = (struct cl_oci_config){0};
    } else if (wipe(root_fd, NULL) != CL_OK) {
        st = cl_err_wrap(err, st, "what was unpacked could not be removed");
    }
    fetch_done(&f);
    return st;
}
