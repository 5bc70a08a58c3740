/* SPDX-License-Identifier: Apache-2.0
 * containerd_peer.c - our side of the meeting with containerd. usage: containerd_peer SOCKET
 * NAMESPACE container ID (image, snapshotter, labels) | image NAME (digest) | store (folder of
 * blobs) | layers NAME (digests of all layers, each read and verified)
 */
#include "base/cmd.h"
#include "base/log.h"
#include "containerd/containerd.h"
#include "image/image.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum cl_status show_container(const struct cl_containerd *c, const char *id,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_containerd_container_done) struct cl_containerd_container got = {0};
    CL_TRY(cl_containerd_container_get(c, id, &got, err));
    (void)printf("image %s\nsnapshotter %s\nkey %s\n", got.image, got.snapshotter,
                 got.snapshot_key);
    for (size_t i = 0; i < got.label_count; i++) {
        (void)printf("label %s=%s\n", got.labels[i].key, got.labels[i].value);
    }
    return CL_OK;
}

static enum cl_status show_image(const struct cl_containerd *c, const char *name,
                                 struct cl_err *err)
{
    uint8_t digest[CL_SHA256_SIZE];
    char text[CL_OCI_DIGEST_SIZE];
    CL_TRY(cl_containerd_image_target(c, name, digest, err));
    cl_oci_digest_format(text, digest);
    (void)printf("%s\n", text);
    return CL_OK;
}

static void free_text(char **s)
{
    free(*s);
}

static enum cl_status show_store(const struct cl_containerd *c, struct cl_err *err)
{
    CL_CLEANUP(free_text) char *dir = NULL;
    CL_TRY(cl_containerd_blobs_dir(c, &dir, err));
    (void)printf("%s\n", dir);
    return CL_OK;
}

static enum cl_status drop(void *ctx, uint8_t *data, size_t len, struct cl_err *err)
{
    (void)ctx;
    (void)data;
    (void)len;
    (void)err;
    return CL_OK;
}

static enum cl_status show_layers(const struct cl_containerd *c, const char *name,
                                  struct cl_err *err)
{
    CL_CLEANUP(free_text) char *dir = NULL;
    CL_CLEANUP(cl_image_freep) struct cl_image *image = NULL;
    uint8_t digest[CL_SHA256_SIZE];
    CL_TRY(cl_containerd_image_target(c, name, digest, err));
    CL_TRY(cl_containerd_blobs_dir(c, &dir, err));
    CL_TRY(cl_image_open_store(dir, NULL, digest, &image, err));
    for (size_t i = 0; i < cl_image_manifest(image)->layer_count; i++) {
        const struct cl_oci_desc *d = &cl_image_manifest(image)->layers[i].desc;
        char text[CL_OCI_DIGEST_SIZE];
        CL_TRY(cl_image_blob_copy(image, d, drop, NULL, err));
        cl_oci_digest_format(text, d->digest);
        (void)printf("%s\n", text);
    }
    return CL_OK;
}

static enum cl_status run(int argc, char **argv, struct cl_err *err)
{
    const struct cl_containerd c = {.socket = argv[1], .name_space = argv[2], .timeout_ms = 20000};
    const char *what = argv[3];
    const char *name = argc > 4 ? argv[4] : "";
    if (strcmp(what, "container") == 0) {
        return show_container(&c, name, err);
    }
    if (strcmp(what, "image") == 0) {
        return show_image(&c, name, err);
    }
    return strcmp(what, "store") == 0 ? show_store(&c, err) : show_layers(&c, name, err);
}

int main(int argc, char **argv)
{
    struct cl_err err = {0};
    cl_log_init("containerd_peer", false);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 4) {
        return 2;
    }
    if (run(argc, argv, &err) != CL_OK) {
        cl_report(&err, NULL);
        return cl_status_exit_code(err.status);
    }
    return 0;
}
