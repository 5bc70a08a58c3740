/* SPDX-License-Identifier: Apache-2.0
 * shim_image_peer.c - a container's image as the shim finds it, with the real containerd and
 * cloister-fetch: prints the digest of its manifest when every blob of it is there.
 * usage: shim_image_peer SOCKET NAMESPACE CONTAINER CACHE
 */
#include "config.h"
#include "images.h"

#include "base/io.h"
#include "base/log.h"
#include "image/image.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct outcome {
    bool done;
    enum cl_status status;
    char manifest[CL_OCI_DIGEST_SIZE];
    struct cl_err err;
};

static void on_done(void *ctx, enum cl_status st, const char *manifest, const struct cl_err *err)
{
    struct outcome *o = ctx;
    o->done = true;
    o->status = st;
    o->err = *err;
    (void)snprintf(o->manifest, sizeof(o->manifest), "%s", manifest != NULL ? manifest : "");
}

/* As the guest would: the manifest, and what it names. */
static enum cl_status read_blob(const struct shim_image_ops *ops, struct shim_image *i,
                                const uint8_t *digest, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_CLEANUP(cl_buf_done) struct cl_buf bytes = {0};
    uint64_t size = 0;
    CL_TRY(ops->open_blob(i, digest, &fd, &size, err));
    CL_TRY(cl_buf_read_fd(&bytes, fd, 1u << 28, err));
    return cl_oci_verify(bytes.data, bytes.len, digest, "blob", err);
}

static enum cl_status read_all(const struct shim_image_ops *ops, struct shim_image *i,
                               const char *manifest, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct cl_oci_manifest m = {0};
    uint8_t digest[CL_SHA256_SIZE];
    uint64_t size = 0;
    CL_TRY(cl_oci_digest_parse(manifest, digest, err));
    CL_TRY(ops->open_blob(i, digest, &fd, &size, err));
    CL_TRY(cl_buf_read_fd(&text, fd, CL_OCI_MAX_MANIFEST, err));
    CL_TRY(cl_oci_manifest_parse(text.data, text.len, &m, err));
    enum cl_status st = read_blob(ops, i, m.config.digest, err);
    for (size_t n = 0; st == CL_OK && n < m.layer_count; n++) {
        st = read_blob(ops, i, m.layers[n].desc.digest, err);
    }
    cl_oci_manifest_done(&m);
    return st;
}

int main(int argc, char **argv)
{
    struct shim_config settings;
    struct outcome o = {0};
    struct shim_image *i = NULL;
    cl_log_init("shim_image_peer", /* json= */ false);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc != 5) {
        (void)fprintf(stderr, "shim_image_peer: expected SOCKET NAMESPACE CONTAINER CACHE\n");
        return 2;
    }
    shim_config_default(&settings);
    settings.cache_dir = argv[4];
    struct shim_containerd_images from = {
        .base = event_base_new(), .socket = argv[1], .settings = &settings};
    const struct shim_image_ops ops = shim_images_of(&from);
    const struct shim_image_request r = {.name_space = argv[2], .container_id = argv[3]};
    o.status = ops.resolve(ops.ctx, &r, on_done, &o, &i, &o.err);
    while (o.status == CL_OK && !o.done) {
        (void)event_base_loop(from.base, EVLOOP_ONCE);
    }
    if (o.status == CL_OK) {
        o.status = read_all(&ops, i, o.manifest, &o.err);
    }
    ops.release(i);
    event_base_free(from.base);
    if (o.status != CL_OK) {
        cl_report(&o.err, NULL);
        return 1;
    }
    (void)printf("%s\n", o.manifest);
    return 0;
}
