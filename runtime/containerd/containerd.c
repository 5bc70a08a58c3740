/* SPDX-License-Identifier: Apache-2.0
 * containerd.c - calls of containerd's API. Trust, threads, memory: containerd/containerd.h.
 */
#include "containerd/containerd.h"

#include "grpc/client.h"
#include "messages.h"

#include <stdlib.h>
#include <string.h>

void cl_containerd_container_done(struct cl_containerd_container *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < c->label_count; i++) {
        free(c->labels[i].key);
        free(c->labels[i].value);
    }
    free(c->labels);
    free(c->image);
    free(c->snapshotter);
    free(c->snapshot_key);
    *c = (struct cl_containerd_container){0};
}

const char *cl_containerd_label(const struct cl_containerd_container *c, const char *key)
{
    for (size_t i = 0; i < c->label_count; i++) {
        if (strcmp(c->labels[i].key, key) == 0) {
            return c->labels[i].value;
        }
    }
    return NULL;
}

static enum cl_status call(const struct cl_containerd *c, const char *path,
                           const struct cl_buf *request, struct cl_buf *reply, struct cl_err *err)
{
    const struct cl_grpc_call call = {
        .path = path,
        .metadata = {{"containerd-namespace", c->name_space}},
        .metadata_count = 1,
        .message = request->data,
        .len = request->len,
        .max_reply = CL_CONTAINERD_MAX_REPLY,
        .timeout_ms = c->timeout_ms,
    };
    return cl_grpc_unary(c->socket, &call, /* ret_code= */ NULL, reply, err);
}

static enum cl_status container_get(const struct cl_containerd *c, const char *id,
                                    struct cl_containerd_container *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf request = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf reply = {0};
    CL_TRY(containerd_get_encode(id, &request, err));
    CL_TRY(call(c, "/containerd.services.containers.v1.Containers/Get", &request, &reply, err));
    return containerd_container_parse(reply.data, reply.len, id, ret, err);
}

enum cl_status cl_containerd_container_get(const struct cl_containerd *c, const char *id,
                                           struct cl_containerd_container *ret, struct cl_err *err)
{
    enum cl_status st = container_get(c, id, ret, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "containerd: container '%.80s'", id);
}

static enum cl_status image_target(const struct cl_containerd *c, const char *name,
                                   uint8_t ret_digest[static CL_SHA256_SIZE], struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf request = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf reply = {0};
    CL_TRY(containerd_get_encode(name, &request, err));
    CL_TRY(call(c, "/containerd.services.images.v1.Images/Get", &request, &reply, err));
    return containerd_image_parse(reply.data, reply.len, name, ret_digest, err);
}

enum cl_status cl_containerd_image_target(const struct cl_containerd *c, const char *name,
                                          uint8_t ret_digest[static CL_SHA256_SIZE],
                                          struct cl_err *err)
{
    enum cl_status st = image_target(c, name, ret_digest, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "containerd: image '%.120s'", name);
}

static void free_text(char **s)
{
    free(*s);
}

static enum cl_status blobs_dir(const struct cl_containerd *c, char **ret_dir, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf request = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf reply = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf path = {0};
    CL_CLEANUP(free_text) char *root = NULL;
    CL_TRY(containerd_plugins_encode(&request, err));
    CL_TRY(call(c, "/containerd.services.introspection.v1.Introspection/Plugins", &request, &reply,
                err));
    CL_TRY(containerd_plugins_parse(reply.data, reply.len, &root, err));
    CL_TRY(cl_buf_printf(&path, err, "%s/blobs/sha256", root));
    *ret_dir = strdup((const char *)path.data);
    return *ret_dir != NULL ? CL_OK : cl_err_nomem(err, "content store");
}

enum cl_status cl_containerd_blobs_dir(const struct cl_containerd *c, char **ret_dir,
                                       struct cl_err *err)
{
    enum cl_status st = blobs_dir(c, ret_dir, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "containerd: content store");
}
