/* SPDX-License-Identifier: Apache-2.0
 * skopeo_peer.c - decrypts every layer of an image with our code, checks HMAC and plain digest, and
 * prints the plain digests, one a line. usage: skopeo_peer IMAGE KEYFILE [CA]
 */
#include "image/image.h"

#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct plain {
    struct cl_ocicrypt_cipher *cipher;
    struct cl_sha256_ctx *sha;
};

static enum cl_status sink(void *ctx, uint8_t *data, size_t len, struct cl_err *err)
{
    struct plain *p = ctx;
    CL_TRY(cl_ocicrypt_update(p->cipher, data, data, len, err));
    return cl_sha256_update(p->sha, data, len, err);
}

static void plain_done(struct plain *p)
{
    cl_ocicrypt_free(p->cipher);
    cl_sha256_free(p->sha);
}

/* The digest from before encryption; or, when skopeo compressed the layer on the way, the diffID.
 */
static enum cl_status decrypt(struct cl_image *image, size_t n, const struct cl_secret *kek,
                              struct cl_err *err)
{
    const struct cl_oci_layer *l = &cl_image_manifest(image)->layers[n];
    CL_CLEANUP(cl_secret_done) struct cl_secret json = {0};
    CL_CLEANUP(cl_ocicrypt_private_done) struct cl_ocicrypt_private priv = {0};
    CL_CLEANUP(plain_done) struct plain p = {0};
    char digest[CL_OCI_DIGEST_SIZE];
    uint8_t got[CL_SHA256_SIZE];
    if (!l->encrypted) {
        return cl_err_set(err, CL_ERR_REJECTED, "layer: expected it encrypted");
    }
    CL_TRY(cl_ocicrypt_packet_unwrap(&l->packets[0], kek, &json, err));
    CL_TRY(cl_ocicrypt_private_parse(json.data, json.len, &priv, err));
    CL_TRY(cl_ocicrypt_decrypt_new(&priv.key, priv.nonce, &p.cipher, err));
    CL_TRY(cl_sha256_new(&p.sha, err));
    CL_TRY(cl_image_blob_copy(image, &l->desc, sink, &p, err));
    CL_TRY(cl_ocicrypt_decrypt_final(p.cipher, l->pub.hmac, err));
    CL_TRY(cl_sha256_final(p.sha, got, err));
    if (memcmp(got, priv.plain_digest, sizeof(got)) != 0 &&
        memcmp(cl_image_config(image)->diff_ids[n], priv.plain_digest, sizeof(got)) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "layer: plain digest differs");
    }
    cl_oci_digest_format(digest, priv.plain_digest);
    (void)printf("%s %s\n", digest, l->packets[0].kid);
    return CL_OK;
}

static enum cl_status run(int argc, char **argv, struct cl_err *err)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *image = NULL;
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    struct cl_image_options opt = {.registry_ca = argc > 3 ? argv[3] : NULL};
    CL_TRY(cl_secret_read_file(&kek, argv[2], 32, err));
    CL_TRY(cl_image_open(argv[1], &opt, &image, err));
    for (size_t i = 0; i < cl_image_manifest(image)->layer_count; i++) {
        CL_TRY(decrypt(image, i, &kek, err));
    }
    return CL_OK;
}

int main(int argc, char **argv)
{
    struct cl_err err = {0};
    cl_log_init("skopeo_peer", false);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 3) {
        return 2;
    }
    if (run(argc, argv, &err) != CL_OK) {
        cl_report(&err, NULL);
        return cl_status_exit_code(err.status);
    }
    return 0;
}
