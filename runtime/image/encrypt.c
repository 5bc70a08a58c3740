/* SPDX-License-Identifier: Apache-2.0
 * encrypt.c - encrypts every layer of an image into a new OCI layout: `cloister image encrypt`.
 * Trust: the source is hostile in content (each layer's digest is verified while it is read); the
 *        result appears under its name only when all of it is written and synced.
 * Threads: the caller's. Memory: 64 KiB, and the manifest. Layer keys live in struct cl_secret.
 */
#include "image/image.h"

#include "base/encode.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct work {
    struct cl_image *src;
    const struct cl_image_encrypt *how;
    char dir[4096 + 16]; /* temporary, beside the destination */
    const char *tag;
};

/* --- one layer ---------------------------------------------------------------------------------
 */

struct layer_out {
    int fd;
    const char *path; /* borrowed */
    struct cl_ocicrypt_cipher *cipher;
    struct cl_sha256_ctx *sha; /* over the ciphertext */
};

static enum cl_status layer_sink(void *ctx, uint8_t *data, size_t len, struct cl_err *err)
{
    struct layer_out *out = ctx;
    CL_TRY(cl_ocicrypt_update(out->cipher, data, data, len, err));
    CL_TRY(cl_sha256_update(out->sha, data, len, err));
    return cl_write_all(out->fd, data, len, out->path, err);
}

static void layer_out_done(struct layer_out *out)
{
    cl_ocicrypt_free(out->cipher);
    cl_sha256_free(out->sha);
    cl_close_fdp(&out->fd);
}

/* Writes the ciphertext as a blob, named by its digest. */
static enum cl_status encrypt_blob(const struct work *w, const struct cl_oci_desc *plain,
                                   const struct cl_ocicrypt_private *priv,
                                   struct cl_ocicrypt_public *ret_pub,
                                   uint8_t ret_digest[static CL_SHA256_SIZE], struct cl_err *err)
{
    char part[sizeof(w->dir) + 32];
    CL_CLEANUP(layer_out_done) struct layer_out out = {.fd = -1, .path = part};
    char path[sizeof(w->dir) + 96];
    char hex[2 * CL_SHA256_SIZE + 1];
    (void)snprintf(part, sizeof(part), "%s/blobs/sha256/part", w->dir);
    out.fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (out.fd < 0) {
        return cl_err_sys(err, errno, "create '%s'", part);
    }
    CL_TRY(cl_ocicrypt_encrypt_new(&priv->key, priv->nonce, &out.cipher, err));
    CL_TRY(cl_sha256_new(&out.sha, err));
    CL_TRY(cl_image_blob_copy(w->src, plain, layer_sink, &out, err));
    CL_TRY(cl_ocicrypt_encrypt_final(out.cipher, ret_pub->hmac, err));
    CL_TRY(cl_sha256_final(out.sha, ret_digest, err));
    cl_hex(hex, ret_digest, CL_SHA256_SIZE);
    (void)snprintf(path, sizeof(path), "%s/blobs/sha256/%s", w->dir, hex);
    if (fsync(out.fd) != 0 || rename(part, path) != 0) {
        return cl_err_sys(err, errno, "write '%s'", path);
    }
    return CL_OK;
}

static enum cl_status make_packet(const struct work *w, const struct cl_ocicrypt_private *priv,
                                  struct cl_buf *ret_b64, struct cl_err *err)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret options = {0};
    CL_CLEANUP(cl_ocicrypt_packet_done) struct cl_ocicrypt_packet packet = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf json = {0};
    CL_TRY(cl_ocicrypt_private_make(priv, &options, err));
    CL_TRY(cl_ocicrypt_packet_wrap(w->how->key_id, w->how->kek, options.data, options.len, &packet,
                                   err));
    CL_TRY(cl_ocicrypt_packet_make(&packet, &json, err));
    return cl_b64_encode(ret_b64, json.data, json.len, err);
}

/* Puts what encryption changed into the layer's descriptor. */
static enum cl_status update_descriptor(json_t *obj, const struct cl_oci_layer *layer,
                                        const uint8_t digest[static CL_SHA256_SIZE],
                                        const struct cl_buf *pub, const struct cl_buf *packet,
                                        struct cl_err *err)
{
    char text[CL_OCI_DIGEST_SIZE];
    struct cl_oci_layer oci = *layer;
    oci.docker = false; /* ocicrypt's media types are OCI's */
    cl_oci_digest_format(text, digest);
    json_t *annotations = json_object_get(obj, "annotations");
    if (!json_is_object(annotations)) {
        annotations = json_object();
        if (json_object_set_new(obj, "annotations", annotations) != 0) {
            return cl_err_nomem(err, "annotations");
        }
    }
    bool ok =
        json_object_set_new(obj, "mediaType", json_string(cl_oci_layer_type(&oci, true))) == 0;
    ok = ok && json_object_set_new(obj, "digest", json_string(text)) == 0;
    ok = ok && json_object_set_new(annotations, CL_OCICRYPT_PUBOPTS,
                                   json_string((const char *)pub->data)) == 0;
    ok = ok && json_object_set_new(annotations, CL_OCICRYPT_PROVIDER_PREFIX CL_OCICRYPT_PROVIDER,
                                   json_string((const char *)packet->data)) == 0;
    return ok ? CL_OK : cl_err_nomem(err, "annotations");
}

static enum cl_status encrypt_layer(const struct work *w, const struct cl_oci_layer *layer,
                                    json_t *obj, struct cl_err *err)
{
    CL_CLEANUP(cl_ocicrypt_private_done) struct cl_ocicrypt_private priv = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf pub_b64 = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf packet_b64 = {0};
    struct cl_ocicrypt_public pub = {0};
    uint8_t digest[CL_SHA256_SIZE];
    CL_TRY(cl_secret_random(&priv.key, CL_OCICRYPT_KEY_SIZE, err));
    CL_TRY(cl_random(priv.nonce, sizeof(priv.nonce), err));
    memcpy(priv.plain_digest, layer->desc.digest, CL_SHA256_SIZE);
    CL_TRY(encrypt_blob(w, &layer->desc, &priv, &pub, digest, err));
    CL_TRY(cl_ocicrypt_public_make(&pub, &pub_b64, err));
    CL_TRY(make_packet(w, &priv, &packet_b64, err));
    return update_descriptor(obj, layer, digest, &pub_b64, &packet_b64, err);
}

/* --- the layout --------------------------------------------------------------------------------
 */

static enum cl_status put_file(const struct work *w, const char *name, const struct cl_buf *b,
                               struct cl_err *err)
{
    char path[sizeof(w->dir) + 128];
    (void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
    return cl_write_file(path, b->data, b->len, 0644, err);
}

static enum cl_status put_blob(const struct work *w, const struct cl_buf *b,
                               uint8_t ret_digest[static CL_SHA256_SIZE], struct cl_err *err)
{
    char name[96];
    char hex[2 * CL_SHA256_SIZE + 1];
    CL_TRY(cl_sha256(ret_digest, b->data, b->len, err));
    cl_hex(hex, ret_digest, CL_SHA256_SIZE);
    (void)snprintf(name, sizeof(name), "blobs/sha256/%s", hex);
    return put_file(w, name, b, err);
}

static enum cl_status make_manifest(const struct work *w, struct cl_buf *ret, struct cl_err *err)
{
    const struct cl_buf *bytes = cl_image_manifest_bytes(w->src);
    const struct cl_oci_manifest *m = cl_image_manifest(w->src);
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    json_t *layers = NULL;
    json_t *config = NULL;
    CL_TRY(cl_json_parse(bytes->data, bytes->len, "manifest", &j, err));
    CL_TRY(cl_json_get_array(j, "manifest", "layers", &layers, err));
    CL_TRY(cl_json_get_object(j, "manifest", "config", &config, err));
    for (size_t i = 0; i < m->layer_count; i++) {
        enum cl_status st = encrypt_layer(w, &m->layers[i], json_array_get(layers, i), err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "layer %zu", i);
        }
    }
    if (json_object_set_new(j, "mediaType",
                            json_string("application/vnd.oci.image.manifest.v1+json")) != 0 ||
        json_object_set_new(config, "mediaType",
                            json_string("application/vnd.oci.image.config.v1+json")) != 0) {
        return cl_err_nomem(err, "manifest");
    }
    return cl_json_compact(j, ret, err);
}

static enum cl_status make_index(const struct work *w, const uint8_t digest[static CL_SHA256_SIZE],
                                 size_t size, struct cl_buf *ret, struct cl_err *err)
{
    char text[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(text, digest);
    CL_TRY(cl_buf_printf(ret, err,
                         "{\"schemaVersion\":2,\"mediaType\":"
                         "\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{"
                         "\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
                         "\"digest\":\"%s\",\"size\":%zu",
                         text, size));
    if (w->tag[0] != '\0') { /* the characters of a tag need no escape */
        CL_TRY(cl_buf_printf(
            ret, err, ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}", w->tag));
    }
    return cl_buf_append_str(ret, "}]}", err);
}

static enum cl_status fill(const struct work *w, uint8_t ret_digest[static CL_SHA256_SIZE],
                           struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf manifest = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf index = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf version = {0};
    char path[sizeof(w->dir) + 32];
    uint8_t config_digest[CL_SHA256_SIZE];
    (void)snprintf(path, sizeof(path), "%s/blobs", w->dir);
    if (mkdir(path, 0755) != 0) {
        return cl_err_sys(err, errno, "create '%s'", path);
    }
    (void)snprintf(path, sizeof(path), "%s/blobs/sha256", w->dir);
    if (mkdir(path, 0755) != 0) {
        return cl_err_sys(err, errno, "create '%s'", path);
    }
    CL_TRY(make_manifest(w, &manifest, err));
    CL_TRY(put_blob(w, cl_image_config_bytes(w->src), config_digest, err));
    CL_TRY(put_blob(w, &manifest, ret_digest, err));
    CL_TRY(make_index(w, ret_digest, manifest.len, &index, err));
    CL_TRY(put_file(w, "index.json", &index, err));
    CL_TRY(cl_buf_append_str(&version, "{\"imageLayoutVersion\":\"1.0.0\"}", err));
    return put_file(w, "oci-layout", &version, err);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

static enum cl_status publish(const struct work *w, const char *dir, struct cl_err *err)
{
    if (chmod(w->dir, 0755) != 0) { /* mkdtemp made it 0700 */
        return cl_err_sys(err, errno, "chmod '%s'", w->dir);
    }
    /* A folder that holds anything is not replaced: it may be the only copy. */
    if (rename(w->dir, dir) != 0) {
        return cl_err_sys(err, errno, "create '%s'", dir);
    }
    return CL_OK;
}

static enum cl_status check(struct cl_image *src, const struct cl_image_ref *dst,
                            const char *dst_text, const struct cl_image_encrypt *how,
                            struct cl_err *err)
{
    char path[CL_OCICRYPT_MAX_PATH];
    if (dst->registry) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "image encrypt '%.200s': destination: expected oci:DIR[:TAG], got a "
                          "registry",
                          dst_text);
    }
    CL_TRY(cl_ocicrypt_kid_path(how->key_id, path, err));
    if (how->kek->len != CL_OCICRYPT_KEY_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "key: expected %u bytes, got %zu",
                          CL_OCICRYPT_KEY_SIZE, how->kek->len);
    }
    if (!cl_oci_manifest_none_encrypted(cl_image_manifest(src))) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "image encrypt: layers: expected none encrypted, got %s encrypted",
                          cl_oci_manifest_all_encrypted(cl_image_manifest(src)) ? "all" : "some");
    }
    if (access(dst->dir, F_OK) == 0) {
        return cl_err_sys(err, EEXIST, "create '%s'", dst->dir);
    }
    return CL_OK;
}

enum cl_status cl_image_encrypt(struct cl_image *src, const char *dst,
                                const struct cl_image_encrypt *how,
                                uint8_t ret_digest[static CL_SHA256_SIZE], struct cl_err *err)
{
    struct cl_image_ref ref;
    struct work w = {.src = src, .how = how};
    uint8_t digest[CL_SHA256_SIZE];
    CL_TRY(cl_image_ref_parse(dst, &ref, err));
    CL_TRY(check(src, &ref, dst, how, err));
    w.tag = ref.tag;
    (void)snprintf(w.dir, sizeof(w.dir), "%s.XXXXXX", ref.dir);
    if (mkdtemp(w.dir) == NULL) {
        return cl_err_sys(err, errno, "create '%s'", w.dir);
    }
    enum cl_status st = fill(&w, digest, err);
    st = st == CL_OK ? publish(&w, ref.dir, err) : st;
    if (st != CL_OK) {
        (void)nftw(w.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        return st;
    }
    memcpy(ret_digest, digest, CL_SHA256_SIZE);
    return CL_OK;
}
