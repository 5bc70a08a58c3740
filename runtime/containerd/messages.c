/* SPDX-License-Identifier: Apache-2.0
 * messages.c - containerd's messages, both directions. Trust, memory: messages.h.
 */
#include "messages.h"

#include "containerd.pb-c.h"
#include "grpc/pb.h"
#include "oci/image.h"

#include <stdlib.h>
#include <string.h>

#define CONTENT_TYPE "io.containerd.content.v1"

/* --- texts
 * --------------------------------------------------------------------------------------------- */

static bool is_text(const ProtobufCBinaryData *b)
{
    return b->len <= CL_CONTAINERD_MAX_TEXT && (b->len == 0 || memchr(b->data, 0, b->len) == NULL);
}

static enum cl_status dup_text(const ProtobufCBinaryData *b, const char *field, char **ret,
                               struct cl_err *err)
{
    if (!is_text(b)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: expected a text of at most %u bytes, got %zu bytes", field,
                          CL_CONTAINERD_MAX_TEXT, b->len);
    }
    char *s = malloc(b->len + 1);
    if (s == NULL) {
        return cl_err_nomem(err, field);
    }
    if (b->len > 0) {
        memcpy(s, b->data, b->len);
    }
    s[b->len] = '\0';
    *ret = s;
    return CL_OK;
}

static enum cl_status check_name(const ProtobufCBinaryData *got, const char *want,
                                 const char *field, struct cl_err *err)
{
    return cl_pb_equals(got, want)
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "%s: expected '%.100s', got '%.*s'", field, want,
                            got->len < 100 ? (int)got->len : 100,
                            got->len > 0 ? (const char *)got->data : "");
}

/* --- requests
 * ------------------------------------------------------------------------------------------ */

enum cl_status containerd_get_encode(const char *name, struct cl_buf *out, struct cl_err *err)
{
    Cloister__Containerd__GetImageRequest m;
    cloister__containerd__get_image_request__init(&m);
    m.name = cl_pb_data(name);
    return cl_pb_pack(&m.base, out, err);
}

enum cl_status containerd_plugins_encode(struct cl_buf *out, struct cl_err *err)
{
    Cloister__Containerd__PluginsRequest m;
    ProtobufCBinaryData filter = cl_pb_data("type==" CONTENT_TYPE);
    cloister__containerd__plugins_request__init(&m);
    m.n_filters = 1;
    m.filters = &filter;
    return cl_pb_pack(&m.base, out, err);
}

/* --- replies
 * ------------------------------------------------------------------------------------------- */

static enum cl_status take_labels(const Cloister__Containerd__Container *m,
                                  struct cl_containerd_container *c, struct cl_err *err)
{
    if (m->n_labels > CL_CONTAINERD_MAX_LABELS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "labels: expected at most %u, got %zu",
                          CL_CONTAINERD_MAX_LABELS, m->n_labels);
    }
    c->labels = calloc(m->n_labels + 1, sizeof(*c->labels));
    if (c->labels == NULL) {
        return cl_err_nomem(err, "labels");
    }
    for (size_t i = 0; i < m->n_labels; i++) {
        struct cl_containerd_label *l = &c->labels[c->label_count++];
        CL_TRY(dup_text(&m->labels[i]->key, "label", &l->key, err));
        CL_TRY(dup_text(&m->labels[i]->value, "label", &l->value, err));
    }
    return CL_OK;
}

static enum cl_status take_container(const Cloister__Containerd__Container *m, const char *id,
                                     struct cl_containerd_container *c, struct cl_err *err)
{
    if (m == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "container: expected one, got none");
    }
    CL_TRY(check_name(&m->id, id, "id", err));
    CL_TRY(dup_text(&m->image, "image", &c->image, err));
    CL_TRY(dup_text(&m->snapshotter, "snapshotter", &c->snapshotter, err));
    CL_TRY(dup_text(&m->snapshot_key, "snapshot_key", &c->snapshot_key, err));
    return take_labels(m, c, err);
}

enum cl_status containerd_container_parse(const void *data, size_t len, const char *id,
                                          struct cl_containerd_container *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_pb_freep) ProtobufCMessage *m = NULL;
    CL_CLEANUP(cl_containerd_container_done) struct cl_containerd_container c = {0};
    CL_TRY(cl_pb_unpack(&cloister__containerd__get_container_response__descriptor, data, len,
                        CL_CONTAINERD_MAX_REPLY, &m, err));
    CL_TRY(
        take_container(((Cloister__Containerd__GetContainerResponse *)m)->container, id, &c, err));
    *ret = c;
    c = (struct cl_containerd_container){0};
    return CL_OK;
}

static void free_text(char **s)
{
    free(*s);
}

enum cl_status containerd_image_parse(const void *data, size_t len, const char *name,
                                      uint8_t ret_digest[static CL_SHA256_SIZE], struct cl_err *err)
{
    CL_CLEANUP(cl_pb_freep) ProtobufCMessage *m = NULL;
    CL_CLEANUP(free_text) char *digest = NULL;
    CL_TRY(cl_pb_unpack(&cloister__containerd__get_image_response__descriptor, data, len,
                        CL_CONTAINERD_MAX_REPLY, &m, err));
    const Cloister__Containerd__Image *i = ((Cloister__Containerd__GetImageResponse *)m)->image;
    if (i == NULL || i->target == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "image: expected a target, got none");
    }
    CL_TRY(check_name(&i->name, name, "name", err));
    CL_TRY(dup_text(&i->target->digest, "target", &digest, err));
    if (strncmp(digest, "sha256:", 7) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "target: expected a sha256 digest, got '%.100s'",
                          digest);
    }
    return cl_oci_digest_parse(digest, ret_digest, err);
}

/* The folder that a plugin of the content type exports. There is one such plugin: "content". */
static const ProtobufCBinaryData *find_root(const Cloister__Containerd__PluginsResponse *r)
{
    for (size_t i = 0; i < r->n_plugins; i++) {
        const Cloister__Containerd__Plugin *p = r->plugins[i];
        for (size_t k = 0; cl_pb_equals(&p->type, CONTENT_TYPE) &&
                           cl_pb_equals(&p->id, "content") && k < p->n_exports;
             k++) {
            if (cl_pb_equals(&p->exports[k]->key, "root")) {
                return &p->exports[k]->value;
            }
        }
    }
    return NULL;
}

enum cl_status containerd_plugins_parse(const void *data, size_t len, char **ret_root,
                                        struct cl_err *err)
{
    CL_CLEANUP(cl_pb_freep) ProtobufCMessage *m = NULL;
    CL_TRY(cl_pb_unpack(&cloister__containerd__plugins_response__descriptor, data, len,
                        CL_CONTAINERD_MAX_REPLY, &m, err));
    const ProtobufCBinaryData *root = find_root((Cloister__Containerd__PluginsResponse *)m);
    if (root == NULL || root->len == 0 || root->data[0] != '/') {
        return cl_err_set(err, CL_ERR_MALFORMED, "root: expected a folder, got none");
    }
    return dup_text(root, "root", ret_root, err);
}
